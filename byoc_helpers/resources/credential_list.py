"""Credential list: the user and password Genesys answers Twilio's digest challenge with (guide: Twilio 1.2)."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from ..exceptions import NotFound
from ..params import Params, digest_password
from . import ip_acl
from .base import SOON, TRUNK_MADE, AtLeast, Context, Desired, Found, Removable, Setting

KIND, SIDE, CHAPTER = "Twilio credential list", "Twilio", "03"
SETTINGS = (
    Setting("users", "User names", "the BYOC trunk's digest user must be among them"),
    Setting("password", "Password", "never returned by Twilio: it can't be compared"),
)
NEXT, LONGEST = "-rotating", 32
GOES_AFTER = "sip_trunk"  # not while the trunk that has it is still there
HINTS = (
    (r"21240|21243", "A list or user of this name may exist, or the password is weaker than Twilio's policy."),
)


def users(ctx: Context, sid: str) -> tuple[str, ...]:
    """User names in the list of this SID; none if it was deleted a moment ago."""
    def get() -> list[Any]:
        try:
            return list(ctx.clouds.twilio.sip.credential_lists(sid).credentials.list(page_size=100))
        except NotFound:
            return []

    return tuple(u.username for u in ctx.once(("users", sid), get))


def name(params: Params) -> str:
    return params.credential_list_name


def desired(ctx: Context) -> list[Desired]:
    p = ctx.params
    return [Desired(p.credential_list_name, {"users": AtLeast([p.digest_username])}, {"password": digest_password(p)})]


def second(user: str) -> str:
    """The user that carries the calls while a rotation changes the first one's password: of no more than Twilio's 32 characters."""
    short = user if len(user) <= LONGEST - len(NEXT) else f"{user[:LONGEST - len(NEXT) - 5]}-{hashlib.sha256(user.encode()).hexdigest()[:4]}"
    return short + NEXT


def standing(ctx: Context) -> list[Desired]:
    user = ctx.params.digest_username
    return [Desired(ctx.params.credential_list_name, {"users": AtLeast([user, second(user)])})]


def find(ctx: Context, want: Desired) -> Found | None:
    lists = ctx.once("credential lists", lambda: ctx.clouds.twilio.sip.credential_lists.list(page_size=100))
    entity = next((e for e in lists if e.friendly_name == want.name), None)
    if entity is None:
        return None
    return Found(entity.sid, want.name, {"users": users(ctx, entity.sid)}, None, entity)


def create(ctx: Context, want: Desired) -> None:
    _add(ctx.clouds.twilio.sip.credential_lists.create(friendly_name=want.name), want)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    _add(found.raw, want)


def _add(entity: Any, want: Desired) -> None:
    for user in want.fields["users"]:
        entity.credentials.create(username=user, password=want.write_only["password"].reveal())


def made(ctx: Context, entity: Any) -> bool:
    """Did the runbook make this list? It has no room for a mark, but is made just after the addresses that the runbook enters, and just before the trunk."""
    key = ("made", entity.sid)
    if key not in ctx.known:
        trunk, entered = ctx.known.get(TRUNK_MADE), ip_acl.entered_since(ctx)
        just_before = trunk is not None and dt.timedelta(0) <= trunk - entity.date_created <= SOON
        just_after = entered is not None and dt.timedelta(0) <= entity.date_created - entered <= SOON
        ctx.known[key] = just_before or just_after
    return bool(ctx.known[key])


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    from .sip_trunk import staying_with  # that module needs this one

    if attached := staying_with(ctx, "credentials_lists", found.id):
        return Removable("leave", f"in use by {', '.join(attached)}")
    if not made(ctx, found.raw):
        return Removable("leave", "it can't be told that the runbook made it. If it did, delete it in the Twilio Console")
    others = [u for u in found.fields["users"] if u not in want.fields["users"]]
    if len(others) == len(found.fields["users"]) and others:
        return Removable("leave", f"has {', '.join(others)}, which is not from the params")
    return Removable("take out", f"{', '.join(u for u in found.fields['users'] if u in want.fields['users'])}; stays with {', '.join(others)}") if others else Removable("delete")


def remove(ctx: Context, want: Desired, found: Found) -> None:
    if removal(ctx, want, found).action == "delete":
        found.raw.delete()
        return
    for user in found.raw.credentials.list(page_size=100):
        if user.username in want.fields["users"]:
            user.delete()
