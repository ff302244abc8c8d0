"""Outbound route: which calls of the site leave through the trunk (guide: BYOC Trunk 2).

A classification belongs to one route of a site at a time. The platform makes a "Default Outbound Route" some
seconds after the site, and it holds the classifications wanted here: `default_route` says what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import PureCloudPlatformClientV2 as sdk

from ..clouds.genesys import alive, pages
from ..exceptions import CloudError, NotFound, OutcomeUnknown, Refused
from . import byoc_trunk, site
from .base import AtLeast, Context, Desired, Found, Setting, adopted, is_marked

KIND, SIDE, CHAPTER = "outbound route", "Genesys Cloud", "05"
DEFAULT = "Default Outbound Route"
SETTINGS = (
    Setting("enabled", "State: Enabled"),
    Setting("classifications", "Classifications", "which numbers: those that number plans give these names"),
    Setting("trunks", "External Trunks", "tried in this order"),
    Setting("distribution", "Distribution Pattern"),
)
HINTS = ((r"classification", "Another route of the site holds one of these classifications: see the table of routes."),)


def read(ctx: Context, site_id: str) -> list[Any]:
    """The site's living routes."""
    telephony = ctx.clouds.genesys.telephony
    return ctx.once(("routes", site_id), lambda: [
        r for r in pages(telephony.get_telephony_providers_edges_site_outboundroutes, site_id) if alive(r)])


def desired(ctx: Context) -> list[Desired]:
    p = ctx.params
    fields = {"enabled": True, "classifications": AtLeast(p.classifications), "trunks": AtLeast([p.trunk_name]),
              "distribution": "SEQUENTIAL"}
    return [Desired(p.route_name, fields)]


def find(ctx: Context, want: Desired) -> Found | None:
    home = ctx.require(site)
    entity = next((r for r in read(ctx, home.id) if r.name == want.name), None)
    if entity is None:
        return None
    trunk = ctx.require(byoc_trunk)
    fields = {
        "enabled": entity.enabled, "classifications": tuple(entity.classification_types or ()),
        "trunks": tuple(trunk.name if t.id == trunk.id else t.name or t.id for t in entity.external_trunk_bases or ()),
        "distribution": entity.distribution,
    }
    return Found(entity.id, entity.name, fields, is_marked(ctx, entity.description), entity)


def create(ctx: Context, want: Desired) -> None:
    shrunk = [(route.id, list(route.classification_types)) for route, _, left in effects(ctx, want) if left]
    taken = _clear(ctx, want)
    body = sdk.OutboundRouteBase()
    body.name, body.enabled, body.distribution = want.name, True, want.fields["distribution"]
    body.description = ctx.mark + (f" Took {', '.join(taken)} from {DEFAULT}." if taken else "")
    body.classification_types = list(want.fields["classifications"])
    body.external_trunk_bases = [_reference(ctx.require(byoc_trunk).id)]
    telephony, home = ctx.clouds.genesys.telephony, ctx.require(site)
    try:
        telephony.post_telephony_providers_edges_site_outboundroutes(home.id, body)
    except OutcomeUnknown:
        raise
    except CloudError:
        # Ours was refused: the default route gets back what was taken, so that calls still have a way.
        for route_id, classifications in shrunk:
            route = telephony.get_telephony_providers_edges_site_outboundroute(home.id, route_id)
            route.classification_types = classifications
            telephony.put_telephony_providers_edges_site_outboundroute(home.id, route_id, route)
        raise


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    body = ctx.clouds.genesys.telephony.get_telephony_providers_edges_site_outboundroute(ctx.require(site).id, found.id)
    if "classifications" in changed:
        _clear(ctx, want)
        body.classification_types = _joined(body.classification_types, want.fields["classifications"])
    if "trunks" in changed:
        body.external_trunk_bases = [*(body.external_trunk_bases or []), _reference(ctx.require(byoc_trunk).id)]
    for key in ("enabled", "distribution"):
        if key in changed:
            setattr(body, key, want.fields[key])
    if not found.marked:
        body.description = adopted(ctx, body.description)
    ctx.clouds.genesys.telephony.put_telephony_providers_edges_site_outboundroute(ctx.require(site).id, found.id, body)


def holders(ctx: Context, want: Desired) -> list[tuple[Any, list[str]]]:
    """Other routes of the site that hold classifications we want: (route, those classifications)."""
    routes = read(ctx, ctx.require(site).id)
    shared = ((r, [c for c in r.classification_types or () if c in want.fields["classifications"]])
              for r in routes if r.name != want.name)
    return [(r, held) for r, held in shared if held]


def effects(ctx: Context, want: Desired) -> list[tuple[Any, tuple[str, ...], tuple[str, ...]]]:
    """What `default_route` does to routes that hold our classifications: (route, taken, left); none left: deleted.

    Raises:
        Refused: the params say keep, or a route that is not the default one holds them.
    """
    home, result = ctx.require(site), []
    for route, held in holders(ctx, want):
        if route.name != DEFAULT:
            raise Refused(f'The route "{route.name}" of site "{home.name}" holds {", ".join(held)}, and a classification belongs to '
                          "one route. Nothing was changed. Take it out there, or out of classifications in the params.")
        if ctx.params.default_route == "keep":
            raise Refused(f'"{DEFAULT}" of site "{home.name}" holds {", ".join(held)}, and the params say default_route: keep. '
                          "Choose move (take these over) or delete (as the vendor's guide does).")
        left = () if ctx.params.default_route == "delete" else tuple(c for c in route.classification_types if c not in held)
        result.append((route, tuple(held), left))
    return result


def _clear(ctx: Context, want: Desired) -> list[str]:
    """Free the classifications that the default route holds; returns them."""
    taken: list[str] = []
    telephony, home = ctx.clouds.genesys.telephony, ctx.require(site)
    for route, held, left in effects(ctx, want):
        if not left:
            with suppress(NotFound):  # a repeated deletion finds it gone
                telephony.delete_telephony_providers_edges_site_outboundroute(home.id, route.id)
        else:
            route.classification_types = list(left)
            telephony.put_telephony_providers_edges_site_outboundroute(home.id, route.id, route)
        taken += held
    return taken


def _joined(old: Iterable[str] | None, new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*(old or ()), *new]))


def _reference(id: str) -> Any:
    ref = sdk.DomainEntityRef()
    ref.id = id
    return ref
