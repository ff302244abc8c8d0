"""What a chapter's plan found, and who agreed to it: the plan before anything happens, and the question before a live org is changed by hand.

What was confirmed is what may be written, and nothing else. A run without people has its word beforehand (--live), and is not asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from . import chapters, presence, reconcile
from .display import objects
from .display.confirm import Confirmation
from .exceptions import Refused
from .params import Params
from .reconcile import Change
from .resources.base import FRESH, Context


class Foresight:
    """A chapter's plan, by kind, when it was made (`at`, monotonic seconds), and the answer to it."""

    def __init__(self, chapter: chapters.Chapter):
        self.chapter = chapter
        self.changes: dict[str, list[Change]] = {}
        self.at = 0.0
        self._question: Confirmation | None = None
        self._consent: Callable[[Change], None] | None = None

    def look(self, ctx: Context) -> list[Change]:
        """Read every object of the chapter anew and compare; an answer to an earlier plan no longer counts."""
        ctx.refresh()
        if self._question:
            self._question.withdraw("A new plan was made: this question no longer counts.")
        self._question = self._consent = None
        ctx.ahead(*(partial(reconcile.preview, ctx, chapters.kind(name)) for name in self.chapter.kinds))
        self.changes = {name: [self._as_told_here(c) for c in reconcile.preview(ctx, chapters.kind(name))] for name in self.chapter.kinds}
        self.at = time.monotonic()
        return [change for changes in self.changes.values() for change in changes]

    def _as_told_here(self, change: Change) -> Change:
        """A change that waits for an object of this very chapter need not send anybody to it."""
        return replace(change, waits_for=change.waits_for.replace(f": run chapter {self.chapter.number} first.", "; this chapter makes it."))

    def still_true(self, kind: str) -> list[Change] | None:
        """What was found of a kind a moment ago, where nobody is there who could have changed it; None: read again."""
        if kind not in self.changes or presence.somebody_is_there() or time.monotonic() - self.at > FRESH:
            return None
        return self.changes[kind]

    def ask(self, params: Params) -> Confirmation | str:
        """The question for a live org, or a sentence where there is nothing to ask.

        Raises:
            Refused: there is no plan yet.
        """
        if not self.changes:
            raise Refused("There is no plan to confirm yet: run the cell run.plan() above first.")
        from .plans import Approved, plain  # that module makes plans with the Runbook, which needs this one

        changes = [c for found in self.changes.values() for c in found if c.refused or c.action != "unchanged"]
        if all(c.refused for c in changes):
            return "; ".join(c.refused for c in changes) or "Nothing would be changed, so nothing is asked. Run the cells below: they read."
        told = [plain(c) for c in changes]

        def agreed() -> None:
            self._consent = Approved(told)

        what = "this change" if len(changes) == 1 else f"these {len(changes)} changes"
        self._question = Confirmation(f"Apply {what} to the LIVE {self._where(params)} of {params.partner}?", objects.change_lines(changes), f"Apply {what}", agreed)
        return self._question

    def _where(self, params: Params) -> str:
        """The live account that the chapter's objects are in, as the params name it."""
        if {change.kind.SIDE for found in self.changes.values() for change in found} == {"Twilio"}:
            return f"Twilio account {params.twilio_account_sid}"
        return f"Genesys Cloud org in {params.region.aws} (OAuth client {params.genesys_client_id})"

    def allow(self, change: Change, params: Params) -> None:
        """Asked before each write. By hand on a live org only what was confirmed may be written.

        Raises:
            Refused: nobody has confirmed it.
        """
        if params.target != "live" or not presence.somebody_is_there():
            return
        if self._consent is None:
            above = "Press the button above" if self._question else "Run the cells run.plan() and run.confirm() above, press the button"
            raise Refused(f"This is a LIVE org, and nobody has confirmed the plan. Nothing was changed. {above}, then run this cell again.")
        try:
            self._consent(change)
        except Refused as error:
            raise Refused(f"{error} It is not what was confirmed: run the cells run.plan() and run.confirm() again.") from None
