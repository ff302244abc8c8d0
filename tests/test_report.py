"""The page of a run: what it says of real runs, and what it makes of records that are broken or hostile."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from orgs import partner_maker
from records import cell, make, ran, said, write
from typer.testing import CliRunner

from byoc_helpers.audit import manifest, pages, report
from byoc_helpers.cli import app
from byoc_helpers.display.pictures import Part, call_path
from byoc_helpers.display.tables import Table
from byoc_helpers.exceptions import RecordError

EVIL = ["<img src=x onerror=alert(1)>", "</style><script>alert(1)</script>", "javascript:alert(1)", '"><script>alert(1)</script>', "{{ 7*7 }}"]


class Page(HTMLParser):
    """A page as a reader without eyes for style: its tags, its text, its tables."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._skip = self._cell = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._skip = tag in ("style", "script")
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        self._skip = False
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data):
        if not self._skip:
            self.text += data
            if self._cell:
                self.rows[-1][-1] += data

    def row(self, *begin: str) -> list[str]:
        return next(r for r in ([" ".join(c.split()) for c in row] for row in self.rows) if all(b in c for b, c in zip(begin, r, strict=False)) and len(r) >= len(begin))


def shown(folder: Path, **changes) -> Page:
    path = folder / manifest.MANIFEST
    return Page(report.page(folder, {**pages.predicate(path), **changes} if path.exists() else said(**changes)))


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> dict[str, Path]:
    """A partner's life in records: a plan, a run, a run after an edit by hand, a teardown; and a run that fails."""
    home = tmp_path_factory.mktemp("outputs")
    partner, broken = partner_maker("Report"), partner_maker("Broken", {"scenario": "edge-offline"})
    chapters = ("01", "02", "03", "04", "05", "06", "07", "08")
    records = {"plan": make(home / "plan", partner(mode="plan"), "01", "02", mode="plan"), "applied": make(home / "applied", partner(), *chapters),
               "again": make(home / "again", partner(caller_name="Another name"), "04"),
               "torn": make(home / "torn", partner(), "99", mode="destroy"), "failed": make(home / "failed", broken(), *chapters)}
    return records


def test_a_run_is_told_from_title_to_files(runs):
    html = shown(runs["applied"])
    record = pages.predicate(runs["applied"] / manifest.MANIFEST)
    for words in (record["partner"], "Practice clouds", "Nothing real was touched", "No errors and no warnings", record["versions"]["twilio"],
                  "27 of 27 checks passed", "byoc verify applied", "12 rue de la Paix"):
        assert words in html.text, words
    for number, title in (("01", "Pre-check"), ("08", "Cross-check")):
        assert "passed" in html.row(f"{number} {title}", "")[1]
    images = [a for t, a in html.tags if t == "img"]
    assert images[0]["alt"].splitlines()[0].endswith("as chapter 08 sees them")
    assert sum("as chapter" in i["alt"] for i in images) == 1, "only the newest path is shown"
    assert any(i["alt"].startswith("0123456789: Sent as +33123456789") for i in images), "the ladder"
    assert all(i["src"].startswith("data:image/svg+xml;base64,") for i in images)


def test_what_changed_is_marked(runs):
    rows = [[" ".join(c.split()) for c in r] for r in shown(runs["applied"]).rows]
    created = {r[1]: r for r in rows if r[0] == "+ created"}
    assert len(created) == 11 and created["Genesys Cloud: BYOC trunk Twilio"][2:4] == ["18 settings", "–"]
    again = shown(runs["again"])
    assert again.row("~ updated", "BYOC trunk", "Calling: Name")[3:5] == ["PartnerABC", "Another name"]
    assert again.row("~ updated", "BYOC trunk", "Digest Authentication: Password")[3:5] == ["not readable", "set anew"]
    assert len([r for r in again.rows if r and r[0][:1] in "+~-" and r[-1] == "04"]) == 2
    torn = shown(runs["torn"])
    assert torn.row("- deleted", "BYOC trunk Twilio") and torn.row("- taken out", "number of a person") and "Teardown" in torn.text
    assert len([r for r in torn.rows if r and r[0] in ("- deleted", "- taken out")]) == 11


def test_a_plan_says_would(runs):
    html = shown(runs["plan"])
    assert "Plan only: nothing is changed" in html.text and "What would change" in html.text
    assert len([r for r in html.rows if r and r[0] == "+ create"]) == 3
    assert html.row("+ create", "Genesys Cloud location Paris")[4] == "not yet made"
    live = shown(runs["plan"], target="live")
    assert "LIVE CLOUDS" in live.text and "This was a plan: nothing was changed" in live.text


