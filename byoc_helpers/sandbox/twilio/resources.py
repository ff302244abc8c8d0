"""What all Twilio resources share: links, dates, form fields, both styles of listing.

Listings are newest first, as the live API's are. A page token is `PA` (forwards) or `PB` (backwards) and the SID
of the object at the page's edge.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from email.utils import format_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from ..core import Context, iso
from ..http import Request
from ..store import Row
from .errors import Problem

MAX_PAGE, DEFAULT_PAGE = 1000, 50
KNOWN_HOST = re.compile(r"[a-z]+((?:\.[a-z0-9-]+)*\.twilio\.com)(?::\d+)?")

Show = Callable[[Context, Row], dict[str, Any]]


def origin(request: Request, product: str) -> str:
    """Where links of a product ("api", "trunking") point: to Twilio's host for requests that name one, else here."""
    genuine = KNOWN_HOST.fullmatch(request.host)
    return f"https://{product}{genuine[1]}" if genuine else f"http://{request.host}"


@lru_cache(1024)
def rfc2822(stamp: float) -> str:
    """`Mon, 23 Nov 2026 19:10:00 +0000`"""
    return format_datetime(dt.datetime.fromtimestamp(stamp, dt.UTC))


def dates(row: Row, *, v1: bool = False) -> dict[str, str]:
    if v1:
        return {
            "date_created": iso(row.body["_created"], False),
            "date_updated": iso(row.body["_updated"], False),
        }
    return {"date_created": rfc2822(row.body["_created"]), "date_updated": rfc2822(row.body["_updated"])}


def new(ctx: Context, kind: str, sid: str, body: dict[str, Any], *, name: str = "", parent: str = "") -> Row:
    return ctx.new(
        kind, sid, {**body, "_created": ctx.stamp, "_updated": ctx.stamp}, name=name, parent=parent
    )


def save(ctx: Context, row: Row) -> Row:
    row.body["_updated"] = ctx.stamp
    return ctx.store.save(row)


def get(ctx: Context, kind: str, sid: str, parent: str | None = None) -> Row:
    """The object, or 404 (20404)."""
    row = ctx.store.get(ctx.tenant.name, kind, sid, parent)
    if row is None:
        raise Problem(20404)
    return row


def required(form: dict[str, str], *names: str) -> list[str]:
    """These fields of the form, none missing or empty."""
    for name in names:
        if not form.get(name, "").strip():
            raise Problem(20001, why=f"Missing required parameter {name} in the post body")
    return [form[name] for name in names]


def boolean(form: dict[str, str], name: str) -> bool:
    if form[name].lower() not in ("true", "false"):
        raise Problem(20001, why=f"{name} must be true or false")
    return form[name].lower() == "true"


def integer(form: dict[str, str], name: str, low: int, high: int, code: int = 20001) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", form[name]) or not low <= int(form[name]) <= high:
        raise Problem(code, why=f"{name} must be a whole number from {low} to {high}")
    return int(form[name])


def choice(form: dict[str, str], name: str, allowed: tuple[str, ...]) -> str:
    if form[name] not in allowed:
        raise Problem(20001, why=f"{name} must be one of {', '.join(allowed)}")
    return form[name]


class _Page:
    """The rows of the page that PageSize, Page and PageToken ask for."""

    def __init__(self, ctx: Context, kind: str, parent: str | None, where: str, args: tuple[Any, ...]):
        request = ctx.request
        self.size = min(self._number(request, "PageSize", DEFAULT_PAGE, 1), MAX_PAGE)
        self.number = self._number(request, "Page", 0, 0)
        token = request.arg("PageToken")
        if self.number > 0 and not token:
            raise Problem(20001, why="Paged requests must include a PageToken")
        conditions, values, order = [where] if where else [], list(args), "seq DESC"
        if token:
            seq = ctx.store.seq_of(ctx.tenant.name, kind, token[2:])
            if seq is None or token[:2] not in ("PA", "PB"):
                raise Problem(21481)
            forwards = token[:2] == "PA"
            conditions.append("seq < ?" if forwards else "seq > ?")
            values.append(seq)
            order = "seq DESC" if forwards else "seq ASC"
        rows = ctx.store.rows(
            ctx.tenant.name, kind, parent=parent, where=" AND ".join(conditions), args=tuple(values), order=order,
            limit=self.size + 1,
        )  # fmt: skip
        more = len(rows) > self.size
        rows = rows[: self.size]
        if order == "seq ASC":
            rows.reverse()
            more = True
        self.rows = rows
        self.next = f"PA{rows[-1].id}" if more and rows else ""
        self.previous = f"PB{rows[0].id}" if self.number > 0 and rows else ""
        self._filters = [
            (k, v)
            for k, vs in request.query.items()
            if k not in ("PageSize", "Page", "PageToken")
            for v in vs
        ]

    @staticmethod
    def _number(request: Request, name: str, default: int, low: int) -> int:
        given = request.arg(name) or str(default)
        if not given.isdecimal() or len(given) > 9 or int(given) < low:
            raise Problem(20001, why=f"{name} must be a whole number from {low}")
        return int(given)

    def link(self, base: str, number: int, token: str = "") -> str:
        query = [*self._filters, ("PageSize", self.size), ("Page", number)]
        if token:
            query.append(("PageToken", token))
        return f"{base}?{urlencode(query)}"


def listing_2010(
    ctx: Context, kind: str, key: str, shown: Show, *, parent: str | None = None, where: str = "",
    args: tuple[Any, ...] = (),
) -> dict[str, Any]:  # fmt: skip
    """A page in the style of the 2010 API: relative `…_uri`, `start` and `end`."""
    page = _Page(ctx, kind, parent, where, args)
    path, start = ctx.request.path, page.number * page.size
    return {
        "first_page_uri": page.link(path, 0),
        "end": start + max(len(page.rows) - 1, 0),
        "previous_page_uri": page.link(path, page.number - 1, page.previous) if page.previous else None,
        key: [shown(ctx, row) for row in page.rows],
        "uri": page.link(path, page.number, ctx.request.arg("PageToken")),
        "page_size": page.size,
        "start": start,
        "next_page_uri": page.link(path, page.number + 1, page.next) if page.next else None,
        "page": page.number,
    }


def listing_v1(
    ctx: Context, kind: str, key: str, shown: Show, *, parent: str | None = None
) -> dict[str, Any]:
    """A page in the style of the v1 APIs: a `meta` block with absolute links."""
    page = _Page(ctx, kind, parent, "", ())
    base = origin(ctx.request, "trunking") + ctx.request.path
    meta = {
        "page": page.number,
        "page_size": page.size,
        "first_page_url": page.link(base, 0),
        "previous_page_url": page.link(base, page.number - 1, page.previous) if page.previous else None,
        "url": page.link(base, page.number, ctx.request.arg("PageToken")),
        "next_page_url": page.link(base, page.number + 1, page.next) if page.next else None,
        "key": key,
    }
    return {"meta": meta, key: [shown(ctx, row) for row in page.rows]}
