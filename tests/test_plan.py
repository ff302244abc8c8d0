"""A plan reads and changes nothing: on an empty org, a finished one, and one edited by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from orgs import do
from typer.testing import CliRunner

from byoc_helpers import batch, journal
from byoc_helpers.chapters import CHAPTERS, find_chapter
from byoc_helpers.cli import app
from byoc_helpers.params import load
from byoc_helpers.partners import load_all
from byoc_helpers.runbook import Runbook


@pytest.fixture
def own(demo, tmp_path, request) -> Path:
    """A params file of a partner of its own."""
    tag = "p" + re.sub(r"[^a-z]", "", request.node.name)[4:28]
    values = yaml.safe_load(demo.read_text("utf-8")) | {"partner": f"Plan {tag}", "identifier": tag, "termination_domain": tag}
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")
    return path


def plan(path: Path) -> tuple[int, dict]:
    journal.calls.clear()
    done = CliRunner().invoke(app, ["plan", str(path), "--json"])
    writes = [c for c in journal.calls if journal.writes(c)]
    assert writes == []
    return done.exit_code, json.loads(done.stdout)[0]


def rows(planned: dict, mark: str) -> list[list[str]]:
    return [r[:-1] for r in planned["rows"] if r[-1].startswith(mark)]


def test_an_empty_org(own):
    code, planned = plan(own)
    assert code == 2
    assert planned["counts"] == {"create": 12, "update": 0, "delete": 0, "unchanged": 0, "refused": 0}
    assert ["BYOC trunk", "Twilio", "id", "known after apply", ""] in rows(planned, "+")
    assert any("run chapter 02 first" in r[4] for r in rows(planned, "+") if r[0] == "outbound route")


def test_a_finished_org(own):
    do(load(own), "02", "03", "04", "05", "07")
    code, planned = plan(own)
    assert (code, planned["counts"]["unchanged"], rows(planned, "~"), rows(planned, "+")) == (0, 12, [], [])
    assert any("trunk_sip_authentication_credentials_password: cannot be compared" in r[4] for r in planned["rows"])


def test_what_becomes_of_the_default_route_is_a_line_of_its_own(own):
    do(load(own), "02", "03", "04")
    _, planned = plan(own)
    assert ["outbound route", "Default Outbound Route", "Classifications", "Emergency, Network, National, International", "Emergency, Network"] in rows(planned, "~")


def test_an_org_edited_by_hand_shows_what_and_on_which_side(own):
    params = load(own)
    run = do(params, "02", "03", "04", "05", "07")
    telephony, twilio = run.clouds.genesys.telephony, run.clouds.twilio
    trunk = do(params, "04").outcomes[0].found.raw
    trunk.properties["trunk_media_codec"]["value"]["instance"] = ["audio/opus"]
    telephony.put_telephony_providers_edges_trunkbasesetting(trunk.id, trunk)
    twilio.trunking.trunks.list()[0].update(secure=True)
    code, planned = plan(own)
    assert code == 2
    assert [r[:5] for r in rows(planned, "~") if r[2] not in ("id", "Digest Authentication: Password")] == [
        ["Twilio SIP trunk", params.termination_uri, "Secure Trunking", "yes", "no"],
        ["BYOC trunk", "Twilio", "Media: preferred Codecs", "audio/opus", "audio/pcmu, audio/pcma"],
    ]


def test_what_somebody_else_made_is_a_refusal(own):
    do(load(own), "02")
    site = do(load(own), "02").outcomes[1].found.raw
    run = Runbook(find_chapter("02"), load(own))
    site = run.clouds.genesys.telephony.get_telephony_providers_edges_site(site.id)
    site.description = "by hand"
    run.clouds.genesys.telephony.put_telephony_providers_edges_site(site.id, site)
    own.write_text(own.read_text().replace("Europe/Paris", "Europe/London"))
    code, planned = plan(own)
    assert code == 1 and planned["counts"]["refused"] == 1
    assert any("was not made by this runbook" in r[4] for r in rows(planned, "✘"))


def test_every_cell_of_every_chapter_can_be_planned_on_an_empty_org(own, root):
    values = yaml.safe_load(own.read_text("utf-8")) | {"mode": "plan"}
    added = 0
    for chapter in CHAPTERS:
        cells = [c for c in nbformat.read(root / "notebooks" / f"{chapter.name}.ipynb", as_version=4).cells if c.cell_type == "code"]
        names: dict = {}
        exec(cells[0].source, names)  # noqa: S102 - our own notebook, in this process
        names |= {key: values[key] for key in chapter.fields if key in values}
        for cell in cells[1:]:
            exec(cell.source, names)  # noqa: S102
        added += len(names["run"].planned)
    assert added == 12


def test_a_plan_headless(own, tmp_path):
    own.write_text(own.read_text() + "mode: plan\n")
    (chapter,) = batch.run_partner(load_all([own])[0], batch.Run(tmp_path / "out", (find_chapter("05"),))).chapters
    assert (chapter.status, chapter.recap) == ("passed", {"to add": 1, "to change": 0, "to destroy": 0, "unchanged": 0})
