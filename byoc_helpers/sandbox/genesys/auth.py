"""Logging in to the practice Genesys Cloud: client credentials for a bearer token.

Error bodies of the token endpoint: OAuth 2.0 (RFC 6749, 5.2) with the `description` the platform adds. Status and
texts of the two `client` entries as captured by users of the live endpoint: it answers 400, not the RFC's 401.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

from .. import colleagues, tenants
from ..core import Context, Core, Tenant, iso
from ..http import Reply, Request, Route
from ..limits import WINDOW, Standing
from .errors import Problem

TOKEN_SECONDS = 86_400

OAUTH_ERRORS = {
    "no.client": (400, "invalid_client", "client not found"),
    "client": (400, "invalid_client", "authentication failed"),
    # Status and header as for the platform's own limit; the token endpoint's wording isn't published.
    "many": (429, "too_many_requests", "rate limit exceeded for this client"),
    "grant": (400, "unsupported_grant_type", "the practice clouds offer client_credentials only"),
}


def basic(header: str) -> tuple[str, str] | None:
    """User and password of a Basic authorization header, None when it isn't one."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def token(core: Core, request: Request) -> Reply:
    """`POST /oauth/token`: credentials by HTTP Basic, or in the form as some clients send them."""
    form = request.form()
    pair = basic(request.headers.get("authorization", "")) or (
        form.get("client_id", ""),
        form.get("client_secret", ""),
    )
    if form.get("grant_type") != "client_credentials":
        return oauth_error("grant")
    with core.store.write():
        tenant = tenants.login(core, pair[0], pair[1], "oauth") or tenants.login(
            core, unquote_plus(pair[0]), unquote_plus(pair[1]), "oauth"
        )
        if tenant is None:
            known = core.known_login(pair[0]) or core.known_login(unquote_plus(pair[0]))
            return oauth_error("client" if known else "no.client")
        if allowed := tenant.get("logins_per_minute"):
            standing = core.limits.count("login", tenant.client_id, allowed, window(tenant))
            if standing.over:
                refused = oauth_error("many")
                refused.headers |= standing.headers
                return refused
        colleagues.come_by(core, tenant)
        seconds = float(tenant.get("token_seconds", TOKEN_SECONDS))
        issued = core.issue_token(tenant, pair[0], seconds)
    return Reply.json({"access_token": issued, "token_type": "bearer", "expires_in": int(seconds) - 1})


def oauth_error(key: str) -> Reply:
    status, error, text = OAUTH_ERRORS[key]
    return Reply.json({"error": error, "description": text, "error_description": text}, status)


def bearer(core: Core, request: Request) -> tuple[Tenant, str]:
    """Tenant and client of a request, or the platform's 401."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise Problem("no.token")
    found = core.check_token(value.strip())
    if found is None:
        raise Problem("bad.token")
    return found


class TooMany(Problem):
    """More requests with one token than the tenant's limit allows."""

    def __init__(self, standing: Standing):
        super().__init__("too.many", wait=str(standing.reset))
        self.standing = standing


def window(tenant: Tenant) -> float:
    """Seconds of a "minute" of this tenant's limits."""
    return float(tenant.get("limit_window") or WINDOW)


def count(core: Core, request: Request, tenant: Tenant) -> dict[str, str]:
    """Count a request against its token's limit; the headers that say where the token stands.

    Raises:
        TooMany: the limit is passed, and the request is not carried out.
    """
    allowed = tenant.get("requests_per_minute")
    if not allowed:
        return {}
    standing = core.limits.count("token", request.headers["authorization"], allowed, window(tenant))
    if standing.over:
        raise TooMany(standing)
    return standing.headers


def get_token(ctx: Context) -> dict[str, Any]:
    org = {"id": ctx.tenant.settings["org_id"], "name": ctx.tenant.settings["org_name"]}
    client = {"id": ctx.login, "name": "Practice client", "organization": org}
    return {
        "organization": org,
        "homeOrganization": org,
        "authorizedScope": [],
        "OAuthClient": {**client, "dateCreated": iso(ctx.tenant.settings["created"]), "state": "active"},
    }


def head_token(ctx: Context) -> Reply:
    return Reply(200)


def delete_token(ctx: Context) -> Reply:
    """`DELETE /tokens/me`: this token is no longer good for anything."""
    ctx.core.revoke_tokens(ctx.tenant.name, ctx.request.headers["authorization"].partition(" ")[2].strip())
    return Reply(204)


ROUTES = [
    Route("GET", "/api/v2/tokens/me", get_token),
    Route("HEAD", "/api/v2/tokens/me", head_token),
    Route("DELETE", "/api/v2/tokens/me", delete_token),
]
