"""Sites. A cloud site's default number plans and default outbound route come into being some time after it.

A location may be used for a site once it has an address that did not fail verification and an emergency number
(the admin UI's "Make this location available for use on sites").
"""

from __future__ import annotations

from typing import Any

from ..core import Context
from ..http import Reply, Route
from ..store import Row
from . import dialplan, search
from . import entities as e
from . import locations as loc
from .edges import BASE as EDGES_BASE
from .edges import EDGES, _managed
from .entities import Kind
from .errors import Problem
from .fields import body_of, each, fields, flag, one_of, phone, reference, references, text, texts

BASE = f"{EDGES_BASE}/sites"

SITES = Kind(
    "sites",
    BASE,
    "Site",
    {
        "name": text,
        "description": text,
        "location": reference,
        "primarySites": references,
        "secondarySites": references,
        "primaryEdges": references,
        "secondaryEdges": references,
        "edgeAutoUpdateConfig": fields(timeZone=text, rrule=text, start=text, end=text),
        "mediaRegionsUseLatencyBased": flag,
        "mediaRegions": texts,
        "ntpSettings": fields(servers=texts),
        "mediaModel": one_of("Premises", "Cloud"),
        "siteConnections": each(fields(type=text, enabled=flag)),
        "callerId": phone,
        "callerName": text,
        "cloudProxyForceTurn": flag,
    },
    required=("name", "location"),
)


def show(ctx: Context, row: Row) -> dict[str, Any]:
    seen = e.show(ctx, SITES, row)
    seen["location"] = e.ref(ctx, loc.LOCATIONS, seen["location"]["id"])
    for field, kind in (("primarySites", SITES), ("secondarySites", SITES), ("edges", EDGES)):
        if field in seen:
            seen[field] = [e.ref(ctx, kind, r["id"]) for r in seen[field]]
    return seen


def list_sites(ctx: Context) -> dict[str, Any]:
    return e.listing(ctx, SITES, show, equal=_managed(ctx))


def get_site(ctx: Context, site_id: str) -> dict[str, Any]:
    return show(ctx, e.get(ctx, SITES, site_id))


def post_site(ctx: Context) -> dict[str, Any]:
    body = body_of(ctx)
    body = {"mediaModel": "Cloud", **{k: v for k, v in body.items() if v is not None}}
    country = _check(ctx, body)
    extra = {"managed": False, "coreSite": False, "edges": []}
    row = e.create(ctx, SITES, body, extra=extra)
    if row.body["mediaModel"] == "Cloud":
        dialplan.add_defaults(ctx, row, country, late=True)
    return show(ctx, row)


def put_site(ctx: Context, site_id: str) -> dict[str, Any]:
    row = e.get(ctx, SITES, site_id)
    body = body_of(ctx)
    e.check_version(row, body)
    model = row.body.get("mediaModel")
    if body.get("mediaModel") not in (None, model):
        raise Problem(
            "bad.value", field="mediaModel", value=body["mediaModel"], why="It cannot change after creation."
        )
    if row.body.get("managed") and body.get("name") != row.body["name"]:
        raise Problem("managed", kind="Site", name=row.body["name"])
    _check(ctx, body, row)
    return show(ctx, e.update(ctx, SITES, row, {**body, "mediaModel": model}))


def _check(ctx: Context, body: dict[str, Any], row: Row | None = None) -> str:
    """References of a site's body exist and its location may be used. Returns the location's country."""
    values = e.clean(SITES, body)
    for field, kind in (
        ("primarySites", SITES),
        ("secondarySites", SITES),
        ("primaryEdges", EDGES),
        ("secondaryEdges", EDGES),
    ):
        for ref in values.get(field, []):
            e.must_exist(ctx, kind, ref)
    place = e.must_exist(ctx, loc.LOCATIONS, values["location"])
    if row is None or row.body["location"]["id"] != place.id:
        reason = (
            "it has no address" if not place.body.get("address")
            else "its address could not be verified" if loc.verified(place) == "Failed"
            else "it has no emergency number" if not place.body.get("emergencyNumber")
            else ""
        )  # fmt: skip
        if reason:
            raise Problem("site.location", name=place.body["name"], why=reason, entity_id=place.id)
    return place.body.get("address", {}).get("country", "US")


def delete_site(ctx: Context, site_id: str) -> Reply:
    from .trunks import TRUNK_BASES

    row = e.get(ctx, SITES, site_id)
    if not row.body.get("managed"):
        for kind, where in (
            (
                SITES,
                "id != ?1 AND EXISTS (SELECT 1 FROM json_each(body, '$.primarySites') WHERE value ->> 'id' = ?1)",
            ),
            (
                SITES,
                "id != ?1 AND EXISTS (SELECT 1 FROM json_each(body, '$.secondarySites') WHERE value ->> 'id' = ?1)",
            ),
            (TRUNK_BASES, "?1 IN (json_extract(body, '$.inboundSite.id'), json_extract(body, '$.site.id'))"),
        ):
            where = where.replace("?1", f"'{row.id}'")
            if users := ctx.store.rows(ctx.tenant.name, kind.name, where=where, limit=1):
                user = f"{kind.label} '{users[0].body['name']}'"
                raise Problem("in.use", kind="Site", name=row.body["name"], user=user)
    e.delete(ctx, SITES, row)
    for kind_name in (dialplan.PLANS.name, dialplan.ROUTES_KIND.name):
        for child in ctx.store.rows(ctx.tenant.name, kind_name, parent=row.id, hidden=True):
            ctx.store.remove(child)
    return Reply(204)


def post_search(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, SITES, show, body_of(ctx), "sites")


def get_search(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, SITES, show, search.from_q64(ctx), "sites")


ROUTES = [
    Route("GET", BASE, list_sites),
    Route("POST", BASE, post_site),
    Route("GET", f"{BASE}/search", get_search),
    Route("POST", f"{BASE}/search", post_search, write=False),
    Route("GET", f"{BASE}/{{site_id}}", get_site),
    Route("PUT", f"{BASE}/{{site_id}}", put_site),
    Route("DELETE", f"{BASE}/{{site_id}}", delete_site),
]
