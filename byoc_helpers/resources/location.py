"""Location: the address a site has (guide: "Location", Directory – Locations)."""

from __future__ import annotations

from typing import Any

from ..clouds.genesys import alive, pages, sdk
from ..exceptions import CheckFailed, NotFound, Refused
from ..params import Params
from .base import Context, Desired, Found, Removable, Setting, adopted, mark_of

KIND, SIDE, CHAPTER = "Genesys Cloud location", "Genesys Cloud", "02"
SETTINGS = (
    Setting("street1", "Address", "checked by an external service, or the location stays unverified"),
    Setting("city", "City"),
    Setting("state", "State"),
    Setting("zipcode", "Postal code"),
    Setting("country", "Country", "decides the country code of the default number plans"),
    Setting("emergency_number", "Emergency Number", "with it the location is available for use on sites"),
    Setting("contact", "Site Contact"),
)
HINTS = (
    (r"emergency", "An emergency number belongs to one location only: choose another emergency_number, or free this one."),
)
_ADDRESS = ("street1", "city", "state", "zipcode", "country")


def person(ctx: Context, email: str) -> Any:
    """The user with this e-mail.

    Raises:
        CheckFailed: there is none in the org.
    """
    def read() -> Any:
        criteria = sdk.UserSearchCriteria()
        criteria.fields, criteria.value, criteria.type = ["email"], email, "EXACT"
        body = sdk.UserSearchRequest()
        body.query, body.page_size = [criteria], 25
        found = ctx.clouds.genesys.users.post_users_search(body).results or []
        return next((u for u in found if (u.email or "").lower() == email.lower()), None)

    user = ctx.once(("person", email), read)
    if user is None:
        raise CheckFailed(f"Nobody in the org has the e-mail {email}. Add the person under Directory – People, "
                          "or mend the address in the params.")
    return user


def name(params: Params) -> str:
    return params.location_name


def desired(ctx: Context) -> list[Desired]:
    p = ctx.params
    fields = {
        "street1": p.street, "city": p.city, "state": p.state, "zipcode": p.postal_code, "country": p.country,
        "emergency_number": p.emergency_number, "contact": p.site_contact.lower(),
    }
    return [Desired(p.location_name, fields)]


def read(ctx: Context, id: str) -> Any | None:
    """The living location of this id, with the state of its address verification; None if it is gone."""
    def get() -> Any | None:
        try:
            entity = ctx.clouds.genesys.locations.get_location(id, expand=["addressVerificationDetails"])
        except NotFound:
            return None
        return entity if alive(entity) else None

    return ctx.once(("location", id), get)


def _named(ctx: Context, name: str) -> Any | None:
    api = ctx.clouds.genesys.locations
    criteria = sdk.LocationSearchCriteria()
    criteria.fields, criteria.value, criteria.type = ["name"], name, "EXACT"
    body = sdk.LocationSearchRequest()
    body.query, body.page_size = [criteria], 25
    hits = [e for e in api.post_locations_search(body).results or [] if e.name == name and alive(e)]
    found = [entity for hit in hits if (entity := read(ctx, hit.id))]
    if not found:
        # The search index lags behind; the listing does not, and has no name filter.
        found = [entity for e in pages(api.get_locations) if e.name == name and alive(e) and (entity := read(ctx, e.id))]
    if len(found) > 1:
        raise Refused(f'Two locations are named "{name}" ({", ".join(e.id for e in found)}). Rename one of them, then run again.')
    return found[0] if found else None


def find(ctx: Context, want: Desired) -> Found | None:
    entity = ctx.once(("location named", want.name), lambda: _named(ctx, want.name))
    if entity is None:
        return None
    address, number = entity.address, entity.emergency_number
    user = _user(ctx, entity.contact_user.id) if entity.contact_user else None
    fields = {key: getattr(address, key, None) for key in _ADDRESS}
    fields |= {
        "emergency_number": (number.e164 or number.number) if number else None,
        "contact": (user.email or "").lower() if user else None,
    }
    return Found(entity.id, entity.name, fields, mark_of(ctx, entity.notes), entity)


def _user(ctx: Context, id: str) -> Any | None:
    """The person of this id; None if it was deleted."""
    def get() -> Any | None:
        try:
            return ctx.clouds.genesys.users.get_user(id)
        except NotFound:
            return None

    return ctx.once(("user", id), get)


def create(ctx: Context, want: Desired) -> None:
    body = sdk.LocationCreateDefinition()
    body.name, body.notes = want.name, ctx.mark
    body.address, body.emergency_number = _address(want), _emergency(want)
    body.contact_user = person(ctx, want.fields["contact"]).id
    ctx.clouds.genesys.locations.post_locations(body)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    # Only what differs: an address may not be sent again once a number is assigned to it, even unchanged.
    body = sdk.LocationUpdateDefinition()
    body.version = found.raw.version
    if changed & set(_ADDRESS):
        body.address = _address(want)
    if "emergency_number" in changed:
        body.emergency_number = _emergency(want)
    if "contact" in changed:
        body.contact_user = person(ctx, want.fields["contact"]).id
    if not found.marked:
        body.notes = adopted(ctx, found.raw.notes)
    ctx.clouds.genesys.locations.patch_location(found.id, body)


def _address(want: Desired) -> Any:
    address = sdk.LocationAddress()
    for key in _ADDRESS:
        setattr(address, key, want.fields[key] or None)
    return address


def _emergency(want: Desired) -> Any:
    number = sdk.LocationEmergencyNumber()
    number.number = number.e164 = want.fields["emergency_number"]
    number.type = "default"
    return number


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    staying = [s.name for s in pages(ctx.clouds.genesys.telephony.get_telephony_providers_edges_sites)
               if alive(s) and s.location and s.location.id == found.id
               and not (s.name == ctx.params.site_name and mark_of(ctx, s.description) == "made")]
    return Removable("leave", f"in use by site {', '.join(staying)}") if staying else Removable("delete")


def remove(ctx: Context, want: Desired, found: Found) -> None:
    ctx.clouds.genesys.locations.delete_location(found.id)
