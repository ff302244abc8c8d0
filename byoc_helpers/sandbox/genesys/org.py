"""The organisation and what is about it: products, divisions, flows, call routes (IVRs), address ranges."""

from __future__ import annotations

from typing import Any

from ..core import Context
from ..http import Reply, Route
from ..store import Row
from . import dids
from . import entities as e
from .entities import Kind, products
from .errors import Problem
from .fields import body_of, phone, reference, text, texts, whole

IVRS_BASE = "/api/v2/architect/ivrs"

FLOWS = Kind("flows", "/api/v2/flows", "Flow", {"name": text, "type": text}, total_twice=False, dated=False)
IVRS = Kind(
    "ivrs",
    IVRS_BASE,
    "IVR",
    {
        "name": text,
        "description": text,
        "dnis": texts,
        "openHoursFlow": reference,
        "closedHoursFlow": reference,
        "holidayHoursFlow": reference,
        "scheduleGroup": reference,
    },
)
FLOW_FIELDS = ("openHoursFlow", "closedHoursFlow", "holidayHoursFlow")


def get_org(ctx: Context) -> dict[str, Any]:
    s = ctx.tenant.settings
    return {
        "id": s["org_id"],
        "name": s["org_name"],
        "defaultLanguage": s["language"],
        "defaultCountryCode": s["country"],
        "thirdPartyOrgName": ctx.tenant.name,
        "domain": f"{ctx.tenant.name}.practice.invalid",
        "features": {"telephony": True},
        "version": s.get("org_version", 1),
        "state": "active",
        "defaultSiteId": s["default_site_id"],
        "voicemailEnabled": False,
        "productPlatform": "GenesysCloud",
        "selfUri": "/api/v2/organizations/me",
    }


def put_org(ctx: Context) -> dict[str, Any]:
    body = body_of(ctx)
    if body.get("version") is None:
        raise Problem("required", field="version")
    if whole("version", body["version"]) != ctx.tenant.settings.get("org_version", 1):
        raise Problem("bad.version", entity_id=ctx.tenant.settings["org_id"])
    given = e.read(body, {"name": text, "defaultLanguage": text, "defaultCountryCode": text})
    names = {"name": "org_name", "defaultLanguage": "language", "defaultCountryCode": "country"}
    changes = {names[k]: v for k, v in given.items()}
    ctx.core.change_settings(ctx.tenant, {**changes, "org_version": body["version"] + 1})
    return get_org(ctx)


def get_products(ctx: Context) -> dict[str, Any]:
    found = [{"id": p} for p in products(ctx)]
    return {"entities": found, "pageSize": len(found), "pageNumber": 1, "total": len(found), "pageCount": 1}


def division(ctx: Context) -> dict[str, Any]:
    home = e.home_division(ctx)
    return {**home, "description": "Home division", "homeDivision": True, "objectCounts": {}}


def list_divisions(ctx: Context) -> dict[str, Any]:
    return e.envelope(ctx, [division(ctx)], 1, total_twice=False)


def get_division(ctx: Context, division_id: str) -> dict[str, Any]:
    if division_id != ctx.tenant.settings["division_id"]:
        raise Problem("no.object", entity_id=division_id)
    return division(ctx)


def get_ipranges(ctx: Context) -> dict[str, Any]:
    """RFC 5737 addresses: the practice clouds publish nobody's real ones."""
    region = ctx.tenant.settings["region"]
    return {"entities": [{"cidr": "192.0.2.0/24", "service": "api", "region": region, "direction": "both"}]}


def get_media_regions(ctx: Context) -> dict[str, Any]:
    home = ctx.tenant.settings["region"]
    return {"awsHomeRegion": home, "awsCoreRegions": [home], "awsSatelliteRegions": []}


def simulate_prefix(ctx: Context) -> dict[str, Any]:
    """The fraud-prefix test, which is not the site's Simulate Call: every E.164 number is allowed here."""
    number = phone("number", ctx.request.arg("number"))
    return {"allowed": True, "level": "AllowPrefix", "matchedPrefix": number[:2]}


# flows


def show_flow(ctx: Context, row: Row) -> dict[str, Any]:
    uri = f"{FLOWS.path}/{row.id}/versions/1.0"
    version = {
        "id": "1.0",
        "name": "1.0",
        "commitVersion": "1.0",
        "type": "PUBLISH",
        "secure": False,
        "selfUri": uri,
    }
    return {
        "id": row.id,
        "name": row.body["name"],
        "division": e.home_division(ctx),
        "description": row.body.get("description", ""),
        "type": row.body["type"],
        "active": True,
        "system": False,
        "deleted": False,
        "publishedVersion": version,
        "savedVersion": version,
        "selfUri": f"{FLOWS.path}/{row.id}",
    }


