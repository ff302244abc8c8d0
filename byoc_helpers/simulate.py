"""Reads a site's number plans, routes, trunks and edges from the cloud, as the plain data `dialplan` decides on."""

from __future__ import annotations

from typing import Any

from .clouds.genesys import alive, pages
from .dialplan import Dialplan, NumberPlan, Route, TrunkState, plan_from_mapping
from .exceptions import CheckFailed, NotYet
from .resources import byoc_trunk, location, number_plans, outbound_route, site
from .resources.base import Context


def read_dialplan(ctx: Context) -> Dialplan:
    """All that decides about a call of the params' site.

    Raises:
        NotYet: the site does not exist.
        CheckFailed: its location has no country.
    """
    home = ctx.require(site)
    ctx.ahead(lambda: outbound_route.read(ctx, home.id), lambda: number_plans.read(ctx, home.id), lambda: _country(ctx, home.raw),
              lambda: _edges(ctx), lambda: byoc_trunk.all_lines(ctx))
    routes = outbound_route.read(ctx, home.id)
    bases = list(dict.fromkeys(t.id for r in routes for t in r.external_trunk_bases or ()))
    names, states = _trunks(ctx, bases)
    return Dialplan(
        site=home.name, country=_country(ctx, home.raw),
        plans=tuple(_plan(p) for p in number_plans.read(ctx, home.id)),
        routes=tuple(Route(r.name, bool(r.enabled), tuple(r.classification_types or ()),
                           tuple(names.get(t.id) or t.name or t.id for t in r.external_trunk_bases or ()),
                           r.distribution or "SEQUENTIAL") for r in routes),
        trunks=states,
    )


def _plan(plan: Any) -> NumberPlan:
    length = plan.digit_length
    return plan_from_mapping({
        "name": plan.name, "matchType": plan.match_type, "classification": plan.classification, "priority": plan.priority,
        "match": plan.match, "normalizedFormat": plan.normalized_format, "state": plan.state,
        "numbers": [{"start": n.start, "end": n.end} for n in plan.numbers or ()],
        "digitLength": {"start": length.start, "end": length.end} if length else None,
    })


def _country(ctx: Context, entity: Any) -> str:
    reference = entity.location
    address = reference.address if reference else None
    if reference is not None and (address is None or not address.country):
        held = location.read(ctx, reference.id)
        address = held.address if held else None
    if address is None or not address.country:
        raise CheckFailed(f'The location of site "{entity.name}" has no country, so national numbers can\'t be told. '
                          "Run chapter 02, or mend the location.")
    return address.country


def _edges(ctx: Context) -> list[Any]:
    return ctx.once("edges", lambda: [e for e in pages(ctx.clouds.genesys.telephony.get_telephony_providers_edges) if alive(e)])


def _trunks(ctx: Context, bases: list[str]) -> tuple[dict[str, str], tuple[TrunkState, ...]]:
    """Names of the trunk settings by id, and how their lines, one an edge, are."""
    if not bases:
        return {}, ()
    edges = {e.id: e.name for e in _edges(ctx)}
    names: dict[str, str] = {}
    states = []
    for base in bases:
        if (held := byoc_trunk.read(ctx, base)) is None:
            continue  # deleted a moment ago
        names[base] = held.name
        mine = byoc_trunk.lines(ctx, base)
        serving = tuple(sorted(edges.get(t.edge.id) or t.edge.name or t.edge.id for t in mine if t.in_service and t.edge))
        states.append(TrunkState(names[base], any(t.enabled for t in mine), bool(serving) if mine else None, serving))
    return names, tuple(states)


def trunk_settings(ctx: Context, name: str) -> dict[str, Any]:
    """Properties of the trunk of this name that a route of the site leads to; its password is not among them.

    Raises:
        NotYet: there is no such route.
    """
    routes = outbound_route.read(ctx, ctx.require(site).id)
    for id in dict.fromkeys(t.id for r in routes for t in r.external_trunk_bases or ()):
        if (base := byoc_trunk.read(ctx, id)) and base.name == name:
            return byoc_trunk.settings(base)
    raise NotYet(f'No route of the site leads to the trunk "{name}": see chapter 05.')
