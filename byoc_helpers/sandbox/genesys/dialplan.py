"""Number plans and outbound routes of a site, and the defaults a new cloud site gets.

Default plans: help page "Number plan information", in its order. Default route: the vendor's Terraform provider
issues 1345 and 1398 (made by the platform for cloud sites only, named "Default Outbound Route"); which
classifications it holds isn't published: here all of the defaults but Extension, enabled, without trunks.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ..core import Context
from ..http import Reply, Route
from ..store import Row
from . import entities as e
from .edges import BASE as EDGES_BASE
from .entities import Kind
from .errors import Problem
from .fields import (
    array,
    body_of,
    each,
    fields,
    flag,
    json_of,
    mapping,
    one_of,
    references,
    text,
    texts,
    whole,
)

SITE = f"{EDGES_BASE}/sites/{{site_id}}"
MATCH_TYPES = ("digitLength", "e164NumberList", "interCountryCode", "intraCountryCode", "numberList", "regex")
PLAN_LIMIT = 200
DEFAULT_ROUTE = "Default Outbound Route"

PLANS = Kind(
    "numberplans",
    f"{EDGES_BASE}/sites/{{parent}}/numberplans",
    "NumberPlan",
    {
        "name": text,
        "description": text,
        "match": text,
        "normalizedFormat": text,
        "priority": whole,
        "numbers": each(fields(start=text, end=text)),
        "digitLength": fields(start=text, end=text),
        "classification": text,
        "matchType": one_of(*MATCH_TYPES),
    },
    required=("name", "classification", "matchType"),
)
ROUTES_KIND = Kind(
    "outboundroutes",
    f"{EDGES_BASE}/sites/{{parent}}/outboundroutes",
    "OutboundRoute",
    {
        "name": text,
        "description": text,
        "classificationTypes": texts,
        "enabled": flag,
        "distribution": one_of("SEQUENTIAL", "RANDOM"),
        "externalTrunkBases": references,
    },
    required=("name", "classificationTypes"),
)

# The short numbers of a country's emergency services; "112" where a country isn't listed.
# ITU-T E.161.1 for 112 and 911; national numbering plans for the others. Practice data, not for real calls.
EMERGENCY = {
    "US": ("911",), "CA": ("911",), "MX": ("911",), "BR": ("190", "192", "193"), "GB": ("999", "112"),
    "IE": ("999", "112"), "FR": ("112", "15", "17", "18"), "DE": ("112", "110"), "CH": ("112", "117", "118", "144"),
    "AU": ("000", "112"), "NZ": ("111",), "JP": ("110", "119"), "KR": ("112", "119"), "IN": ("112",), "AE": ("999",),
    "SG": ("995", "999"), "ZA": ("10111", "112"),
}  # fmt: skip


def default_plans(country: str) -> list[dict[str, Any]]:
    """The default plans of a site in this country (ISO code), in priority order."""
    short = [{"start": n, "end": n} for n in EMERGENCY.get(country.upper(), ("112",))]
    plans: list[dict[str, Any]] = [
        {"name": "Emergency", "matchType": "numberList", "numbers": short},
        {"name": "Extension", "matchType": "digitLength", "digitLength": {"start": "4", "end": "6"}},
        {"name": "National", "matchType": "intraCountryCode", "digitLength": {"start": "7", "end": "10"}},
        {"name": "International", "matchType": "interCountryCode", "numbers": []},
        {
            "name": "Network",
            "matchType": "regex",
            "match": r"^([^@\:]+@)([^@ ]+)?$",
            "normalizedFormat": "sip:$1$2",
        },
    ]
    if country.upper() == "US":
        plans.append(
            {
                "name": "Suicide Prevention",
                "matchType": "regex",
                "match": "^988$",
                "normalizedFormat": "+18002738255",
            }
        )
    return [{**plan, "classification": plan["name"]} for plan in plans]


def add_defaults(ctx: Context, site: Row, country: str, *, late: bool) -> None:
    """Give a new site its default plans and route; `late`: nobody sees them for a while."""
    plans = default_plans(country)
    for priority, plan in enumerate(plans, 1):
        e.create(
            ctx, PLANS, {**plan, "priority": priority}, parent=site.id, extra={"_default": True}, late=late
        )
    held = [p["classification"] for p in plans if p["name"] != "Extension"]
    route = {
        "name": DEFAULT_ROUTE,
        "classificationTypes": held,
        "enabled": True,
        "distribution": "SEQUENTIAL",
    }
    e.create(ctx, ROUTES_KIND, {**route, "externalTrunkBases": []}, parent=site.id, late=late)


def _site(ctx: Context, site_id: str, what: str = "") -> Row:
    """The site; when `what` is about to be written, its defaults must have appeared."""
    from .sites import SITES

    site = e.get(ctx, SITES, site_id)
    if what:
        hidden = "hidden_until > ?"
        for kind in (PLANS, ROUTES_KIND):
            if ctx.store.count(
                ctx.tenant.name, kind.name, parent=site.id, where=hidden, args=(time.time(),), hidden=True
            ):
                raise Problem("not.ready", what=what)
    return site


def _plans(ctx: Context, site: Row) -> list[Row]:
    return sorted_plans(ctx, site.id)


def sorted_plans(ctx: Context, site_id: str) -> list[Row]:
    """A site's number plans, in the order they are tried."""
    rows = ctx.store.rows(ctx.tenant.name, PLANS.name, parent=site_id)
    return sorted(rows, key=lambda r: (r.body.get("priority", 0), r.seq))


