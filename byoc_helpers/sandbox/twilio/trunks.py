"""Elastic SIP trunks: termination domain, origination URLs, authentication, recording (trunking.twilio.com, v1).

A deleted trunk's domain stays reserved for 30 days, for everyone; the tenant setting `domain_reserved_seconds`
shortens that.
"""

from __future__ import annotations

import re
from typing import Any

from ..core import Context
from ..http import Reply, Route
from ..store import Row
from . import numbers, sip
from . import resources as r
from .errors import Problem

TRUNKS, ORIGINATION = "tw.tk", "tw.ou"
BASE = "/v1/Trunks"
DOMAIN_SCOPE = "tw.domain"
RESERVED_SECONDS = 30 * 86_400
MAX_TRUNKS, MAX_URLS = 100, 10
SUFFIX = ".pstn.twilio.com"
DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
SIP_URL = re.compile(r"sip:([^@\s;?/]+@)?([A-Za-z0-9.-]+)(:[0-9]{1,5})?((;[^\s?;]+)*)(\?\S*)?", re.IGNORECASE)

CHOICES = {
    "DisasterRecoveryMethod": ("disaster_recovery_method", ("GET", "POST")),
    "TransferMode": ("transfer_mode", ("disable-all", "enable-all", "sip-only")),
    "TransferCallerId": ("transfer_caller_id", ("from-transferee", "from-transferor")),
}
FLAGS = {"Secure": "secure", "CnamLookupEnabled": "cnam_lookup_enabled"}
MODES = (
    "do-not-record", "record-from-ringing", "record-from-answer", "record-from-ringing-dual", "record-from-answer-dual",
)  # fmt: skip
TRIMS = ("trim-silence", "do-not-trim")
DEFAULTS: dict[str, Any] = {
    "friendly_name": None,
    "domain_name": None,
    "secure": False,
    "cnam_lookup_enabled": False,
    "symmetric_rtp_enabled": False,
    "recording": {"mode": "do-not-record", "trim": "do-not-trim"},
    "transfer_mode": "disable-all",
    "transfer_caller_id": "from-transferee",
    "disaster_recovery_url": None,
    "disaster_recovery_method": "POST",
}
SUBRESOURCES = {
    "origination_urls": "OriginationUrls",
    "credential_lists": "CredentialLists",
    "ip_access_control_lists": "IpAccessControlLists",
    "phone_numbers": "PhoneNumbers",
}


def show(ctx: Context, row: Row) -> dict[str, Any]:
    url = f"{r.origin(ctx.request, 'trunking')}{BASE}/{row.id}"
    kinds = [
        word
        for word, kind in (("IP_ACL", sip.LISTS), ("CREDENTIAL_LIST", sip.CREDENTIAL_LISTS))
        if ctx.store.rows(ctx.tenant.name, sip.ON_TRUNK[kind], parent=row.id, limit=1)
    ]
    return {
        "sid": row.id,
        "account_sid": ctx.tenant.account_sid,
        **{k: row.body[k] for k in DEFAULTS},
        "auth_type": ",".join(kinds),
        "auth_type_set": kinds,
        **r.dates(row, v1=True),
        "url": url,
        "links": {key: f"{url}/{path}" for key, path in SUBRESOURCES.items()},
    }


def _values(ctx: Context, held: dict[str, Any], own_id: str) -> dict[str, Any]:
    form = ctx.request.form()
    values = dict(held)
    if "FriendlyName" in form:
        if not 1 <= len(form["FriendlyName"]) <= 64:
            raise Problem(20002, why="it must have 1 to 64 characters")
        values["friendly_name"] = form["FriendlyName"]
    if "DomainName" in form:
        values["domain_name"] = _domain(ctx, form["DomainName"], own_id) if form["DomainName"] else None
    if "DisasterRecoveryUrl" in form:
        values["disaster_recovery_url"] = form["DisasterRecoveryUrl"] or None
    for field, (key, allowed) in CHOICES.items():
        if form.get(field):
            values[key] = r.choice(form, field, allowed)
    for field, key in FLAGS.items():
        if form.get(field):
            values[key] = r.boolean(form, field)
    return values


