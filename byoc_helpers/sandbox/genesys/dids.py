"""DID pools, the numbers in them, and who has which.

A pool is a range; its numbers exist by arithmetic. A DID object exists for as long as a number is assigned,
as on the platform. Largest pool here: 1,000 numbers (the platform's own limit is not published).
"""

from __future__ import annotations

import bisect
from typing import Any

from ..core import Context
from ..http import Reply, Route
from ..store import Row
from . import entities as e
from .edges import BASE as EDGES_BASE
from .entities import Kind
from .errors import Problem
from .fields import body_of, one_of, phone, text

BASE = f"{EDGES_BASE}/didpools"
LIMIT = 1000

POOLS = Kind(
    "didpools",
    BASE,
    "DIDPool",
    {
        "name": text,
        "description": text,
        "comments": text,
        "startPhoneNumber": phone,
        "endPhoneNumber": phone,
        "provider": one_of("PURE_CLOUD", "PURE_CLOUD_VOICE"),
    },
    required=("startPhoneNumber", "endPhoneNumber"),
    unique=False,
)
DIDS = Kind("dids", f"{EDGES_BASE}/dids", "DID", {}, required=(), unique=False)
OWNERS = {"USER": "/api/v2/users", "IVR_CONFIG": "/api/v2/architect/ivrs"}


def show_pool(ctx: Context, row: Row) -> dict[str, Any]:
    return e.show(ctx, POOLS, row)


def show_did(ctx: Context, row: Row) -> dict[str, Any]:
    return e.show(ctx, DIDS, row)


def list_pools(ctx: Context) -> dict[str, Any]:
    return e.listing(ctx, POOLS, show_pool, name_filter=False, default_sort="number")


def get_pool(ctx: Context, pool_id: str) -> dict[str, Any]:
    return show_pool(ctx, e.get(ctx, POOLS, pool_id))


def post_pool(ctx: Context) -> dict[str, Any]:
    values = e.clean(POOLS, body := body_of(ctx))
    first, last = int(values["startPhoneNumber"]), int(values["endPhoneNumber"])
    if first > last or len(values["startPhoneNumber"]) != len(values["endPhoneNumber"]):
        raise Problem("did.order")
    if last - first >= LIMIT:
        raise Problem("did.size", limit=str(LIMIT))
    for start, end, _, row in ranges(ctx):
        if first <= end and start <= last:
            raise Problem("did.overlap", start=row.body["startPhoneNumber"], end=row.body["endPhoneNumber"])
    body = {"provider": "PURE_CLOUD", **{k: v for k, v in body.items() if v is not None}}
    return show_pool(ctx, e.create(ctx, POOLS, body))


def put_pool(ctx: Context, pool_id: str) -> dict[str, Any]:
    row = e.get(ctx, POOLS, pool_id)
    body = body_of(ctx)
    e.check_version(row, body)
    for field in ("startPhoneNumber", "endPhoneNumber"):
        if body.get(field) != row.body[field]:
            raise Problem("did.range")
    return show_pool(ctx, e.update(ctx, POOLS, row, body))


def delete_pool(ctx: Context, pool_id: str) -> Reply:
    row = e.get(ctx, POOLS, pool_id)
    used = ctx.store.rows(ctx.tenant.name, DIDS.name, parent=row.id, limit=1)
    if used:
        raise Problem(
            "in.use",
            kind="DIDPool",
            name=row.body["startPhoneNumber"],
            user=f"DID {used[0].body['phoneNumber']}",
        )
    e.delete(ctx, POOLS, row)
    return Reply(204)


def ranges(ctx: Context) -> list[tuple[int, int, int, Row]]:
    """(first, last, how many numbers come before it, pool), in number order."""
    rows = ctx.store.rows(ctx.tenant.name, POOLS.name)
    out, before = [], 0
    for row in sorted(rows, key=lambda r: int(r.body["startPhoneNumber"])):
        first, last = int(row.body["startPhoneNumber"]), int(row.body["endPhoneNumber"])
        out.append((first, last, before, row))
        before += last - first + 1
    return out


def pool_of(ctx: Context, number: str) -> Row | None:
    """The pool a number (E.164) lies in."""
    if "pools" not in ctx.memo:
        ctx.memo["pools"] = ranges(ctx)
    all_ranges = ctx.memo["pools"]
    at = bisect.bisect_right([r[0] for r in all_ranges], int(number)) - 1
    return all_ranges[at][3] if at >= 0 and int(number) <= all_ranges[at][1] else None


