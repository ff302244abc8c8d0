"""The door of the practice Genesys Cloud: finds the operation, checks the token, answers in the platform's shapes."""

from __future__ import annotations

import logging
from typing import Any

from ..core import Context, Core, Tenant
from ..http import Reply, Request, Router
from . import auth, dialplan, dids, edges, locations, org, people, permissions, sites, trunks
from .errors import Problem

MODULES = (auth, org, people, locations, edges, sites, dialplan, trunks, dids)
ROUTER = Router(route for module in MODULES for route in module.ROUTES)
CORRELATION = "inin-correlation-id"

log = logging.getLogger(__name__)


def handle(core: Core, request: Request) -> tuple[Reply, Tenant | None]:
    """The answer to one `/api/v2` or `/oauth` request, and whose it was."""
    tenant: Tenant | None = None
    problem: Problem | None = None
    headers: dict[str, str] = {}
    try:
        if request.path.rstrip("/") == "/oauth/token" and request.method == "POST":
            reply = auth.token(core, request)
        else:
            tenant, login = auth.bearer(core, request)
            headers = auth.count(core, request, tenant)
            reply = _run(core, request, tenant, login)
    except auth.TooMany as raised:
        problem, headers = raised, raised.standing.headers
    except Problem as raised:
        problem = raised
    except RecursionError:  # a body nested nearly too deeply to read
        problem = Problem("bad.json", why="the body is not JSON")
    except Exception:
        log.exception("%s %s", request.method, request.path)
        problem = Problem("internal")
    id = core.correlation_id(tenant, request)
    if problem:
        reply = Reply.json(problem.body(id), problem.entry.status)
    reply.headers |= {CORRELATION: id, **headers}
    return reply, tenant


def _run(core: Core, request: Request, tenant: Tenant, login: str) -> Reply:
    found = ROUTER.find(request.path)
    if found is None:
        raise Problem("no.path", path=f"{request.method} {request.path}")
    methods, values = found
    route = methods.get(request.method)
    if route is None:
        raise Problem("no.method", method=request.method)
    permissions.check(tenant, route)
    ctx = Context(core, request, tenant, login)
    if route.writes:
        try:
            with core.store.write():
                ctx.stamp = core.tick(tenant)
                return _reply(route.handler(ctx, *values))
        finally:
            if ctx.keep:
                core.change_settings(tenant, ctx.keep)
    return _reply(route.handler(ctx, *values))


def _reply(answer: Any) -> Reply:
    return answer if isinstance(answer, Reply) else Reply.json(answer)