def show_plan(ctx: Context, row: Row) -> dict[str, Any]:
    return e.show(ctx, PLANS, row)


def get_plans(ctx: Context, site_id: str) -> list[dict[str, Any]]:
    return [show_plan(ctx, r) for r in _plans(ctx, _site(ctx, site_id))]


def get_plan(ctx: Context, site_id: str, plan_id: str) -> dict[str, Any]:
    return show_plan(ctx, e.get(ctx, PLANS, plan_id, _site(ctx, site_id).id))


def get_classifications(ctx: Context, site_id: str) -> list[str]:
    wanted = ctx.request.arg("classification").casefold()
    names = dict.fromkeys(p.body["classification"] for p in _plans(ctx, _site(ctx, site_id)))
    return [n for n in names if wanted in n.casefold()]


def put_plans(ctx: Context, site_id: str) -> list[dict[str, Any]]:
    """Replace the whole list: a plan with an id (or the name of one) is updated, others are new, the rest go."""
    site = _site(ctx, site_id, "number plans")
    wanted = [mapping("numberPlans", p) for p in array("numberPlans", json_of(ctx))]
    if len(wanted) > PLAN_LIMIT:
        raise Problem("plan.many", limit=str(PLAN_LIMIT))
    held = {r.id: r for r in _plans(ctx, site)}
    meant = [text("id", plan["id"]) for plan in wanted if plan.get("id")]
    by_name = {r.name: r for r in held.values() if r.id not in meant}
    kept: list[Row | None] = []
    names: set[str] = set()
    for plan in wanted:
        name = e.fold(_check_plan(plan)["name"])
        if name in names:
            raise Problem("name.taken", kind="NumberPlan", name=plan["name"])
        names.add(name)
        if plan.get("id") and plan["id"] not in held:
            raise Problem("no.reference", kind="NumberPlan", id=str(plan["id"]))
        if meant.count(plan.get("id")) > 1:
            raise Problem("bad.value", field="id", value=plan["id"], why="Two number plans have it.")
        kept.append(held.get(plan.get("id") or "") or by_name.get(name))
    stay = {r.id for r in kept if r}
    for old in held.values():
        if old.id not in stay:
            if old.body.get("_default"):
                raise Problem("plan.default", name=old.body["name"])
            ctx.store.remove(old)
    for row, plan in zip(kept, wanted, strict=True):
        if row is None:
            e.create(ctx, PLANS, plan, parent=site.id)
        elif any(plan.get(k) != row.body.get(k) for k in PLANS.fields):
            # Plans carry no version of their own worth checking: provider PR 661.
            e.update(ctx, PLANS, row, {**plan, "version": row.body["version"]})
    for route in ctx.store.rows(ctx.tenant.name, ROUTES_KIND.name, parent=site.id):
        _check_classes(ctx, site, route.body["classificationTypes"], route.id)
    return [show_plan(ctx, r) for r in _plans(ctx, site)]


def _check_plan(plan: dict[str, Any]) -> dict[str, Any]:
    values = e.clean(PLANS, plan)
    kind = values["matchType"]
    for match_type, field in (("regex", "match"), ("numberList", "numbers"), ("digitLength", "digitLength")):
        if kind == match_type and not values.get(field):
            raise Problem("required", field=field)
    if kind == "regex":
        try:
            re.compile(values["match"])
        except (re.error, OverflowError, RecursionError) as error:
            raise Problem(
                "bad.value", field="match", value=values["match"], why="It is not a regular expression."
            ) from error
    return values


