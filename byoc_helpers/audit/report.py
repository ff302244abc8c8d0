"""A run as one page, for a person who was not there: `report.html`.

Made from the record's own files: the manifest says what ran, the executed notebooks what the clouds held, the journal what
was called. None of them is trusted: of a notebook's HTML only the text of its tables is taken, its pictures become images,
and what is missing or cut off is said in a sentence.
"""

from __future__ import annotations

import ast
import base64
import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

from ..display.tables import text
from ..journal import endpoint
from ..secrets import redact
from . import pages

_ROWS, _CHARACTERS, _LISTED = 2_000, 20_000, 100  # more than this of a table, a text, a list is left to the notebook or the journal
_TOLD_APART = 8  # so many checks of a chapter that fail are told one by one
_SILENT = {"parameters", "admin_page", "confirm"}  # shown elsewhere, or for the one at the keyboard
_ADVICE = ("What to do", "If not", "Note")  # columns that are left out where they say nothing
_RESULTS = ("Result", "Plan", "Teardown", "So?")
_TONES = {"+": "add", "~": "change", "-": "remove", "✘": "bad", "!": "warn", "✔": "good"}


@dataclass(frozen=True)
class Grid:
    """A table's texts."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: int = 0

    @property
    def kind(self) -> Literal["plan", "objects", "removals", "checks", "checkpoint", "recap", "other"]:
        """What it is about, by its columns."""
        columns = set(self.columns)
        if "Teardown" in columns:
            return "removals"
        if "Plan" in columns:
            return "plan"
        if {"Property", "Result"} <= columns:
            return "objects"
        if {"Check", "Result"} <= columns:
            return "checks"
        if "So?" in columns:
            return "checkpoint"
        return "recap" if list(self.columns) == ["Object", "Name", "Id", "Result"] else "other"

    @property
    def judged(self) -> int:
        """Index of the column that says what came of a row; -1 without one."""
        return next((i for i, c in enumerate(self.columns) if c in _RESULTS), -1)

    def records(self) -> Iterator[dict[str, str]]:
        """Each row by the names of its columns."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=False))

    def tone(self, row: Sequence[str]) -> str:
        """A row's result in a word: add, change, remove, good, bad, warn, or none."""
        return tone(row[self.judged]) if 0 <= self.judged < len(row) else ""


@dataclass(frozen=True)
class Image:
    """A picture: `source` is a data: address, empty if the picture can't be shown; `words` say the same."""

    kind: str
    caption: str
    words: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class Said:
    """A text that a cell gave, or the sentence of an error."""

    text: str
    wrong: bool = False


@dataclass(frozen=True)
class Change:
    """A row of what changed: `mark` as operators know it, e.g. "~ updated"."""

    mark: str
    what: str
    setting: str
    before: str
    after: str
    section: Section

    @property
    def tone(self) -> str:
        return tone(self.mark)


@dataclass(frozen=True)
class Concern:
    """An error or a warning, and what to do about it."""

    mark: str
    section: Section | None
    what: str
    remedy: str = ""

    @property
    def tone(self) -> str:
        return tone(self.mark)


@dataclass
class Section:
    """A chapter of the run, and what its notebook shows."""

    name: str
    title: str
    status: str
    seconds: float | None
    recap: str
    message: str
    notebook: str = ""
    parts: list[Grid | Image | Said] = field(default_factory=list)
    notice: str = ""
    began: dt.datetime | None = None
    ended: dt.datetime | None = None
    calls: Tally = field(default_factory=lambda: Tally("", ""))

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def anchor(self) -> str:
        return "chapter-" + re.sub(r"\W+", "-", self.name)

    def grids(self, *kinds: str) -> list[Grid]:
        return [p for p in self.parts if isinstance(p, Grid) and p.kind in kinds]


@dataclass
class Tally:
    """Calls counted: of a chapter, or to an endpoint of a cloud."""

    cloud: str
    what: str
    calls: int = 0
    retries: int = 0
    errors: int = 0
    ms: float = 0
    slowest: float = 0

    def add(self, line: Mapping[str, Any]) -> None:
        ms = _number(line.get("ms")) or 0
        self.calls, self.ms, self.slowest = self.calls + 1, self.ms + ms, max(self.slowest, ms)
        self.retries += (_number(line.get("attempt")) or 1) > 1
        self.errors += _refused(line)


@dataclass
class Journal:
    """What the journal says: all calls, those of each endpoint, those that failed, and how many lines can't be read."""

    total: Tally
    endpoints: list[Tally]
    failed: list[Mapping[str, Any]]
    outside: Tally
    unread: int = 0
    missing: bool = False


