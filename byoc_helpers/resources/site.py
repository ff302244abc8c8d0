"""Site: what uses the location, served by the default site's virtual edges (guide: "Site", Telephony – Sites)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ..clouds.genesys import named, sdk
from ..exceptions import CheckFailed
from ..params import Params
from . import location
from .base import Context, Desired, Found, Setting, adopted, mark_of

KIND, SIDE, CHAPTER = "Genesys Cloud site", "Genesys Cloud", "02"
SETTINGS = (
    Setting("location", "Location", "its country decides the country code of the number plans"),
    Setting("media_model", "Media Model", "Cloud; it can't be changed later"),
    Setting("primary_sites", "Primary Sites", "whose virtual edges make and take the calls"),
    Setting("secondary_sites", "Secondary Sites"),
    Setting("time_zone", "Time Zone"),
)
HINTS = ((r"location", "A site needs a location whose address is verified and that is available for use on sites: chapter 02."),)


def by_name(ctx: Context, name: str) -> Any | None:
    """The site of exactly this name, as the SDK's model, or None."""
    telephony = ctx.clouds.genesys.telephony
    return ctx.once(("site", name), lambda: named(telephony.get_telephony_providers_edges_sites, name))


def name(params: Params) -> str:
    return params.site_name


def desired(ctx: Context) -> list[Desired]:
    p = ctx.params
    fields = {
        "location": p.location_name, "media_model": "Cloud", "time_zone": p.time_zone,
        "primary_sites": (p.edge_site,), "secondary_sites": (p.edge_site,),
    }
    return [Desired(p.site_name, fields)]


def find(ctx: Context, want: Desired) -> Found | None:
    entity = by_name(ctx, want.name)
    if entity is None:
        return None
    update_window = entity.edge_auto_update_config
    fields = {
        "location": _location_name(ctx, entity),
        "media_model": entity.media_model,
        "primary_sites": _names(ctx, want, entity.primary_sites),
        "secondary_sites": _names(ctx, want, entity.secondary_sites),
        "time_zone": update_window.time_zone if update_window else None,
    }
    return Found(entity.id, entity.name, fields, mark_of(ctx, entity.description), entity)


def _location_name(ctx: Context, entity: Any) -> str | None:
    if entity.location is None:
        return None
    if entity.location.name:
        return entity.location.name
    held = location.read(ctx, entity.location.id)
    return held.name if held else None


def _names(ctx: Context, want: Desired, sites: Any) -> tuple[str, ...]:
    """Names of referenced sites; a reference may come without one."""
    known = {}
    for name in {*want.fields.get("primary_sites", ()), *want.fields.get("secondary_sites", ())}:
        site = by_name(ctx, name)
        if site is not None:
            known[site.id] = name
    return tuple(known.get(ref.id) or ref.name or ref.id for ref in sites or ())


def _edge_site(ctx: Context, name: str) -> Any:
    site = by_name(ctx, name)
    if site is None:
        raise CheckFailed(f'The site "{name}", whose virtual edges this one uses, does not exist. '
                          "Chapter 01 checks for it; mend edge_site if your org names it otherwise.")
    return site


def create(ctx: Context, want: Desired) -> None:
    body = sdk.Site()
    body.name, body.description, body.media_model = want.name, ctx.mark, "Cloud"
    servers = sdk.NTPSettings()
    servers.servers = []
    body.ntp_settings = servers
    _fill(ctx, want, body, frozenset(want.fields))
    ctx.clouds.genesys.telephony.post_telephony_providers_edges_sites(body)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    body = ctx.clouds.genesys.telephony.get_telephony_providers_edges_site(found.id)
    if "media_model" in changed:
        raise CheckFailed(f'The site "{want.name}" has media model {found.fields["media_model"]}, and that can\'t be '
                          "changed. Choose another site_name.")
    if not found.marked:
        body.description = adopted(ctx, body.description)
    _fill(ctx, want, body, changed)
    ctx.clouds.genesys.telephony.put_telephony_providers_edges_site(found.id, body)


def _fill(ctx: Context, want: Desired, body: Any, changed: frozenset[str]) -> None:
    if "location" in changed:
        body.location = sdk.LocationDefinition()
        body.location.id = ctx.require(location).id
    for key in ("primary_sites", "secondary_sites"):
        if key in changed:
            setattr(body, key, [_reference(_edge_site(ctx, name).id) for name in want.fields[key]])
    if "time_zone" in changed:
        window = body.edge_auto_update_config or sdk.EdgeAutoUpdateConfig()
        window.time_zone = want.fields["time_zone"]
        window.rrule = window.rrule or "FREQ=DAILY"
        # Local times of the nightly window for edge updates; virtual edges ignore it, the API wants it.
        window.start = window.start or dt.datetime(2026, 1, 1, 2, 0)
        window.end = window.end or dt.datetime(2026, 1, 1, 5, 0)
        body.edge_auto_update_config = window


def _reference(id: str) -> Any:
    ref = sdk.DomainEntityRef()
    ref.id = id
    return ref


def remove(ctx: Context, want: Desired, found: Found) -> None:
    ctx.clouds.genesys.telephony.delete_telephony_providers_edges_site(found.id)
