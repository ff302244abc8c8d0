"""Takes away what the runbook made for a partner, in the reverse of the chapters' order; leaves the rest.

Nothing is remembered: what is there is read, and whose it is, by its mark, decides. Deletions are soft and slow on
the clouds' side, so each object is gone before the next one is asked for; one that is still in use is asked for again
for a while, then named with what uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import chapters
from .exceptions import CheckFailed, CloudError, DeadlineExceeded, NotFound, NotYet, OutcomeUnknown, Refused
from .reconcile import poll
from .resources.base import Context, Desired, Found, Kind, Removable

WAIT = {"sandbox": 20.0, "live": 120.0}  # seconds for a deletion to show, or for a user of the object to be gone


@dataclass(frozen=True)
class Removal:
    """One object: what becomes of it (`plan`), and, once tried, whether that was done or what was in the way."""

    kind: Kind
    want: Desired
    found: Found
    plan: Removable
    done: bool = False
    obstacle: str = ""


def listing(ctx: Context) -> list[Removal]:
    """What would be removed, and what would be left and why; changes nothing. What isn't there is not listed."""
    ctx.forget()
    return [removal for kind, want in _wanted(ctx) if (removal := _consider(ctx, kind, want))]


def remove_all(ctx: Context) -> list[Removal]:
    """Do what `listing` says, object by object; what can't be removed is named in `obstacle`, and the rest goes on."""
    done = []
    for kind, want in _wanted(ctx):
        ctx.forget()
        removal = _consider(ctx, kind, want)
        if removal is not None:
            done.append(removal if removal.plan.action == "leave" else _remove(ctx, removal))
    return done


def _wanted(ctx: Context) -> Iterator[tuple[Kind, Desired]]:
    for chapter in reversed(chapters.CHAPTERS):
        for name in reversed(chapter.kinds):
            kind = chapters.kind(name)
            try:
                wanted = kind.desired(ctx)
            except NotYet:
                continue
            yield from ((kind, want) for want in reversed(wanted))


def _consider(ctx: Context, kind: Kind, want: Desired) -> Removal | None:
    try:
        found = kind.find(ctx, want)
    except NotYet:  # what it was part of is gone, and it with that
        return None
    except (Refused, CheckFailed) as error:
        return Removal(kind, want, Found("", want.name, {}, False), Removable("leave", str(error)))
    if found is None:
        return None
    if found.marked is False:
        return Removal(kind, want, found, Removable("leave", "not made by the runbook for this partner"))
    if found.marked == "adopted":
        return Removal(kind, want, found, Removable("leave", "taken over by the runbook, not made by it"))
    judge = getattr(kind, "removal", lambda *_: Removable("delete"))
    verdict = judge(ctx, want, found)
    return Removal(kind, want, found, verdict) if verdict else None


def _remove(ctx: Context, removal: Removal) -> Removal:
    kind, want, seconds = removal.kind, removal.want, WAIT[ctx.params.target]
    refused: list[CloudError] = []

    def gone() -> bool:
        ctx.forget()
        left = _consider(ctx, kind, want)
        return left is None or left.plan.action == "leave" or (left.plan.action, left.found.id) != (removal.plan.action, removal.found.id)

    def asked() -> bool:
        if gone():
            return True
        try:
            kind.remove(ctx, want, removal.found)
        except (NotFound, OutcomeUnknown):
            pass  # looked up below
        except CloudError as error:
            if error.status not in (400, 409):
                raise
            refused.append(error)  # still in use, or changed meanwhile
            return False
        return True

    try:
        poll(asked, "", seconds)
        poll(gone, "", seconds)
    except DeadlineExceeded:
        said = str(refused[-1]) if refused else "It was deleted, and still shows."
        return replace(removal, obstacle=f"{said} Run the teardown again later.")
    return replace(removal, done=True)
