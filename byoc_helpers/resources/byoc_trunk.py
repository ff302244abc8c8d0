"""External BYOC trunk: every setting of the guide, on top of the org's own template (guide: BYOC Trunk 1)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from ..clouds.genesys import alive, named, pages
from ..exceptions import CloudError, DeadlineExceeded, NotFound
from ..params import BYOC_METABASE, Params, digest_password
from ..reconcile import poll
from ..secrets import Secret
from . import site
from .base import AtLeast, Context, Desired, Found, Named, Setting, adopted, mark_of

KIND, SIDE, CHAPTER = "BYOC trunk", "Genesys Cloud", "04"

ENABLED = "trunk_enabled"
USER = "trunk_sip_authentication_credentials_username"
PASSWORD = "trunk_sip_authentication_credentials_password"
OVERRIDE = "trunk_outboundIdentity_callingAddress_overrideMethod"
PRIORITY = "trunk_calling_id_priority"
ACCESS = "trunk_access_acl_allowList"
INBOUND_SITE = "inboundSite"
PROTOCOL = "trunk_transport_protocolVariant"
SRTP = "trunk_media_srtpCipherSuites"
TWILIO_SRTP = "AES_CM_128_HMAC_SHA1_80"  # the one suite Twilio offers on calls it sends

SETTINGS = (
    Setting("trunk_label", "External Trunk Name"),
    Setting("trunk_type", "Type: BYOC Carrier, Generic BYOC Carrier"),
    Setting(ENABLED, "Trunk State: In-Service", "a trunk out of service takes no calls"),
    Setting(INBOUND_SITE, "Inbound site", "whose number plans read the numbers of incoming calls"),
    Setting("trunk_sip_termination_uri", "Inbound: SIP Termination URI (identifier)", "unique among all orgs of the region"),
    Setting("trunk_transport_serverProxyList", "Outbound: SIP Servers or Proxies", "Twilio's termination URI"),
    Setting(PROTOCOL, "Protocol", "tls is secure trunking: Twilio's trunk must be secure, too"),
    Setting("trunk_sip_authentication_credentials_realm", "Digest Authentication: Realm", "Twilio's realm, for every account"),
    Setting(USER, "Digest Authentication: User Name", "as in the credential list"),
    Setting(PASSWORD, "Digest Authentication: Password", "write-only: it can't be compared"),
    Setting("trunk_outboundIdentity_callingAddress", "Calling: Address", "Twilio passes on only numbers the account owns"),
    Setting(OVERRIDE, "Calling: Address Override Method", "Always: every call shows the trunk's number"),
    Setting(PRIORITY, "Calling: Address Override Method (priority order)", "the trunk's number first, the newer form of Always"),
    Setting("trunk_outboundIdentity_callingName", "Calling: Name"),
    Setting(ACCESS, "SIP Access Control", "only these may send calls: Twilio's signalling addresses"),
    Setting("trunk_outboundIdentity_callingAddress_omitPlusPrefix", "Calling – Address Omit + Prefix", "off: Twilio wants E.164 with the plus"),
    Setting("trunk_outboundIdentity_calledAddress_omitPlusPrefix", "Called – Address Omit + Prefix", "off: Twilio wants E.164 with the plus"),
    Setting("trunk_media_codec", "Media: preferred Codecs", "Twilio takes G.711 µ-law and A-law"),
    Setting("trunk_media_dtmf_method", "Media: DTMF Method"),
    Setting("trunk_media_dtmf_payload", "Media: DTMF Payload"),
    Setting(SRTP, "Media: SRTP Cipher Suites", "used on a TLS trunk only; Twilio offers this one"),
    Setting("trunk_language", "Language"),
)
HINTS = (
    (r"termination.?uri|identifier", "The identifier must be unique among all orgs of the region: choose another one."),
)


def template(ctx: Context) -> Any:
    """The org's own template of a generic BYOC carrier trunk: every property, with its default."""
    telephony = ctx.clouds.genesys.telephony
    return ctx.once("template", lambda: _whole(telephony.get_telephony_providers_edges_trunkbasesettings_template(BYOC_METABASE)))


