"""Twilio Elastic SIP Trunk with its termination and both authentications (guide: Twilio 2.1, 2.2)."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Literal

from ..exceptions import NotFound, Refused
from ..params import Params
from . import credential_list, ip_acl
from .base import SOON, TRUNK_MADE, AtLeast, Context, Desired, Found, Removable, Setting

Lists = Literal["ip_access_control_lists", "credentials_lists"]
KIND, SIDE, CHAPTER = "Twilio SIP trunk", "Twilio", "03"
SETTINGS = (
    Setting("friendly_name", "Friendly name"),
    Setting("domain_name", "Termination SIP URI", "where Genesys Cloud sends calls; unique across all of Twilio"),
    Setting("secure", "Secure Trunking", "TLS and SRTP; both sides must agree. Off in the guide"),
    Setting("ip_acls", "IP access control lists", "with both kinds attached, a call must pass both"),
    Setting("credential_lists", "Credential lists"),
    Setting("auth_type", "Authentication in force"),
)
HINTS = (
    (r"(21248|21245) to POST /v1/Trunks:", "Choose another termination_domain: this one is taken, or reserved for 30 days after a trunk's deletion."),
    (r"21244", "The account has as many trunks as it may have."),
)


def sip_host(url: str) -> str:
    """Host of a SIP URL, in small letters, without user, port and parameters."""
    return re.split(r"[:;?]", re.sub(r"^sips?:([^@]*@)?", "", url.strip().lower()))[0]


def name(params: Params) -> str:
    return params.termination_uri


def desired(ctx: Context) -> list[Desired]:
    p = ctx.params
    fields = {
        "friendly_name": p.twilio_trunk_name, "domain_name": p.termination_uri.lower(), "secure": p.secure,
        "ip_acls": AtLeast([p.ip_acl_name]), "credential_lists": AtLeast([p.credential_list_name]),
    }
    return [Desired(p.termination_uri, fields)]


def read(ctx: Context) -> list[Any]:
    """The account's trunks, as the SDK's instances."""
    return ctx.once("twilio trunks", lambda: ctx.clouds.twilio.trunking.trunks.list(page_size=100))


def attached(ctx: Context, entity: Any, lists: Lists) -> list[Any]:
    """The lists of one kind that a trunk has, as the SDK's instances; none of one that was deleted a moment ago."""
    def get() -> list[Any]:
        try:
            return list(getattr(entity, lists).list(page_size=100))
        except NotFound:
            return []

    return ctx.once((lists, entity.sid), get)


def find(ctx: Context, want: Desired) -> Found | None:
    trunks = read(ctx)
    # Host names know no case; a trunk is known by its domain, which is unique, not by its friendly name.
    entity = next((t for t in trunks if (t.domain_name or "").lower() == want.name.lower()), None)
    if entity is None:
        same_name = [t for t in trunks if t.friendly_name == want.fields.get("friendly_name")]
        if want.fields and same_name:
            raise Refused(f'A Twilio trunk named "{same_name[0].friendly_name}" exists with the domain '
                          f"{same_name[0].domain_name}, not {want.name}. Mend termination_domain, or choose another "
                          "twilio_trunk_name. Nothing was changed.")
        return None
    acls, credentials = attached(ctx, entity, "ip_access_control_lists"), attached(ctx, entity, "credentials_lists")
    fields = {
        "friendly_name": entity.friendly_name, "domain_name": (entity.domain_name or "").lower(), "secure": entity.secure,
        "ip_acls": tuple(a.friendly_name for a in acls), "credential_lists": tuple(c.friendly_name for c in credentials),
        "auth_type": entity.auth_type,
    }
    # No room for a mark: a trunk that carries both our lists is ours, and one that differs in nothing but them is on its way.
    p = ctx.params
    ours = bool(want.fields) and p.ip_acl_name in fields["ip_acls"] and p.credential_list_name in fields["credential_lists"]
    on_its_way = all(fields[key] == want.fields.get(key, fields[key]) for key in ("friendly_name", "secure"))
    return Found(entity.sid, want.name, fields, "made" if ours else None if on_its_way else False, entity)


def create(ctx: Context, want: Desired) -> None:
    entity = ctx.clouds.twilio.trunking.trunks.create(
        friendly_name=want.fields["friendly_name"], domain_name=ctx.params.termination_uri, secure=want.fields["secure"])
    _attach(ctx, entity, frozenset({"ip_acls", "credential_lists"}))


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    plain = {k: want.fields[k] for k in ("friendly_name", "secure") if k in changed}
    if plain:
        ctx.clouds.twilio.trunking.trunks(found.id).update(**plain)
    _attach(ctx, found.raw, changed)


def _attach(ctx: Context, entity: Any, changed: frozenset[str]) -> None:
    if "ip_acls" in changed:
        entity.ip_access_control_lists.create(ip_access_control_list_sid=ctx.require(ip_acl).id)
    if "credential_lists" in changed:
        entity.credentials_lists.create(credential_list_sid=ctx.require(credential_list).id)


