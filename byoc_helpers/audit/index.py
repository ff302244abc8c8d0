"""All runs on one page: `outputs/index.html`, newest first, a partner's chapters side by side.

The page is a plain table; its small script only hides rows, and keeps what is asked for in the address.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..chapters import CHAPTERS, TEARDOWN
from ..exceptions import RecordError
from . import pages
from .manifest import MANIFEST

INDEX, _LOCK, _WAIT = "index.html", ".index.lock", 60
_NUMBERS = tuple((c.number, c.title) for c in (*CHAPTERS, TEARDOWN))


@dataclass(frozen=True)
class Run:
    """A run as the index shows it.

    `link` is its folder, seen from the index, e.g. "acme/2026-11-24T03-31-57Z"; `chapters` maps a chapter's number to its status;
    `report` says whether the folder has a page; a record that can't be read has the status "unreadable".
    """

    link: str
    partner: str
    status: str
    target: str = ""
    mode: str = ""
    scenario: str = ""
    started: dt.datetime | None = None
    seconds: float | None = None
    chapters: Mapping[str, str] | tuple[()] = ()
    message: str = ""
    report: bool = False

    @property
    def slug(self) -> str:
        """The partner's folder: what tells partners apart."""
        return self.link.split("/")[0]

    def mark(self, number: str) -> str:
        """A chapter's status; "not run" if it was not."""
        return dict(self.chapters).get(number, "not run")


def run(link: str, said: Mapping[str, Any], *, report: bool = True) -> Run:
    """A run from its manifest's predicate. What is of another type than agreed counts as not there."""
    began, ended = pages.moment(said.get("started")), pages.moment(said.get("finished"))
    named = said.get("chapters")
    chapters = [c for c in named if isinstance(c, dict)] if isinstance(named, list) else []
    messages = [str(m) for m in (said.get("message"), *(c.get("message") for c in chapters)) if m]
    partner, status, target, mode, scenario = (str(v) if isinstance(v := said.get(k), str) else "" for k in ("partner", "status", "target", "mode", "scenario"))
    return Run(link, partner or link.split("/")[0], status or "unreadable", target, mode, scenario, began or _named(link),
               (ended - began).total_seconds() if began and ended else None,
               {str(c.get("chapter"))[:2]: str(c.get("status")) for c in chapters}, messages[0] if messages else "", report)


def collect(out: Path) -> list[Run]:
    """Every record under `out`, newest first; one that can't be read is among them, and says so."""
    found = []
    for manifest in _manifests(out):
        link, report = "/".join(manifest.parts[-3:-1]), (manifest.parent / "report.html").is_file()
        try:
            found.append(run(link, pages.predicate(manifest), report=report))
        except RecordError as error:
            found.append(_unreadable(link, error, report))
    return _newest_first(found)


def of_manifests(manifests: Iterable[tuple[str, bytes]]) -> list[Run]:
    """The runs of manifests read elsewhere: each with its record's place, "partner/record"."""
    found = []
    for link, raw in manifests:
        try:
            found.append(run(link, pages.said_by(raw)))
        except RecordError as error:
            found.append(_unreadable(link, error, True))
    return _newest_first(found)


def _unreadable(link: str, error: RecordError, report: bool) -> Run:
    return Run(link, link.split("/")[0], "unreadable", started=_named(link), message=str(error), report=report)


def _manifests(out: Path) -> Iterator[Path]:
    for partner in _folders(out):
        for record in _folders(partner):
            if (manifest := record / MANIFEST).exists():
                yield manifest


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return [path / e.name for e in entries if not e.name.startswith(".") and e.is_dir()]
    except OSError as error:
        raise RecordError(f"{path} can't be read ({error.strerror}). Name the folder that holds all records, usually outputs/.") from None


def _named(link: str) -> dt.datetime | None:
    """The time that a record's folder is named by."""
    found = re.match(r"(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)Z", link.rpartition("/")[2])
    return pages.moment(f"{found[1]}{found[2]}:{found[3]}:{found[4]}+00:00") if found else None


def _newest_first(runs: Iterable[Run]) -> list[Run]:
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(runs, key=lambda r: (r.started or never, r.link), reverse=True)


def page(runs: Iterable[Run]) -> str:
    """The index of these runs, as HTML that stands alone."""
    ordered = _newest_first(runs)
    latest: dict[str, Run] = {}
    for one in ordered:
        latest.setdefault(one.slug, one)
    newest = {id(one) for one in latest.values()}
    counts = {status: sum(r.status == status for r in latest.values()) for status in pages.SIGNS}
    return pages.render(
        "index.html", "index.js", runs=[(one, id(one) in newest) for one in ordered], chapters=_NUMBERS, partners=len(latest), counts=counts,
        statuses=_values(r.status for r in ordered), kinds=_values(r.target for r in ordered), ways=_values(r.mode for r in ordered),
    )


def _values(found: Iterable[str]) -> list[str]:
    return sorted({value for value in found if value})


def write(out: Path) -> Path:
    """Read all records under `out` and write its index.html, whole or not at all; batches that end together wait for each other.

    Raises:
        RecordError: the folder can't be read or written, or another batch holds its lock for a minute.
    """
    from filelock import FileLock, Timeout

    target, partial = out / INDEX, out / f".{INDEX}.tmp"
    _folders(out)  # a lock would make the folder
    try:
        with FileLock(out / _LOCK, timeout=_WAIT):
            with partial.open("wb") as file:
                file.write(page(collect(out)).encode())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
    except Timeout:
        raise RecordError(f"{target} was not written: another batch has been writing it for {_WAIT} seconds. Later: byoc index {out}") from None
    except OSError as error:
        raise RecordError(f"{target} can't be written ({error.strerror}). Make room, or check the rights, then: byoc index {out}") from None
    return target