def test_a_failure_has_its_sentence_and_its_remedy(runs):
    html = shown(runs["failed"])
    assert "Virtual Edge 2" in html.row("✘ error", "01 Pre-check")[2]
    assert html.row("✘ check", "01 Pre-check", "Edge Virtual Edge 2")[3].startswith("See Telephony – Edges")
    assert not any("02 " in r[0] for r in html.rows if r), "chapters that were not run are not there"
    assert "Nothing was changed." in html.text


def test_calls_are_counted_by_chapter_and_endpoint(runs):
    lines = [json.loads(line) for line in (runs["applied"] / "journal.jsonl").read_text().splitlines()]
    html = shown(runs["applied"])
    assert html.row("All", str(len(lines)))
    pools = [line for line in lines if line["path"] == "/api/v2/telephony/providers/edges/didpools" and line["method"] == "POST"]
    assert html.row("POST /api/v2/telephony/providers/edges/didpools")[1:3] == ["Genesys Cloud", str(len(pools))]
    counted = [int(r[1]) for r in ([" ".join(c.split()) for c in r] for r in html.rows) if re.match(r"\d\d \w", r[0] if r else "") and len(r) == 7 and r[1].isdigit()]
    assert sum(counted) == len(lines), "each call belongs to the chapter in whose time it was made"