# outbound routes


def show_route(ctx: Context, row: Row) -> dict[str, Any]:
    from .trunks import TRUNK_BASES

    seen = e.show(ctx, ROUTES_KIND, row)
    seen["externalTrunkBases"] = [
        e.ref(ctx, TRUNK_BASES, r["id"]) for r in seen.get("externalTrunkBases", [])
    ]
    return seen


def _check_classes(ctx: Context, site: Row, names: list[str], own_id: str) -> None:
    known = {p.body["classification"] for p in _plans(ctx, site)}
    for name in names:
        if name not in known:
            raise Problem("classification", name=name)
    for other in ctx.store.rows(ctx.tenant.name, ROUTES_KIND.name, parent=site.id):
        for name in names:
            if other.id != own_id and name in other.body["classificationTypes"]:
                raise Problem("route.classification", name=name, route=other.body["name"], entity_id=other.id)


def _checked_route(ctx: Context, site: Row, own_id: str) -> dict[str, Any]:
    from .trunks import TRUNK_BASES

    body = {"enabled": True, "distribution": "SEQUENTIAL", "externalTrunkBases": []} | {
        k: v for k, v in body_of(ctx).items() if v is not None
    }
    values = e.clean(ROUTES_KIND, body)
    for ref in values["externalTrunkBases"]:
        e.must_exist(ctx, TRUNK_BASES, ref)
    e.check_name(ctx, ROUTES_KIND, values["name"], site.id, own_id)
    _check_classes(ctx, site, values["classificationTypes"], own_id)
    return body


def list_routes(ctx: Context, site_id: str) -> dict[str, Any]:
    return e.listing(ctx, ROUTES_KIND, show_route, parent=_site(ctx, site_id).id)


def get_route(ctx: Context, site_id: str, route_id: str) -> dict[str, Any]:
    return show_route(ctx, e.get(ctx, ROUTES_KIND, route_id, _site(ctx, site_id).id))


def post_route(ctx: Context, site_id: str) -> dict[str, Any]:
    from .sites import SITES

    site = e.get(ctx, SITES, site_id)
    name = body_of(ctx).get("name")
    if isinstance(name, str) and ctx.store.named(ctx.tenant.name, ROUTES_KIND.name, name, site.id):
        raise Problem("name.taken", kind="OutboundRoute", name=name)
    site = _site(ctx, site_id, "outbound routes")
    return show_route(ctx, e.create(ctx, ROUTES_KIND, _checked_route(ctx, site, ""), parent=site.id))


def put_route(ctx: Context, site_id: str, route_id: str) -> dict[str, Any]:
    site = _site(ctx, site_id, "outbound routes")
    row = e.get(ctx, ROUTES_KIND, route_id, site.id)
    e.check_version(row, body_of(ctx))
    return show_route(ctx, e.update(ctx, ROUTES_KIND, row, _checked_route(ctx, site, row.id)))


def delete_route(ctx: Context, site_id: str, route_id: str) -> Reply:
    site = _site(ctx, site_id, "outbound routes")
    e.delete(ctx, ROUTES_KIND, e.get(ctx, ROUTES_KIND, route_id, site.id))
    return Reply(204)


def list_all_routes(ctx: Context) -> dict[str, Any]:
    """`GET …/edges/outboundroutes`: the routes of every site, each with its site."""
    from .sites import SITES

    def shown(ctx: Context, row: Row) -> dict[str, Any]:
        return {**show_route(ctx, row), "site": e.ref(ctx, SITES, row.parent), "managed": False}

    return e.listing(ctx, ROUTES_KIND, shown)


ROUTES = [
    Route("GET", f"{SITE}/numberplans", get_plans),
    Route("PUT", f"{SITE}/numberplans", put_plans),
    Route("GET", f"{SITE}/numberplans/classifications", get_classifications),
    Route("GET", f"{SITE}/numberplans/{{plan_id}}", get_plan),
    Route("GET", f"{SITE}/outboundroutes", list_routes),
    Route("POST", f"{SITE}/outboundroutes", post_route),
    Route("GET", f"{SITE}/outboundroutes/{{route_id}}", get_route),
    Route("PUT", f"{SITE}/outboundroutes/{{route_id}}", put_route),
    Route("DELETE", f"{SITE}/outboundroutes/{{route_id}}", delete_route),
    Route("GET", f"{EDGES_BASE}/outboundroutes", list_all_routes),
]