def _domain(ctx: Context, name: str, own_id: str) -> str:
    label = name.lower().removesuffix(SUFFIX)
    if not name.lower().endswith(SUFFIX) or not DOMAIN.fullmatch(label):
        raise Problem(21245, why=f"the domain name must be letters, digits and dashes and end in {SUFFIX}")
    held = ctx.store.claim_of(DOMAIN_SCOPE, name)
    if held and held.tenant == ctx.tenant.name and held.until is None:
        if held.owner != own_id:
            raise Problem(21245, why=f"another trunk of this account has the domain {name}")
    elif held:
        raise Problem(21248, name=name)
    if "." in label:
        above = ctx.store.claim_of(DOMAIN_SCOPE, label.partition(".")[2] + SUFFIX)
        if above is None or above.tenant != ctx.tenant.name or above.until is not None:
            raise Problem(21247, why=f"{label.partition('.')[2]}{SUFFIX} must exist first")
    return name


def _move_claim(ctx: Context, row: Row, before: str | None) -> None:
    after = row.body["domain_name"]
    if before and (after or "").lower() != before.lower():
        _no_subdomains(ctx, before)
        ctx.store.release(DOMAIN_SCOPE, before, ctx.tenant.get("domain_reserved_seconds", RESERVED_SECONDS))
    if after:
        ctx.store.claim(DOMAIN_SCOPE, after, ctx.tenant.name, row.id)


def _no_subdomains(ctx: Context, name: str) -> None:
    end = "." + name.lower()
    if any(t.name.endswith(end) for t in ctx.store.rows(ctx.tenant.name, TRUNKS)):
        raise Problem(21247, why=f"{name} has sub-domains")


def list_trunks(ctx: Context) -> dict[str, Any]:
    return r.listing_v1(ctx, TRUNKS, "trunks", show)


def create_trunk(ctx: Context) -> Reply:
    values = _values(ctx, DEFAULTS, "")
    if ctx.store.count(ctx.tenant.name, TRUNKS) >= MAX_TRUNKS:
        raise Problem(21244, limit=str(MAX_TRUNKS))
    row = r.new(ctx, TRUNKS, ctx.sid("TK"), values, name=values["domain_name"] or "")
    _move_claim(ctx, row, None)
    return Reply.json(show(ctx, row), 201)


def get_trunk(ctx: Context, trunk: str) -> dict[str, Any]:
    return show(ctx, r.get(ctx, TRUNKS, trunk))


def update_trunk(ctx: Context, trunk: str) -> dict[str, Any]:
    row = r.get(ctx, TRUNKS, trunk)
    before = row.body["domain_name"]
    row.body |= _values(ctx, {k: row.body[k] for k in DEFAULTS}, row.id)
    row.name = row.body["domain_name"] or ""
    r.save(ctx, row)
    _move_claim(ctx, row, before)
    return show(ctx, row)


def delete_trunk(ctx: Context, trunk: str) -> Reply:
    row = r.get(ctx, TRUNKS, trunk)
    if row.body["domain_name"]:
        _no_subdomains(ctx, row.body["domain_name"])
    for kind in (ORIGINATION, *sip.ON_TRUNK.values()):
        for below in ctx.store.rows(ctx.tenant.name, kind, parent=trunk):
            ctx.store.remove(below)
    for number in ctx.store.rows(ctx.tenant.name, numbers.NUMBERS, parent=trunk):
        numbers.attach(ctx, number, "")
    ctx.store.remove(row)
    row.body["domain_name"], before = None, row.body["domain_name"]
    if before:
        ctx.store.release(DOMAIN_SCOPE, before, ctx.tenant.get("domain_reserved_seconds", RESERVED_SECONDS))
    return Reply(204)


def get_recording(ctx: Context, trunk: str) -> dict[str, Any]:
    return r.get(ctx, TRUNKS, trunk).body["recording"]


def update_recording(ctx: Context, trunk: str) -> dict[str, Any]:
    row, form = r.get(ctx, TRUNKS, trunk), ctx.request.form()
    for field, key, allowed in (("Mode", "mode", MODES), ("Trim", "trim", TRIMS)):
        if form.get(field):
            row.body["recording"][key] = r.choice(form, field, allowed)
    return r.save(ctx, row).body["recording"]


