"""The main job, end to end: params in, executed notebooks out, on the practice clouds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
import yaml
from orgs import chapter, do, partner_maker

from byoc_helpers import authoring, batch, journal, open_chapter, sandbox, secrets
from byoc_helpers.chapters import CHAPTERS, find_chapter
from byoc_helpers.exceptions import DeadlineExceeded, ParamsError
from byoc_helpers.params import load
from byoc_helpers.partners import load_all
from byoc_helpers.resources import byoc_trunk

ROOT = Path(__file__).resolve().parent.parent
SECOND = ROOT / "tests" / "data" / "second.yaml"


def run(path: Path, out: Path, **kwargs) -> batch.PartnerResult:
    (partner,) = load_all([path])
    return batch.run_partner(partner, batch.Run(out, **kwargs))


def total(result: batch.PartnerResult, what: str) -> int:
    return sum(c.recap.get(what, 0) for c in result.chapters)


def outputs(notebook: Path) -> list:
    return [o for c in nbformat.read(notebook, as_version=4).cells for o in c.get("outputs", [])]


def variant(path: Path, folder: Path, **changes) -> Path:
    """A params file that differs from another in some keys, for a partner of its own."""
    values = yaml.safe_load(path.read_text("utf-8")) | changes
    made = folder / "variant.yaml"
    made.write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")
    return made


@pytest.fixture(scope="module", params=["demo", "second"])
def two_runs(request, tmp_path_factory):
    """A partner's first run and its second, and the folder with both records."""
    sandbox.reset()
    path = ROOT / "params" / "demo.yaml" if request.param == "demo" else SECOND
    out = tmp_path_factory.mktemp(request.param)
    return path, out, run(path, out), run(path, out)


def test_every_chapter_passes_and_shows_a_table(two_runs):
    _, _, first, _ = two_runs
    assert [(c.chapter, c.status, c.message) for c in first.chapters] == [(c.name, "passed", "") for c in CHAPTERS]
    for done in first.chapters:
        shown = outputs(Path(first.record) / done.notebook)
        assert not [o for o in shown if o.output_type in ("error", "stream")]
        assert any("<table" in o.get("data", {}).get("text/html", "") for o in shown)


def test_the_first_run_creates_and_the_second_changes_nothing(two_runs):
    path, _, first, second = two_runs
    objects = 16 if path == SECOND else 12
    assert total(first, "created") + total(first, "updated") == objects + (path != SECOND)  # the default route gives up classifications
    assert (second.status, total(second, "created"), total(second, "updated"), total(second, "unchanged")) == ("passed", 0, 0, objects)


def test_a_second_run_only_reads(two_runs):
    _, _, _, second = two_runs
    calls = [json.loads(line) for line in (Path(second.record) / "journal.jsonl").read_text("utf-8").splitlines()]
    writes = [c for c in calls if journal.writes(c)]
    assert calls and writes == []


def test_no_secret_reaches_a_file(two_runs):
    path, out, first, _ = two_runs
    params = load(path)
    box = sandbox.ensure_running()
    practice = box.prepare(tenant=params.slug)
    values = {secrets.resolve(params.digest_password, key="x").reveal(), practice["client_secret"], practice["api_key_secret"], box.key}
    assert all(len(v) >= 8 for v in values)
    files = [f for folder in (out, ROOT / "notebooks", ROOT / "outputs") for f in folder.rglob("*") if f.is_file() and f.suffix != ".png"]
    assert len(files) > 2 * len(first.chapters)
    for file in files:
        text = file.read_text("utf-8", errors="replace")
        assert not [v for v in values if v in text], file
        assert not re.search(r"Bearer [A-Za-z0-9_-]{20}|Basic [A-Za-z0-9+/=]{20}", text), file


def test_a_record_names_no_machine(two_runs):
    _, _, first, _ = two_runs
    for file in Path(first.record).iterdir():
        text = file.read_text("utf-8")
        assert str(Path(first.record)) not in text and str(ROOT) not in text, file


