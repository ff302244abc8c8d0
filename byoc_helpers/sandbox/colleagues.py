"""What other people do to a tenant in a scenario: spoil something behind the trainee's back, or put it right.

A deed that spoils is tried as each chapter begins (when it asks for its tenant, or logs in to Genesys Cloud) and done once,
as soon as what it needs is there: by the order of things, never by the clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from .core import Context, Core, Tenant
from .scenarios import scenario_of
from .store import Row
from .tenants import context

NATIONAL = "National"
PLAN = {"name": "Local calls", "matchType": "intraCountryCode", "classification": "Local"}


def come_by(core: Core, tenant: Tenant) -> None:
    """Do what the tenant's scenario has a colleague do, if it can be done by now. Inside a transaction."""
    deed = scenario_of(tenant.settings["scenario"]).spoils
    if not deed or tenant.settings.get("spoilt") or tenant.settings.get("mended"):
        return
    ctx = context(core, tenant)
    ctx.stamp = core.tick(tenant)
    if SPOILS[deed](ctx):
        core.change_settings(tenant, {"spoilt": True})


def mend(core: Core, tenant: Tenant) -> str:
    """Somebody puts right what the tenant's scenario spoilt. Answers what was done, as a sentence."""
    scenario = scenario_of(tenant.settings["scenario"])
    if not scenario.chapter:
        return "There is nothing to mend."
    with core.store.write():
        ctx = context(core, tenant)
        ctx.stamp = core.tick(tenant)
        core.change_settings(tenant, {"mended": True})
        for deed in scenario.mends:
            MENDS[deed](ctx)
    return f"{scenario.title}: mended. Run chapter {scenario.chapter} again."


def _rows(ctx: Context, kind: str, **query: Any) -> list[Row]:
    return ctx.store.rows(ctx.tenant.name, kind, **query)


# the digest password


def _change_password(ctx: Context) -> bool:
    from .twilio import sip

    found = _rows(ctx, sip.CREDENTIALS)
    for row in found:
        other = ctx.core.seal(row.body["username"], sip.REALM, secrets.token_hex(16))
        row.body |= {"_before": row.body["_sealed"], "_sealed": other, "_changed": other}
        ctx.store.save(row)
    return bool(found)


def _restore_password(ctx: Context) -> None:
    from .twilio import sip

    for row in _rows(ctx, sip.CREDENTIALS):
        before, changed = row.body.pop("_before", None), row.body.pop("_changed", None)
        if before and row.body["_sealed"] == changed:
            row.body["_sealed"] = before
        ctx.store.save(row)


# the route's classification


def _routes(ctx: Context) -> list[Row]:
    """Routes that somebody gave a trunk."""
    from .genesys.dialplan import ROUTES_KIND

    return [r for r in _rows(ctx, ROUTES_KIND.name) if r.body.get("externalTrunkBases")]


def _take_national(ctx: Context) -> bool:
    from .genesys import entities as e

    found = [r for r in _routes(ctx) if NATIONAL in r.body["classificationTypes"]]
    for row in found:
        row.body["classificationTypes"].remove(NATIONAL)
        row.body["_lacks"] = NATIONAL
        e.touch(ctx, row)
    return bool(found)


def _give_national(ctx: Context) -> None:
    from .genesys import entities as e

    for row in _routes(ctx):
        if row.body.pop("_lacks", None) and NATIONAL not in row.body["classificationTypes"]:
            row.body["classificationTypes"].append(NATIONAL)
        e.touch(ctx, row)


# a number plan in front


def _add_plan(ctx: Context) -> bool:
    from .genesys import dialplan
    from .genesys import entities as e

    sites = dict.fromkeys(r.parent for r in _routes(ctx))
    for site in sites:
        if ctx.store.named(ctx.tenant.name, dialplan.PLANS.name, PLAN["name"], site):
            continue
        plans = dialplan.sorted_plans(ctx, site)
        place = next((i for i, p in enumerate(plans) if p.body["classification"] == NATIONAL), 0)
        for later in plans[place:]:
            later.body["priority"] = later.body.get("priority", 0) + 1
            e.touch(ctx, later)
        front = plans[place].body["priority"] - 1 if plans else 0
        body = {**PLAN, "digitLength": {"start": "7", "end": "10"}, "priority": front}
        e.create(ctx, dialplan.PLANS, body, parent=site, extra={"_by": "colleague"})
    return bool(sites)


def _drop_plan(ctx: Context) -> None:
    from .genesys.dialplan import PLANS

    for row in _rows(ctx, PLANS.name):
        if row.body.get("_by"):
            ctx.store.remove(row)


# addresses and numbers


def _verify_addresses(ctx: Context) -> None:
    from .genesys import locations

    for row in _rows(ctx, locations.LOCATIONS.name):
        if locations.verified(row) == "Failed":
            locations.verify(ctx, row)


def _buy_numbers(ctx: Context) -> None:
    from .twilio import numbers

    for number in numbers.lacks(ctx, list(filter(None, [ctx.tenant.settings.get("withheld_number")]))):
        numbers.own(ctx, number)


SPOILS: dict[str, Callable[[Context], bool]] = {
    "change_password": _change_password,
    "take_national": _take_national,
    "add_plan": _add_plan,
}
MENDS: dict[str, Callable[[Context], None]] = {
    "restore_password": _restore_password,
    "give_national": _give_national,
    "drop_plan": _drop_plan,
    "verify_addresses": _verify_addresses,
    "buy_numbers": _buy_numbers,
}
