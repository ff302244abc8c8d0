"""The sandbox's own controls, under `/_sandbox`, a path neither vendor has.

Answered only when the Host header names loopback; what changes anything needs the header `X-Sandbox-Key`.

| method and path | does |
|---|---|
| GET `/_sandbox/health` | who is there: pid, mode |
| GET `/_sandbox/tenants` | all tenants |
| PUT `/_sandbox/tenants/{name}` | `prepare`: make it or add what it lacks; answers its credentials |
| PATCH `/_sandbox/tenants/{name}` | change settings: the scenario, seconds, limits (see `limits`), missing permissions; null unsets |
| DELETE `/_sandbox/tenants/{name}` | forget it |
| POST `/_sandbox/tenants/{name}/revoke-tokens` | its bearer tokens are no longer good |
| POST `/_sandbox/tenants/{name}/mend` | somebody puts right what its scenario spoilt |
| GET `/_sandbox/scenarios` | the situations to choose from, and what each teaches |
| GET, PUT, DELETE `/_sandbox/faults` | the script of faults (see `faults`), of all or of `?tenant=` |
| PATCH `/_sandbox/settings` | `late_seconds` for all tenants without their own |
| GET `/_sandbox/calls` | recent calls, newest first; `?tenant=` |
| POST `/_sandbox/reset` | forget all tenants |
| POST `/_sandbox/stop` | end the server |
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable
from typing import Any

from . import colleagues, tenants
from .core import Core, Tenant
from .faults import BadRule
from .genesys import permissions
from .http import Reply, Request, Route, Router
from .scenarios import DRILLS, SCENARIOS, listed

SECONDS = ("late_seconds", "token_seconds", "domain_reserved_seconds", "limit_window")
COUNTS = ("requests_per_minute", "logins_per_minute", "twilio_concurrent", "twilio_per_second")
MISSING = "missing_permissions"
WORDS: dict[str, tuple[str, ...]] = {"scenario": (*SCENARIOS, *DRILLS), "calling_id_style": ("older", "newer")}


class Controls:
    """Holds what the controls act on: the core, the key, the recent calls, and how to stop."""

    def __init__(
        self, core: Core, key: str, calls: Callable[[], list[dict[str, Any]]], stop: Callable[[], None]
    ):
        self.core, self.key, self.calls, self.stop = core, key, calls, stop
        self.router = Router(
            [
                Route("GET", "/_sandbox/health", self.health),
                Route("GET", "/_sandbox/tenants", self.list_tenants),
                Route("PUT", "/_sandbox/tenants/{name}", self.put_tenant),
                Route("PATCH", "/_sandbox/tenants/{name}", self.patch_tenant),
                Route("DELETE", "/_sandbox/tenants/{name}", self.delete_tenant),
                Route("POST", "/_sandbox/tenants/{name}/revoke-tokens", self.revoke),
                Route("POST", "/_sandbox/tenants/{name}/mend", self.mend),
                Route("GET", "/_sandbox/scenarios", self.list_scenarios),
                Route("GET", "/_sandbox/faults", self.get_faults),
                Route("PUT", "/_sandbox/faults", self.put_faults),
                Route("DELETE", "/_sandbox/faults", self.delete_faults),
                Route("PATCH", "/_sandbox/settings", self.patch_settings),
                Route("GET", "/_sandbox/calls", self.list_calls),
                Route("POST", "/_sandbox/reset", self.reset),
                Route("POST", "/_sandbox/stop", self.end),
            ]
        )

    def handle(self, request: Request) -> Reply:
        """The answer to a control request; errors are `{"error": sentence}`."""
        if not request.loopback:
            return _error(403, "The sandbox's controls answer on loopback addresses only.")
        found = self.router.find(request.path)
        if found is None:
            return _error(404, f"The sandbox has no {request.path}.")
        methods, values = found
        route = methods.get(request.method)
        if route is None:
            return _error(405, f"Use {', '.join(methods)} here.")
        if route.writes and not hmac.compare_digest(
            request.headers.get("x-sandbox-key", "").encode(), self.key.encode()
        ):
            return _error(401, "This needs the header X-Sandbox-Key, the key in server.json.")
        try:
            return route.handler(request, *values)
        except (tenants.BadRequest, BadRule) as error:
            self.core.forget_cached()
            return _error(400, str(error))

    def health(self, request: Request) -> Reply:
        return Reply.json({"ok": True, "pid": os.getpid(), "fixed": self.core.fixed})

    def list_tenants(self, request: Request) -> Reply:
        return Reply.json({"tenants": [_shown(t) for t in self.core.tenants()]})

    def put_tenant(self, request: Request, name: str) -> Reply:
        return Reply.json(tenants.prepare(self.core, name, _body(request)))

    def patch_tenant(self, request: Request, name: str) -> Reply:
        tenant, changes = self._tenant(name), _body(request)
        for key, value in changes.items():
            _check_setting(key, value)
        with self.core.store.write():
            if scenario := changes.pop("scenario", None):
                self.core.choose_scenario(tenant, scenario)
            self.core.change_settings(tenant, changes)
        return Reply.json(_shown(tenant))

    def delete_tenant(self, request: Request, name: str) -> Reply:
        self.core.store.wipe(self._tenant(name).name)
        self.core.forget_cached()
        return Reply(204)

    def revoke(self, request: Request, name: str) -> Reply:
        return Reply.json({"revoked": self.core.revoke_tokens(self._tenant(name).name)})

    def mend(self, request: Request, name: str) -> Reply:
        tenant = self._tenant(name)
        return Reply.json({"done": colleagues.mend(self.core, tenant), **_shown(tenant)})

    def list_scenarios(self, request: Request) -> Reply:
        return Reply.json({"scenarios": listed()})

    def get_faults(self, request: Request) -> Reply:
        return Reply.json({"rules": self.core.faults.listed(request.arg("tenant"))})

    def put_faults(self, request: Request) -> Reply:
        data = _body(request)
        self.core.faults.replace(data.get("rules"), data.get("seed", 0), request.arg("tenant"))
        return self.get_faults(request)

    def delete_faults(self, request: Request) -> Reply:
        self.core.faults.clear(request.arg("tenant"))
        return Reply(204)

    def patch_settings(self, request: Request) -> Reply:
        value = _body(request).get("late_seconds")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise tenants.BadRequest("late_seconds must be a number of seconds.")
        self.core.late_seconds = float(value)
        return Reply.json({"late_seconds": self.core.late_seconds})

    def list_calls(self, request: Request) -> Reply:
        wanted = request.arg("tenant")
        return Reply.json({"calls": [c for c in reversed(self.calls()) if wanted in ("", c["tenant"])]})

    def reset(self, request: Request) -> Reply:
        self.core.store.wipe()
        self.core.forget_cached()
        return Reply(204)

    def end(self, request: Request) -> Reply:
        self.stop()
        return Reply(204)

    def _tenant(self, name: str) -> Tenant:
        tenant = self.core.tenant(name)
        if tenant is None:
            raise tenants.BadRequest(f'No tenant "{name}".')
        return tenant


def _check_setting(key: str, value: Any) -> None:
    """Raises BadRequest for a setting that is unknown or has a value it can't have. Null unsets a number or a list."""
    number = not isinstance(value, bool) and isinstance(value, int | float) and value >= 0
    if key in SECONDS:
        if not number and value is not None:
            raise tenants.BadRequest(f"{key} must be a number of seconds.")
    elif key in COUNTS:
        if value is not None and not (number and isinstance(value, int) and value > 0):
            raise tenants.BadRequest(f"{key} must be a whole number from 1, or null for no limit.")
    elif key == MISSING:
        if value is not None and not (isinstance(value, list) and all(v in permissions.KNOWN for v in value)):
            raise tenants.BadRequest(f"{key} must be a list of these: {', '.join(permissions.KNOWN)}.")
    elif key not in WORDS:
        known = ", ".join((*WORDS, *SECONDS, *COUNTS, MISSING))
        raise tenants.BadRequest(f"{key} can't be set. Known: {known}.")
    elif value not in WORDS[key]:
        raise tenants.BadRequest(f"{key} must be one of {', '.join(WORDS[key])}.")


def _shown(tenant: Tenant) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "client_id": tenant.client_id,
        "account_sid": tenant.account_sid,
        "settings": tenant.settings,
    }


def _body(request: Request) -> dict[str, Any]:
    try:
        data = json.loads(request.body or b"{}")
    except ValueError as error:
        raise tenants.BadRequest("The body is not JSON.") from error
    if not isinstance(data, dict):
        raise tenants.BadRequest("A JSON object is expected.")
    return data


def _error(status: int, sentence: str) -> Reply:
    return Reply.json({"error": sentence}, status)
