"""Virtual edges and edge groups: what a BYOC Cloud org is given when it is made."""

from __future__ import annotations

from typing import Any

from ..core import Context
from ..http import Reply, Route
from ..store import Row
from . import entities as e
from .entities import Kind
from .errors import Problem
from .fields import body_of, each, fields, flag, mapping, reference, text, whole

BASE = "/api/v2/telephony/providers/edges"

EDGES = Kind(
    "edges", BASE, "Edge", {"name": text, "description": text, "edgeGroup": reference, "site": reference}
)
EDGE_GROUPS = Kind(
    "edgegroups",
    f"{BASE}/edgegroups",
    "EdgeGroup",
    {
        "name": text,
        "description": text,
        "hybrid": flag,
        "phoneTrunkBases": each(reference),
        "edgeTrunkBaseAssignment": fields(family=whole, trunkBase=reference),
    },
)


def show_edge(ctx: Context, row: Row) -> dict[str, Any]:
    from .sites import SITES

    seen = e.show(ctx, EDGES, row)
    seen["edgeGroup"] = e.ref(ctx, EDGE_GROUPS, seen["edgeGroup"]["id"])
    seen["site"] = e.ref(ctx, SITES, seen["site"]["id"])
    if row.body.get("_n") in ctx.tenant.get("edges_offline", []):
        seen |= {"onlineStatus": "OFFLINE", "statusCode": "INACTIVE"}
    return seen


def show_group(ctx: Context, row: Row) -> dict[str, Any]:
    return e.show(ctx, EDGE_GROUPS, row)


def list_edges(ctx: Context) -> dict[str, Any]:
    return e.listing(ctx, EDGES, show_edge, equal=_managed(ctx))


def get_edge(ctx: Context, edge_id: str) -> dict[str, Any]:
    return show_edge(ctx, e.get(ctx, EDGES, edge_id))


def _managed(ctx: Context) -> dict[str, Any]:
    asked = ctx.request.arg("managed").lower()
    return {"managed": int(asked == "true")} if asked in ("true", "false") else {}


def list_groups(ctx: Context) -> dict[str, Any]:
    return e.listing(ctx, EDGE_GROUPS, show_group, equal=_managed(ctx))


def get_group(ctx: Context, group_id: str) -> dict[str, Any]:
    return show_group(ctx, e.get(ctx, EDGE_GROUPS, group_id))


def post_group(ctx: Context) -> dict[str, Any]:
    body = body_of(ctx)
    _check_trunk_bases(ctx, body)
    return show_group(ctx, e.create(ctx, EDGE_GROUPS, body, extra={"managed": False}))


def put_group(ctx: Context, group_id: str) -> dict[str, Any]:
    body = body_of(ctx)
    _check_trunk_bases(ctx, body)
    return show_group(ctx, e.update(ctx, EDGE_GROUPS, e.get(ctx, EDGE_GROUPS, group_id), body))


def _check_trunk_bases(ctx: Context, body: dict[str, Any]) -> None:
    from .trunks import TRUNK_BASES

    values = e.read(body, EDGE_GROUPS.fields)
    wanted = list(values.get("phoneTrunkBases", []))
    if assigned := mapping("edgeTrunkBaseAssignment", values.get("edgeTrunkBaseAssignment", {})).get(
        "trunkBase"
    ):
        wanted.append(assigned)
    for ref in wanted:
        e.must_exist(ctx, TRUNK_BASES, ref)


def delete_group(ctx: Context, group_id: str) -> Reply:
    row = e.get(ctx, EDGE_GROUPS, group_id)
    users = ctx.store.rows(
        ctx.tenant.name, EDGES.name, where="json_extract(body, '$.edgeGroup.id') = ?", args=(row.id,), limit=1
    )
    if users:
        raise Problem(
            "in.use", kind="EdgeGroup", name=row.body["name"], user=f"edge '{users[0].body['name']}'"
        )
    e.delete(ctx, EDGE_GROUPS, row)
    return Reply(204)


ROUTES = [
    Route("GET", BASE, list_edges),
    Route("GET", f"{BASE}/{{edge_id}}", get_edge),
    Route("GET", f"{BASE}/edgegroups", list_groups),
    Route("POST", f"{BASE}/edgegroups", post_group),
    Route("GET", f"{BASE}/edgegroups/{{group_id}}", get_group),
    Route("PUT", f"{BASE}/edgegroups/{{group_id}}", put_group),
    Route("DELETE", f"{BASE}/edgegroups/{{group_id}}", delete_group),
]
