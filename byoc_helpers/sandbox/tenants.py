"""Making tenants: by `prepare`, or at the first login with a practice credential."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import unquote_plus

from .core import Context, Core, Tenant, practice_tail
from .http import Request
from .scenarios import DRILLS, SCENARIOS

MIN_SECRET = 8
LOGIN_KINDS = {"oauth": "client_id", "account": "account_sid", "key": "key_sid"}
GUEST_PEOPLE = [{"name": "Practice Person", "email": "person@practice.invalid"}]
GUEST_FLOWS = ["Main Menu"]


class BadRequest(Exception):
    """What `prepare` was asked can't be done; the message says why."""


def context(core: Core, tenant: Tenant) -> Context:
    """A context for work no client asked for."""
    return Context(core, Request("PUT", "/_sandbox", "", {}), tenant)


def login(core: Core, name: str, secret: str, kind: str) -> Tenant | None:
    """The tenant of a credential of this kind ("oauth", "account", "key"), or None if it is not good.

    An unknown credential in practice form makes its tenant, and is good from then on.
    """
    if core.known_login(name):
        tenant = core.check_login(name, secret)
        return tenant if tenant and getattr(tenant, LOGIN_KINDS[kind]) == name else None
    tail = practice_tail(name)
    if tail is None or len(secret) < MIN_SECRET:
        return None
    with core.store.write():
        tenant = core.tenant_of_tail(tail) or _new(core, f"guest-{tail}", tail, {})
        if getattr(tenant, LOGIN_KINDS[kind]) != name:
            return None
        if not tenant.settings.get("seeded"):
            _add(core, tenant, {"people": GUEST_PEOPLE, "flows": GUEST_FLOWS})
        core.remember_login(name, tenant.name, kind, secret)
    return tenant


def whose(core: Core, request: Request) -> Tenant | None:
    """Whose request this says it is, not yet checked."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found = core.check_token(value.strip())
        return found[0] if found else None
    from .genesys.auth import basic

    pair = basic(request.headers.get("authorization", ""))
    name = pair[0] if pair else request.form().get("client_id", "")
    tail = practice_tail(unquote_plus(name))
    return core.tenant_of_tail(tail) if tail else None


def _new(core: Core, name: str, tail: str, settings: dict[str, Any]) -> Tenant:
    tenant = core.add_tenant(name, tail, settings)
    core.change_settings(tenant, {"org_name": name})
    return tenant


def prepare(core: Core, name: str, data: dict[str, Any]) -> dict[str, str]:
    """Make a tenant, or add what it lacks. Returns its practice credentials (see `Sandbox.prepare`)."""
    from . import colleagues

    data = _checked(name, data)
    settings: dict[str, Any] = {
        k: data[k] for k in ("scenario", "region", "country", "language") if k in data
    }
    with core.store.write():
        tenant = core.tenant(name)
        if tenant is None:
            tail = core.derived("tail", name, 24) if core.fixed else secrets.token_hex(12)
            tenant = _new(core, name, tail, {**settings, "prepared": True})
            for kind, attribute in LOGIN_KINDS.items():
                core.remember_login(getattr(tenant, attribute), name, kind, core.derived(kind, name))
        elif tenant.settings["scenario"] != settings.get("scenario", tenant.settings["scenario"]):
            core.choose_scenario(tenant, settings["scenario"])
        _add(core, tenant, data)
        colleagues.come_by(core, tenant)
    return {
        "client_id": tenant.client_id,
        "client_secret": core.derived("oauth", name),
        "account_sid": tenant.account_sid,
        "auth_token": core.derived("account", name),
        "api_key_sid": tenant.key_sid,
        "api_key_secret": core.derived("key", name),
    }


def _add(core: Core, tenant: Tenant, data: dict[str, Any]) -> None:
    from .genesys import seed
    from .twilio import numbers

    ctx = context(core, tenant)
    data = {**data, "numbers": _withheld(ctx, list(data.get("numbers", [])))}
    missing = (
        not tenant.settings.get("seeded")
        or seed.lacks(ctx, data)
        or numbers.lacks(ctx, data.get("numbers", []))
    )
    if not missing:
        return
    ctx.stamp = core.tick(tenant)
    if not tenant.settings.get("seeded"):
        seed.org(ctx)
        core.change_settings(tenant, {"seeded": True, "created": ctx.stamp})
    seed.add(ctx, data)
    for number in numbers.lacks(ctx, data.get("numbers", [])):
        numbers.own(ctx, number)


def _withheld(ctx: Context, wanted: list[str]) -> list[str]:
    """These numbers, without the one that the tenant's scenario says was never bought."""
    from .twilio import numbers

    if not ctx.tenant.get("number_withheld"):
        return wanted
    if wanted and not ctx.tenant.settings.get("withheld_number"):
        ctx.core.change_settings(ctx.tenant, {"withheld_number": wanted[0]})
        if held := ctx.store.named(ctx.tenant.name, numbers.NUMBERS, wanted[0]):
            ctx.store.remove(held)
    return [n for n in wanted if n != ctx.tenant.settings.get("withheld_number")]


def _checked(name: str, data: Any) -> dict[str, Any]:
    if not name or len(name) > 100 or not name.isprintable() or "/" in name:
        raise BadRequest("A tenant's name has 1 to 100 printable characters and no slash.")
    if not isinstance(data, dict):
        raise BadRequest("A JSON object is expected.")
    data = {k: v for k, v in data.items() if v is not None}
    known = {"scenario", "region", "country", "language", "numbers", "people", "flows"}
    if unknown := sorted(set(data) - known):
        raise BadRequest(f"Unknown: {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")
    for key in ("scenario", "region", "country", "language"):
        if key in data and not isinstance(data[key], str):
            raise BadRequest(f"{key} must be a string.")
    if data.get("scenario", "healthy") not in SCENARIOS | DRILLS:
        raise BadRequest(f'No scenario "{data["scenario"]}". Known: {", ".join(SCENARIOS)}.')
    for key in ("numbers", "flows"):
        if not isinstance(data.get(key, []), list) or not all(isinstance(x, str) for x in data.get(key, [])):
            raise BadRequest(f"{key} must be a list of strings.")
    for person in data.get("people", []):
        if not isinstance(person, dict) or not all(isinstance(person.get(k), str) for k in ("name", "email")):
            raise BadRequest("people must be a list of objects with name and email.")
    return data
