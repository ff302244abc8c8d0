"""Plan and apply, the same for every kind: read, compare, write only the difference, read back.

What was written is read again, so a result always shows what the cloud says. An answer that was lost, or a
version somebody else changed, leads back to reading: never to sending the same thing twice.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from .exceptions import CheckFailed, CloudError, Conflict, DeadlineExceeded, NotYet, OutcomeUnknown, Refused
from .resources.base import AtLeast, Context, Desired, Found, Kind

Action = Literal["created", "updated", "unchanged"]
ATTEMPTS = 4
PATIENCE = 60.0  # seconds of lost answers, however many tries that is
VISIBLE_WITHIN = 20.0  # seconds for a write to show in a read
LOST_WITHIN = 3.0  # seconds to look for what a request without an answer may have done
TAKEN_WITHIN = 1.0  # seconds to look for what the cloud says is there already
_THERE_ALREADY = re.compile(r"^400 (21235|21240|21243|21245|21248) |^4\d\d .*\b(already|exists|in use|duplicate|taken)\b", re.IGNORECASE)
T = TypeVar("T")


@dataclass(frozen=True)
class Difference:
    """One field: what the cloud holds (None: nothing) and what it should hold."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Change:
    """What applying would do to one object.

    `waits_for` says which object must exist before this one can be compared; `refused` why applying would stop.
    """

    kind: Kind
    want: Desired
    found: Found | None
    differences: tuple[Difference, ...]
    waits_for: str = ""
    refused: str = ""
    effects: tuple[tuple[str, str, str], ...] = ()  # (other object, how it is, how it would be)

    @property
    def action(self) -> Literal["create", "update", "unchanged"]:
        if self.found is None:
            return "create"
        return "update" if self.differences else "unchanged"


@dataclass(frozen=True)
class Outcome:
    """What applying did: the object as the cloud returned it, and what was changed on the way."""

    kind: Kind
    want: Desired
    found: Found
    action: Action
    differences: tuple[Difference, ...] = ()
    note: str = ""
    effects: tuple[tuple[str, str, str], ...] = ()  # as of a `Change`, once done


def plan(ctx: Context, kind: Kind, want: Desired) -> Change:
    """Read the object and compare; changes nothing."""
    found = kind.find(ctx, want)
    old = found.fields if found else {}
    pairs = ((key, old.get(key), value) for key, value in want.fields.items())
    return Change(kind, want, found, tuple(Difference(k, o, n) for k, o, n in pairs if not same(o, n)))


def preview(ctx: Context, kind: Kind) -> list[Change]:
    """What applying would do to every object of a kind; changes nothing, and never raises for what is merely missing."""
    changes = []
    for want in kind.desired(ctx):
        unknown = tuple(Difference(k, None, v) for k, v in want.fields.items())
        try:
            change = plan(ctx, kind, want)
            _refuse_strangers(ctx, change)
            change = _with_effects(ctx, change)
        except NotYet as error:
            change = Change(kind, want, None, unknown, waits_for=str(error))
        except (Refused, CheckFailed) as error:
            change = Change(kind, want, None, (), refused=str(error))
        changes.append(change)
    return changes


def _with_effects(ctx: Context, change: Change) -> Change:
    """The change with what it does to other objects on the way."""
    if change.action == "unchanged" or not hasattr(change.kind, "effects"):
        return change
    others = change.kind.effects(ctx, change.want)
    return replace(change, effects=tuple((r.name, ", ".join((*left, *held)), ", ".join(left)) for r, held, left in others))


def same(old: Any, new: Any) -> bool:
    """Does the value held satisfy the value wanted?"""
    if isinstance(new, AtLeast):
        return set(new) <= set(old or ())
    if isinstance(new, (list, tuple)):
        return list(old or ()) == list(new)
    return old == new or (new in ("", None) and old in ("", None))


def apply(ctx: Context, kind: Kind, want: Desired, allow: Callable[[Change], None] | None = None) -> Outcome:
    """Make the object as wanted, and return it as read back.

    `allow` is asked before each write, and raises to forbid it.

    Raises:
        Refused: it exists, differs, and the runbook did not make it (`adopt` takes it over); or somebody else
            is changing it at the same time.
        CloudError: the cloud refused, with a hint where we know one.
    """
    first: Change | None = None
    before: Change | None = None
    gives_up, lost = time.monotonic() + PATIENCE, False
    for attempt in itertools.count(1):
        change = plan(ctx, kind, want)
        if change.action == "unchanged":
            assert change.found is not None
            return _outcome(change.found, first, change, "")
        if before is not None and change.found is not None and before.found is not None:
            moved = {d.key for d in change.differences} - {d.key for d in before.differences}
            if moved:
                raise Refused(f'The {kind.KIND} "{want.name}" is being changed by somebody else ({", ".join(sorted(moved))}) '
                              "at the same time. Agree with them, then run again.")
        _refuse_strangers(ctx, change)
        change = _with_effects(ctx, change)
        if allow is not None:
            allow(change)
        first, before = first or change, change
        try:
            _write(ctx, change)
        except CloudError as error:
            lost |= change.found is None and isinstance(error, OutcomeUnknown)
            _look_up(ctx, change, error, lost)
            last = error
        else:
            break
        if attempt >= ATTEMPTS and not (isinstance(last, OutcomeUnknown) and time.monotonic() + last.retry_after < gives_up):
            raise Refused(f'The {kind.KIND} "{want.name}" could not be brought to the wanted state in {attempt} tries: '
                          f"each time it was changed meanwhile or the answer was lost. Run again later. The last answer: {last}")
        time.sleep(min(last.retry_after, max(0.0, gives_up - time.monotonic())))
    done = _visible(ctx, kind, want, VISIBLE_WITHIN)
    if done.found is None:
        # The cloud said it exists: making it again would double it.
        raise DeadlineExceeded(f'The {kind.KIND} "{want.name}" was created and does not show yet. Run this chapter again '
                               "in a minute: it will be found.")
    note = "written, not yet visible: " + ", ".join(d.key for d in done.differences) if done.differences else ""
    return _outcome(done.found, first, done, note)


