"""The prose beside the notebooks: what it quotes, names and links to exists."""

from __future__ import annotations

import ast
import itertools
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from byoc_helpers import crosscheck
from byoc_helpers.params import Assignment, CustomPlan, Params

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
DOCS = [NOTEBOOKS / f"{name}.md" for name in ("GUIDE", "GLOSSARY", "TROUBLESHOOTING", "COSTS")]
GAP = "\0"  # what a sentence fills in at run time


def text(name: str) -> str:
    return (NOTEBOOKS / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.stem)
class TestForm:
    def test_links_lead_somewhere(self, path):
        targets = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text("utf-8"))
        assert not [t for t in targets if not (path.parent / t).exists()]

    def test_carries_nothing_of_a_machine(self, path):
        assert not re.search(r"/(home|root|tmp|work|Users)/|127\.0\.0\.1|localhost", path.read_text("utf-8"))

    def test_has_one_title_and_whole_tables(self, path):
        lines = path.read_text("utf-8").splitlines()
        assert [line for line in lines if line.startswith("# ")] == lines[:1]
        widths = [(n, len(re.split(r"(?<!\\)\|", line))) for n, line in enumerate(lines) if line.startswith("|")]
        assert not [n for (before, width), (n, other) in itertools.pairwise(widths) if n == before + 1 and other != width]


# ---------------------------------------------------------------- TROUBLESHOOTING.md


def flat(node: ast.expr) -> str | None:
    """A string expression with a gap for each part that is filled in; None if it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(flat(part) or GAP for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [flat(node.left), flat(node.right)]
        return None if parts == [None, None] else "".join(GAP if part is None else part for part in parts)
    return None


@cache
def sentences() -> tuple[str, ...]:
    """Every text in the library that a user may see; the practice clouds' own are not the runbook's."""
    found = []
    for path in (ROOT / "byoc_helpers").rglob("*.py"):
        if "sandbox" not in path.parts:
            nodes = (n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.expr))
            found += [said for said in map(flat, nodes) if said]
    return tuple(found)


def says(quote: str) -> bool:
    """Whether one text of the library has this quote, with a gap wherever the quote has "…"."""
    parts = quote.removesuffix("…").removeprefix("…").split("…")
    pattern = re.compile(f"{GAP}+".join(map(re.escape, parts)))
    return any(pattern.search(said) for said in sentences())


QUOTES = [line[2:].strip() for name in ("TROUBLESHOOTING", "COSTS") for line in text(name).splitlines() if line.startswith("> ")]


@pytest.mark.parametrize("quote", QUOTES, ids=lambda q: q[:50])
def test_what_the_runbook_is_said_to_say_it_says(quote):
    assert says(quote)


def test_a_sentence_that_nobody_says_is_noticed():
    assert len(QUOTES) > 15
    assert not says("The trunk … is asleep.") and not says("Another run for … is changing other objects")


def test_every_rule_of_the_cross_check_is_found_by_a_symptom():
    named = set(re.findall(r"\*\*((?:Inbound|Outbound|Both|Numbers|Routes): [^*]+)\*\*", text("TROUBLESHOOTING")))
    assert named == {rule.name for rule in crosscheck.RULES}


def test_symptoms_have_their_headings():
    headings = " ".join(re.findall(r"^###? (.+)$", text("TROUBLESHOOTING"), re.MULTILINE))
    for symptom in ("400", "401", "403", "404", "407", "429", "480", "488", "503", "603", "21248", "One-way audio", "No audio", "30 seconds",
                    "15 minutes", "DTMF", "not in service", "anonymous", "not purchased", "identifier", "verified", "Another run", "record"):
        assert symptom in headings, symptom


def test_parameters_named_exist():
    known = {*Params.model_fields, *CustomPlan.model_fields, *Assignment.model_fields}
    for name in ("TROUBLESHOOTING", "COSTS", "GLOSSARY"):
        assert set(re.findall(r"`([a-z]+_[a-z_]+)(?:: \w+)?`", text(name))) <= known, name


# ---------------------------------------------------------------- GLOSSARY.md


def glossary() -> list[list[str]]:
    """The table's rows: Genesys Cloud's word, Twilio's, the meaning."""
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in text("GLOSSARY").splitlines() if line.startswith("| **")]
    return [[r[0].strip("* "), *r[1:]] for r in rows]


@cache
def prose() -> str:
    cells = [c.source for p in NOTEBOOKS.glob("*.ipynb") for c in nbformat.read(p, as_version=4).cells if c.cell_type == "markdown"]
    return "\n".join(cells)


def words(term: str) -> set[str]:
    return {w.strip().lower() for w in re.split(r"[(),;]|\bor\b", term) if w.strip()}


def test_the_glossary_is_sorted_and_says_each_once():
    terms = [r[0].lower() for r in glossary()]
    assert terms == sorted(terms) and len(terms) == len(set(terms)) > 40
    assert all(len(r) == 4 and all(r) for r in glossary())


def test_words_that_chapters_define_are_in_the_glossary():
    """A sentence like "A *site* is the telephony of one place" defines a term."""
    defined = {m.lower() for m in re.findall(r"\b[Aa]n? \*([A-Za-z][\w .-]+?)\* (?:is|says|means|holds)\b", prose())}
    known = {w for row in glossary() for cell in row[:3] for w in words(cell)}
    assert len(defined) > 2 and not defined - known


TERMS_OF_ART = {
    "address override method", "byoc", "cidr", "classification", "codec", "credential list", "did", "did pool", "digest authentication", "dtmf",
    "e.164", "edge", "edge group", "elastic sip trunk", "external trunk", "identifier", "inbound call route", "invite", "ip access control list",
    "location", "number plan", "options", "origination", "outbound route", "realm", "refer", "rtp", "secure trunking", "sip", "sip access control",
    "sip termination uri", "site", "srtp", "termination", "tls", "trunk", "virtual edge",
}


def test_terms_of_art_that_chapters_use_are_in_the_glossary():
    known = {w for row in glossary() for cell in row[:3] for w in words(cell)}
    used = {t for t in TERMS_OF_ART if re.search(rf"\b{re.escape(t)}s?\b", prose(), re.IGNORECASE)}
    assert len(used) > 30 and not used - known


def test_opposite_words_are_told_apart():
    meaning = {r[0].lower(): " ".join(r[1:]) for r in glossary()}
    assert "termination" in meaning["outbound"].lower() and "origination" in meaning["inbound"].lower()


# ---------------------------------------------------------------- COSTS.md


def test_every_price_has_a_source_and_a_date():
    lines = [line for line in text("COSTS").splitlines() if re.search(r"[$€£]\s?\d|\d+(?:[.,]\d+)? (?:USD|EUR)", line)]
    assert lines
    assert not [line for line in lines if not re.search(r"\]\(https://[^)]+\)", line) or not re.search(r"20\d\d-\d\d(?:-\d\d)?", line)]
