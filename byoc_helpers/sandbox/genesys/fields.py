"""Reading request bodies without trusting them: every value has its type, or the answer is 400."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..core import Context
from .errors import Problem

Check = Callable[[str, Any], Any]
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def body_of(ctx: Context) -> dict[str, Any]:
    """The request's JSON object."""
    data = json_of(ctx)
    if not isinstance(data, dict):
        raise Problem("bad.json", why="a JSON object is expected")
    return data


def json_of(ctx: Context) -> Any:
    body = ctx.request.body or b"null"
    try:
        data = json.loads(body, parse_constant=_no_constant)
        if b"\\ud" in body.lower():
            json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Problem("bad.json", why="the body is not JSON") from error
    return data


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _typed(*types: type, wanted: str) -> Check:
    def check(field: str, value: Any) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise Problem("bad.type", field=field, wanted=wanted)
        return value

    return check


text = _typed(str, wanted="string")
flag = _typed(bool, wanted="boolean")
whole = _typed(int, wanted="whole number")
mapping = _typed(dict, wanted="object")
array = _typed(list, wanted="list")


def texts(field: str, value: Any) -> list[str]:
    """A list of strings."""
    return [text(field, item) for item in array(field, value)]


def one_of(*allowed: str) -> Check:
    """One of these words."""

    def check(field: str, value: Any) -> str:
        if text(field, value) not in allowed:
            raise Problem("bad.value", field=field, value=value, why=f"Allowable values are: {', '.join(allowed)}")
        return value

    return check


def many_of(*allowed: str) -> Check:
    one = one_of(*allowed)
    return lambda field, value: [one(field, item) for item in array(field, value)]


def phone(field: str, value: Any) -> str:
    """A number in E.164, `+` included."""
    if not E164.fullmatch(text(field, value)):
        raise Problem("bad.value", field=field, value=value, why="An E.164 number is expected.")
    return value


def reference(field: str, value: Any) -> dict[str, str]:
    """`{"id": "…"}`; whatever else a read reference holds is dropped."""
    return {"id": text(f"{field}.id", mapping(field, value).get("id"))}


def references(field: str, value: Any) -> list[dict[str, str]]:
    return [reference(field, item) for item in array(field, value)]


def fields(**checks: Check) -> Check:
    """An object with these optional fields; others are dropped, as the platform does."""

    def check(field: str, value: Any) -> dict[str, Any]:
        return read(mapping(field, value), checks, f"{field}.")

    return check


def each(check: Check) -> Check:
    return lambda field, value: [check(field, item) for item in array(field, value)]


def read(body: Mapping[str, Any], checks: Mapping[str, Check], prefix: str = "") -> dict[str, Any]:
    """The known fields of a body, each checked. Null counts as absent; unknown fields are dropped."""
    return {k: check(prefix + k, body[k]) for k, check in checks.items() if body.get(k) is not None}


def network(value: str) -> bool:
    """Whether this is an IP address or a CIDR block."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True