def _whole(entity: Any) -> Any:
    if not isinstance(entity.properties, dict):
        raise CloudError("Genesys Cloud answered with a trunk that has no properties (a proxy in between?). Run again.", cloud="Genesys Cloud")
    return entity


def name(params: Params) -> str:
    return params.trunk_name


def desired(ctx: Context) -> list[Desired]:
    p = ctx.params
    offered = template(ctx).properties
    wanted: dict[str, Any] = {
        "trunk_label": p.trunk_name,
        ENABLED: True,
        "trunk_sip_termination_uri": p.identifier,
        "trunk_transport_serverProxyList": tuple(p.servers),
        PROTOCOL: p.transport,
        "trunk_sip_authentication_credentials_realm": "sip.twilio.com",
        USER: p.digest_username,
        "trunk_outboundIdentity_callingAddress": p.calling_address,
        "trunk_outboundIdentity_callingName": p.caller_name,
        ACCESS: AtLeast(p.access_list),
        "trunk_outboundIdentity_callingAddress_omitPlusPrefix": False,
        "trunk_outboundIdentity_calledAddress_omitPlusPrefix": False,
        "trunk_media_codec": tuple(p.codecs),
        "trunk_media_dtmf_method": p.dtmf_method,
        "trunk_media_dtmf_payload": p.dtmf_payload,
    }
    if p.secure:
        wanted[SRTP] = AtLeast([TWILIO_SRTP])
    if p.language:
        wanted["trunk_language"] = p.language
    if OVERRIDE in offered:
        wanted[OVERRIDE] = "Always"
    elif PRIORITY in offered:
        order = _instance(offered[PRIORITY]) or ["Source", "Trunk", "Site", "Extension"]
        wanted[PRIORITY] = ("Trunk", *[o for o in order if o != "Trunk"])
    else:
        wanted[OVERRIDE] = "Always"  # neither form is offered: it is listed as absent below
    absent = tuple(key for key in (*wanted, PASSWORD) if key not in offered)
    fields = {key: value for key, value in wanted.items() if key in offered}
    fields[INBOUND_SITE] = p.site_name
    secrets = {PASSWORD: digest_password(p)} if PASSWORD in offered else {}
    return [Desired(p.trunk_name, fields, secrets, absent)]


def standing(ctx: Context) -> list[Desired]:
    return [Desired(ctx.params.trunk_name, {})]


def read(ctx: Context, id: str) -> Any | None:
    """The living settings of this id, as the SDK's model; None if they are gone."""
    def get() -> Any | None:
        try:
            entity = ctx.clouds.genesys.telephony.get_telephony_providers_edges_trunkbasesetting(id)
        except NotFound:
            return None
        return _whole(entity) if alive(entity) else None

    return ctx.once(("trunk base", id), get)


def find(ctx: Context, want: Desired) -> Found | None:
    telephony = ctx.clouds.genesys.telephony
    listed = ctx.once(("trunk base named", want.name), lambda: named(telephony.get_telephony_providers_edges_trunkbasesettings, want.name))
    if listed is None:
        return None
    entity = read(ctx, listed.id)  # a listing need not hold the properties, and its version may be old
    if entity is None:
        return None
    fields = settings(entity)
    fields[INBOUND_SITE] = None
    if entity.inbound_site is not None and want.fields:
        home = ctx.require(site)
        fields[INBOUND_SITE] = home.name if entity.inbound_site.id == home.id else (entity.inbound_site.name or entity.inbound_site.id)
    return Found(entity.id, entity.name, fields, mark_of(ctx, entity.description), entity)


def settings(entity: Any) -> dict[str, Any]:
    """A trunk's properties by key, lists as tuples, without the password."""
    return {key: _comparable(_instance(value)) for key, value in entity.properties.items() if key != PASSWORD}


def create(ctx: Context, want: Desired) -> None:
    body = template(ctx)
    body.name, body.description, body.state, body.trunk_type = want.name, ctx.mark, "active", "EXTERNAL"
    _fill(ctx, body, want, frozenset(want.fields), {})
    ctx.clouds.genesys.telephony.post_telephony_providers_edges_trunkbasesettings(body)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    body = found.raw
    if not found.marked:
        body.description = adopted(ctx, body.description)
    _fill(ctx, body, want, changed, found.fields)
    ctx.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(found.id, body)


