"""What the installed official SDKs say about an operation: its path, method, arguments and the models of its answer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import PureCloudPlatformClientV2 as gc

_OPERATION = re.compile(r"^    def ((?:get|post|put|patch|delete|head)_\w+)\(self(.*?)\*\*kwargs", re.MULTILINE)
_PATH = re.compile(r"resource_path = '([^']*)'")
_CALL = re.compile(r"call_api\(resource_path, '([A-Z]+)'")
_TYPE = re.compile(r"response_type=(?:'([^']*)'|None)")
_QUERY = re.compile(r"query_params\['([\w.]+)'\] = params\['(\w+)'\]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)")
_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}


@dataclass(frozen=True)
class Operation:
    """One operation of the Genesys SDK.

    `path` has "{}" for each parameter; `required` are its positional arguments, in order; `query` maps the names on the wire to
    the SDK's; `answer` is the model's name as the SDK writes it ("list[Site]"), None for none.
    """

    api: str
    name: str
    method: str
    path: str
    required: tuple[str, ...]
    query: dict[str, str]
    answer: str | None


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """Every operation of the SDK, by method and path without names."""
    found = {}
    for file in sorted((Path(gc.__file__).parent / "apis").glob("*_api.py")):
        text = file.read_text("utf-8")
        starts = [*_OPERATION.finditer(text)]
        for start, end in zip(starts, [*(s.start() for s in starts[1:]), len(text)], strict=True):
            body = text[start.start():end]
            path, call, answer = _PATH.search(body), _CALL.search(body), _TYPE.search(body)
            if not (path and call):
                continue
            api = "".join(word.capitalize() for word in file.stem.split("_"))
            arguments = tuple(a.strip() for a in start[2].split(",") if a.strip())
            operation = Operation(api, start[1], call[1], nameless(path[1]), arguments, dict(_QUERY.findall(body)), answer[1] if answer else None)
            found[operation.method, operation.path] = operation
    return found


def nameless(path: str) -> str:
    """A path with "{}" for each parameter."""
    return re.sub(r"\{\w+\}", "{}", path)


def faults(value: Any, kind: str, at: str = "answer") -> Iterator[str]:
    """Where a JSON value is not what the Genesys SDK's type says: unknown fields, wrong types; deep."""
    if value is None:
        return
    if kind.startswith("list["):
        if not isinstance(value, list):
            yield f"{at} is no list"
            return
        for n, one in enumerate(value):
            yield from faults(one, kind[5:-1], f"{at}[{n}]")
    elif kind.startswith("dict("):
        inner = kind[5:-1].partition(",")[2].strip()
        for key, one in value.items() if isinstance(value, dict) else [("", "not an object")]:
            yield from faults(one, inner, f"{at}.{key}")
    elif kind == "datetime":
        if not (isinstance(value, str) and _TIME.fullmatch(value)):
            yield f"{at} is no time in ISO 8601: {value!r}"
    elif kind in _PLAIN:
        if not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind in ("int", "float")):
            yield f"{at} is no {kind}: {value!r}"
    else:
        model = getattr(gc, kind)()
        if not isinstance(value, dict):
            yield f"{at} is no {kind}: {value!r}"
            return
        names = {wire: ours for ours, wire in model.attribute_map.items()}
        for key, one in value.items():
            if key not in names:
                yield f"{at}.{key} is unknown to {kind}"
            else:
                yield from faults(one, model.swagger_types[names[key]], f"{at}.{key}")


class _Read(dict):
    """Notes which keys are asked for."""

    def __init__(self, of: dict[str, Any]):
        super().__init__(of)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def twilio_keys(instance: Any, payload: dict[str, Any]) -> set[str]:
    """The keys that the Twilio SDK's class reads from an answer; raises where a value can't be read (a date, a number)."""
    kind, seen = type(instance), _Read(payload)
    given = [instance._solution.get(name) for name in list(inspect.signature(kind).parameters)[2:]]
    kind(instance._version, seen, *given)
    return seen.asked


def module(dotted: str) -> Any:
    return import_module(dotted)
