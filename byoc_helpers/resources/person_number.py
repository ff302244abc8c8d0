"""A number that rings a person (guide: "You can then assign this number to a user")."""

from __future__ import annotations

from ..clouds.genesys import sdk
from ..exceptions import CheckFailed, Refused
from ..reconcile import VISIBLE_WITHIN, poll
from . import did_pool
from .base import Context, Desired, Found, Removable, Setting
from .location import person

KIND, SIDE, CHAPTER = "number of a person", "Genesys Cloud", "07"
SETTINGS = (
    Setting("person", "Assigned to", "calls to the number ring this person"),
    Setting("owner_type", "Kind of owner"),
)
HINTS = ((r"phone number|assigned|address", "A number has one owner, and must be in a DID pool."),)

_TYPES = ("WORK", "WORK2", "WORK3", "WORK4", "HOME", "MOBILE", "OTHER")


def desired(ctx: Context) -> list[Desired]:
    return [Desired(i.number, {"person": i.person.lower()}) for i in ctx.params.assignments if i.person]


def find(ctx: Context, want: Desired) -> Found | None:
    did = did_pool.did(ctx, want.name)
    if did is None or did.owner is None:
        return None
    user = person(ctx, want.fields["person"])
    if did.owner.id == user.id:
        return Found(did.id, want.name, {"person": want.fields["person"], "owner_type": did.owner_type}, None, user)
    owner = f"{did.owner_type} {did.owner.name or did.owner.id}"
    raise Refused(f"{want.name} is assigned already, to {owner}. A number has one owner. Nothing was changed. "
                  "Take it away there, or mend assignments in the params.")


def create(ctx: Context, want: Desired) -> None:
    poll(lambda: did_pool.did(ctx, want.name), f"{want.name} is in no DID pool, or does not show there yet, so it can't be assigned. Run the pool "
         "cell above first; if it has run, run this one again in a minute.", VISIBLE_WITHIN if did_pool.covers(ctx, want.name) else 0.0, again=ctx.forget)
    user = ctx.clouds.genesys.users.get_user(person(ctx, want.fields["person"]).id)
    addresses = list(user.addresses or [])
    if any(a.address == want.name for a in addresses):
        raise CheckFailed(f"{want.fields['person']} has the number already, and Genesys Cloud does not count them as the DID's owner "
                          "yet. Save the number of that person again under Directory – People, then run this chapter again.")
    taken = {a.type for a in addresses}
    contact = sdk.Contact()
    contact.address, contact.media_type = want.name, "PHONE"
    contact.type = next((t for t in _TYPES if t not in taken), "OTHER")
    body = sdk.UpdateUser()
    body.version, body.addresses = user.version, [*addresses, contact]
    ctx.clouds.genesys.users.patch_user(user.id, body)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    raise AssertionError("find refuses a number that somebody else owns")


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    return Removable("take out", f"taken from {want.fields['person']}; the person stays")


def remove(ctx: Context, want: Desired, found: Found) -> None:
    user = ctx.clouds.genesys.users.get_user(found.raw.id)
    body = sdk.UpdateUser()
    body.version, body.addresses = user.version, [a for a in user.addresses or () if a.address != want.name]
    ctx.clouds.genesys.users.patch_user(user.id, body)
