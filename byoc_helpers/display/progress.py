"""A batch's progress on stderr: bars on a terminal, a line a chapter elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from ..batch import ChapterResult, PartnerResult
from ..chapters import Chapter
from ..partners import Partner
from ..secrets import redact
from .tables import visible

_MARKS = {"passed": ("✔", "green"), "failed": ("✘", "red"), "interrupted": ("◼", "yellow")}


class Terminal(Console):
    """A console for what clouds and files say: known secrets are masked, and nothing moves the cursor or turns a line around."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(visible(redact(o)) if isinstance(o, str) else o for o in objects), **options)

    def print_json(self, json: str | None = None, **options: Any) -> None:
        super().print_json(redact(json), **options)


def heading(partner: Partner) -> str:
    """Who is being worked on, and where, as markup: one line before a partner's output."""
    where = "[bold red]LIVE CLOUDS[/]" if partner.params.target == "live" else "practice clouds"
    return f"[bold]{escape(partner.params.partner)}[/] on {where} ({escape(partner.source)})"


class Progress:
    """Shows what `tell` and `done` report, from any thread.

    On a terminal: one bar for all chapters of all partners, with the rate and the time left, and a line for each
    partner under way. Elsewhere, and for a single partner: a line as each chapter ends.
    """

    def __init__(self, partners: Sequence[Partner], chapters: Sequence[Chapter], console: Console | None = None):
        self.console = console or Terminal(stderr=True, highlight=False)
        self._several, self._chapters = len(partners) > 1, len(chapters)
        self._lock = threading.Lock()
        self._shown: set[str] = set()
        self._under_way: dict[str, TaskID] = {}
        self._chapters_done: dict[str, int] = {}
        self._bars = Bars(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[rate]}"), console=self.console, transient=True)
        self._live = self._several and self.console.is_terminal
        if self._live:
            self._all = self._bars.add_task(f"{len(partners)} partners", total=len(partners) * self._chapters, rate="")

    def __enter__(self) -> Self:
        if self._live:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._bars.stop()

    def tell(self, partner: Partner, event: Chapter | ChapterResult) -> None:
        """A chapter began, or ended."""
        name = escape(partner.params.partner)
        with self._lock:
            if isinstance(event, ChapterResult):
                self._ended(name, event)
            else:
                self._began(partner, event)

    def _began(self, partner: Partner, chapter: Chapter) -> None:
        name = escape(partner.params.partner)
        if self._live:
            if name not in self._under_way:
                self._under_way[name] = self._bars.add_task("", total=self._chapters, rate="")
            self._bars.update(self._under_way[name], description=f"  {name}: {chapter.number} {chapter.title}")
        elif name not in self._shown:
            self._shown.add(name)
            if not self._several:
                self.console.print(heading(partner))

    def _ended(self, name: str, done: ChapterResult) -> None:
        mark, colour = _MARKS[done.status]
        if self._live:
            self._bars.advance(self._under_way[name])
            self._bars.advance(self._all)
            task = self._bars.tasks[0]
            self._bars.update(self._all, rate=f"{task.completed / task.elapsed * 60:.0f} chapters a minute" if task.elapsed and task.elapsed > 1 else "")
            self._chapters_done[name] = self._chapters_done.get(name, 0) + 1
        if not self._live or done.status != "passed":
            lead = f"{name}: " if self._several else "  "
            recap = ", ".join(f"{n} {what}" for what, n in done.recap.items() if n)
            self.console.print(f"{lead}[{colour}]{mark}[/] {done.chapter:<18} {done.status:<8} {done.seconds:5.1f} s  {recap}")
        if done.message:
            self.console.print("\n".join(f"    {line}" for line in done.message.splitlines()), style="red", markup=False)

    def done(self, result: PartnerResult) -> None:
        """A partner ended."""
        with self._lock:
            name = escape(result.partner)
            if self._live and name in self._under_way:
                self._bars.remove_task(self._under_way.pop(name))
                # What it will not do any more must not count as left.
                self._bars.advance(self._all, self._chapters - self._chapters_done.get(name, 0))
            if result.message:
                self.console.print(f"{result.partner}: {result.message}", style="red", markup=False)
