"""Each chapter's exercise, done as it says, answers as it says: the code is taken from the notebook itself."""

from __future__ import annotations

import ast
import re
from typing import Any

import nbformat
import pytest
from orgs import ALL, ROOT, chapter, do, partner_maker, snapshot

from byoc_helpers import open_chapter, presence
from byoc_helpers.chapters import CHAPTERS, TEARDOWN, find_chapter
from byoc_helpers.exceptions import RunbookError

EXERCISED = (*CHAPTERS, TEARDOWN)


def exercise(name: str) -> str:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    return next(c.source for c in notebook.cells if c.id == "exercise")


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", exercise(name), re.DOTALL)


def answer(name: str) -> str:
    return exercise(name).partition("<summary>Answer</summary>")[2].partition("</details>")[0]


def result(source: str, names: dict[str, Any]) -> Any:
    """What a cell with this source would show; an error of ours is shown as its sentence."""
    tree = ast.parse(source)
    *first, last = tree.body
    assert isinstance(last, ast.Expr), "a cell's last line is what we want to see"
    try:
        exec(compile(ast.Module(first, []), "<exercise>", "exec"), names)  # noqa: S102 - our own notebook
        return eval(compile(ast.Expression(last.value), "<exercise>", "eval"), names)
    except RunbookError as error:
        return str(error)


class Desk:
    """Somebody at a chapter's notebook on a finished org: `see(i)` runs the exercise's i-th cell, `ask(source)` any other."""

    def __init__(self, number: str, params: Any):
        self.params, self.name = params, find_chapter(number).name
        self.run = chapter(number, params)
        self.names = params.model_dump() | {"run": self.run, "open_chapter": open_chapter}
        for kind in self.run.chapter.kinds:
            self.run.apply(kind)

    def see(self, i: int = 0) -> Any:
        return self.ask(blocks(self.name)[i])

    def ask(self, source: str) -> Any:
        return result(source, self.names)

    def says(self, words: str) -> bool:
        """Does the answer hold these words?"""
        return words in " ".join(answer(self.name).replace("*", "").replace("`", "").split())


@pytest.fixture
def desk(monkeypatch):
    def open_desk(number: str) -> Desk:
        # The answers name the guide's own things, so the partner differs in what must be unique only.
        params = partner_maker("Exercise")()
        do(params, *ALL)
        monkeypatch.setattr(presence, "somebody_is_there", lambda: True)
        return Desk(number, params)
    return open_desk


def failed(run: Any) -> set[str]:
    return {c.name for c in run.checks if not c.passed}


def marks(table: Any) -> dict[str, str]:
    return {row[0]: row[2] for row in table.rows}


