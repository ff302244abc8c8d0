"""Outbound route: which calls of the site leave through the trunk (guide: BYOC Trunk 2).

A classification belongs to one route of a site at a time. The platform makes a "Default Outbound Route" some
seconds after the site, and it holds the classifications wanted here: `default_route` says what becomes of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..clouds.genesys import alive, pages, sdk
from ..exceptions import CloudError, NotFound, NotYet, OutcomeUnknown, Refused
from . import byoc_trunk, site
from .base import AtLeast, Context, Desired, Found, Removable, Setting, adopted, mark_of, refs

KIND, SIDE, CHAPTER = "outbound route", "Genesys Cloud", "05"
DEFAULT = "Default Outbound Route"
_KEPT = ("name", "description", "classification_types", "enabled", "distribution")
_WAS = " It was: "
SETTINGS = (
    Setting("enabled", "State: Enabled"),
    Setting("classifications", "Classifications", "which numbers: those that number plans give these names"),
    Setting("trunks", "External Trunks", "tried in this order"),
    Setting("distribution", "Distribution Pattern"),
)
HINTS = ((r"classification", "A classification is that of a number plan of the site (chapter 02), and belongs to one of its routes: see the table of routes."),)


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
        ctx.require(byoc_trunk)  # a route without a trunk to lead to is not made
        return None
    try:
        trunk = ctx.require(byoc_trunk)
        names = {trunk.id: trunk.name}
    except NotYet:
        names = {}
    fields = {
        "enabled": entity.enabled, "classifications": tuple(entity.classification_types or ()),
        "trunks": tuple(names.get(t.id) or t.name or t.id for t in entity.external_trunk_bases or ()),
        "distribution": entity.distribution,
    }
    return Found(entity.id, entity.name, fields, mark_of(ctx, entity.description), entity)


def create(ctx: Context, want: Desired) -> None:
    telephony, home = ctx.clouds.genesys.telephony, ctx.require(site)
    body, id, trunk = sdk.OutboundRouteBase(), None, ctx.require(byoc_trunk)
    for route, held, left in effects(ctx, want):
        if left:
            _lend(ctx, route, held, left)
        else:
            # Nothing would be left of it, so it becomes ours in one call: no moment without a way for calls.
            body, id = route, route.id
    _become(ctx, want, body, trunk.id)
    try:
        if id is None:
            telephony.post_telephony_providers_edges_site_outboundroutes(home.id, body)
        else:
            telephony.put_telephony_providers_edges_site_outboundroute(home.id, id, body)
    except OutcomeUnknown:
        raise
    except CloudError:
        _give_back(ctx)  # ours was refused: calls still have a way
        raise


def _become(ctx: Context, want: Desired, body: Any, trunk_id: str) -> None:
    was = {key: getattr(body, key) for key in _KEPT} if body.id else None
    body.description = ctx.mark + (f"{_WAS}{json.dumps(was | {'trunks': refs(body.external_trunk_bases)})}" if was else "")
    body.name, body.enabled, body.distribution = want.name, True, want.fields["distribution"]
    body.classification_types = list(want.fields["classifications"])
    body.external_trunk_bases = [_reference(trunk_id)]


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    telephony, home = ctx.clouds.genesys.telephony, ctx.require(site)
    body = telephony.get_telephony_providers_edges_site_outboundroute(home.id, found.id)
    if "classifications" in changed:
        for route, held, left in effects(ctx, want):
            if left:
                _lend(ctx, route, held, left)
            else:
                with suppress(NotFound):  # a repeated deletion finds it gone
                    telephony.delete_telephony_providers_edges_site_outboundroute(home.id, route.id)
        body.classification_types = list(dict.fromkeys([*(body.classification_types or ()), *want.fields["classifications"]]))
    if "trunks" in changed:
        body.external_trunk_bases = [*(body.external_trunk_bases or []), _reference(ctx.require(byoc_trunk).id)]
    for key in ("enabled", "distribution"):
        if key in changed:
            setattr(body, key, want.fields[key])
    if not found.marked:
        body.description = adopted(ctx, body.description)
    telephony.put_telephony_providers_edges_site_outboundroute(home.id, found.id, body)


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


def _lend(ctx: Context, route: Any, held: Iterable[str], left: Iterable[str]) -> None:
    """Take classifications out of a route, and note it there, so that they can be given back."""
    note = _note(ctx, route.description)
    taken = list(dict.fromkeys([*(note[1].split(", ") if note else ()), *held]))
    before = (route.description or "").replace(note[0], "") if note else route.description or ""
    route.description = f"{before} [{', '.join(taken)} taken by {ctx.mark.removeprefix('Made by ')}]".lstrip()
    route.classification_types = list(left)
    _put(ctx, route)


def _give_back(ctx: Context) -> None:
    """Put what `_lend` took back into the routes that lent it."""
    ctx.forget()
    for listed, note in tuple(_lenders(ctx)):
        route = ctx.clouds.genesys.telephony.get_telephony_providers_edges_site_outboundroute(ctx.require(site).id, listed.id)
        route.classification_types = list(dict.fromkeys([*(route.classification_types or ()), *note[1].split(", ")]))
        route.description = route.description.replace(note[0], "") or None
        _put(ctx, route)


def _lenders(ctx: Context) -> Iterator[tuple[Any, re.Match[str]]]:
    """Routes of the site that lent us classifications, with their note."""
    for route in read(ctx, ctx.require(site).id):
        if note := _note(ctx, route.description):
            yield route, note


def _note(ctx: Context, text: str | None) -> re.Match[str] | None:
    """What `_lend` wrote into a description; group 1 is the classifications."""
    return re.search(rf" ?\[([^]]*) taken by {re.escape(ctx.mark.removeprefix('Made by '))}\]", text or "")


def _put(ctx: Context, route: Any) -> None:
    ctx.clouds.genesys.telephony.put_telephony_providers_edges_site_outboundroute(ctx.require(site).id, route.id, route)


def _reference(id: str) -> Any:
    ref = sdk.DomainEntityRef()
    ref.id = id
    return ref


def _was(found: Found) -> dict[str, Any]:
    """What a route that became ours was before, from its description; empty if it is our own making."""
    _, there, was = (found.raw.description or "").partition(_WAS)
    try:
        return dict(json.loads(was)) if there else {}
    except ValueError:
        return {}


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    if found.name != want.name:
        return Removable("restore", f"gets {found.fields['classifications']} back")
    was = _was(found)
    if was:
        return Removable("restore", f'becomes "{was["name"]}" again: {", ".join(was["classification_types"])}')
    lent = [f"{r.name} then gets {note[1]} back" for r, note in _lenders(ctx)]
    return Removable("delete", "; ".join(lent))


def left_over(ctx: Context, want: Desired) -> Found | None:
    """A route that lent classifications and has not got them back: ours is gone, or its removal broke off."""
    route, note = next(_lenders(ctx), (None, None))
    return Found(route.id, route.name, {"classifications": note[1]}, "made", route) if route and note else None


def remove(ctx: Context, want: Desired, found: Found) -> None:
    telephony, home = ctx.clouds.genesys.telephony, ctx.require(site)
    if found.name != want.name:
        _give_back(ctx)
        return
    was = _was(found)
    if was:
        route = telephony.get_telephony_providers_edges_site_outboundroute(home.id, found.id)
        route.external_trunk_bases = [_reference(id) for id in was.pop("trunks")]
        for key in _KEPT:
            setattr(route, key, was[key])
        _put(ctx, route)
        return
    telephony.delete_telephony_providers_edges_site_outboundroute(home.id, found.id)