def _fill(ctx: Context, body: Any, want: Desired, changed: frozenset[str], held: Any) -> None:
    for key in changed - {INBOUND_SITE}:
        value = want.fields[key]
        if isinstance(value, AtLeast):
            value = [*(held.get(key) or ()), *(v for v in value if v not in (held.get(key) or ()))]
        _set(body, key, list(value) if isinstance(value, tuple) else value)
    # A PUT replaces the whole object and no read returns the password, so it goes with every write.
    for key, secret in want.write_only.items():
        _set(body, key, secret.reveal())
    if INBOUND_SITE in changed:
        body.inbound_site = {"id": ctx.require(site).id}


def sign_in_as(ctx: Context, user: str, password: Secret) -> None:
    """Let the trunk answer Twilio's challenge with this user and password."""
    found = ctx.require(cast(Named, sys.modules[__name__]))
    _set(found.raw, USER, user)
    _set(found.raw, PASSWORD, password.reveal())
    ctx.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(found.id, found.raw)


def _instance(prop: Any) -> Any:
    """The value inside a trunk property, `{"value": {"instance": …}}`."""
    return prop.get("value", {}).get("instance") if isinstance(prop, dict) else None


def _set(body: Any, key: str, value: Any) -> None:
    prop = body.properties.setdefault(key, {})
    prop.setdefault("value", {})["instance"] = value


def _comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def all_lines(ctx: Context) -> list[Any]:
    """The org's external trunks, one for each settings and edge: their state is what is in service."""
    telephony = ctx.clouds.genesys.telephony
    return ctx.once("lines", lambda: [t for t in pages(telephony.get_telephony_providers_edges_trunks, trunk_type="EXTERNAL") if alive(t)])


def lines(ctx: Context, base_id: str) -> list[Any]:
    """The trunks made from these settings."""
    return [t for t in all_lines(ctx) if t.trunk_base and t.trunk_base.id == base_id]


def wait_in_service(ctx: Context, seconds: float, tell: Callable[[str], None] = lambda said: None) -> list[Any]:
    """The trunk's lines, once there is one and all are in service; `tell` hears how many are, each time they are read.

    Raises:
        DeadlineExceeded: not within `seconds`; the sentence says what was seen and what to look at.
    """
    own = cast(Named, sys.modules[__name__])
    base = ctx.require(own)
    ctx.forget(own)  # what changes by itself is read anew

    def ready() -> list[Any] | None:
        found = lines(ctx, base.id)
        tell(f"{sum(bool(t.in_service) for t in found)} of {len(found)} lines in service")
        return found if found and all(t.in_service for t in found) else None

    try:
        return poll(ready, "", seconds, again=partial(ctx.forget, own))
    except DeadlineExceeded:
        found = lines(ctx, base.id)
        state = f"{sum(bool(t.in_service) for t in found)} of {len(found)} lines in service" if found else "no edge has taken it up"
        said = "; ".join(sorted(troubles(found)))
        raise DeadlineExceeded(
            f'The BYOC trunk "{base.name}" is not in service after {seconds:.0f} s ({state}). '
            + (f"The far end said: {said}. " if said else "")
            + "Check SIP servers and protocol; that digest user and password are the same in both clouds ("
            "`byoc password rotate` sets both sides); and that the edges are online (chapter 01). Telephony – Trunks shows the status. Then run chapter 04 again."
        ) from None


def troubles(found: list[Any]) -> set[str]:
    """What Twilio's hosts answered to the trunk's OPTIONS, where that was an error: "host: 407 Proxy …"."""
    said = set()
    for line in found:
        for option in line.options_status or ():
            if not option.option_state and option.error_info:
                said.add(f"{option.proxy_address}: {option.error_info.code or ''} {option.error_info.text or ''}".strip())
    return said


def remove(ctx: Context, want: Desired, found: Found) -> None:
    ctx.clouds.genesys.telephony.delete_telephony_providers_edges_trunkbasesetting(found.id)