def test_the_byoc_trunk_has_every_setting_of_the_guide(two_runs):
    path, _, first, _ = two_runs
    if path == SECOND:
        pytest.skip("the guide's example is the demo's")
    table = next(o.data["text/plain"] for o in outputs(Path(first.record) / "04_byoc_trunk.ipynb") if "trunk_sip_termination_uri" in o.get("data", {}).get("text/plain", ""))
    rows = {cells[1]: cells[2:] for cells in (re.split(r"\s{2,}", line) for line in table.splitlines()) if len(cells) >= 4}
    expected = {
        "trunk_enabled": "yes",
        "trunk_sip_termination_uri": "twilioABC",
        "trunk_transport_serverProxyList": "purecloudABC.pstn.twilio.com:5060",
        "trunk_sip_authentication_credentials_realm": "sip.twilio.com",
        "trunk_sip_authentication_credentials_username": "pctrunkuser",
        "trunk_outboundIdentity_callingAddress": "+33123456789",
        "trunk_outboundIdentity_callingAddress_overrideMethod": "Always",
        "trunk_outboundIdentity_callingName": "PartnerABC",
        "trunk_outboundIdentity_callingAddress_omitPlusPrefix": "no",
        "trunk_outboundIdentity_calledAddress_omitPlusPrefix": "no",
        "trunk_media_codec": "audio/pcmu, audio/pcma",
        "trunk_media_dtmf_payload": "101",
    }
    assert {key: rows[key] for key in expected} == {key: [value, "set"] for key, value in expected.items()}
    assert rows["trunk_sip_authentication_credentials_password"] == ["write-only", "set"]
    assert all(cidr in table for cidr in load(path).access_list)


def test_the_calls_of_each_chapter_are_the_documents(two_runs):
    path, _, result, _ = two_runs
    if path == SECOND:
        pytest.skip("the document is the demo's")
    document = (ROOT / "notebooks" / "CALLS.md").read_text("utf-8").partition("## 99")[0]
    made = [json.loads(line) for line in (Path(result.record) / "journal.jsonl").read_text("utf-8").splitlines()]
    listed = {line.split("`")[1] for line in document.splitlines() if line.startswith("| ") and "`" in line}
    assert {authoring.journal.endpoint(c) for c in made} == listed, "run `make notebooks`"


