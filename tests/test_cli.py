"""The command: sentences on stderr, exit codes, and every mistake before any call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from byoc_helpers import cli
from byoc_helpers.secrets import remember

ROOT = Path(__file__).resolve().parent.parent


def byoc(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run([sys.executable, "-m", "byoc_helpers.cli", *map(str, arguments)], cwd=ROOT, capture_output=True,
                          text=True, env={**os.environ, "COLUMNS": "200", **environment}, timeout=300, check=False)


@pytest.fixture
def spoilt(demo, tmp_path):
    def make(**changes) -> Path:
        values = {k: v for k, v in (yaml.safe_load(demo.read_text("utf-8")) | changes).items() if v is not None}
        path = tmp_path / "bad.yaml"
        path.write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")
        return path
    return make


@pytest.mark.parametrize(("changes", "said"), [
    ({"phone_numbers": [33123456789]}, "phone_numbers is 33123456789 without quotes"),
    ({"genesys_region": "mars-1"}, "not a Genesys Cloud region"),
    ({"site_name": None}, "site_name is missing"),
    ({"identifier": "a_b"}, "letters, digits and hyphens"),
    ({"scenario": "edge-ofline"}, 'scenario: there is no "edge-ofline". Did you mean edge-offline?'),
    ({"digest_password": "env:NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
    ({"digest_password": "file:nowhere.txt"}, "there is no file nowhere.txt"),
])
@pytest.mark.parametrize("command", [("run",), ("params", "check")], ids=["run", "check"])
def test_bad_input_ends_with_a_sentence_before_any_call(command, changes, said, spoilt):
    path = spoilt(**changes)
    done = byoc(*command, path)
    assert done.returncode == 1
    assert said in done.stderr and "bad.yaml" in done.stderr and next(iter(changes)) in done.stderr
    assert "Traceback" not in done.stderr + done.stdout and "practice clouds" not in done.stderr


def test_a_weak_password(spoilt):
    done = byoc("run", spoilt(digest_password="env:WEAK"), WEAK="weakweakweak")
    assert done.returncode == 1 and "too weak" in done.stderr and "bad.yaml" in done.stderr and "weakweak" not in done.stderr


def test_a_missing_file_and_an_empty_folder(tmp_path):
    assert "can't be read" in byoc("run", tmp_path / "no.yaml").stderr
    assert "There is no params file" in byoc("run", tmp_path).stderr


def test_all_files_are_checked_before_the_first_run(spoilt, demo):
    done = byoc("run", demo, spoilt(partner="Other", country="ZZ"))
    assert done.returncode == 1 and "ZZ" in done.stderr and "01_precheck" not in done.stderr


def test_a_partner_has_one_file(spoilt, demo):
    done = byoc("run", demo, spoilt())
    assert done.returncode == 1 and 'partner "PartnerABC" is also in' in done.stderr


def test_a_right_file(demo):
    done = byoc("params", "check", demo)
    assert (done.returncode, done.stdout) == (0, "params/demo.yaml: PartnerABC, target sandbox: all parameters are right\n")


def test_live_needs_the_flag(spoilt):
    path = spoilt(target="live", genesys_client_id="0a1b2c3d-0000-4000-8000-00000000000a", genesys_client_secret="env:S", twilio_account_sid="AC" + "0" * 32,
                  twilio_api_key_secret="env:S", digest_password="env:S")
    done = byoc("run", path, S="Long3noughSecret")
    assert done.returncode == 1 and "Add --live" in done.stderr


def test_one_chapter_as_json(demo, tmp_path):
    done = byoc("run", demo, "--only", "1", "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    (partner,) = json.loads(done.stdout)
    assert partner["status"] == "passed" and [c["chapter"] for c in partner["chapters"]] == ["01_precheck"]


def test_no_such_chapter(demo):
    done = byoc("run", demo, "--only", "42")
    assert done.returncode == 1 and 'There is no chapter "42"' in done.stderr


def test_the_schema_is_json():
    assert json.loads(byoc("params", "schema").stdout)["title"] == "Params"


def test_an_outputs_folder_that_cannot_be_written(demo, tmp_path):
    (tmp_path / "file").write_text("")
    done = byoc("run", demo, "--out", tmp_path / "file")
    assert done.returncode == 1 and "can't be written" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("plan",), ("plan", "x.yaml", "--bogus"), ("run", "--jobs", "many", "x.yaml"), ("nonsense",)])
def test_a_mistyped_command_is_no_plan_with_changes(arguments):
    """Exit code 2 says that there are changes: a scheduled look for drift must not say so for ever."""
    done = byoc(*arguments)
    assert done.returncode == 1 and "Usage" in done.stderr and "Traceback" not in done.stderr


def test_an_error_of_ours_is_masked_too(monkeypatch, capsys):
    remember("HeldByATraceback1")

    def broken():
        raise ZeroDivisionError("with HeldByATraceback1 in hand")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().err
    assert end.value.code == 1 and "ZeroDivisionError: with ******** in hand" in said and "HeldByATraceback1" not in said


def test_what_a_destroy_would_do_fits_a_narrow_terminal(demo):
    done = byoc("destroy", demo, COLUMNS="60")
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and any(line.startswith("Plan: 0 to add, 0 to change, ") for line in lines)
    assert not [line for line in lines if line and not line.startswith((" ", "Plan:")) and "nothing was removed" not in line and "practice clouds" not in line]
