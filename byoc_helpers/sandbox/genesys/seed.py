"""What a Genesys org holds on the day it is made, as the guide's pre-check expects it, and adding to it."""

from __future__ import annotations

from typing import Any

from ..core import Context, iso
from . import dialplan
from . import entities as e
from .edges import EDGE_GROUPS, EDGES
from .locations import LOCATIONS
from .org import FLOWS
from .people import USERS
from .sites import SITES

VOICE = "PureCloud Voice - AWS"
LOCATION = "Default PCV Location"


def org(ctx: Context) -> None:
    """The location, site, edge group and two virtual edges that every BYOC org starts with."""
    country = ctx.tenant.settings["country"]
    ids = {"org_id": ctx.uuid("org"), "division_id": ctx.uuid("divisions")}
    ctx.core.change_settings(ctx.tenant, ids)
    address = {"street1": "1 Practice Street", "city": "Practice", "zipcode": "12345", "country": country}
    checked = {"started": iso(ctx.stamp), "finished": iso(ctx.stamp), "due": 0, "result": "Complete"}
    place = e.create(ctx, LOCATIONS, {"name": LOCATION, "address": address}, extra={"_check": checked})
    group = e.create(
        ctx, EDGE_GROUPS, {"name": VOICE, "description": ""}, extra={"managed": True, "hybrid": False}
    )
    site_body = {"name": VOICE, "location": {"id": place.id}, "mediaModel": "Cloud"}
    site = e.create(ctx, SITES, site_body, extra={"managed": True, "coreSite": True})
    dialplan.add_defaults(ctx, site, country, late=False)
    edges = [_edge(ctx, n, group.id, site.id) for n in (1, 2)]
    site.body["edges"] = [{"id": id} for id in edges]
    ctx.store.save(site)
    ctx.core.change_settings(ctx.tenant, {"default_site_id": site.id})


def _edge(ctx: Context, n: int, group_id: str, site_id: str) -> str:
    facts = {
        "managed": True,
        "_n": n,
        "make": "Genesys",
        "model": "Virtual Edge",
        "softwareVersion": "1.0.0.13500",
        "onlineStatus": "ONLINE",
        "statusCode": "ACTIVE",
        "physicalEdge": False,
        "edgeDeploymentType": "CDM",
        "callDrainingState": "NONE",
        "conversationCount": 0,
        "offlineConfigCalled": False,
        "interfaces": [],
    }
    body = {"name": f"Virtual Edge {n}", "edgeGroup": {"id": group_id}, "site": {"id": site_id}}
    return e.create(ctx, EDGES, body, extra=facts).id


def lacks(ctx: Context, data: dict[str, Any]) -> bool:
    """Whether people or flows are wanted that aren't there."""
    return bool(_people(ctx, data) or _flows(ctx, data))


def _people(ctx: Context, data: dict[str, Any]) -> list[dict[str, str]]:
    have = {r.body["email"].casefold() for r in ctx.store.rows(ctx.tenant.name, USERS.name)}
    return [p for p in data.get("people", []) if p["email"].casefold() not in have]


def _flows(ctx: Context, data: dict[str, Any]) -> list[str]:
    return [f for f in data.get("flows", []) if not ctx.store.named(ctx.tenant.name, FLOWS.name, f)]


def add(ctx: Context, data: dict[str, Any]) -> None:
    """Add the missing people, and the missing flows as published inbound call flows."""
    for person in _people(ctx, data):
        mail = {
            "address": person["email"],
            "mediaType": "EMAIL",
            "type": "PRIMARY",
            "display": person["email"],
        }
        body = {"name": person["name"], "email": person["email"], "username": person["email"]}
        extra = {"addresses": [], "primaryContactInfo": [mail], "acdAutoAnswer": False}
        e.create(ctx, USERS, body, extra=extra)
    for flow in _flows(ctx, data):
        e.create(ctx, FLOWS, {"name": flow, "type": "INBOUNDCALL"})