def page(folder: Path, record: Mapping[str, Any]) -> str:
    """The report of one run, as HTML that stands alone.

    Args:
        folder: the record, with its notebooks and its journal.
        record: the manifest's predicate, as `audit.manifest` describes it. What it lacks is shown as "–".
    """
    record = redact(dict(record))
    mode, status = _word(record, "mode"), _word(record, "status")
    sections = _sections(folder, record, mode)
    journal = _journal(folder, sections)
    began, ended = pages.moment(record.get("started")), pages.moment(record.get("finished"))
    paths = [p for s in sections for p in s.parts if isinstance(p, Image) and p.kind == "picture"]
    for s in sections:
        s.parts = [p for p in s.parts if not (isinstance(p, Image) and p.kind == "picture")]
    return pages.render(
        "report.html", partner=_word(record, "partner"), target=_word(record, "target"), mode=mode, status=status, began=began, ended=ended,
        seconds=(ended - began).total_seconds() if began and ended else None, scenario=_word(record, "scenario"), plan=_sub(record, "plan").get("sha256"),
        versions=_sub(record, "versions"), platform=_word(record, "platform"), commit=_sub(record, "commit"), message=_word(record, "message"),
        note=_word(record, "note"), notices=list(_notices(status, journal, sections)), sections=sections, path=paths[-1] if paths else None,
        changes=[c for s in sections for c in _changes(s)], concerns=list(_concerns(record, sections)), journal=journal,
        longest=max([s.seconds or 0 for s in sections], default=0), params=list(_parameters(record)), files=_files(folder), folder=folder.name,
        listed=_LISTED,
    )


# ---------------------------------------------------------------- the manifest