def urls(ctx: Context, trunk: Any) -> list[Any]:
    """The origination URLs of a trunk, which is the SDK's instance."""
    return ctx.once(("urls", trunk.sid), lambda: trunk.origination_urls.list(page_size=100))


def url_label(ctx: Context) -> str:
    """The name that the runbook gives its origination URL."""
    return f"Genesys Cloud {ctx.params.identifier}"[:64]


def made(ctx: Context, trunk: Any) -> bool:
    """Did the runbook make this trunk? It has no room for a mark, but its origination URL has, and the addresses entered before it was made.

    A trunk that was there before is older than both; one whose URL for the params' host has another name was set up by hand.
    """
    def judged() -> bool:
        own = [u for u in urls(ctx, trunk) if sip_host(u.sip_url) == ctx.params.inbound_fqdn.lower()]
        labelled = [u for u in own if u.friendly_name == url_label(ctx)]
        if own and not labelled:
            return False
        soon = any(u.date_created - trunk.date_created <= SOON for u in labelled)
        entered = ip_acl.entered_since(ctx)
        if entered is None:  # the list was complete, and says nothing
            return soon
        # It may be another partner's list, too, entered long ago; and what may have been taken over needs the URL.
        just_after = trunk.date_created - entered <= SOON and not ctx.params.adopt
        return entered <= trunk.date_created and (soon or just_after)

    key = ("made", trunk.sid)
    if key not in ctx.known:
        ctx.known[key] = judged()
        if ctx.known[key]:
            ctx.known[TRUNK_MADE] = trunk.date_created
    return bool(ctx.known[key])


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    p, trunk = ctx.params, found.raw
    ours = {p.ip_acl_name, p.credential_list_name}
    held = {*found.fields["ip_acls"], *found.fields["credential_lists"]}
    if not made(ctx, trunk):
        lists = sorted({e.friendly_name for e in _our_lists(ctx, trunk)})
        return Removable("take out", f"{', '.join(lists)}; the trunk was there before, and stays") if lists else Removable(
            "leave", "it can't be told that the runbook made it. If it did, delete it in the Twilio Console")
    strangers = sorted(held - ours)
    strangers += [n.phone_number for n in trunk.phone_numbers.list(page_size=100) if n.phone_number not in p.phone_numbers]
    strangers += [u.sip_url for u in urls(ctx, trunk) if sip_host(u.sip_url) != p.inbound_fqdn.lower()]
    if strangers:
        return Removable("leave", f"it also has {', '.join(strangers)}, which is not from the params")
    if p.keep_domain:
        lists = sorted(held & ours)
        return Removable("take out", f"{', '.join(lists)}; the trunk stays, empty, and keeps {want.name}") if lists else Removable(
            "leave", f"keep_domain: stays, empty, and keeps {want.name}")
    return Removable("delete", f"Twilio keeps {want.name} reserved for up to 30 days: nobody can have it until then. "
                     "keep_domain: true empties the trunk and leaves it")


def _our_lists(ctx: Context, trunk: Any) -> list[Any]:
    """The lists of a trunk, as attached to it, that the runbook made; of a trunk that it made, those of the params' names."""
    p = ctx.params
    acls = [a for a in attached(ctx, trunk, "ip_access_control_lists") if a.friendly_name == p.ip_acl_name]
    users = [c for c in attached(ctx, trunk, "credentials_lists") if c.friendly_name == p.credential_list_name]
    if made(ctx, trunk):
        return [*acls, *users]
    lists = ctx.clouds.twilio.sip.credential_lists
    alone = [a for a in acls if ip_acl.ours(ctx, a.sid) and ip_acl.made(ctx, a.sid) and len(attached_to(ctx, "ip_access_control_lists", a.sid)) == 1]
    return [*alone, *(c for c in users if credential_list.made(ctx, lists(c.sid).fetch()))]


def remove(ctx: Context, want: Desired, found: Found) -> None:
    if made(ctx, found.raw) and not ctx.params.keep_domain:
        found.raw.delete()
        return
    for entry in _our_lists(ctx, found.raw):
        entry.delete()


def staying_with(ctx: Context, lists: Lists, sid: str) -> list[str]:
    """Domains of the account's trunks that have this list and keep it when the runbook's objects are removed."""
    own = desired(ctx)[0]
    domains = attached_to(ctx, lists, sid)
    found = find(ctx, own) if own.name.lower() in map(str.lower, domains) else None
    action = removal(ctx, own, found).action if found and found.marked is not False else "leave"
    goes = action == "delete" or (found and action == "take out" and sid in {entry.sid for entry in _our_lists(ctx, found.raw)})
    return [d for d in domains if not (goes and d.lower() == own.name.lower())]


def attached_to(ctx: Context, lists: Lists, sid: str) -> list[str]:
    """Domains of the account's trunks that have this list, or what else they are known by. Twilio has no way to ask for them: each trunk is, side by side."""
    ctx.ahead(*(partial(attached, ctx, trunk, lists) for trunk in read(ctx)))
    return [t.domain_name or t.friendly_name or t.sid for t in read(ctx)
            if sid in {entry.sid for entry in attached(ctx, t, lists)}]
