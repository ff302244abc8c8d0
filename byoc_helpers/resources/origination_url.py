"""Origination URL: where the Twilio trunk sends calls from the phone network (guide: Twilio 2.3)."""

from __future__ import annotations

from typing import Any

from . import sip_trunk
from .base import Context, Desired, Found, Setting

KIND, SIDE, CHAPTER = "Twilio origination URL", "Twilio", "03"
SETTINGS = (
    Setting("sip_url", "Origination SIP URI", "the BYOC trunk's own termination URI"),
    Setting("enabled", "Enabled"),
    Setting("priority", "Priority", "lowest first"),
    Setting("weight", "Weight", "shares calls among equal priorities"),
    Setting("others", "Other origination URLs of the trunk", "left alone; Twilio sends calls there, too: remove what is not yours"),
)
UNIQUE = False  # Twilio takes the same URL twice
HINTS = ((r"21249", "A trunk has room for ten origination URLs."),)


def desired(ctx: Context) -> list[Desired]:
    url = ctx.params.origination_url
    return [Desired(url, {"sip_url": url, "enabled": True})]


def find(ctx: Context, want: Desired) -> Found | None:
    trunk = ctx.require(sip_trunk)
    urls = sip_trunk.urls(ctx, trunk.raw)
    entity = _ours(ctx, want, urls)
    if entity is None:
        return None
    fields = {"sip_url": want.name if entity.sip_url.lower() == want.name.lower() else entity.sip_url,
              "others": tuple(u.sip_url for u in urls if u.sid != entity.sid), "enabled": entity.enabled, "priority": entity.priority, "weight": entity.weight}
    return Found(entity.sid, want.name, fields, "made" if entity.friendly_name == sip_trunk.url_label(ctx) else False, entity)


def _ours(ctx: Context, want: Desired, urls: list[Any]) -> Any | None:
    """The very URL, or the one we made for this host with another port or transport, which is then changed, not doubled."""
    exact = (u for u in urls if u.sip_url.lower() == want.name.lower())
    same_host = (u for u in urls if u.friendly_name == sip_trunk.url_label(ctx) and sip_trunk.sip_host(u.sip_url) == sip_trunk.sip_host(want.name))
    return next(exact, None) or next(same_host, None)


def create(ctx: Context, want: Desired) -> None:
    ctx.require(sip_trunk).raw.origination_urls.create(
        friendly_name=sip_trunk.url_label(ctx), sip_url=want.name, enabled=True, priority=10, weight=10)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    found.raw.update(**{key: want.fields[key] for key in changed})


def remove(ctx: Context, want: Desired, found: Found) -> None:
    found.raw.delete()