def _look_up(ctx: Context, change: Change, error: CloudError, lost: bool) -> None:
    """A write failed: look whether it was carried out after all, or somebody was faster, for as long as that may take to show.

    `lost`: an earlier creation had no answer, so that what is in the way may be our own.

    Raises:
        CloudError: it was refused, with a hint where we know one.
        DeadlineExceeded: it may be on its way still, and the cloud would make a second one.
    """
    kind, want = change.kind, change.want
    unknown, raced = isinstance(error, OutcomeUnknown), isinstance(error, Conflict)
    if not unknown and not raced and not _THERE_ALREADY.search(f"{error.status} {error.code} {error}"):
        raise _hinted(kind, error) from None
    now = _visible(ctx, kind, want, LOST_WITHIN if unknown else VISIBLE_WITHIN if lost else LOST_WITHIN if raced else TAKEN_WITHIN)
    if change.found is None and now.found is None:
        if not unknown and lost:
            raise DeadlineExceeded(f'The {kind.KIND} "{want.name}" does not show yet, and what stands in its way may be itself: an earlier answer '
                                   f"was lost. Run this chapter again in a minute. {error}") from None
        if not unknown:
            raise _hinted(kind, error) from None
        if not getattr(kind, "UNIQUE", True):
            raise DeadlineExceeded(f'No answer came to the creation of the {kind.KIND} "{want.name}", and it does not show yet: it may be on its '
                                   "way. It is not made again at once, because there could be two then. Run this chapter again in a minute.") from None
    elif not unknown and not raced and now.differences == change.differences:
        raise _hinted(kind, error) from None


def _write(ctx: Context, change: Change) -> None:
    try:
        if change.found is None:
            change.kind.create(ctx, change.want)
        else:
            change.kind.update(ctx, change.want, change.found, frozenset(d.key for d in change.differences))
    finally:
        ctx.forget(change.kind)  # whatever came of it; and what was read was filled in to be sent


def _visible(ctx: Context, kind: Kind, want: Desired, seconds: float) -> Change:
    """The object, read anew until it is as wanted or the time is over."""
    seen: list[Change] = []

    def look() -> Change | None:
        seen.append(plan(ctx, kind, want))
        return seen[-1] if seen[-1].action == "unchanged" else None

    try:
        return poll(look, "", seconds, again=ctx.forget)
    except DeadlineExceeded:
        return seen[-1]


def _outcome(found: Found, first: Change | None, last: Change, note: str) -> Outcome:
    if first is None:
        return Outcome(last.kind, last.want, found, "unchanged")
    action: Action = "created" if first.found is None else "updated"
    return Outcome(last.kind, last.want, found, action, first.differences, note, first.effects)


def _refuse_strangers(ctx: Context, change: Change) -> None:
    if change.action != "update" or change.found is None or change.found.marked is not False or ctx.params.adopt:
        return
    keys = ", ".join(d.key for d in change.differences)
    raise Refused(
        f'The {change.kind.KIND} "{change.want.name}" exists, was not made by this runbook, and differs in {keys}. '
        "Nothing was changed. Choose another name in the params, or set adopt: true to take it over."
    )


def _hinted(kind: Kind, error: CloudError) -> CloudError:
    for pattern, hint in kind.HINTS:
        if re.search(pattern, f"{error.status} {error.code} {error}", re.IGNORECASE):
            return type(error)(f"{error} {hint}", cloud=error.cloud, status=error.status, code=error.code,
                               correlation_id=error.correlation_id, call=error.call)
    return error


def poll(ready: Callable[[], T | None], sentence: str, seconds: float, every: float = 0.25, again: Callable[[], None] = lambda: None) -> T:
    """Ask until `ready` returns something true; waits grow from `every` to 3 seconds. `again` is called before it is asked again.

    Raises:
        DeadlineExceeded: with `sentence`, after `seconds`.
    """
    for pause in _pauses(seconds, every):
        value = ready()
        if value:
            return value
        time.sleep(pause)
        again()
    value = ready()
    if value:
        return value
    raise DeadlineExceeded(sentence)


def _pauses(seconds: float, every: float) -> Iterator[float]:
    ends, pause = time.monotonic() + seconds, every
    while (left := ends - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(pause * 1.5, 3.0)
