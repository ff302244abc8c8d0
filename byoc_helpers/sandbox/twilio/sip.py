"""IP access control lists with their addresses, credential lists with their credentials (2010 API)."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ..core import Context
from ..http import Reply, Route
from ..store import Row
from . import resources as r
from .errors import Problem

ACCOUNT = "/2010-04-01/Accounts/{account_sid}"
LISTS, ADDRESSES, CREDENTIAL_LISTS, CREDENTIALS = "tw.al", "tw.ip", "tw.cl", "tw.cr"
ON_TRUNK = {LISTS: "tw.trunk-al", CREDENTIAL_LISTS: "tw.trunk-cl"}
REALM = "sip.twilio.com"
LIMITS = {LISTS: 1000, ADDRESSES: 100, CREDENTIAL_LISTS: 100, CREDENTIALS: 1000}
NAME = {LISTS: 255, CREDENTIAL_LISTS: 64}
INVALID = {LISTS: 21235, CREDENTIAL_LISTS: 21240}
TOO_MANY = {LISTS: 21255, ADDRESSES: 21237, CREDENTIAL_LISTS: 21239, CREDENTIALS: 21242}
MAPPED = {LISTS: 21236, CREDENTIAL_LISTS: 21241}
PATHS = {LISTS: "IpAccessControlLists", CREDENTIAL_LISTS: "CredentialLists"}
CHILDREN = {LISTS: ("ip_addresses", "IpAddresses"), CREDENTIAL_LISTS: ("credentials", "Credentials")}


def base(ctx: Context) -> str:
    return f"/2010-04-01/Accounts/{ctx.tenant.account_sid}"


def show_list(ctx: Context, row: Row) -> dict[str, Any]:
    """Either kind of list: they differ in nothing but names."""
    here = f"{base(ctx)}/SIP/{PATHS[row.kind]}/{row.id}"
    key, below = CHILDREN[row.kind]
    return {
        "sid": row.id,
        "account_sid": ctx.tenant.account_sid,
        "friendly_name": row.body["friendly_name"],
        **r.dates(row),
        "subresource_uris": {key: f"{here}/{below}.json"},
        "uri": f"{here}.json",
    }


def _name(ctx: Context, kind: str, own_id: str = "") -> str:
    name = ctx.request.form().get("FriendlyName", "").strip()
    if not 1 <= len(name) <= NAME[kind]:
        raise Problem(INVALID[kind], why=f"FriendlyName must have 1 to {NAME[kind]} characters")
    other = ctx.store.named(ctx.tenant.name, kind, name)
    if other and other.id != own_id:
        raise Problem(INVALID[kind], why=f"FriendlyName {name} already exists")
    return name


def room(ctx: Context, kind: str, parent: str | None = None) -> None:
    if ctx.store.count(ctx.tenant.name, kind, parent=parent) >= LIMITS[kind]:
        raise Problem(TOO_MANY[kind], limit=str(LIMITS[kind]))


def _create_list(kind: str, prefix: str) -> Any:
    def create(ctx: Context, account_sid: str) -> Reply:
        name = _name(ctx, kind)
        room(ctx, kind)
        row = r.new(ctx, kind, ctx.sid(prefix), {"friendly_name": name}, name=name)
        return Reply.json(show_list(ctx, row), 201)

    return create


def _list_lists(kind: str, key: str) -> Any:
    return lambda ctx, account_sid: r.listing_2010(ctx, kind, key, show_list)


def _get_list(kind: str) -> Any:
    return lambda ctx, account_sid, sid: show_list(ctx, r.get(ctx, kind, sid))


def _update_list(kind: str) -> Any:
    def update(ctx: Context, account_sid: str, sid: str) -> dict[str, Any]:
        row = r.get(ctx, kind, sid)
        row.name = row.body["friendly_name"] = _name(ctx, kind, row.id)
        return show_list(ctx, r.save(ctx, row))

    return update


def _delete_list(kind: str, child: str) -> Any:
    def delete(ctx: Context, account_sid: str, sid: str) -> Reply:
        row = r.get(ctx, kind, sid)
        mapped = ctx.store.rows(
            ctx.tenant.name, ON_TRUNK[kind], where="name = ?", args=(sid.lower(),), limit=1
        )
        if mapped:
            raise Problem(MAPPED[kind], name=row.body["friendly_name"], trunk=mapped[0].parent)
        for below in ctx.store.rows(ctx.tenant.name, child, parent=sid):
            ctx.store.remove(below)
        ctx.store.remove(row)
        return Reply(204)

    return delete


# addresses


def show_address(ctx: Context, row: Row) -> dict[str, Any]:
    here = f"{base(ctx)}/SIP/{PATHS[LISTS]}/{row.parent}/IpAddresses"
    return {
        "sid": row.id,
        "account_sid": ctx.tenant.account_sid,
        "ip_access_control_list_sid": row.parent,
        "friendly_name": row.body["friendly_name"],
        "ip_address": row.body["ip_address"],
        "cidr_prefix_length": row.body["cidr_prefix_length"],
        **r.dates(row),
        "uri": f"{here}/{row.id}.json",
    }


def _address(ctx: Context, parent: str, held: dict[str, Any], own_id: str) -> dict[str, Any]:
    form = ctx.request.form()
    if not held:
        for field in ("FriendlyName", "IpAddress"):
            if not form.get(field, "").strip():
                raise Problem(21238, why=f"{field} is required")
    name = form.get("FriendlyName", held.get("friendly_name", "")).strip()
    if not 1 <= len(name) <= 255:
        raise Problem(21238, why="FriendlyName must have 1 to 255 characters")
    ip = form.get("IpAddress", held.get("ip_address", ""))
    try:
        ipaddress.IPv4Address(ip)
    except ValueError as error:
        raise Problem(21238, why=f"{ip} is not a complete IPv4 address") from error
    prefix = held.get("cidr_prefix_length", 32)
    if form.get("CidrPrefixLength"):
        # 0 is stored as 32: seen by users of the community Terraform provider (issue 137).
        prefix = r.integer(form, "CidrPrefixLength", 0, 32, 21238) or 32
    for other in ctx.store.rows(ctx.tenant.name, ADDRESSES, parent=parent):
        if other.id != own_id and (other.body["ip_address"], other.body["cidr_prefix_length"]) == (
            ip,
            prefix,
        ):
            raise Problem(21235, why=f"the list already contains {ip}/{prefix}")
        if other.id != own_id and other.body["friendly_name"].casefold() == name.casefold():
            raise Problem(21235, why=f"the list already contains an address named {name}")
    return {"friendly_name": name, "ip_address": ip, "cidr_prefix_length": prefix}


def list_addresses(ctx: Context, account_sid: str, al: str) -> dict[str, Any]:
    return r.listing_2010(ctx, ADDRESSES, "ip_addresses", show_address, parent=r.get(ctx, LISTS, al).id)


def create_address(ctx: Context, account_sid: str, al: str) -> Reply:
    r.get(ctx, LISTS, al)
    values = _address(ctx, al, {}, "")
    room(ctx, ADDRESSES, al)
    row = r.new(ctx, ADDRESSES, ctx.sid("IP"), values, name=values["friendly_name"], parent=al)
    return Reply.json(show_address(ctx, row), 201)


def get_address(ctx: Context, account_sid: str, al: str, sid: str) -> dict[str, Any]:
    return show_address(ctx, r.get(ctx, ADDRESSES, sid, al))


def update_address(ctx: Context, account_sid: str, al: str, sid: str) -> dict[str, Any]:
    row = r.get(ctx, ADDRESSES, sid, al)
    row.body |= _address(ctx, al, row.body, sid)
    row.name = row.body["friendly_name"]
    return show_address(ctx, r.save(ctx, row))


def delete_address(ctx: Context, account_sid: str, al: str, sid: str) -> Reply:
    ctx.store.remove(r.get(ctx, ADDRESSES, sid, al))
    return Reply(204)


# credentials


def show_credential(ctx: Context, row: Row) -> dict[str, Any]:
    """A credential; its password was never kept."""
    here = f"{base(ctx)}/SIP/{PATHS[CREDENTIAL_LISTS]}/{row.parent}/Credentials"
    return {
        "sid": row.id,
        "account_sid": ctx.tenant.account_sid,
        "credential_list_sid": row.parent,
        "username": row.body["username"],
        **r.dates(row),
        "uri": f"{here}/{row.id}.json",
    }


def _sealed(ctx: Context, username: str) -> str:
    password = ctx.request.form().get("Password", "")
    rules = ("[A-Z]", "[a-z]", "[0-9]", ".{12,}")
    if not all(re.search(rule, password) for rule in rules):
        raise Problem(
            21243,
            why="Password must have at least 12 characters, with upper and lower case letters and a digit",
        )
    return ctx.core.seal(username, REALM, password)


def list_credentials(ctx: Context, account_sid: str, cl: str) -> dict[str, Any]:
    r.get(ctx, CREDENTIAL_LISTS, cl)
    return r.listing_2010(ctx, CREDENTIALS, "credentials", show_credential, parent=cl)


def create_credential(ctx: Context, account_sid: str, cl: str) -> Reply:
    r.get(ctx, CREDENTIAL_LISTS, cl)
    username = ctx.request.form().get("Username", "")
    if not 1 <= len(username) <= 32:
        raise Problem(21243, why="Username must have 1 to 32 characters")
    sealed = _sealed(ctx, username)
    if ctx.store.named(ctx.tenant.name, CREDENTIALS, username, cl):
        raise Problem(21243, why=f"Username {username} already exists in this list")
    room(ctx, CREDENTIALS, cl)
    body = {"username": username, "_sealed": sealed}
    row = r.new(ctx, CREDENTIALS, ctx.sid("CR"), body, name=username, parent=cl)
    return Reply.json(show_credential(ctx, row), 201)


def get_credential(ctx: Context, account_sid: str, cl: str, sid: str) -> dict[str, Any]:
    return show_credential(ctx, r.get(ctx, CREDENTIALS, sid, cl))


def update_credential(ctx: Context, account_sid: str, cl: str, sid: str) -> dict[str, Any]:
    row = r.get(ctx, CREDENTIALS, sid, cl)
    row.body["_sealed"] = _sealed(ctx, row.body["username"])
    return show_credential(ctx, r.save(ctx, row))


def delete_credential(ctx: Context, account_sid: str, cl: str, sid: str) -> Reply:
    ctx.store.remove(r.get(ctx, CREDENTIALS, sid, cl))
    return Reply(204)


def _list_routes(kind: str, key: str, prefix: str, child: str) -> list[Route]:
    path = f"{ACCOUNT}/SIP/{PATHS[kind]}"
    return [
        Route("GET", f"{path}.json", _list_lists(kind, key)),
        Route("POST", f"{path}.json", _create_list(kind, prefix)),
        Route("GET", f"{path}/{{sid}}.json", _get_list(kind)),
        Route("POST", f"{path}/{{sid}}.json", _update_list(kind)),
        Route("DELETE", f"{path}/{{sid}}.json", _delete_list(kind, child)),
    ]


AL = f"{ACCOUNT}/SIP/IpAccessControlLists/{{al}}/IpAddresses"
CL = f"{ACCOUNT}/SIP/CredentialLists/{{cl}}/Credentials"

ROUTES = [
    *_list_routes(LISTS, "ip_access_control_lists", "AL", ADDRESSES),
    *_list_routes(CREDENTIAL_LISTS, "credential_lists", "CL", CREDENTIALS),
    Route("GET", f"{AL}.json", list_addresses),
    Route("POST", f"{AL}.json", create_address),
    Route("GET", f"{AL}/{{sid}}.json", get_address),
    Route("POST", f"{AL}/{{sid}}.json", update_address),
    Route("DELETE", f"{AL}/{{sid}}.json", delete_address),
    Route("GET", f"{CL}.json", list_credentials),
    Route("POST", f"{CL}.json", create_credential),
    Route("GET", f"{CL}/{{sid}}.json", get_credential),
    Route("POST", f"{CL}/{{sid}}.json", update_credential),
    Route("DELETE", f"{CL}/{{sid}}.json", delete_credential),
]
