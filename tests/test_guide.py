"""notebooks/GUIDE.md: every step of the guide has a cell, and the cell has what the table says of it."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

from byoc_helpers.params import Params

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "notebooks" / "GUIDE.md"
GUIDE = ROOT.parent / "shared" / "guide" / "byoc-trunk-twilio-basic-setup.txt"
CHAPTERS = ("Background", "Background: Twilio", "Background: BYOC Cloud", "Pre-check", "Pre-requisites", "Twilio", "Trunk")
# The guide's text has lost the page that opens this section; its first words are these.
LOST = ("Enter a valid address", "Pre-requisites 1")


class Row(NamedTuple):
    section: str
    quotes: list[str]
    notebook: str
    cell: str
    look_for: list[str]
    carried_by: str
    note: str


def plain(text: str) -> str:
    """Without Markdown's marks, so that words are found whichever of them are bold, code or linked."""
    return re.sub(r"\s+", " ", re.sub(r"[*`<>]", "", text)).strip()


def rows() -> list[Row]:
    found = []
    for line in TABLE.read_text("utf-8").splitlines():
        cells = [c.strip() for c in line.split(" | ")]
        link = re.search(r"\]\((\w+)\.ipynb\)", line)
        if line.startswith("| ") and link:
            section, quotes, _, cell, look, carried, note = (cells[0].removeprefix("| "), *cells[1:6], cells[6].removesuffix("|").strip())
            found.append(Row(section, quotes.split("<br>"), link[1], cell, look.split("<br>"), carried, note))
    return found


@cache
def cells(notebook: str) -> dict[str, str]:
    """Each cell's text by id: its source, and the words of its outputs."""
    texts = {}
    for cell in nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells:
        outputs = [str(v) for o in cell.get("outputs", []) for k, v in o.get("data", {}).items() if k.startswith("text/")]
        words = [html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", o, flags=re.DOTALL)) for o in outputs]
        texts[cell.id] = plain(" ".join([cell.source, *words]))
    return texts


ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.section}: {r.quotes[0][:40]}")
def test_the_cell_exists_and_has_the_words(row):
    assert row.cell in cells(row.notebook), f"{row.notebook} has no cell {row.cell}"
    missing = [words for words in row.look_for if plain(words) not in cells(row.notebook)[row.cell]]
    assert not missing and all(row.look_for)


def test_every_chapter_of_the_guide_is_referred_to():
    named = {row.notebook for row in ROWS}
    assert named == {p.stem for p in (ROOT / "notebooks").glob("0[1-7]_*.ipynb")}


def test_what_carries_a_setting_exists():
    sources = {str(p.relative_to(ROOT / "byoc_helpers")): p.read_text("utf-8") for p in (ROOT / "byoc_helpers").rglob("*.py")}
    for row in ROWS:
        assert row.carried_by, row.quotes
        where = ""
        for name in re.findall(r"`([^`]+)`", row.carried_by):
            if name.endswith(".py"):
                where = sources[name]
            elif name not in Params.model_fields:
                assert name in (where or sources["runbook.py"]), name


def test_parameters_that_a_chapter_names_are_its_own():
    """A parameter that carries a row of a chapter is one that some chapter really takes."""
    taken = {name for p in (ROOT / "notebooks").glob("0[1-7]_*.ipynb") for name in re.findall(r"(\w+): [\w\[\]]+ =", cells(p.stem)["parameters"])}
    carried = {n for row in ROWS for n in re.findall(r"`([^`]+)`", row.carried_by) if n in Params.model_fields}
    assert carried and carried <= taken


# ---------------------------------------------------------------- the guide itself


def guide_lines() -> list[tuple[str, str]]:
    """Each sentence of the guide's body (a line, where it has no full stop), with its section as the table names it."""
    text = [plain(line).lstrip("- ") for line in GUIDE.read_text("utf-8").replace("\u00a0", " ").splitlines()]
    contents = text.index("Contents")
    titles = [re.sub(r"\.*\s*\d+$", "", line) for line in text[contents + 1:] if re.search(r"\s\d+$|\.{3,}\d+$", line)][2:2 + len(CHAPTERS)]
    titles = [re.sub(r"\.+$", "", t).strip() for t in titles]
    body = text[text.index(titles[0], contents + len(titles)):]
    assert len(titles) == len(CHAPTERS)
    found, chapter, section, last = [], -1, "", 0
    for line in filter(None, body):
        if line.startswith(LOST[0]):
            chapter, section, last = CHAPTERS.index("Pre-requisites"), LOST[1], 1
        number = re.match(r"(\d+(?:\.\d+)*)\.? (?=[A-Z])", line)
        if line in titles[chapter + 1:chapter + 2]:
            chapter, last = chapter + 1, 0
            section = CHAPTERS[chapter]
        elif number and int(number[1].split(".")[0]) in (last, last + 1):
            section, last = f"{CHAPTERS[chapter]} {number[1]}", int(number[1].split(".")[0])
        else:
            found += [(section, sentence) for sentence in re.split(r"(?<=[a-z)*]\.) (?=[A-Z])", line)]
    return found


def quoted(quote: str, lines: list[str]) -> list[str]:
    """The lines that a quote stands for: the one equal to it, or those that it is a part of."""
    return [line for line in lines if line == quote] or [line for line in lines if quote in line]


needs_guide = pytest.mark.skipif(not GUIDE.exists(), reason="the guide's text is not part of the project")


@needs_guide
def test_every_quote_is_the_guides_and_means_one_sentence():
    lines = guide_lines()
    for row in ROWS:
        here = [line for section, line in lines if section == row.section]
        for quote in row.quotes:
            assert len(set(quoted(plain(quote), here))) == 1, f"{row.section}: {quote}"


@needs_guide
def test_no_sentence_of_the_guide_is_forgotten():
    lines = guide_lines()
    covered = {(row.section, line) for row in ROWS for quote in row.quotes
               for line in quoted(plain(quote), [text for section, text in lines if section == row.section])}
    assert [entry for entry in lines if entry not in covered] == []
    assert len(lines) > 150


@needs_guide
def test_a_forgotten_row_would_be_noticed():
    """No row could go without a sentence of the guide being left without a cell."""
    lines = guide_lines()
    covers = [{(row.section, line) for quote in row.quotes for line in quoted(plain(quote), [t for s, t in lines if s == row.section])} for row in ROWS]
    for n, row in enumerate(ROWS):
        assert covers[n] - set().union(*covers[:n], *covers[n + 1:]), f"{row.section}: {row.quotes}"