# origination URLs


def show_url(ctx: Context, row: Row) -> dict[str, Any]:
    return {
        "sid": row.id,
        "account_sid": ctx.tenant.account_sid,
        "trunk_sid": row.parent,
        **{k: row.body[k] for k in ("friendly_name", "sip_url", "priority", "weight", "enabled")},
        **r.dates(row, v1=True),
        "url": f"{r.origin(ctx.request, 'trunking')}{BASE}/{row.parent}/OriginationUrls/{row.id}",
    }


def _url_values(ctx: Context, held: dict[str, Any]) -> dict[str, Any]:
    form, values = ctx.request.form(), dict(held)
    if not held:
        r.required(form, "Weight", "Priority", "Enabled", "FriendlyName", "SipUrl")
    if "FriendlyName" in form:
        if not 1 <= len(form["FriendlyName"]) <= 64:
            raise Problem(20002, why="it must have 1 to 64 characters")
        values["friendly_name"] = form["FriendlyName"]
    if "SipUrl" in form:
        values["sip_url"] = form["SipUrl"]
        url = SIP_URL.fullmatch(form["SipUrl"])
        if url is None:
            raise Problem(20001, why="SipUrl must be a SIP URI: sip:host")
        if url[2].lower().endswith((".pstn.twilio.com", ".sip.twilio.com")):
            raise Problem(32219, why=f"{url[2]} belongs to Twilio")
    for field, key in (("Priority", "priority"), ("Weight", "weight")):
        if form.get(field):
            values[key] = r.integer(form, field, 0, 65_535)
    if form.get("Enabled"):
        values["enabled"] = r.boolean(form, "Enabled")
    return values


def list_urls(ctx: Context, trunk: str) -> dict[str, Any]:
    return r.listing_v1(ctx, ORIGINATION, "origination_urls", show_url, parent=r.get(ctx, TRUNKS, trunk).id)


def create_url(ctx: Context, trunk: str) -> Reply:
    r.get(ctx, TRUNKS, trunk)
    values = _url_values(ctx, {})
    if ctx.store.count(ctx.tenant.name, ORIGINATION, parent=trunk) >= MAX_URLS:
        raise Problem(21249, limit=str(MAX_URLS))
    row = r.new(ctx, ORIGINATION, ctx.sid("OU"), values, name=values["friendly_name"], parent=trunk)
    return Reply.json(show_url(ctx, row), 201)


def get_url(ctx: Context, trunk: str, sid: str) -> dict[str, Any]:
    return show_url(ctx, r.get(ctx, ORIGINATION, sid, trunk))


def update_url(ctx: Context, trunk: str, sid: str) -> dict[str, Any]:
    row = r.get(ctx, ORIGINATION, sid, trunk)
    row.body |= _url_values(ctx, row.body)
    return show_url(ctx, r.save(ctx, row))


def delete_url(ctx: Context, trunk: str, sid: str) -> Reply:
    ctx.store.remove(r.get(ctx, ORIGINATION, sid, trunk))
    return Reply(204)


# lists attached to a trunk: the association's SID is the list's


def _attached(kind: str, path: str, key: str, field: str) -> list[Route]:
    link = sip.ON_TRUNK[kind]

    def shown(ctx: Context, row: Row) -> dict[str, Any]:
        sid = row.body["sid"]
        held = ctx.store.get(ctx.tenant.name, kind, sid)
        return {
            "sid": sid,
            "account_sid": ctx.tenant.account_sid,
            "trunk_sid": row.parent,
            "friendly_name": held.body["friendly_name"] if held else "",
            **r.dates(row, v1=True),
            "url": f"{r.origin(ctx.request, 'trunking')}{BASE}/{row.parent}/{path}/{sid}",
        }

    def many(ctx: Context, trunk: str) -> dict[str, Any]:
        return r.listing_v1(ctx, link, key, shown, parent=r.get(ctx, TRUNKS, trunk).id)

    def attach(ctx: Context, trunk: str) -> Reply:
        r.get(ctx, TRUNKS, trunk)
        [sid] = r.required(ctx.request.form(), field)
        if ctx.store.get(ctx.tenant.name, kind, sid) is None:
            raise Problem(20404)
        if ctx.store.get(ctx.tenant.name, link, f"{trunk}-{sid}"):
            raise Problem(21245, why=f"{sid} is already associated with this trunk")
        row = r.new(ctx, link, f"{trunk}-{sid}", {"sid": sid}, name=sid, parent=trunk)
        return Reply.json(shown(ctx, row), 201)

    def one(ctx: Context, trunk: str, sid: str) -> dict[str, Any]:
        return shown(ctx, r.get(ctx, link, f"{trunk}-{sid}"))

    def detach(ctx: Context, trunk: str, sid: str) -> Reply:
        ctx.store.remove(r.get(ctx, link, f"{trunk}-{sid}"))
        return Reply(204)

    here = f"{BASE}/{{trunk}}/{path}"
    return [
        Route("GET", here, many),
        Route("POST", here, attach),
        Route("GET", f"{here}/{{sid}}", one),
        Route("DELETE", f"{here}/{{sid}}", detach),
    ]


