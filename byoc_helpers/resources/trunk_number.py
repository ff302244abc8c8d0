"""A purchased number, assigned to the Twilio trunk (guide: Twilio 2.4)."""

from __future__ import annotations

from typing import Any

from ..exceptions import CheckFailed, Refused
from . import sip_trunk
from .base import Context, Desired, Found, Removable, Setting

KIND, SIDE, CHAPTER = "number on the Twilio trunk", "Twilio", "03"
SETTINGS = (
    Setting("trunk", "SIP trunk", "calls to the number go to this trunk's origination URL"),
    Setting("friendly_name", "Friendly name"),
    Setting("voice", "Voice capable"),
)
HINTS: tuple[tuple[str, str], ...] = ()


def purchased(ctx: Context, number: str) -> Any:
    """The account's own number of exactly this E.164 form.

    Raises:
        CheckFailed: the account has not purchased it.
    """
    # Twilio's filter also matches parts of numbers.
    found = ctx.once(("number", number), lambda: ctx.clouds.twilio.numbers.list(phone_number=number, page_size=50))
    entity = next((n for n in found if n.phone_number == number), None)
    if entity is None:
        raise CheckFailed(f"The Twilio account does not own {number}. Buy it (Console – Phone Numbers), or mend phone_numbers.")
    return entity


def desired(ctx: Context) -> list[Desired]:
    return [Desired(number, {"trunk": ctx.params.termination_uri.lower()}) for number in ctx.params.phone_numbers]


def find(ctx: Context, want: Desired) -> Found | None:
    number, trunk = purchased(ctx, want.name), ctx.require(sip_trunk)
    if number.trunk_sid is None or number.trunk_sid == "":
        return None
    if number.trunk_sid != trunk.id and not ctx.params.adopt:
        raise Refused(f"{want.name} is on another trunk of the account ({number.trunk_sid}), and calls to it go there. "
                      "Nothing was changed. Detach it there, or set adopt: true to move it here.")
    on = ctx.params.termination_uri.lower() if number.trunk_sid == trunk.id else number.trunk_sid
    capabilities = number.capabilities
    voice = capabilities.get("voice") if isinstance(capabilities, dict) else getattr(capabilities, "voice", None)
    return Found(number.sid, want.name, {"trunk": on, "friendly_name": number.friendly_name, "voice": voice}, None, number)


def create(ctx: Context, want: Desired) -> None:
    ctx.require(sip_trunk).raw.phone_numbers.create(phone_number_sid=purchased(ctx, want.name).sid)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    # One call moves it: detached first, it would be on no trunk if the second one failed.
    found.raw.update(trunk_sid=ctx.require(sip_trunk).id)


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    if found.fields["trunk"] != want.fields["trunk"]:
        return Removable("leave", f"is on another trunk ({found.fields['trunk']})")
    if not sip_trunk.made(ctx, ctx.require(sip_trunk).raw):
        return Removable("leave", "it can't be told that the runbook made its trunk")
    return Removable("take out", "taken off the trunk; the number stays yours, and is paid for, until you release it")


def remove(ctx: Context, want: Desired, found: Found) -> None:
    ctx.require(sip_trunk).raw.phone_numbers(found.id).delete()
