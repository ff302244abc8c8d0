"""Users. Saving a PHONE address that lies in a DID pool gives the person that DID."""

from __future__ import annotations

from typing import Any

from ..core import Context
from ..http import Route
from ..store import Row
from . import dids, search
from . import entities as e
from .entities import Kind
from .errors import Problem
from .fields import body_of, each, fields, flag, one_of, phone, text, texts

BASE = "/api/v2/users"

CONTACT = fields(
    address=text,
    mediaType=one_of("PHONE", "EMAIL", "SMS"),
    type=one_of("PRIMARY", "WORK", "WORK2", "WORK3", "WORK4", "HOME", "MOBILE", "MAIN", "OTHER"),
    extension=text,
    countryCode=text,
    integration=text,
)

USERS = Kind(
    "users",
    BASE,
    "User",
    {
        "name": text,
        "email": text,
        "department": text,
        "title": text,
        "username": text,
        "preferredName": text,
        "manager": text,
        "state": one_of("active", "inactive", "deleted"),
        "acdAutoAnswer": flag,
        "addresses": each(CONTACT),
        "primaryContactInfo": each(CONTACT),
        "certifications": texts,
        "profileSkills": texts,
    },
    required=("name", "email"),
    unique=False,
    dated=False,
    total_twice=False,
)


def show(ctx: Context, row: Row) -> dict[str, Any]:
    seen = {"division": e.home_division(ctx), **e.show(ctx, USERS, row)}
    if manager := seen.pop("manager", None):
        seen["manager"] = {"id": manager, "selfUri": f"{BASE}/{manager}"}
    return seen


def list_users(ctx: Context) -> dict[str, Any]:
    asked = ctx.request.arg("state")
    return e.listing(
        ctx, USERS, show, name_filter=False, equal={"state": asked} if asked in ("active", "inactive") else {}
    )


def get_user(ctx: Context, user_id: str) -> dict[str, Any]:
    return show(ctx, e.get(ctx, USERS, user_id))


def get_me(ctx: Context) -> dict[str, Any]:
    """A client-credentials token belongs to no user: the platform answers 400 here."""
    raise Problem(
        "bad.json", why="This request requires a user context. Client credentials cannot be used for it"
    )


def post_user(ctx: Context) -> dict[str, Any]:
    body = {k: v for k, v in body_of(ctx).items() if k not in ("password", "divisionId")}
    email = str(body.get("email", "")).casefold()
    if email and any(u.body["email"].casefold() == email for u in ctx.store.rows(ctx.tenant.name, USERS.name)):
        raise Problem("name.taken", kind="User", name=body["email"])
    wanted = body.pop("addresses", None)
    row = e.create(ctx, USERS, body, extra={"username": body.get("email", "")})
    if wanted is not None:
        _own(ctx, row, {"addresses": wanted})
    return show(ctx, row)


def delete_user(ctx: Context, user_id: str) -> dict[str, Any]:
    """The person is kept, inactive and out of sight; their numbers are free again."""
    row = e.get(ctx, USERS, user_id)
    dids.assign(ctx, "USER", row, [], must_be_in_pool=False)
    e.delete(ctx, USERS, row)
    return {}


def patch_user(ctx: Context, user_id: str) -> dict[str, Any]:
    row = e.get(ctx, USERS, user_id)
    e.check_version(row, body := body_of(ctx))
    if manager := e.read(body, USERS.fields).get("manager"):
        e.must_exist(ctx, USERS, {"id": manager})
    _own(ctx, row, body)
    return show(ctx, row)


def _own(ctx: Context, row: Row, body: dict[str, Any]) -> None:
    """Amend a person, and give them the numbers among their addresses."""
    if body.get("addresses") is not None:
        body = {**body, "addresses": [_contact(c) for c in e.read(body, USERS.fields)["addresses"]]}
        wanted = [c["address"] for c in body["addresses"] if c["mediaType"] == "PHONE" and "address" in c]
        dids.assign(ctx, "USER", row, wanted, must_be_in_pool=False)
    e.update(ctx, USERS, row, body, patch=True)


def _contact(contact: dict[str, str]) -> dict[str, str]:
    for field in ("mediaType", "type"):
        if field not in contact:
            raise Problem("required", field=f"addresses.{field}")
    if contact["mediaType"] in ("PHONE", "SMS") and "address" in contact:
        phone("addresses.address", contact["address"])
    elif "address" not in contact and "extension" not in contact:
        raise Problem("required", field="addresses.address")
    shown = contact.get("address") or contact["extension"]
    return {**contact, "display": shown}


def post_search(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, USERS, show, body_of(ctx), "users")


def get_search(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, USERS, show, search.from_q64(ctx), "users")


ROUTES = [
    Route("GET", BASE, list_users),
    Route("POST", BASE, post_user),
    Route("GET", f"{BASE}/me", get_me),
    Route("GET", f"{BASE}/search", get_search),
    Route("POST", f"{BASE}/search", post_search, write=False),
    Route("GET", f"{BASE}/{{user_id}}", get_user),
    Route("DELETE", f"{BASE}/{{user_id}}", delete_user),
    Route("PATCH", f"{BASE}/{{user_id}}", patch_user),
]