# numbers on a trunk


def show_number(ctx: Context, row: Row) -> dict[str, Any]:
    seen = numbers.show(ctx, row)
    url = f"{r.origin(ctx.request, 'trunking')}{BASE}/{row.parent}/PhoneNumbers/{row.id}"
    api = f"{r.origin(ctx.request, 'api')}{sip.base(ctx)}/IncomingPhoneNumbers/{row.id}"
    shared = {k: seen[k] for k in numbers.ON_TRUNK_FIELDS}
    return {**shared, **r.dates(row, v1=True), "url": url, "links": {"phone_number": api}}


def list_numbers(ctx: Context, trunk: str) -> dict[str, Any]:
    return r.listing_v1(
        ctx, numbers.NUMBERS, "phone_numbers", show_number, parent=r.get(ctx, TRUNKS, trunk).id
    )


def attach_number(ctx: Context, trunk: str) -> Reply:
    """Attach a number; one that another trunk has must be detached there first."""
    r.get(ctx, TRUNKS, trunk)
    [sid] = r.required(ctx.request.form(), "PhoneNumberSid")
    row = r.get(ctx, numbers.NUMBERS, sid)
    if row.parent:
        raise Problem(21245, why=f"{row.body['phone_number']} is already associated with trunk {row.parent}")
    return Reply.json(show_number(ctx, numbers.attach(ctx, row, trunk)), 201)


def get_number(ctx: Context, trunk: str, sid: str) -> dict[str, Any]:
    return show_number(ctx, r.get(ctx, numbers.NUMBERS, sid, trunk))


def detach_number(ctx: Context, trunk: str, sid: str) -> Reply:
    numbers.attach(ctx, r.get(ctx, numbers.NUMBERS, sid, trunk), "")
    return Reply(204)


ONE = f"{BASE}/{{trunk}}"
ROUTES = [
    Route("GET", BASE, list_trunks),
    Route("POST", BASE, create_trunk),
    Route("GET", ONE, get_trunk),
    Route("POST", ONE, update_trunk),
    Route("DELETE", ONE, delete_trunk),
    Route("GET", f"{ONE}/Recording", get_recording),
    Route("POST", f"{ONE}/Recording", update_recording),
    Route("GET", f"{ONE}/OriginationUrls", list_urls),
    Route("POST", f"{ONE}/OriginationUrls", create_url),
    Route("GET", f"{ONE}/OriginationUrls/{{sid}}", get_url),
    Route("POST", f"{ONE}/OriginationUrls/{{sid}}", update_url),
    Route("DELETE", f"{ONE}/OriginationUrls/{{sid}}", delete_url),
    *_attached(sip.LISTS, "IpAccessControlLists", "ip_access_control_lists", "IpAccessControlListSid"),
    *_attached(sip.CREDENTIAL_LISTS, "CredentialLists", "credential_lists", "CredentialListSid"),
    Route("GET", f"{ONE}/PhoneNumbers", list_numbers),
    Route("POST", f"{ONE}/PhoneNumbers", attach_number),
    Route("GET", f"{ONE}/PhoneNumbers/{{sid}}", get_number),
    Route("DELETE", f"{ONE}/PhoneNumbers/{{sid}}", detach_number),
]
