"""The page of all runs: what it lists, in which order, and that runs which end together are all on it."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
from pathlib import Path

import pytest
from records import ran, said
from test_report import EVIL, Page
from typer.testing import CliRunner

from byoc_helpers.audit import index
from byoc_helpers.audit.manifest import PREDICATE
from byoc_helpers.cli import app
from byoc_helpers.exceptions import RecordError


def keep(out: Path, link: str, text: str | None = None, **changes) -> Path:
    """A record of which only the manifest matters."""
    folder = out / link
    folder.mkdir(parents=True)
    statement = {"predicateType": PREDICATE, "predicate": said(**{"partner": link.split("/")[0], "started": _time(link), **changes})}
    (folder / "manifest.json").write_text(json.dumps(statement) if text is None else text)
    return folder


def _time(link: str) -> str:
    return re.sub(r"T(\d\d)-(\d\d)-(\d\d)Z", r"T\1:\2:\3Z", link.split("/")[1])


def rows(html: str) -> list[list[str]]:
    return [[" ".join(c.split()) for c in r] for r in Page(html).rows[1:]]


def test_newest_first_with_each_chapters_mark(tmp_path):
    keep(tmp_path, "acme/2026-11-23T03-00-00Z", status="passed", chapters=[ran("01_precheck"), ran("02_location_site")])
    (keep(tmp_path, "beta/2026-11-24T03-00-00Z", status="failed", target="live", mode="plan", message="No such thing.",
          chapters=[ran("01_precheck"), ran("04_byoc_trunk", "interrupted"), ran("08_cross_check", "failed")]) / "report.html").touch()
    keep(tmp_path, "acme/2026-11-24T01-00-00Z", status="running", finished=None, mode="destroy")
    html = index.page(index.collect(tmp_path))
    beta, torn, acme = rows(html)
    assert beta[0].startswith("beta") and "No such thing." in beta[0] and beta[1] == "✘ failed"
    assert beta[2:11] == ["✔", "·", "·", "◼", "·", "·", "·", "✘", "·"]
    spoken = [a["aria-label"] for t, a in Page(html).tags if t == "i"]
    assert spoken[:9] == ["passed", "not run", "not run", "interrupted", *["not run"] * 3, "failed", "not run"]
    assert beta[11:14] == ["LIVE CLOUDS", "plan only", "2026-11-24 03:00:00"]
    assert torn[1] == "… broke off" and torn[12] == "teardown" and torn[14] == "–" and acme[2:5] == ["✔", "✔", "·"]
    links = [a["href"] for t, a in Page(html).tags if t == "a"]
    assert links == ["#main", "./beta/2026-11-24T03-00-00Z/report.html", "./beta/2026-11-24T03-00-00Z/", "./acme/2026-11-24T01-00-00Z/", "./acme/2026-11-23T03-00-00Z/"]
    assert [("data-l" in a) for t, a in Page(html).tags if t == "tr" and "data-s" in a] == [True, True, False]


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "{}", '{"predicateType": "other", "predicate": {}}', json.dumps({"predicateType": PREDICATE, "predicate": []}),
                                  "\xff", "[" * 100_000])
def test_a_record_that_can_not_be_read_is_a_row(tmp_path, text):
    keep(tmp_path, "acme/2026-11-24T03-00-00Z", text)
    keep(tmp_path, "beta/2026-11-23T03-00-00Z")
    first, second = rows(index.page(index.collect(tmp_path)))
    assert first[0] == "acmerecord can't be read" and first[1] == "? unreadable" and first[13] == "2026-11-24 03:00:00" and second[0] == "beta"


def test_predicates_of_odd_types(tmp_path):
    keep(tmp_path, "acme/x", partner=5, status=[], chapters={}, started=3, finished=None, message={"a": 1}, target=None)
    keep(tmp_path, "beta/y", chapters=[None, {"chapter": 7}], started="soon")
    assert len(rows(index.page(index.collect(tmp_path)))) == 2


def test_what_is_no_record_is_passed_over(tmp_path):
    (tmp_path / "acme" / "notes").mkdir(parents=True)
    (tmp_path / "index.html").touch()
    (tmp_path / ".hidden" / "x").mkdir(parents=True)
    assert index.collect(tmp_path) == []
    assert "No run yet" in index.page([])


def test_markup_stays_text():
    runs = [index.run(f"{evil.replace('/', '')}/2026-11-24T03-00-00Z", said(**dict.fromkeys(("partner", "status", "target", "mode", "scenario", "message"), evil),
                                                                           chapters=[ran("01_precheck", evil, message=evil)])) for evil in EVIL]
    page = Page(index.page(runs))
    assert [t for t, _ in page.tags].count("script") == 1 and "img" not in {t for t, _ in page.tags}
    for tag, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on") or a == "style"], (tag, attributes)
        assert tag == "link" or (attributes.get("href") or "#")[0] in "#."


def test_the_script_is_the_one_the_policy_names():
    import base64
    import hashlib

    html = index.page([])
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = [a["content"] for t, a in Page(html).tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'" in policy and "unsafe" not in policy


def a_batch(out: str, name: str) -> None:
    for hour in range(5):
        keep(Path(out), f"{name}/2026-11-24T{hour:02}-00-00Z")
        index.write(Path(out))


def test_batches_that_end_together_are_all_on_the_page(tmp_path):
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")  # each spawned one would import everything anew
    batches = [context.Process(target=a_batch, args=(str(tmp_path), f"partner-{n}")) for n in range(3)]
    for batch in batches:
        batch.start()
    for batch in batches:
        batch.join(60)
    assert [b.exitcode for b in batches] == [0, 0, 0]
    assert len(rows((tmp_path / "index.html").read_text("utf-8"))) == 15
    assert not list(tmp_path.glob(".index.html*")), "nothing half written is left"


def test_byoc_index(tmp_path):
    keep(tmp_path, "acme/2026-11-24T03-00-00Z")
    said = CliRunner().invoke(app, ["index", str(tmp_path)])
    assert said.exit_code == 0 and "index.html" in said.output and "acme" in (tmp_path / "index.html").read_text("utf-8")
    with pytest.raises(RecordError, match="can't be read"):
        index.write(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
