"""Inbound call route (IVR): numbers that reach a flow (guide: "assign the number to an IVR Script")."""

from __future__ import annotations

from typing import Any

from ..clouds.genesys import named, pages, sdk
from ..exceptions import CheckFailed
from .base import AtLeast, Context, Desired, Found, Removable, Setting, adopted, mark_of

KIND, SIDE, CHAPTER = "inbound call route", "Genesys Cloud", "07"
SETTINGS = (
    Setting("dnis", "Inbound numbers"),
    Setting("flow", "Flow in open hours"),
)
HINTS = ((r"dnis|didPool|assigned", "A number must be in a DID pool and have no other owner."),)


def desired(ctx: Context) -> list[Desired]:
    routes: dict[str, list[Any]] = {}
    for item in ctx.params.assignments:
        if item.call_route:
            routes.setdefault(item.call_route, []).append(item)
    return [Desired(name, {"dnis": AtLeast(i.number for i in items), "flow": items[-1].flow}) for name, items in routes.items()]


def standing(ctx: Context) -> list[Desired]:
    return [Desired(want.name, {"dnis": want.fields["dnis"]}) for want in desired(ctx)]


def _flow(ctx: Context, name: str) -> Any:
    found = ctx.once(("flow", name), lambda: [
        f for f in pages(ctx.clouds.genesys.architect.get_flows, type=["inboundcall"], name=name) if f.name == name and not f.deleted])
    if not found:
        raise CheckFailed(f'There is no inbound call flow "{name}" in the org. Publish it in Architect, or mend flow in the params.')
    return found[0]


def by_name(ctx: Context, name: str) -> Any | None:
    """The inbound call route of exactly this name, as the SDK's model, or None."""
    return ctx.once(("call route", name), lambda: named(ctx.clouds.genesys.architect.get_architect_ivrs, name))


def find(ctx: Context, want: Desired) -> Found | None:
    entity = by_name(ctx, want.name)
    if entity is None:
        return None
    flow = entity.open_hours_flow
    wanted = _flow(ctx, want.fields["flow"]) if "flow" in want.fields else None
    fields = {"dnis": tuple(entity.dnis or ()),
              "flow": None if flow is None else wanted.name if wanted and flow.id == wanted.id else flow.name or flow.id}
    return Found(entity.id, entity.name, fields, mark_of(ctx, entity.description), entity)


def create(ctx: Context, want: Desired) -> None:
    body = sdk.IVR()
    body.name, body.description = want.name, ctx.mark
    _fill(ctx, want, body)
    ctx.clouds.genesys.architect.post_architect_ivrs(body)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    body = ctx.clouds.genesys.architect.get_architect_ivr(found.id)
    if not found.marked:
        body.description = adopted(ctx, body.description)
    _fill(ctx, want, body)
    ctx.clouds.genesys.architect.put_architect_ivr(found.id, body)


def _fill(ctx: Context, want: Desired, body: Any) -> None:
    # The whole list is written: what the route held stays in it.
    body.dnis = list(dict.fromkeys([*(body.dnis or []), *want.fields["dnis"]]))
    flow = sdk.DomainEntityRef()
    flow.id = _flow(ctx, want.fields["flow"]).id
    body.open_hours_flow = flow


def removal(ctx: Context, want: Desired, found: Found) -> Removable:
    others = [n for n in found.fields["dnis"] if n not in want.fields["dnis"]]
    if len(others) == len(found.fields["dnis"]) and others:
        return Removable("leave", f"has {', '.join(others)}, which is not from the params")
    return Removable("take out", f"stays with {', '.join(others)}") if others else Removable("delete")


def remove(ctx: Context, want: Desired, found: Found) -> None:
    architect = ctx.clouds.genesys.architect
    if removal(ctx, want, found).action == "delete":
        architect.delete_architect_ivr(found.id)
        return
    body = architect.get_architect_ivr(found.id)
    body.dnis = [n for n in body.dnis or () if n not in want.fields["dnis"]]
    architect.put_architect_ivr(found.id, body)
