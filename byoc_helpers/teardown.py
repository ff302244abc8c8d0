"""Takes away what the runbook made for a partner, in the reverse of the chapters' order; leaves the rest.

Nothing is remembered: what is there is read, and whose it is, by its mark, decides. Deletions are soft and slow on
the clouds' side, so each object is gone before the next one is asked for; one that is still in use is asked for again
for a while, then named with what uses it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from . import chapters
from .exceptions import (
    CheckFailed,
    CloudError,
    DeadlineExceeded,
    NotFound,
    NotYet,
    OutcomeUnknown,
    ParamsError,
    Refused,
    RunbookError,
    SecretError,
    Unauthorized,
)
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
    return [removal for kind, want in _wanted(ctx, anew=False) if (removal := want if isinstance(want, Removal) else _told(ctx, kind, want))]


def remove_all(ctx: Context) -> list[Removal]:
    """Do what `listing` says, object by object; what can't be removed is named in `obstacle`, and the rest goes on.

    What a removal brings to light is done, too: classifications that a route had lent are given back once ours is gone.

    Raises:
        Unauthorized: a cloud no longer accepts the credentials.
    """
    done: list[Removal] = []
    for kind, want in _wanted(ctx, anew=True):
        removal = want if isinstance(want, Removal) else _next(ctx, kind, want)
        needs = getattr(kind, "GOES_AFTER", "")
        if removal and removal.plan.action != "leave" and any(r.obstacle and chapters.key(r.kind) == needs for r in done):
            removal = replace(removal, obstacle="What uses it could not be removed, see above. Run the teardown again later.")
        if removal and (removal.obstacle or removal.plan.action == "leave"):
            done.append(removal)
            continue
        while removal and not removal.obstacle and removal.plan.action != "leave":
            done.append(_remove(ctx, removal))
            removal = _next(ctx, kind, want) if done[-1].done else None
    return done


def _next(ctx: Context, kind: Kind, want: Desired) -> Removal | None:
    ctx.forget()
    return _told(ctx, kind, want)


def _told(ctx: Context, kind: Kind, want: Desired) -> Removal | None:
    """As `_consider`; what can't be read is an obstacle."""
    try:
        return _consider(ctx, kind, want)
    except (CloudError, ParamsError, SecretError) as error:
        return _unreadable(kind, want.name, error)


def _unreadable(kind: Kind, name: str, error: RunbookError) -> Removal:
    nothing = Desired(name, {})
    return Removal(kind, nothing, Found("", name, {}, False), Removable("delete"), obstacle=_obstacle(error))


def _obstacle(error: RunbookError) -> str:
    """The sentence for what was in the way of one object; a cloud that no longer accepts the credentials ends everything."""
    if isinstance(error, Unauthorized):
        raise error
    return f"{error} Run the teardown again later."


def _wanted(ctx: Context, anew: bool) -> Iterator[tuple[Kind, Any]]:
    """Each kind with each object it should have; with the `Removal` that says why where that can't be told. `anew`: read for each kind."""
    for chapter in reversed(chapters.CHAPTERS):
        for name in reversed(chapter.kinds):
            kind = chapters.kind(name)
            if anew:
                ctx.forget()
            try:
                wanted = getattr(kind, "standing", kind.desired)(ctx)
            except NotYet:
                continue
            except (CloudError, CheckFailed, ParamsError, Refused, SecretError) as error:
                yield kind, _unreadable(kind, "", error)
                continue
            yield from ((kind, want) for want in reversed(wanted))


def _consider(ctx: Context, kind: Kind, want: Desired) -> Removal | None:
    try:
        found = _found(ctx, kind, want)
        if found is None:
            return None
        if found.marked is False:
            return Removal(kind, want, found, Removable("leave", "not made by the runbook for this partner"))
        if found.marked == "adopted":
            return Removal(kind, want, found, Removable("leave", "taken over by the runbook, not made by it"))
        judge = getattr(kind, "removal", lambda *_: Removable("delete"))
        try:
            verdict = judge(ctx, want, found)
        except NotFound:  # listed still, and gone
            return None
        return Removal(kind, want, found, verdict) if verdict else None
    except (Refused, CheckFailed) as error:
        return Removal(kind, want, Found("", want.name, {}, False), Removable("leave", str(error)))


def _found(ctx: Context, kind: Kind, want: Desired) -> Found | None:
    """The object, or what it leaves to be put right; None: neither, or what it was part of is gone, and it with that."""
    for look in (kind.find, getattr(kind, "left_over", None)):
        with contextlib.suppress(NotYet):
            if look and (found := look(ctx, want)):
                return found
    return None


def _remove(ctx: Context, removal: Removal) -> Removal:
    kind, want, seconds = removal.kind, removal.want, WAIT[ctx.params.target]
    troubles: list[CloudError] = []
    tried, done, last = False, False, removal

    def left() -> Removal | None:
        nonlocal last
        ctx.forget()
        now = _consider(ctx, kind, want)
        last = now or removal
        same = now is not None and (now.plan.action, now.found.id) == (removal.plan.action, removal.found.id)
        return now if same else None

    def gone() -> bool:
        return left() is None

    def asked() -> bool:
        nonlocal tried, done
        now = left() if tried else removal  # what was read a moment ago
        if now is None:
            return True
        tried = True
        try:
            kind.remove(ctx, want, now.found)
        except NotFound:
            pass  # looked up below
        except CloudError as error:
            if not isinstance(error, OutcomeUnknown) and error.status not in (400, 409):
                raise
            troubles.append(error)  # still in use, changed meanwhile, or no answer: looked up, and asked for again
            done |= isinstance(error, OutcomeUnknown) and removal.plan.action != "delete"  # what is deleted is not there to be left
            return False
        done = True
        return True

    try:
        poll(asked, "", seconds)
        troubles.clear()
        poll(gone, "", seconds)
    except DeadlineExceeded:
        said = str(troubles[-1]) if troubles else "It was deleted, and still shows."
        return replace(removal, obstacle=f"{said} Run the teardown again later.")
    except (CloudError, CheckFailed, NotYet, ParamsError, Refused, SecretError) as error:
        return replace(removal, obstacle=_obstacle(error))
    return last if last.plan.action == "leave" and not done else replace(removal, done=True)  # somebody uses it by now