def _word(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _sub(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e12 else None


def _notices(status: str, journal: Journal, sections: Sequence[Section]) -> Iterator[str]:
    if status == "running":
        yield ("The run broke off, or was still under way when this page was made: the record is incomplete. "
               "Run it again with --resume: what exists is found, and the rest is done.")
    if not sections:
        yield "No chapter was run."
    if journal.missing:
        yield "The record has no journal.jsonl: the API calls are not known."
    elif journal.unread:
        yield f"{journal.unread} of the journal's lines can't be read, as when a run is cut off while it writes. They are not counted below."


def _parameters(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    from ..params import SECRET_KEYS, Params

    for key, value in _sub(record, "params").items():
        known = Params.model_fields.get(key)
        shown = text([{k: v for k, v in one.items() if v not in ("", [], None)} if isinstance(one, dict) else one for one in value]
                     if isinstance(value, list) else value)
        yield key, f"{shown} (a reference, not the secret)" if key in SECRET_KEYS and value else shown, (known.description or "") if known else ""


def _files(folder: Path) -> list[tuple[str, int]]:
    try:
        return [(f.name, f.stat().st_size) for f in sorted(folder.iterdir()) if f.is_file() and not f.name.startswith(".") and f.name != "report.html"]
    except OSError:
        return []


# ---------------------------------------------------------------- the notebooks


def _sections(folder: Path, record: Mapping[str, Any], mode: str) -> list[Section]:
    """The chapters that the manifest names, then notebooks it does not name yet."""
    named = record.get("chapters")
    sections = []
    for said in named if isinstance(named, list) else ():
        if not isinstance(said, dict):
            continue
        recap = ", ".join(f"{n} {what}" for what, n in _sub(said, "recap").items() if n)
        sections.append(Section(_word(said, "chapter") or "–", _word(said, "title"), _word(said, "status"), _number(said.get("seconds")), recap,
                                _word(said, "message"), _word(said, "notebook")))
    known = {s.notebook for s in sections}
    extra = [name for name, _ in _files(folder) if re.fullmatch(r"\d\d_\w+\.ipynb", name) and name not in known]
    sections += [Section(n.removesuffix(".ipynb"), "", "running", None, "", "", n, notice="The manifest does not name this notebook.") for n in extra]
    for section in sections:
        _fill(section, folder, mode)
    return sections


def _fill(section: Section, folder: Path, mode: str) -> None:
    """Read the section's notebook; what can't be read is said."""
    name = section.notebook
    try:
        if not name.endswith(".ipynb") or Path(name).name != name or "\\" in name or (folder / name).is_symlink():
            raise FileNotFoundError
        notebook = redact(json.loads((folder / name).read_bytes()))
        cells, run = notebook["cells"], notebook.get("metadata", {}).get("papermill", {})
        section.began, section.ended = pages.moment(run.get("start_time")), pages.moment(run.get("end_time"))
        parts = [part for cell in cells for part in _parts(cell)]
    except OSError:
        section.notebook, section.notice = "", "The notebook is missing: a run that broke off has none, and one that stopped before has none either."
        return
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        section.notice = "The notebook can't be read: it was changed, or cut off."
        return
    plans = [p for p in parts if isinstance(p, Grid) and p.kind == "plan"]
    done = any(isinstance(p, Grid) and p.kind in ("objects", "removals") for p in parts)
    whole = max(plans, key=lambda p: len(p.rows), default=None) if mode == "plan" or not done else None  # each object's plan is in the chapter's
    drop = [p for p in plans if p is not whole]
    section.parts = [p for p in parts if not any(p is d for d in drop) and not (isinstance(p, Grid) and p.kind == "recap")]


def _parts(cell: Mapping[str, Any]) -> Iterator[Grid | Image | Said]:
    """What a cell displayed, in order."""
    found = re.search(r"\brun\.(\w+)\(", _joined(cell.get("source")))
    verb = found[1] if found else ""
    if verb == "parameters" and not any(o.get("output_type") == "error" for o in cell.get("outputs", ())):
        return
    for output in cell.get("outputs", ()):
        kind, data = output.get("output_type"), output.get("data", {})
        if kind == "error":
            yield Said(_short(re.sub(r"\x1b\[[0-9;]*m", "", _joined(output.get("evalue"))).strip() or _joined(output.get("ename"))), wrong=True)
        elif kind == "stream":
            yield Said(_short(_joined(output.get("text")).strip()))
        elif verb in _SILENT:
            continue
        elif "image/svg+xml" in data:
            yield _image(verb, _joined(data["image/svg+xml"]), _joined(data.get("text/plain")))
        elif "text/html" in data:
            reader = _Tables()
            reader.feed(_joined(data["text/html"]))
            reader.close()
            yield from reader.found
        elif "text/plain" in data:
            yield Said(_short(_unquoted(_joined(data["text/plain"]))))


def _joined(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _short(said: str) -> str:
    return said if len(said) <= _CHARACTERS else said[:_CHARACTERS] + " … (the rest is in the notebook)"


def _unquoted(said: str) -> str:
    """The text of a string's repr."""
    try:
        value = ast.literal_eval(said) if said[:1] in "'\"" else said
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return said
    return value if isinstance(value, str) else said


class _Tables(HTMLParser):
    """The tables of a piece of HTML: captions and cells as text, nothing else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Grid] = []
        self._caption, self._head, self._rows = "", list[str](), list[list[str]]()
        self._open, self._cells, self._heads = False, list[str](), False
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open, self._caption, self._head, self._rows = True, "", [], []
        elif tag == "tr":
            self._cells, self._heads = [], True
        elif tag in ("th", "td", "caption"):
            self._into, self._heads = [], self._heads and tag != "td"
        elif tag == "br" and self._into is not None:
            self._into.append("\n")

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "caption") and self._into is not None:
            said, self._into = "".join(self._into).strip(), None
            if tag == "caption":
                self._caption = said
            else:
                self._cells.append(said)
        elif tag == "tr" and self._cells:
            if self._heads and not self._head:
                self._head = self._cells
            else:
                self._rows.append(self._cells)
            self._cells = []
        elif tag == "table" and self._open:
            self._open = False
            wide = len(self._head) or max(map(len, self._rows), default=0)
            rows = [(row + [""] * wide)[:wide] for row in self._rows[:_ROWS]]
            head = self._head or [""] * wide
            if head[-1:] and head[-1] in _ADVICE and not any(row[-1] for row in rows):
                head, rows = head[:-1], [row[:-1] for row in rows]
            self.found.append(Grid(self._caption, head, rows, len(self._rows) - len(rows)))


def _image(verb: str, svg: str, words: str) -> Image:
    """The picture as an image, in which a browser runs no script and loads nothing."""
    lines = words.strip().splitlines() or ["Picture"]
    width, height, source = 0, 0, ""
    try:
        if "<!" in svg:
            raise ValueError("a document type, or entities")
        root = ET.fromstring(svg)
        if root.tag != "{http://www.w3.org/2000/svg}svg":
            raise ValueError("no picture")
        width, height = (min(max(int(float(root.get(side, ""))), 1), 20_000) for side in ("width", "height"))
        source = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    except (ET.ParseError, ValueError, OverflowError):
        lines[0] += " (the picture can't be shown)"
    return Image(verb, lines[0], "\n".join(lines), source, width, height)


# ---------------------------------------------------------------- what came of it


def tone(mark: str) -> str:
    """The first sign of a result as a word for the style sheet."""
    return _TONES.get(mark[:1], "")


def _changes(section: Section) -> Iterator[Change]:
    """What the chapter changed (or would change, or removed): a row a setting, or one for an object that is new."""
    for grid in section.grids("objects"):
        name, new, settings, mark = grid.caption, "", 0, ""
        for row in [*grid.records(), {"Property": "id", "Result": ""}]:
            result, value = row["Result"], row.get("Value in the cloud", "")
            if row["Property"] == "id":
                if new:
                    yield Change(mark, name, _settings(settings), "–", new, section)
                name = f"{grid.caption} – {row['Object']}" if row.get("Object") else grid.caption
                mark, new, settings = result, value if result.startswith("+") else "", 0
            elif new:
                settings += result == "set"
            elif mark.startswith(("~", "- ")) and (tone(result) or result == "set"):
                before = result.removeprefix("~ was ") if result.startswith("~") else "–" if result.startswith("+") else "not readable"
                yield Change("+ added" if result.startswith("+") else "~ updated", name, row.get("Setting in the guide", ""), before,
                             "set anew" if result == "set" else value, section)
    for grid in section.grids("plan", "removals"):
        yield from _planned(grid, section)


def _planned(grid: Grid, section: Section) -> Iterator[Change]:
    new: dict[str, int] = {}
    for row in grid.records():
        mark, what = row[grid.columns[grid.judged]], f"{row.get('Object', '')} {row.get('Name', '')}"
        if not tone(mark) or ("Setting" not in row and mark.startswith("✘")):
            continue
        if "Setting" not in row:
            yield Change(mark, what, "id", row.get("Id", ""), row.get("Note", "") or ("–" if mark.startswith("-") else ""), section)
        elif mark.startswith("+"):
            new[what] = new.get(what, 0) + bool(row["Setting"] and row["Setting"] != "id")
        elif row["Setting"] != "id":
            yield Change(mark, what, row["Setting"], row.get("In the cloud now", ""), row.get("By the guide and the params", ""), section)
    for what, settings in new.items():
        yield Change("+ create", what, _settings(settings), "–", "not yet made", section)


def _settings(count: int) -> str:
    return f"{count} setting{'s' * (count != 1)}"


def _concerns(record: Mapping[str, Any], sections: Iterable[Section]) -> Iterator[Concern]:
    """Errors first, then warnings, each in the order of the chapters."""
    if _word(record, "message"):
        yield Concern("✘ error", None, _word(record, "message"))
    later: list[Concern] = []
    for section in sections:
        said = [section.message] if section.message else [p.text for p in section.parts if isinstance(p, Said) and p.wrong]
        for sentence in dict.fromkeys(said):
            yield Concern("◼ stopped" if section.status == "interrupted" else "✘ error", section, sentence)
        for kind, lead, word in (("checks", "Check", "✘ check"), ("checkpoint", "You should now see", "! not yet"), ("removals", "Name", "✘ still there")):
            if kind == "checkpoint" and any(c.section is section for c in later):
                continue  # it sums the checks up
            bad = [row for grid in section.grids(kind) for row in grid.records() if row[grid.columns[grid.judged]].startswith("✘")]
            if len(bad) > _TOLD_APART:
                later.append(Concern(word, section, f"{len(bad)} rows: see the table of the chapter"))
                continue
            later += [Concern(word, section, f"{row.get(lead, '')}: found {row['Found']}" if "Found" in row else f"{row.get('Object', '')} {row.get(lead, '')}",
                              row.get("What to do") or row.get("If not") or row.get("Note") or "") for row in bad]
        later += [Concern("! warning", section, f"{row['Check']}: {row.get('Found', '')}", row.get("What to do", ""))
                  for grid in section.grids("checks") for row in grid.records() if row["Result"].startswith("!")]
        if section.notice:
            later.append(Concern("! warning", section, section.notice))
    yield from later


# ---------------------------------------------------------------- the journal


def _journal(folder: Path, sections: Sequence[Section]) -> Journal:
    journal = Journal(Tally("", ""), [], [], Tally("", ""))
    endpoints: dict[tuple[str, str], Tally] = {}
    try:
        with (folder / "journal.jsonl").open("rb") as file:
            for raw in file:
                line = _line(raw)
                if line is None:
                    journal.unread += bool(raw.strip())
                    continue
                key = str(line["cloud"]), endpoint(line)
                for tally in (journal.total, _whose(line, sections, journal), endpoints.setdefault(key, Tally(*key))):
                    tally.add(line)
                if _refused(line):
                    journal.failed.append(line)
    except OSError:
        journal.missing = True
    journal.endpoints = sorted(endpoints.values(), key=lambda t: (-t.ms, t.what))
    return journal


def _line(raw: bytes) -> dict[str, Any] | None:
    try:
        line = redact(json.loads(raw))
        if isinstance(line, dict) and all(isinstance(line.get(key), str) for key in ("at", "cloud", "method", "path")):
            return line
    except (ValueError, RecursionError):
        pass
    return None


def _refused(line: Mapping[str, Any]) -> bool:
    status = _number(line.get("status")) or 0
    return not 0 < status < 400 or bool(line.get("error"))


def _whose(line: Mapping[str, Any], sections: Sequence[Section], journal: Journal) -> Tally:
    at = pages.moment(line["at"])
    for section in sections:
        if at and section.began and section.ended and section.began <= at <= section.ended:
            return section.calls
    return journal.outside