def test_plain_papermill_runs_each_chapter_in_order(demo, tmp_path):
    sandbox.reset()
    path = variant(demo, tmp_path, partner="Plain papermill")
    for name in (c.name for c in CHAPTERS):
        done = subprocess.run(
            [sys.executable, "-m", "papermill", f"notebooks/{name}.ipynb", str(tmp_path / f"{name}.ipynb"), "-f", str(path)],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert "arning" not in done.stderr and "unknown parameter" not in done.stderr, done.stderr


@pytest.mark.parametrize(("parameters", "said"), [
    ({"phone_numbers": [33123456789]}, "phone_numbers[0] is 33123456789, which is not text"),
    ({"postal_code": 1116, "country": False}, "country is False, which is not text"),
    ({"identifer": "x"}, "identifer is not a parameter of the runbook. Did you mean identifier"),
])
def test_a_chapters_first_cell_refuses_what_papermill_lets_through(parameters, said, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError) as error:
        papermill.execute_notebook(ROOT / "notebooks/03_twilio.ipynb", tmp_path / "out.ipynb", parameters=parameters,
                                   engine_name="byoc", progress_bar=False)
    assert said in error.value.evalue
    assert "Traceback" not in "\n".join(error.value.traceback) and "runbook.py" not in "\n".join(error.value.traceback)


def test_what_a_partner_leaves_out_is_its_default_not_the_examples(demo):
    """The cell holds the example's values: given another partner, its own caller name must not go out on that partner's calls."""
    values = yaml.safe_load(demo.read_text("utf-8"))
    namespace = {**values, "In": ["", "# Parameters\n" + "\n".join(f"{k} = {v!r}" for k, v in values.items() if k != "caller_name")]}
    assert values["caller_name"] and open_chapter("04_byoc_trunk", namespace).params.caller_name == ""
    del namespace["In"]
    assert open_chapter("04_byoc_trunk", namespace).params.caller_name == values["caller_name"]
    with pytest.raises(ParamsError, match="trunk_name is missing"):
        open_chapter("04_byoc_trunk", {**values, "In": ["# Parameters\npartner = 'Another'\n"]})


def test_a_failed_check_is_a_sentence_that_says_what_to_do(demo, tmp_path):
    path = variant(demo, tmp_path, partner="No such site", edge_site="PureCloud Voice - Mars")
    result = run(path, tmp_path, chapters=(find_chapter("01"),))
    (chapter,) = result.chapters
    assert (result.status, chapter.status) == ("failed", "failed")
    assert 'Sites: expected "PureCloud Voice - Mars", found PureCloud Voice - AWS' in chapter.message and "set edge_site" in chapter.message
    error = next(o for o in outputs(Path(result.record) / chapter.notebook) if o.output_type == "error")
    assert len(error.traceback) == 1 and "File " not in error.traceback[0]
    assert any("✘ FAIL" in o.get("data", {}).get("text/plain", "") for o in outputs(Path(result.record) / chapter.notebook))


@pytest.mark.parametrize(("number", "said"), [
    ("04", 'The Genesys Cloud site "Paris Office" doesn\'t exist yet: run chapter 02 first.'),
    ("05", "run chapter 02 first"), ("06", "run chapter 02 first"),
])
def test_chapters_in_the_wrong_order(number, said, demo, tmp_path):
    path = variant(demo, tmp_path, partner=f"Wrong order {number}")
    (chapter,) = run(path, tmp_path, chapters=(find_chapter(number),)).chapters
    assert chapter.status == "failed" and said in chapter.message


def test_live_needs_a_second_word(demo, tmp_path):
    path = variant(demo, tmp_path, target="live", genesys_client_id="0a1b2c3d-0000-4000-8000-00000000000a", genesys_client_secret="env:X_SECRET",
                   twilio_account_sid="AC" + "0" * 32, twilio_api_key_secret="env:X_SECRET", digest_password="env:X_SECRET")
    with pytest.raises(papermill.PapermillExecutionError) as error:
        papermill.execute_notebook(ROOT / "notebooks/01_precheck.ipynb", tmp_path / "out.ipynb", engine_name="byoc",
                                   parameters=yaml.safe_load(path.read_text()), progress_bar=False)
    assert "a live run needs a second word" in error.value.evalue and "Nothing was called" in error.value.evalue


def test_two_runs_of_one_partner_at_once(demo, tmp_path):
    from filelock import FileLock

    (tmp_path / "partnerabc").mkdir()
    with FileLock(tmp_path / "partnerabc" / ".lock"):
        result = run(demo, tmp_path)
    assert result.status == "failed" and "Another run of PartnerABC is under way" in result.message


def test_a_setting_changed_by_hand_is_put_right_and_named(demo, tmp_path):
    path = variant(demo, tmp_path, partner="Hand", identifier="hand", termination_domain="hand")
    do(load(path), "02", "03", "04")
    changed = variant(path, tmp_path, caller_name="Other name", codecs=["audio/pcma"])
    result = run(changed, tmp_path, chapters=(find_chapter("04"),))
    (chapter,) = result.chapters
    assert chapter.recap == {"created": 0, "updated": 1, "unchanged": 0}
    table = "\n".join(o.get("data", {}).get("text/plain", "") for o in outputs(Path(result.record) / chapter.notebook))
    assert re.search(r"callingName\s+Other name\s+~ was PartnerABC", table)
    assert re.search(r"trunk_media_codec\s+audio/pcma\s+~ was audio/pcmu, audio/pcma", table)


def test_by_hand_a_wait_is_never_answered_from_memory(monkeypatch):
    """Somebody took the trunk out of service since the cell ran."""
    params = partner_maker("Again")()
    do(params, "02", "03", "04")
    run = chapter("04", params)
    run.wait_in_service()
    other = chapter("04", params)
    found = other._ctx.require(byoc_trunk)
    byoc_trunk._set(found.raw, byoc_trunk.ENABLED, False)
    other.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(found.id, found.raw)
    monkeypatch.setattr("byoc_helpers.presence.somebody_is_there", lambda: True)
    monkeypatch.setattr("byoc_helpers.runbook.WAIT", {"sandbox": 0.5})
    with pytest.raises(DeadlineExceeded, match="is not in service"):
        run.wait_in_service()
