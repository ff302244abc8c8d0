"""Locations: an address that gets verified some time after it is saved, an emergency number, a contact.

What can't be verified: an address without street, city, postal code or country, one whose street holds the word
"Nowhere", and the first address of a tenant whose scenario says so.
"""

from __future__ import annotations

import time
from typing import Any

from ..core import Context, iso
from ..http import Reply, Route
from ..store import Row
from . import entities as e
from . import people, search
from .entities import Kind
from .errors import Problem
from .fields import body_of, fields, one_of, phone, text, texts

BASE = "/api/v2/locations"
ADDRESS = ("street1", "street2", "city", "state", "zipcode", "country", "countryName")
SERVICE = "Practice address service"

LOCATIONS = Kind(
    "locations",
    BASE,
    "Location",
    {
        "name": text,
        "state": one_of("active", "deleted"),
        "path": texts,
        "notes": text,
        "contactUser": text,
        "emergencyNumber": fields(e164=phone, number=text, type=one_of("default", "elin")),
        "address": fields(**dict.fromkeys(ADDRESS, text)),
    },
    dated=False,
    total_twice=False,
)


def show(ctx: Context, row: Row) -> dict[str, Any]:
    seen = e.show(ctx, LOCATIONS, row)
    if contact := seen.pop("contactUser", None):
        seen["contactUser"] = {"id": contact, "selfUri": f"/api/v2/users/{contact}"}
    seen["addressStored"] = "address" in seen
    seen["addressVerified"] = False
    if check := row.body.get("_check"):
        details = {"dateStarted": check["started"], "service": SERVICE}
        if time.time() < check["due"]:
            details["status"] = "Pending"
        else:
            details |= {"status": check["result"], "dateFinished": check["finished"]}
            seen["addressVerified"] = check["result"] == "Complete"
        if "addressVerificationDetails" in ctx.request.arg("expand").split(","):
            seen["addressVerificationDetails"] = details
    return seen


def verified(row: Row) -> str:
    """`Complete`, `Failed`, `Pending`, or `""` when there is no address."""
    check = row.body.get("_check")
    return "" if check is None else "Pending" if time.time() < check["due"] else check["result"]


def verify(ctx: Context, row: Row) -> None:
    address = row.body.get("address", {})
    whole = all(address.get(k, "").strip() for k in ("street1", "city", "zipcode", "country"))
    bad = not whole or "nowhere" in address["street1"].lower() or _unknown(ctx, address)
    row.body["_check"] = {
        "started": iso(ctx.stamp),
        "finished": iso(ctx.stamp),
        "due": ctx.due(),
        "result": "Failed" if bad else "Complete",
    }
    ctx.store.save(row)


def _unknown(ctx: Context, address: dict[str, str]) -> bool:
    """Whether the scenario's address service does not know it: the first address it is ever asked about."""
    if not ctx.tenant.get("address_unknown"):
        return False
    asked = " ".join(address.get(k, "").strip().lower() for k in ADDRESS)
    if not ctx.tenant.settings.get("unknown_address"):
        ctx.core.change_settings(ctx.tenant, {"unknown_address": asked})
    return asked == ctx.tenant.settings["unknown_address"]


def list_locations(ctx: Context) -> dict[str, Any]:
    return e.listing(ctx, LOCATIONS, show, name_filter=False)


def get_location(ctx: Context, location_id: str) -> dict[str, Any]:
    return show(ctx, e.get(ctx, LOCATIONS, location_id))


def post_location(ctx: Context) -> dict[str, Any]:
    body = _checked(ctx, body_of(ctx), "")
    row = e.create(ctx, LOCATIONS, body)
    if "address" in row.body:
        verify(ctx, row)
    return show(ctx, row)


def patch_location(ctx: Context, location_id: str) -> dict[str, Any]:
    row = e.get(ctx, LOCATIONS, location_id)
    e.check_version(row, body := body_of(ctx))
    if body.get("address") is not None and row.body.get("emergencyNumber") and verified(row) != "Failed":
        raise Problem("address.locked", entity_id=row.id)
    body = _checked(ctx, body, row.id)
    if body.get("state") == "deleted":
        delete_location(ctx, location_id)
        return show(ctx, row)
    e.update(ctx, LOCATIONS, row, body, patch=True)
    if body.get("address") is not None:
        verify(ctx, row)
    return show(ctx, row)


def delete_location(ctx: Context, location_id: str) -> Reply:
    from .sites import SITES

    row = e.get(ctx, LOCATIONS, location_id)
    users = ctx.store.rows(
        ctx.tenant.name,
        SITES.name,
        where="json_extract(body, '$.location.id') = ?",
        args=(row.id,),
        limit=1,
        hidden=True,
    )
    if users:
        raise Problem(
            "in.use", kind="Location", name=row.body["name"], user=f"site '{users[0].body['name']}'"
        )
    if below := _below(ctx, row):
        raise Problem("in.use", kind="Location", name=row.body["name"], user=f"location '{below[0].body['name']}'")
    e.delete(ctx, LOCATIONS, row)
    return Reply(204)


def _checked(ctx: Context, body: dict[str, Any], own_id: str) -> dict[str, Any]:
    values = e.read(body, LOCATIONS.fields)
    if body.get("notes") == "":
        raise Problem("required", field="notes")
    if contact := values.get("contactUser"):
        e.must_exist(ctx, people.USERS, {"id": contact})
    for parent in values.get("path", []):
        if parent == own_id:
            raise Problem("bad.value", field="path", value=parent, why="A location cannot be its own parent.")
        e.must_exist(ctx, LOCATIONS, {"id": parent})
    if number := values.get("emergencyNumber"):
        e164 = number.get("e164") or number.get("number", "")
        phone("emergencyNumber.number", e164)
        owner = ctx.store.rows(
            ctx.tenant.name, LOCATIONS.name, where="json_extract(body, '$.emergencyNumber.e164') = ? AND id != ?",
            args=(e164, own_id), limit=1,
        )  # fmt: skip
        if owner:
            raise Problem("emergency.taken", number=e164, name=owner[0].body["name"])
        body = {
            **body,
            "emergencyNumber": {"e164": e164, "number": e164, "type": number.get("type", "default")},
        }
    return body


def _below(ctx: Context, row: Row) -> list[Row]:
    every = ctx.store.rows(ctx.tenant.name, LOCATIONS.name, order="name")
    return [r for r in every if row.id in r.body.get("path", [])]


def sublocations(ctx: Context, location_id: str) -> dict[str, Any]:
    below = _below(ctx, e.get(ctx, LOCATIONS, location_id))
    return e.envelope(ctx, [show(ctx, r) for r in below], len(below), total_twice=False)


def post_search(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, LOCATIONS, show, body_of(ctx), "locations")


def get_search(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, LOCATIONS, show, search.from_q64(ctx), "locations")


ROUTES = [
    Route("GET", BASE, list_locations),
    Route("POST", BASE, post_location),
    Route("GET", f"{BASE}/search", get_search),
    Route("POST", f"{BASE}/search", post_search, write=False),
    Route("GET", f"{BASE}/{{location_id}}", get_location),
    Route("PATCH", f"{BASE}/{{location_id}}", patch_location),
    Route("DELETE", f"{BASE}/{{location_id}}", delete_location),
    Route("GET", f"{BASE}/{{location_id}}/sublocations", sublocations),
]
