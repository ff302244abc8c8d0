"""Which permission an operation needs: what a tenant lacks by its setting `missing_permissions` answers 403.

`telephony:plugin:all` is what the telephony operations name when they refuse (seen in public threads, plans included);
the others are the project's own table of permissions, in the order the platform's roles group them.
"""

from __future__ import annotations

from ..core import Tenant
from ..http import Route
from .errors import Problem

ANY, WRITE, READ = "any", "write", "read"
# path prefix, which operations, permission; the first that fits counts
NEEDS: tuple[tuple[str, str, str], ...] = (
    ("/api/v2/telephony/", ANY, "telephony:plugin:all"),
    ("/api/v2/authorization/products", ANY, "authorization:orgProduct:view"),
    ("/api/v2/locations", WRITE, "directory:organization:admin"),
    ("/api/v2/users", WRITE, "directory:user:edit"),
    ("/api/v2/users", READ, "directory:user:view"),
    ("/api/v2/architect/ivrs", WRITE, "routing:callRoute:edit"),
    ("/api/v2/architect/ivrs", READ, "routing:callRoute:view"),
    ("/api/v2/flows", ANY, "architect:flow:search"),
)
KNOWN = tuple(dict.fromkeys(permission for _, _, permission in NEEDS))


def needed(route: Route) -> str:
    """The permission of an operation, or "" when any client may."""
    kind = WRITE if route.writes else READ
    return next((p for start, what, p in NEEDS if route.path.startswith(start) and what in (ANY, kind)), "")


def check(tenant: Tenant, route: Route) -> None:
    """403, naming the permission, when the tenant's client lacks it."""
    missing = tenant.get("missing_permissions")
    if missing and (permission := needed(route)) in missing:
        raise Problem("forbidden", permissions=permission)