def test_refused_and_repeated_calls(tmp_path):
    line = {"at": "2026-11-24T03:31:58+00:00", "cloud": "Twilio", "method": "GET", "path": "/v1/Trunks", "query": [], "status": 200, "ms": 1500, "attempt": 1,
            "correlation_id": "RQ1", "error": ""}
    lines = [line, line | {"status": 429, "correlation_id": "RQ2", "error": "Too many requests"}, line | {"attempt": 2}, line | {"status": 0, "error": "timed out"}]
    (tmp_path / "journal.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"at": "2026-11-24T03:3')
    html = shown(tmp_path)
    assert html.row("GET /v1/Trunks")[1:6] == ["Twilio", "4", "1", "2", "6.0 s"] and html.row("GET /v1/Trunks")[7] == "1.5 s"
    assert html.row("2026-11-24T03:31:58", "Twilio", "GET", "429")[5:] == ["RQ2", "Too many requests"]
    assert html.row("2026-11-24T03:31:58", "Twilio", "GET", "no answer")
    assert "1 of the journal's lines can't be read" in html.text


def test_a_record_that_broke_off(tmp_path, runs):
    write(tmp_path / "02_location_site.ipynb", [cell("run.apply()", {"output_type": "stream", "name": "stdout", "text": ["half ", "way"]})])
    (tmp_path / "03_twilio.ipynb").write_text('{"cells": [{"cell_ty')
    html = shown(tmp_path, status="running", finished=None, chapters=[ran("01_precheck"), ran("03_twilio", "failed", message="No.")])
    for words in ("The run broke off", "The notebook is missing", "The notebook can't be read", "The manifest does not name this notebook", "half way",
                  "The record has no journal.jsonl"):
        assert words in html.text, words


@pytest.mark.parametrize("record", [
    {}, {"chapters": "none", "params": [], "versions": None, "commit": "x", "plan": 3}, {"chapters": [1, {}, {"chapter": None, "seconds": "long", "recap": 5}]},
    {"chapters": [{"notebook": "../../etc/passwd.ipynb"}, {"notebook": "/etc/hosts"}, {"notebook": "a\\b.ipynb"}]}, {"started": "yesterday", "finished": 7, "status": 5},
    {"chapters": [{"seconds": float("nan")}, {"seconds": float("inf")}, {"seconds": -1}]},
])
def test_any_record_gives_a_page(tmp_path, record):
    html = report.page(tmp_path / "gone", record)
    assert html.startswith("<!doctype html>") and "None" not in Page(html).text.replace("None of", "")


@pytest.mark.parametrize("broken", [{"cells": None}, {"cells": [3]}, {"cells": [{"outputs": [{"data": 5}]}]}, {}, [], {"cells": [], "metadata": []},
                                    {"cells": [{"outputs": [{"output_type": "display_data", "data": {"image/svg+xml": ["<svg", 5]}}]}]}])
def test_any_notebook_gives_a_page(tmp_path, broken):
    (tmp_path / "01_precheck.ipynb").write_text(json.dumps(broken))
    assert "01" in shown(tmp_path, chapters=[ran("01_precheck")]).text


def test_nothing_from_a_file_becomes_markup(tmp_path):
    """Hostile values in every place that a file can put one."""
    every = " ".join(EVIL)
    html = f'<table onclick="x()"><caption>{every}</caption><tr><th>Check<th>Result</tr><tr><td><b>{every}</b><td>✘ FAIL</tr></table><iframe src=x></iframe>'
    svg = call_path("p", [("In", [Part("a", every, (every,), "wrong", every)])])
    bad = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="alert(1)"><script>alert(1)</script><image href="http://x.example/"/></svg>'
    write(tmp_path / "01_precheck.ipynb", [
        cell("run.precheck()", {"output_type": "display_data", "data": {"text/html": html}}),
        cell("run.precheck()", {"output_type": "display_data", "data": Table(EVIL, [EVIL], every, {"objects": []})._repr_mimebundle_()}),
        cell("run.ladder(1)", {"output_type": "display_data", "data": {"image/svg+xml": svg.svg, "text/plain": every}}),
        cell("run.ladder(2)", {"output_type": "display_data", "data": {"image/svg+xml": bad, "text/plain": '" onerror="alert(1)'}}),
        cell("run.x()", {"output_type": "error", "ename": "E", "evalue": every}, {"output_type": "stream", "text": every}, {"output_type": "x", "data": {"text/plain": every}}),
    ])
    line = dict.fromkeys(("at", "cloud", "method", "path", "correlation_id", "error"), every)
    (tmp_path / "journal.jsonl").write_text(json.dumps(line))
    (tmp_path / '"><script>alert(1)<.txt').touch()
    params = {every: every, "street": [every, {every: every}]}
    chapters = [ran("01_precheck", every, title=every, message=every, recap={every: every}), ran(every, notebook=f"{every}.ipynb")]
    page = Page(report.page(tmp_path, dict.fromkeys(said(), every) | {"params": params, "chapters": chapters, "plan": {"sha256": every},
                                                                     "versions": {every: every}, "commit": {"sha": every, "changed": every}}))
    tags = {t for t, _ in page.tags}
    assert not tags & {"script", "iframe", "b", "form", "object", "embed", "base"} and len([t for t, _ in page.tags if t == "style"]) == 1
    for tag, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on") or a in ("style", "srcdoc", "formaction")], (tag, attributes)
        assert tag == "link" or re.match(r"#|\./|[\w%.-]+\.ipynb$|data:image/svg\+xml;base64,", attributes.get("href", attributes.get("src", "#")) or ""), attributes
    assert page.text.count("<img src=x onerror=alert(1)>") > 20 and "{{ 7*7 }}" in page.text


def test_what_can_not_be_seen_is_shown():
    assert pages.visible("a\x00b\x1b[31m\u202etxt.exe\u2066 \ud800 \u200b") == "a�b�[31m�txt.exe� � �"
    kept = "Zürich\n\t😀 नमस्\u200dते – “x”"
    assert pages.visible(kept) == kept


def test_a_picture_with_entities_is_words_only(tmp_path):
    laughs = '<!DOCTYPE svg [<!ENTITY a "ha">]><svg xmlns="http://www.w3.org/2000/svg" width="1" height="1">&a;</svg>'
    write(tmp_path / "06_simulate_call.ipynb", [cell("run.ladder()", {"output_type": "display_data", "data": {"image/svg+xml": laughs, "text/plain": "the words"}})])
    page = shown(tmp_path, chapters=[ran("06_simulate_call")])
    assert "img" not in [t for t, _ in page.tags] and "the words (the picture can't be shown)" in page.text


def test_a_page_is_the_same_each_time_and_loads_nothing(runs):
    record = pages.predicate(runs["applied"] / manifest.MANIFEST)
    html = report.page(runs["applied"], record)
    assert html == report.page(runs["applied"], record)
    [policy] = [a["content"] for t, a in Page(html).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy and "http" not in policy
    assert len(html) < 600_000


def test_no_secret_is_on_the_page(runs):
    for folder in runs.values():
        assert "practice:digest (a reference, not the secret)" in shown(folder).text


def test_byoc_report(runs, tmp_path):
    folder = runs["applied"]
    cli = CliRunner()
    page = report.page(folder, pages.predicate(folder / manifest.MANIFEST))
    assert cli.invoke(app, ["report", str(folder)]).stdout_bytes.decode() == page
    out = tmp_path / "page.html"
    assert cli.invoke(app, ["report", str(folder), "--out", str(out)]).exit_code == 0 and out.read_bytes().decode() == page
    refused = cli.invoke(app, ["report", str(folder), "--out", str(folder / "report.html")])
    assert refused.exit_code == 1 and manifest.verify(folder).whole
    with pytest.raises(RecordError, match="The record can't be read"):
        cli.invoke(app, ["report", str(tmp_path)], catch_exceptions=False)