def show_flow_view(ctx: Context, row: Row) -> dict[str, Any]:
    flow = show_flow(ctx, row)
    return {
        k: flow[k] for k in ("id", "name", "division", "type", "description", "publishedVersion", "selfUri")
    }


def _flow_type(ctx: Context) -> dict[str, Any]:
    asked = ctx.request.arg("type").upper()
    return {"type": asked} if asked else {}


def list_flows(ctx: Context) -> dict[str, Any]:
    return e.listing(ctx, FLOWS, show_flow, equal=_flow_type(ctx))


def list_flow_views(ctx: Context) -> dict[str, Any]:
    return e.listing(ctx, FLOWS, show_flow_view, equal=_flow_type(ctx))


def get_flow(ctx: Context, flow_id: str) -> dict[str, Any]:
    return show_flow(ctx, e.get(ctx, FLOWS, flow_id))


# call routes


def show_ivr(ctx: Context, row: Row) -> dict[str, Any]:
    seen = e.show(ctx, IVRS, row)
    for field in FLOW_FIELDS:
        if field in seen:
            seen[field] = e.ref(ctx, FLOWS, seen[field]["id"])
    return seen


def list_ivrs(ctx: Context) -> dict[str, Any]:
    if dnis := ctx.request.arg("dnis"):
        held = ctx.store.named(ctx.tenant.name, dids.DIDS.name, dnis)
        mine = held is not None and held.body["ownerType"] == "IVR_CONFIG"
        ctx.request.query["id"] = [held.body["owner"]["id"] if held and mine else "none"]
    return e.listing(ctx, IVRS, show_ivr)


def list_ivr_views(ctx: Context) -> dict[str, Any]:
    def shown(ctx: Context, row: Row) -> dict[str, Any]:
        uri = f"{IVRS_BASE}/{row.id}"
        return {"id": row.id, "name": row.body["name"], "division": e.home_division(ctx), "selfUri": uri}

    return e.listing(ctx, IVRS, shown)


def get_ivr(ctx: Context, ivr_id: str) -> dict[str, Any]:
    return show_ivr(ctx, e.get(ctx, IVRS, ivr_id))


def _checked(ctx: Context) -> dict[str, Any]:
    body = body_of(ctx)
    values = e.clean(IVRS, body)
    for number in values.get("dnis", []):
        phone("dnis", number)
    for field in FLOW_FIELDS:
        if field in values:
            e.must_exist(ctx, FLOWS, values[field])
    return {**body, "dnis": list(dict.fromkeys(values.get("dnis", [])))}


def post_ivr(ctx: Context) -> dict[str, Any]:
    row = e.create(ctx, IVRS, _checked(ctx))
    dids.assign(ctx, "IVR_CONFIG", row, row.body["dnis"], must_be_in_pool=True)
    return show_ivr(ctx, row)


def put_ivr(ctx: Context, ivr_id: str) -> dict[str, Any]:
    row = e.get(ctx, IVRS, ivr_id)
    e.update(ctx, IVRS, row, _checked(ctx))
    dids.assign(ctx, "IVR_CONFIG", row, row.body["dnis"], must_be_in_pool=True)
    return show_ivr(ctx, row)


def delete_ivr(ctx: Context, ivr_id: str) -> Reply:
    row = e.get(ctx, IVRS, ivr_id)
    for did in dids.owned_by(ctx, row.id):
        ctx.store.remove(did)
    e.delete(ctx, IVRS, row)
    return Reply(204)


ROUTES = [
    Route("GET", "/api/v2/organizations/me", get_org),
    Route("PUT", "/api/v2/organizations/me", put_org),
    Route("GET", "/api/v2/authorization/products", get_products),
    Route("GET", "/api/v2/authorization/divisions", list_divisions),
    Route("GET", "/api/v2/authorization/divisions/home", division),
    Route("GET", "/api/v2/authorization/divisions/{division_id}", get_division),
    Route("GET", "/api/v2/ipranges", get_ipranges),
    Route("GET", "/api/v2/telephony/mediaregions", get_media_regions),
    Route("GET", "/api/v2/telephony/prefixes/simulate/call", simulate_prefix),
    Route("GET", FLOWS.path, list_flows),
    Route("GET", f"{FLOWS.path}/divisionviews", list_flow_views),
    Route("GET", f"{FLOWS.path}/{{flow_id}}", get_flow),
    Route("GET", IVRS_BASE, list_ivrs),
    Route("POST", IVRS_BASE, post_ivr),
    Route("GET", f"{IVRS_BASE}/divisionviews", list_ivr_views),
    Route("GET", f"{IVRS_BASE}/{{ivr_id}}", get_ivr),
    Route("PUT", f"{IVRS_BASE}/{{ivr_id}}", put_ivr),
    Route("DELETE", f"{IVRS_BASE}/{{ivr_id}}", delete_ivr),
]
