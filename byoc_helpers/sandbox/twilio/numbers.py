"""Phone numbers an account owns, the account itself, and its call log (2010 API)."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers

from ..core import Context
from ..http import Reply, Route
from ..store import Row, name_like
from . import resources as r
from . import sip
from .errors import Problem

NUMBERS, CALLS = "tw.pn", "tw.ca"
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
ALIKE = (
    "sms_url", "sms_fallback_url", "voice_url", "voice_fallback_url", "status_callback",
)  # fmt: skip
METHODS = (
    "sms_method",
    "sms_fallback_method",
    "voice_method",
    "voice_fallback_method",
    "status_callback_method",
)
TYPES = {"Local": "local", "Mobile": "mobile", "TollFree": "toll-free"}
ON_TRUNK_FIELDS = (
    "sid", "account_sid", "trunk_sid", "phone_number", "friendly_name", "capabilities", "address_requirements", "beta",
    "api_version", "voice_url", "voice_method", "voice_fallback_url", "voice_fallback_method", "voice_caller_id_lookup",
    "voice_application_sid", "sms_url", "sms_method", "sms_fallback_url", "sms_fallback_method", "sms_application_sid",
    "status_callback", "status_callback_method",
)  # fmt: skip


def show(ctx: Context, row: Row) -> dict[str, Any]:
    return {
        "sid": row.id,
        "account_sid": ctx.tenant.account_sid,
        "trunk_sid": row.parent or None,
        **{k: v for k, v in row.body.items() if k[0] != "_"},
        **r.dates(row),
        "uri": f"{sip.base(ctx)}/IncomingPhoneNumbers/{row.id}.json",
    }


def lacks(ctx: Context, wanted: list[str]) -> list[str]:
    """Which of these E.164 numbers the account does not own."""
    return [n for n in dict.fromkeys(wanted) if not ctx.store.named(ctx.tenant.name, NUMBERS, n)]


def own(ctx: Context, number: str, name: str = "") -> Row:
    """Give the account a number."""
    body = {
        "phone_number": number,
        "friendly_name": name or _pretty(number),
        "capabilities": {"voice": True, "sms": True, "mms": number.startswith("+1"), "fax": False},
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        **dict.fromkeys(ALIKE, ""),
        **dict.fromkeys(METHODS, "POST"),
        "sms_application_sid": None,
        "voice_application_sid": None,
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        "identity_sid": None,
        "address_sid": None,
        "bundle_sid": None,
        "emergency_status": "Inactive",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "origin": "twilio",
        "status": "in-use",
        "type": "local",
    }
    return r.new(ctx, NUMBERS, ctx.sid("PN"), body, name=number)


def _pretty(number: str) -> str:
    """Twilio names a North American number "(503) 555-0100", any other by its E.164 form."""
    if number.startswith("+1") and len(number) == 12:
        parsed = phonenumbers.parse(number)
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return number


def attach(ctx: Context, row: Row, trunk: str) -> Row:
    """Put a number on a trunk, or on none (""). The two ways of answering calls exclude each other."""
    row.parent = trunk
    if trunk:
        row.body["voice_application_sid"] = None
    return r.save(ctx, row)


def _listing(ctx: Context, kind: str = "") -> dict[str, Any]:
    conditions: list[str] = []
    args: list[Any] = []
    if wanted := ctx.request.arg("PhoneNumber"):
        # A "+" is found at the beginning of a number only.
        begins = wanted.startswith("+")
        condition, values = name_like(f"{wanted}*" if begins else wanted, contains=not begins)
        conditions.append(condition)
        args += values
    for field, path in (("FriendlyName", "friendly_name"), ("Origin", "origin")):
        if value := ctx.request.arg(field):
            conditions.append(f"json_extract(body, '$.{path}') = ?")
            args.append(value)
    if kind:
        conditions.append("json_extract(body, '$.type') = ?")
        args.append(kind)

    def shown(ctx: Context, row: Row) -> dict[str, Any]:
        seen = show(ctx, row)
        if kind:
            del seen["type"]
        return seen

    where = " AND ".join(conditions)
    return r.listing_2010(ctx, NUMBERS, "incoming_phone_numbers", shown, where=where, args=tuple(args))


def list_numbers(ctx: Context, account_sid: str) -> dict[str, Any]:
    return _listing(ctx)


def _typed(kind: str) -> Any:
    return lambda ctx, account_sid: _listing(ctx, kind)


def buy(ctx: Context, account_sid: str) -> Reply:
    """Buying costs nothing here: any E.164 number the account does not own yet."""
    form = ctx.request.form()
    [number] = r.required(form, "PhoneNumber")
    if not E164.fullmatch(number):
        raise Problem(21421, number=number)
    if not lacks(ctx, [number]):
        raise Problem(21422, number=number)
    row = own(ctx, number, form.get("FriendlyName", ""))
    return Reply.json(show(ctx, _change(ctx, row)), 201)


def get_number(ctx: Context, account_sid: str, sid: str) -> dict[str, Any]:
    return show(ctx, r.get(ctx, NUMBERS, sid))


def update_number(ctx: Context, account_sid: str, sid: str) -> dict[str, Any]:
    return show(ctx, _change(ctx, r.get(ctx, NUMBERS, sid)))


def _change(ctx: Context, row: Row) -> Row:
    from .trunks import TRUNKS

    form = ctx.request.form()
    for key in ("friendly_name", *ALIKE):
        if (field := _pascal(key)) in form:
            row.body[key] = form[field]
    for key in METHODS:
        if form.get(_pascal(key)):
            row.body[key] = r.choice(form, _pascal(key), ("GET", "POST"))
    if "TrunkSid" in form:
        if form["TrunkSid"]:
            r.get(ctx, TRUNKS, form["TrunkSid"])
        attach(ctx, row, form["TrunkSid"])
    if "VoiceApplicationSid" in form:
        row.body["voice_application_sid"] = form["VoiceApplicationSid"] or None
        row.parent = "" if form["VoiceApplicationSid"] else row.parent
    return r.save(ctx, row)


def _pascal(key: str) -> str:
    return "".join(part.capitalize() for part in key.split("_"))


def release(ctx: Context, account_sid: str, sid: str) -> Reply:
    """DELETE gives the number back: it is gone."""
    ctx.store.remove(r.get(ctx, NUMBERS, sid))
    return Reply(204)


def get_account(ctx: Context, account_sid: str) -> dict[str, Any]:
    """The account. A standard API key may not read it."""
    if ctx.login != ctx.tenant.account_sid:
        raise Problem(20003)
    when = r.rfc2822(ctx.tenant.settings["created"])
    here = sip.base(ctx)
    prepared = ctx.tenant.settings.get("prepared")
    return {
        "sid": ctx.tenant.account_sid,
        "friendly_name": ctx.tenant.settings["org_name"],
        "status": "active",
        "type": "Full",
        "owner_account_sid": ctx.tenant.account_sid,
        "auth_token": ctx.core.derived("account", ctx.tenant.name) if prepared else "",
        "date_created": when,
        "date_updated": when,
        "subresource_uris": {
            "incoming_phone_numbers": f"{here}/IncomingPhoneNumbers.json",
            "calls": f"{here}/Calls.json",
            "sip": f"{here}/SIP.json",
        },
        "uri": f"{here}.json",
    }


def list_calls(ctx: Context, account_sid: str) -> dict[str, Any]:
    """The call log: nobody calls in a practice cloud, so it is empty."""
    return r.listing_2010(ctx, CALLS, "calls", show)


def get_call(ctx: Context, account_sid: str, sid: str) -> dict[str, Any]:
    return show(ctx, r.get(ctx, CALLS, sid))


BASE = f"{sip.ACCOUNT}/IncomingPhoneNumbers"
ROUTES = [
    Route("GET", f"{sip.ACCOUNT}.json", get_account),
    Route("GET", f"{BASE}.json", list_numbers),
    Route("POST", f"{BASE}.json", buy),
    *[Route("GET", f"{BASE}/{word}.json", _typed(kind)) for word, kind in TYPES.items()],
    Route("GET", f"{BASE}/{{sid}}.json", get_number),
    Route("POST", f"{BASE}/{{sid}}.json", update_number),
    Route("DELETE", f"{BASE}/{{sid}}.json", release),
    Route("GET", f"{sip.ACCOUNT}/Calls.json", list_calls),
    Route("GET", f"{sip.ACCOUNT}/Calls/{{sid}}.json", get_call),
]
