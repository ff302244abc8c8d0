"""IP access control list: who may send calls to the Twilio trunk (guide: Twilio 1.1)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ..exceptions import NotFound
from ..params import Params
from .base import AtLeast, Context, Desired, Found, Removable, Setting

KIND, SIDE, CHAPTER = "Twilio IP access control list", "Twilio", "03"
SETTINGS = (Setting("addresses", "IP addresses", "the region's BYOC public SIP addresses; others are refused"),)
GOES_AFTER = "sip_trunk"  # not while the trunk that has it is still there
_LABEL = "BYOC Runbook"  # an entry has a name, and so room for a mark
HINTS = ((r"21235", "A list or an address of this name exists already in the account."),)


def _lists(ctx: Context) -> list[Any]:
    return ctx.once("ip acls", lambda: ctx.clouds.twilio.sip.ip_access_control_lists.list(page_size=100))


def _entries(ctx: Context, sid: str) -> list[Any]:
    """What the list of this SID holds; nothing if it was deleted a moment ago."""
    def get() -> list[Any]:
        try:
            return list(ctx.clouds.twilio.sip.ip_access_control_lists(sid).ip_addresses.list(page_size=100))
        except NotFound:
            return []

    return ctx.once(("ip entries", sid), get)


def addresses(ctx: Context, sid: str) -> tuple[str, ...]:
    """CIDRs in the list of this SID."""
    return tuple(f"{e.ip_address}/{e.cidr_prefix_length}" for e in _entries(ctx, sid))


def ours(ctx: Context, sid: str) -> list[Any]:
    """The entries of this list that the runbook made, as the SDK's instances."""
    return [e for e in _entries(ctx, sid) if e.friendly_name.startswith(_LABEL)]


def made(ctx: Context, sid: str) -> bool:
    """Did the runbook make this list? Then all that is in it is its own."""
    return len(ours(ctx, sid)) == len(_entries(ctx, sid))


def entered_since(ctx: Context) -> dt.datetime | None:
    """When the runbook first entered an address in the params' list: what it made has no room for a mark, but is younger. None: it never did."""
    found = find(ctx, standing(ctx)[0])
    return min((e.date_created for e in ours(ctx, found.id) if e.date_created), default=None) if found else None


def name(params: Params) -> str:
    return params.ip_acl_name


def desired(ctx: Context) -> list[Desired]:
    wanted = Desired(ctx.params.ip_acl_name, {"addresses": AtLeast()})
    if ctx.params.target == "live" and not ctx.params.signalling_addresses:
        held = find(ctx, wanted)
        if held and held.fields["addresses"]:
            # DNS gives another address each time: asked again, it would only make the list grow.
            return [wanted]
    return [Desired(wanted.name, {"addresses": AtLeast(ctx.clouds.signalling_addresses())})]


def standing(ctx: Context) -> list[Desired]:
    return [Desired(ctx.params.ip_acl_name, {})]


def find(ctx: Context, want: Desired) -> Found | None:
    entity = next((e for e in _lists(ctx) if e.friendly_name == want.name), None)
    if entity is None:
        return None
    return Found(entity.sid, want.name, {"addresses": addresses(ctx, entity.sid)}, None, entity)


def create(ctx: Context, want: Desired) -> None:
    entity = ctx.clouds.twilio.sip.ip_access_control_lists.create(friendly_name=want.name)
    _add(entity, want.fields["addresses"])


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    _add(found.raw, [a for a in want.fields["addresses"] if a not in found.fields["addresses"]])


def _add(entity: Any, addresses: Any) -> None:
    for cidr in addresses:
        address, _, prefix = cidr.partition("/")
        entity.ip_addresses.create(friendly_name=f"{_LABEL} {cidr}", ip_address=address, cidr_prefix_length=int(prefix))


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    from .sip_trunk import staying_with  # that module needs this one

    if attached := staying_with(ctx, "ip_access_control_lists", found.id):
        return Removable("leave", f"in use by {', '.join(attached)}")
    entered, held = len(ours(ctx, found.id)), len(found.fields["addresses"])
    if made(ctx, found.id):
        return Removable("delete")
    return Removable("take out", f"{entered} addresses; {held - entered} that somebody else entered stay") if entered else Removable(
        "leave", "its addresses were not entered by the runbook")


def remove(ctx: Context, want: Desired, found: Found) -> None:
    if removal(ctx, want, found).action == "delete":
        found.raw.delete()
        return
    for entry in ours(ctx, found.id):
        entry.delete()
