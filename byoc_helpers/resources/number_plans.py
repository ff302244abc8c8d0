"""A site's number plans: the default ones the platform makes, and the params' own (guide: "Number Plans")."""

from __future__ import annotations

from typing import Any

from ..clouds.genesys import sdk
from ..params import CustomPlan
from . import site
from .base import Context, Desired, Found, Removable, Setting

KIND, SIDE, CHAPTER = "number plans of site", "Genesys Cloud", "02"
SETTINGS: tuple[Setting, ...] = ()
HINTS: tuple[tuple[str, str], ...] = ()

DEFAULTS = {"intraCountryCode": "National", "interCountryCode": "International"}


def read(ctx: Context, site_id: str) -> list[Any]:
    """The site's plans, in the order they are tried."""
    plans = ctx.once(("plans", site_id),
                     lambda: ctx.clouds.genesys.telephony.get_telephony_providers_edges_site_numberplans(site_id))
    return sorted((p for p in plans if p.state != "deleted"), key=lambda p: p.priority if p.priority is not None else 0)


def complete(plans: list[Any]) -> bool:
    """Have the default plans appeared? They come some seconds after the site."""
    return {p.match_type for p in plans} >= set(DEFAULTS)


def desired(ctx: Context) -> list[Desired]:
    return [Desired(ctx.params.site_name, {plan.name: _wanted(plan) for plan in ctx.params.number_plans})]


def find(ctx: Context, want: Desired) -> Found | None:
    found = ctx.require(site)
    plans = read(ctx, found.id)
    # A plan of the same name is the params' own to change: the rest of the list is never touched.
    return Found(found.id, want.name, {p.name: _content(p) for p in plans}, None, plans)


def create(ctx: Context, want: Desired) -> None:
    raise AssertionError("a site always has a list of plans")


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    """Put the whole list back with ours in it: behind the emergency plans, before the general ones."""
    plans = list(found.raw)
    by_name = {p.name: p for p in plans}
    for custom in ctx.params.number_plans:
        if custom.name not in changed:
            continue
        plan = by_name.get(custom.name)
        if plan is None:
            plan = sdk.NumberPlan()
            plan.name = custom.name
            first_general = next((i for i, p in enumerate(plans) if p.classification != "Emergency"
                                  and p.name not in {c.name for c in ctx.params.number_plans}), len(plans))
            plans.insert(first_general, plan)
        _fill(plan, custom)
    for priority, plan in enumerate(plans):
        plan.priority = priority
    ctx.clouds.genesys.telephony.put_telephony_providers_edges_site_numberplans(found.id, plans)


def _ranges(custom: CustomPlan) -> list[tuple[str, str]]:
    pairs = (text.partition("-") for text in custom.numbers)
    return [(start.strip(), (end or start).strip()) for start, _, end in pairs]


def _wanted(custom: CustomPlan) -> str:
    start, _, end = custom.digit_length.partition("-")
    return _canonical(custom.match_type, custom.classification, custom.match, custom.normalized_format, _ranges(custom), start, end)


def _content(plan: Any) -> str:
    length = plan.digit_length
    return _canonical(plan.match_type, plan.classification, plan.match, plan.normalized_format,
                      [(n.start, n.end or n.start) for n in plan.numbers or ()],
                      length.start if length else "", length.end if length else "")


def _canonical(match_type: str, classification: str, match: str | None, normalized: str | None,
               numbers: list[tuple[str, str]], start: str | None, end: str | None) -> str:
    """One plan as a line of text, the same for the params' form and the API's: to compare and to show."""
    parts = [f"{match or ''} → {normalized}" if normalized else match or "",
             ", ".join(low if low == high else f"{low}–{high}" for low, high in numbers),
             f"{start} to {end} digits" if start else ""]
    return f"{match_type}, {classification}: {'; '.join(filter(None, parts)) or 'any'}"


def _fill(plan: Any, custom: CustomPlan) -> None:
    plan.match_type, plan.classification = custom.match_type, custom.classification
    plan.match = custom.match or None
    plan.normalized_format = custom.normalized_format or None
    plan.numbers = []
    for start, end in _ranges(custom):
        number = sdk.Number()
        number.start, number.end = start, end
        plan.numbers.append(number)
    plan.digit_length = None
    if custom.digit_length:
        plan.digit_length = sdk.DigitLength()
        plan.digit_length.start, _, plan.digit_length.end = custom.digit_length.partition("-")


def describe(plan: Any) -> str:
    """What a plan matches, in words, for the table."""
    if plan.match_type == "regex":
        return f"{plan.match} → {plan.normalized_format or 'as dialled'}"
    if plan.match_type == "digitLength" and plan.digit_length:
        return f"{plan.digit_length.start} to {plan.digit_length.end} digits"
    if plan.numbers:
        return ", ".join(n.start if n.start == (n.end or n.start) else f"{n.start}–{n.end}" for n in plan.numbers)
    return {"intraCountryCode": "the site's own country code, or national digits → E.164",
            "interCountryCode": "any other country code → E.164"}.get(plan.match_type or "", "")


def _ours(found: Found, want: Desired) -> list[str]:
    """Names of the params' plans that are as the params have them: one that was changed is somebody else's by now."""
    return [name for name, content in want.fields.items() if found.fields.get(name) == content]


def removal(ctx: Context, want: Desired, found: Found) -> Removable | None:
    names = _ours(found, want)
    if ctx.require(site).marked == "made" or not set(want.fields) & set(found.fields):
        return None  # they go with the site, or there are none
    if not names:
        return Removable("leave", "the plans of these names are not as the params have them")
    return Removable("take out", f"{', '.join(names)}; the other plans stay")


def remove(ctx: Context, want: Desired, found: Found) -> None:
    names = _ours(found, want)
    kept = [p for p in found.raw if p.name not in names]
    for priority, plan in enumerate(kept):
        plan.priority = priority
    ctx.clouds.genesys.telephony.put_telephony_providers_edges_site_numberplans(found.id, kept)
