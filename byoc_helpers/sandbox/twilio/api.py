"""The door of the practice Twilio: finds the operation, checks the credentials, answers in Twilio's shapes."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from .. import tenants
from ..core import Context, Core, Tenant
from ..genesys.auth import basic
from ..http import Reply, Request, Router
from . import numbers, sip, trunks
from .errors import Problem

ROUTER = Router(route for module in (sip, numbers, trunks) for route in module.ROUTES)

log = logging.getLogger(__name__)


def handle(core: Core, request: Request) -> tuple[Reply, Tenant | None]:
    """The answer to one `/2010-04-01` or `/v1` request, and whose it was."""
    tenant: Tenant | None = None
    try:
        tenant, login = _authenticate(core, request)
        _count(core, request, tenant)
        reply = _run(core, request, tenant, login)
    except Problem as problem:
        reply = Reply.json(problem.body(request.path.removeprefix("/v1")), problem.status)
        if problem.status == 401:
            reply.headers["www-authenticate"] = 'Basic realm="Twilio API"'
    except Exception:
        log.exception("%s %s", request.method, request.path)
        reply = Reply.json(Problem(20500).body(request.path), 500)
    id = core.correlation_id(tenant, request)
    reply.headers["twilio-request-id"] = "RQ" + hashlib.md5(id.encode(), usedforsecurity=False).hexdigest()
    reply.headers["twilio-concurrent-requests"] = str(request.concurrent)
    return reply, tenant


def _count(core: Core, request: Request, tenant: Tenant) -> None:
    """Twilio's two limits by account: requests at the same time, and requests a second."""
    at_once, rate = tenant.get("twilio_concurrent"), tenant.get("twilio_per_second")
    if at_once and request.concurrent > at_once:
        raise Problem(20429)
    if rate and core.limits.count("twilio", tenant.tail, rate, 1.0).over:
        raise Problem(20429)


def _authenticate(core: Core, request: Request) -> tuple[Tenant, str]:
    pair = basic(request.headers.get("authorization", ""))
    if pair is None:
        raise Problem(20003)
    kind = {"AC": "account", "SK": "key"}.get(pair[0][:2])
    tenant = tenants.login(core, *pair, kind) if kind else None
    if tenant is None:
        raise Problem(20003)
    return tenant, pair[0]


def _run(core: Core, request: Request, tenant: Tenant, login: str) -> Reply:
    found = ROUTER.find(request.path)
    if found is None:
        raise Problem(20404)
    methods, values = found
    route = methods.get(request.method)
    if route is None:
        raise Problem(20004)
    if route.path.startswith("/2010-04-01") and values[0] != tenant.account_sid:
        raise Problem(20003)
    ctx = Context(core, request, tenant, login)
    if route.writes:
        with core.store.write():
            ctx.stamp = core.tick(tenant)
            return _reply(route.handler(ctx, *values))
    return _reply(route.handler(ctx, *values))


def _reply(answer: Any) -> Reply:
    return answer if isinstance(answer, Reply) else Reply.json(answer)
