"""What every kind of object has in common.

A kind is a module with the constants and functions of `Kind`, in that order. To add one, write the module,
put it in the chapter that owns it (chapters.py), and the plan, the tables and the tests pick it up.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from .. import presence
from ..clouds import Clouds
from ..exceptions import NotYet, RunbookError
from ..params import Params

MARK = "Made by BYOC Runbook"
SOON = dt.timedelta(minutes=10)  # between what chapter 03 makes one after the other, in seconds
TRUNK_MADE = "when the runbook made the Twilio trunk"  # a key of `Context.known`
FRESH = 10.0  # seconds for which a run without people takes what it read for true
AT_ONCE = 8  # calls under way at the same time, at most; both clouds' clients keep nothing of a call, so threads can share them
T = TypeVar("T")


class AtLeast(tuple):
    """A list that must hold these; whatever else it holds is shown and left alone."""


@dataclass(frozen=True)
class Setting:
    """One row of an object's table: `key` in `fields`, the guide's own `label`, and `why` it matters."""

    key: str
    label: str
    why: str = ""


@dataclass(frozen=True)
class Desired:
    """How an object should be.

    `fields` are compared with what the cloud holds; `write_only` are sent when something is written and can't
    be compared, because no read returns them; `absent` are guide settings that this org does not offer.
    """

    name: str
    fields: Mapping[str, Any]
    write_only: Mapping[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    parent: Any = None


@dataclass(frozen=True)
class Found:
    """How an object is: its id, its fields under the same keys, and whose it is.

    `marked`: "made" or "adopted" by the runbook for this partner, False for somebody else's, None where the API has
    no room for a mark.
    """

    id: str
    name: str
    fields: Mapping[str, Any]
    marked: Literal["made", "adopted", False] | None
    raw: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Removable:
    """What taking an object away would do: `what` is the sentence for people."""

    action: Literal["delete", "take out", "restore", "leave"]
    what: str = ""


class Kind(Protocol):
    """What a resource module offers.

    Where taking away is not simply deleting, also `removal(ctx, want, found) -> Removable`, which says what
    `remove` would do (None: nothing worth a line), and `left_over(ctx, want) -> Found | None`: what is still to be
    put right once the object is gone. `standing(ctx) -> list[Desired]` is what to look for when it is to go, where `desired` asks for
    more than a name: secrets, or a service. `UNIQUE = False` where the cloud would make a second object like it; `GOES_AFTER` names the kind
    that must be gone before.
    """

    @property
    def KIND(self) -> str: ...
    @property
    def SIDE(self) -> str: ...
    @property
    def CHAPTER(self) -> str: ...
    @property
    def SETTINGS(self) -> tuple[Setting, ...]: ...
    @property
    def HINTS(self) -> tuple[tuple[str, str], ...]: ...

    def desired(self, ctx: Context) -> list[Desired]: ...
    def find(self, ctx: Context, want: Desired) -> Found | None: ...
    def create(self, ctx: Context, want: Desired) -> None: ...
    def update(self, ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None: ...
    def remove(self, ctx: Context, want: Desired, found: Found) -> None: ...


class Named(Kind, Protocol):
    """A kind that other objects refer to, by the name its chapter gives it."""

    def name(self, params: Params) -> str: ...


def at_once(*calls: Callable[[], T]) -> list[Future[T]]:
    """Calls made side by side, all of them ended: each one's `result()` is its answer, or raises what it raised."""
    pool = ThreadPoolExecutor(AT_ONCE, "at-once")
    try:
        futures = [pool.submit(call) for call in calls]
        wait(futures)
        return futures
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # interrupted: what is under way reads, and nobody waits for it


class Context:
    """One chapter's run: params, clouds, and what was read already."""

    def __init__(self, params: Params, clouds: Clouds):
        self.params, self.clouds = params, clouds
        self.known: dict[Any, Any] = {}  # what stays true whatever is written: who made an object
        self._asking: dict[Any, threading.RLock] = {}
        self._here = threading.local()
        self.forget()

    @property
    def mark(self) -> str:
        """Goes into the description of what we make."""
        return f"{MARK} for {_quoted(self.params.partner)}."

    def once(self, key: Any, read: Callable[[], T]) -> T:
        """The answer of `read`, asked once until something is written."""
        with self._asked(key):
            answers, failures = self._answers, self._failures  # `forget` may put others in their place meanwhile
            looking_ahead = getattr(self._here, "looking_ahead", False)
            if key in failures:
                raise failures[key] if looking_ahead else failures.pop(key)
            try:
                if key not in answers:
                    answers[key] = read()
            except RunbookError as error:
                if looking_ahead and error not in failures.values():
                    failures[key] = error
                raise
            return answers[key]

    def _asked(self, key: Any) -> threading.RLock:
        return self._asking.setdefault(key, threading.RLock())

    def ahead(self, *reads: Callable[[], object]) -> None:
        """Ask what doesn't depend on each other at the same time: each answer is kept for whoever asks with `once`.

        A failure is kept, too, and raised once where its answer is asked for.
        """
        def looking_ahead(read: Callable[[], object]) -> None:
            self._here.looking_ahead = True
            read()

        for asked in at_once(*(partial(looking_ahead, read) for read in reads)):
            with contextlib.suppress(RunbookError):
                asked.result()

    def forget(self, kind: Kind | None = None) -> None:
        """Something was written, or may have changed: read again.

        With a `kind`, that alone was written: other kinds' objects that were `require`d are as they were.
        """
        self._answers: dict[Any, Any] = {}
        self._failures: dict[Any, RunbookError] = {}
        if kind is None:
            self._required: dict[tuple[str, str], Found] = {}
            self._since = time.monotonic()
        else:
            self._required = {key: found for key, found in self._required.items() if key[0] != kind.KIND}

    @property
    def fresh(self) -> bool:
        """Is what was read still to be taken for true? By hand never: what somebody mended since the last cell counts."""
        return not presence.somebody_is_there() and time.monotonic() - self._since <= FRESH

    def refresh(self) -> None:
        """Read again what isn't `fresh` any more."""
        if not self.fresh:
            self.forget()

    def require(self, kind: Named) -> Found:
        """The existing object an other one refers to.

        Raises:
            NotYet: it does not exist; the sentence names the chapter that makes it.
        """
        key = (kind.KIND, kind.name(self.params))
        with self._asked(key):
            required = self._required
            if key not in required:
                found = kind.find(self, Desired(key[1], {}))
                if found is None:
                    raise NotYet(f'The {kind.KIND} "{key[1]}" doesn\'t exist yet: run chapter {kind.CHAPTER} first.')
                required[key] = found
            return required[key]


def mark_of(ctx: Context, text: str | None) -> Literal["made", "adopted", False]:
    """Is this description of an object that we made, or took over, for this very partner?"""
    if ctx.mark in (text or ""):
        return "made"
    return "adopted" if _adoption(ctx) in (text or "") else False


def _quoted(partner: str) -> str:
    """So that no name is the beginning of another one."""
    return json.dumps(partner, ensure_ascii=False)


def adopted(ctx: Context, text: str | None) -> str:
    """The description of an object taken over: what stood there, and our word after it."""
    return " ".join(filter(None, [text, _adoption(ctx)]))


def _adoption(ctx: Context) -> str:
    return f"Adopted by BYOC Runbook for {_quoted(ctx.params.partner)}."


def refs(entities: Iterable[Any] | None) -> tuple[str, ...]:
    """Ids of a list of references."""
    return tuple(e.id for e in entities or ())
