"""The platform's search requests (`…/search`): a list of criteria, all of which must hold unless they say OR or NOT."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from ..core import Context
from ..store import Row
from .entities import Kind
from .errors import Problem
from .fields import array, mapping, text, texts, whole

TESTS: dict[str, Callable[[str, str], bool]] = {
    "EXACT": lambda have, want: have == want,
    "STARTS_WITH": lambda have, want: have.startswith(want),
    "CONTAINS": lambda have, want: want in have,
    "TERM": lambda have, want: want in have.split() or have == want,
    "TERMS": lambda have, want: want in have.split() or have == want,
    "QUERY_STRING": lambda have, want: want.strip("*") in have,
}


def from_q64(ctx: Context) -> dict[str, Any]:
    """The request of a GET search: base64 of the JSON a POST search would send."""
    try:
        data = json.loads(base64.b64decode(ctx.request.arg("q64") + "=="))
    except ValueError as error:
        raise Problem(
            "bad.value", field="q64", value=ctx.request.arg("q64"), why="Base64 of JSON is expected."
        ) from error
    return mapping("q64", data)


def answer(
    ctx: Context, kind: Kind, shown: Callable[[Context, Row], dict[str, Any]], body: dict[str, Any], word: str
) -> dict[str, Any]:
    """A search's page of results, sorted by `sortBy` (default: name)."""
    criteria = [mapping("query", c) for c in array("query", body.get("query") or [])]
    size = min(max(whole("pageSize", body.get("pageSize") or 25), 1), 10_000)
    number = max(whole("pageNumber", body.get("pageNumber") or 1), 1)
    found = [
        s
        for s in (shown(ctx, r) for r in ctx.store.rows(ctx.tenant.name, kind.name, order="name"))
        if _all(criteria, s)
    ]
    field = text("sortBy", body.get("sortBy") or "name")
    down = text("sortOrder", body.get("sortOrder") or "ASC").upper().startswith("DESC")
    found.sort(key=lambda s: str(_values(s, field)[:1]).lower(), reverse=down)
    pages = -(-len(found) // size)
    page = found[(number - 1) * size : number * size]
    return {
        "total": len(found),
        "pageCount": pages,
        "pageSize": size,
        "pageNumber": number,
        "types": [word],
        "results": page,
    }


def _all(criteria: list[dict[str, Any]], seen: dict[str, Any]) -> bool:
    verdict = True
    for one in criteria:
        hit = _holds(one, seen)
        way = str(one.get("operator") or "AND").upper()
        verdict = verdict or hit if way == "OR" else verdict and (not hit if way == "NOT" else hit)
    return verdict


def _holds(one: dict[str, Any], seen: dict[str, Any]) -> bool:
    if group := one.get("group"):
        return _all([mapping("group", c) for c in array("group", group)], seen)
    kind = str(one.get("type") or "EXACT").upper()
    names = texts("fields", one.get("fields") or [])
    if kind == "MATCH_ALL":
        return True
    if kind == "REQUIRED_FIELDS":
        return all(_values(seen, n) for n in names)
    if kind not in TESTS:
        raise Problem(
            "bad.value", field="type", value=kind, why=f"The practice cloud knows {', '.join(TESTS)}."
        )
    wanted = texts("values", one.get("values") or []) or [text("value", one.get("value") or "")]
    have = [v for n in names for v in _values(seen, n)]
    return any(TESTS[kind](h.lower(), w.lower()) for h in have for w in wanted)


def _values(seen: Any, dotted: str) -> list[str]:
    """The values at a dotted field name, as strings, through lists."""
    here = [seen]
    for part in dotted.split("."):
        there: list[Any] = []
        for item in here:
            for one in item if isinstance(item, list) else [item]:
                if isinstance(one, dict) and one.get(part) is not None:
                    there.append(one[part])
        here = there
    flat = [x for item in here for x in (item if isinstance(item, list) else [item])]
    return [str(x).lower() if isinstance(x, bool) else str(x) for x in flat if not isinstance(x, dict)]