@pytest.mark.parametrize("chapter", EXERCISED, ids=lambda c: c.name)
def test_every_chapter_has_an_exercise_with_its_answer_folded_away(chapter):
    text = exercise(chapter.name)
    assert text.startswith("## Exercise") and blocks(chapter.name) and len(answer(chapter.name).split()) > 30
    assert "practice clouds" in text.partition("```")[0]
    assert set(re.findall(r"</?(\w+)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))) == {"details", "summary"}


@pytest.mark.parametrize("chapter", EXERCISED, ids=lambda c: c.name)
def test_an_exercise_that_changes_something_by_itself_refuses_a_live_org(chapter):
    for source in blocks(chapter.name):
        if re.search(r"\.(put|post|patch|delete)_|\.(create|update|delete)\(", source):
            assert source.startswith('assert target == "sandbox"\n')


def test_01_an_edge_that_is_offline(desk):
    d = desk("01")
    table = d.see()
    wrong = [row for row in table.rows if "FAIL" in row[3]]
    assert [row[0] for row in wrong] == ["Edge Virtual Edge 2"] and "offline" in wrong[0][2] and d.says("Edge Virtual Edge 2 fails")
    assert any(row[0] == "Virtual edges" and row[1] == "at least 2" and "pass" in row[3] for row in table.rows)
    assert "Genesys Cloud Care" in d.ask("other.require_passed()")


def test_02_an_address_that_nobody_knows(desk):
    d = desk("02")
    made = d.see(0)
    assert made.rows[0][-1] == "+ created" and {row[-1] for row in made.rows[1:]} <= {"set", "as the cloud has it"}
    said = d.see(1)
    assert "could not be verified" in said and all(key in said for key in ("street", "city", "postal_code", "country"))
    held = list(marks(d.ask("other.checkpoint()")).items())
    assert held[0][1] == "✔ yes" and held[1] == ("A green check on Address Verified", "✘ not yet") and d.says(held[1][0])
    assert isinstance(d.ask('other.apply("site")'), str)


def test_03_an_address_of_the_office(desk):
    d = desk("03")
    rows = d.see().rows
    assert rows[0][-1] == "= unchanged" and any("not from the params, left alone: 198.51.100.7/32" in row[2] for row in rows)
    assert d.says("not from the params, left alone: 198.51.100.7/32")
    both = chapter("08", d.params)
    both.cross_check()
    assert failed(both) == set() and [c.name for c in both.checks if c.warning] == ["Outbound: IP access control list keeps others out"]
    trunk = d.run.clouds.twilio.trunking.trunks.list()[0]
    trunk.credentials_lists.list()[0].delete()
    both.cross_check()
    assert "Outbound: IP access control list keeps others out" in failed(both)
    d.ask("office.delete()")
    assert not any("198.51.100.7" in row[2] for row in d.run.apply("ip_acl").rows)


def test_04_a_plus_that_is_omitted(desk):
    d = desk("04")
    plan = d.see()
    assert [row[2:5] for row in plan.rows if row[2] != "id"] == [
        ["Called – Address Omit + Prefix", "yes", "no"], ["Digest Authentication: Password", "write-only", "would be set"]]
    assert [says for says, mark in marks(d.run.checkpoint()).items() if mark != "✔ yes"] == ["Identity – Outbound: both Address Omit + Prefix are Disabled"]
    both = chapter("08", d.params)
    both.cross_check()
    assert failed(both) == {"Outbound: numbers with their plus"} and "400 Bad Request" in both.sequence("outbound").words
    six = chapter("06", d.params)
    six.simulate()
    assert "400 Bad Request" in six.sequence("outbound").words
    d.run.apply("byoc_trunk")
    assert set(marks(d.run.checkpoint()).values()) == {"✔ yes"}


def test_05_a_spare_route(desk):
    d = desk("05")
    before = snapshot(d.params)
    assert "1 would be refused" in d.see(0).caption
    said = d.see(1)
    assert 'The route "Twilio Route"' in said and "National, International" in said and "Nothing was changed" in said
    assert snapshot(d.params) == before


def test_06_two_short_numbers(desk):
    d = desk("06")
    leaves, stays = d.see(0).rows
    assert leaves[:4] == ["3912", "3912", "Paris short codes", "National"] and "pass" in leaves[7]
    assert stays[3] == "Extension" and "stays in the org" in stays[8]
    assert "400 Bad Request" in d.see(1).words and d.says("400 Bad Request")


def test_07_somebody_elses_number(desk):
    d = desk("07")
    before = snapshot(d.params)
    said = d.see()
    assert "assigned already, to USER Jerome Martin" in said and d.says("USER Jerome Martin")
    after = snapshot(d.params)
    assert {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)} <= {"user marie.durand@partnerabc.example"}
    assert d.run.numbers().rows[0][-1] == "Jerome Martin"


def test_08_an_origination_url_that_is_off(desk):
    d = desk("08")
    d.see(0)
    assert failed(d.run) == {"Inbound: origination URL enabled"} and d.says("Inbound: origination URL enabled")
    words = d.see(1).words
    assert "no INVITE" in words and "INVITE sip:" not in words
    assert "200 OK" in d.run.sequence("outbound").words
    d.ask("url.update(enabled=True)")
    d.run.cross_check()
    assert failed(d.run) == set()


def test_99_a_domain_that_stays(desk):
    d = desk("99")
    before = snapshot(d.params)
    goes = {row[0]: row[3] for row in d.run.removals().rows}
    kept = {row[0]: row[3] for row in d.see().rows}
    assert {k for k in goes if goes[k] != kept[k]} == {"Twilio SIP trunk"} and (goes["Twilio SIP trunk"], kept["Twilio SIP trunk"]) == ("- delete", "- take out")
    assert snapshot(d.params) == before
