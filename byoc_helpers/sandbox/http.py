"""The few HTTP pieces both practice clouds share: a request, a reply, a table of routes.

A handler takes a `Context` and the path's `{parameters}` and returns a `Reply` or JSON-able data (200).
Add an operation by adding a line to a module's `ROUTES`:

    ROUTES = [Route("GET", "/api/v2/locations/{location_id}", get_location)]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode  # made once, not for each use
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


@dataclass(slots=True)
class Request:
    """One HTTP request, read to its end."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes = b""
    concurrent: int = 1  # requests of the same account under way when it came, itself included
    _query: dict[str, list[str]] | None = None

    @property
    def host(self) -> str:
        """The Host header, lower-case, port included."""
        return self.headers.get("host", "").lower()

    @property
    def loopback(self) -> bool:
        name = self.host.rpartition(":")[0] if self.host.rpartition(":")[2].isdigit() else self.host
        return name in LOOPBACK

    @property
    def query(self) -> dict[str, list[str]]:
        if self._query is None:
            self._query = parse_qs(self.query_string, keep_blank_values=True)
        return self._query

    def arg(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def form(self) -> dict[str, str]:
        """The first value of each field of a form body; {} when it isn't readable as one."""
        try:
            fields = parse_qs(self.body.decode("utf-8"), keep_blank_values=True)
        except ValueError:
            return {}
        return {k: v[0] for k, v in fields.items()}


@dataclass(slots=True)
class Reply:
    """An answer: status, bytes, headers. `Reply.json` makes the usual one."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, data: Any, status: int = 200, **headers: str) -> Reply:
        return cls(status, encode(data).encode(), {"content-type": "application/json", **headers})


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `write` is False for a POST that only reads (searches): no transaction, no clock tick."""

    method: str
    path: str
    handler: Callable[..., Any]
    write: bool | None = None

    @property
    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD") if self.write is None else self.write


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    methods: dict[str, Route] = field(default_factory=dict)


class Router:
    """Finds the route of a path in as many steps as the path has segments, literal segments first."""

    def __init__(self, routes: Iterable[Route]):
        self._root = _Node()
        self.routes = list(routes)
        for route in self.routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = node.children.setdefault("{}" if segment.startswith("{") else segment, _Node())
                if segment.startswith("{") and segment.endswith(".json"):
                    node = node.children.setdefault(".json", _Node())
            node.methods[route.method] = route

    def find(self, path: str) -> tuple[dict[str, Route], list[str]] | None:
        """The routes of a path by method, and the values of its `{parameters}` in order."""
        hit = _walk(self._root, path.strip("/").split("/"), 0, [])
        return hit


def _walk(
    node: _Node, segments: list[str], at: int, values: list[str]
) -> tuple[dict[str, Route], list[str]] | None:
    if at == len(segments):
        return (node.methods, values) if node.methods else None
    segment = segments[at]
    if segment in node.children and (hit := _walk(node.children[segment], segments, at + 1, values)):
        return hit
    wild = node.children.get("{}")
    if wild is None or not segment:
        return None
    if segment.endswith(".json") and ".json" in wild.children:
        return _walk(wild.children[".json"], segments, at + 1, [*values, unquote(segment[:-5])])
    return _walk(wild, segments, at + 1, [*values, unquote(segment)])