def assign(ctx: Context, owner_type: str, owner: Row, numbers: list[str], *, must_be_in_pool: bool) -> None:
    """Make exactly these numbers the owner's: others it had are free again, taken ones are refused."""
    for number in dict.fromkeys(numbers):
        held = ctx.store.named(ctx.tenant.name, DIDS.name, number)
        if held and held.body["owner"]["id"] != owner.id:
            raise Problem("did.taken", number=number, owner=held.body["owner"]["name"], entity_id=held.id)
        pool = pool_of(ctx, number)
        if pool is None:
            if must_be_in_pool:
                raise Problem("did.no.pool")
            continue
        if held is None:
            who = {"id": owner.id, "name": owner.body["name"], "selfUri": f"{OWNERS[owner_type]}/{owner.id}"}
            place = {"id": pool.id, "selfUri": e.path_of(POOLS, pool)}
            extra = {
                "name": number,
                "phoneNumber": number,
                "didPool": place,
                "owner": who,
                "ownerType": owner_type,
            }
            row = e.create(ctx, DIDS, {}, parent=pool.id, extra=extra)
            row.name = number
            ctx.store.save(row)
    for row in owned_by(ctx, owner.id):
        if row.body["phoneNumber"] not in numbers:
            ctx.store.remove(row)


def owned_by(ctx: Context, owner_id: str) -> list[Row]:
    where = "json_extract(body, '$.owner.id') = ?"
    return ctx.store.rows(ctx.tenant.name, DIDS.name, where=where, args=(owner_id,))


def list_numbers(ctx: Context) -> dict[str, Any]:
    """`GET /didpools/dids`: the numbers of the pools, assigned or not; `type` is required."""
    wanted = ctx.request.arg("type")
    one_of("ASSIGNED_AND_UNASSIGNED", "ASSIGNED", "UNASSIGNED")("type", wanted)
    pools = [i for v in ctx.request.query.get("id", []) for i in v.split(",") if i]
    match = ctx.request.arg("numberMatch").lstrip("+")
    taken = {r.body["phoneNumber"]: r for r in ctx.store.rows(ctx.tenant.name, DIDS.name)}
    found = []
    for first, last, _, pool in ranges(ctx):
        if pools and pool.id not in pools:
            continue
        for n in range(first, last + 1):
            if match in str(n) and (
                wanted == "ASSIGNED_AND_UNASSIGNED" or (wanted == "ASSIGNED") == (f"+{n}" in taken)
            ):
                found.append((f"+{n}", pool))
    if ctx.request.arg("sortOrder").lower().startswith("desc"):
        found.reverse()
    size, page = e.paging(ctx)
    shown = [
        _number(number, pool, taken.get(number)) for number, pool in found[(page - 1) * size : page * size]
    ]
    return e.envelope(ctx, shown, len(found), total_twice=False)


def _number(number: str, pool: Row, did: Row | None) -> dict[str, Any]:
    place = {"id": pool.id, "selfUri": e.path_of(POOLS, pool)}
    seen: dict[str, Any] = {"name": number, "number": number, "assigned": did is not None, "didPool": place}
    if did is not None:
        uri = f"{DIDS.path}/{did.id}"
        seen |= {"id": did.id, "owner": did.body["owner"], "ownerType": did.body["ownerType"], "selfUri": uri}
    return seen


def list_dids(ctx: Context) -> dict[str, Any]:
    number = ctx.request.arg("phoneNumber")
    return e.listing(
        ctx,
        DIDS,
        show_did,
        name_filter=False,
        default_sort="number",
        equal={"phoneNumber": number} if number else {},
    )


def get_did(ctx: Context, did_id: str) -> dict[str, Any]:
    return show_did(ctx, e.get(ctx, DIDS, did_id))


ROUTES = [
    Route("GET", BASE, list_pools),
    Route("POST", BASE, post_pool),
    Route("GET", f"{BASE}/dids", list_numbers),
    Route("GET", f"{BASE}/{{pool_id}}", get_pool),
    Route("PUT", f"{BASE}/{{pool_id}}", put_pool),
    Route("DELETE", f"{BASE}/{{pool_id}}", delete_pool),
    Route("GET", DIDS.path, list_dids),
    Route("GET", f"{DIDS.path}/{{did_id}}", get_did),
]
