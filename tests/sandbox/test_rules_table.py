"""RULES.md against the practice clouds' source, and against the tests it names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from refusals import CASES
from rules_source import CLOUDS, Source, answers, origins
from rules_table import FILE, rules

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def collected(session: pytest.Session, wanted: set[str]) -> list[str]:
    """The names of all tests beside this one, with their parameters; asks another pytest if this one runs only some."""
    names = [item.name for item in session.items if item.path.parent == HERE]
    if wanted <= set(names):
        return names
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=", "-p", "no:cacheprovider", str(HERE)],
        check=False, capture_output=True, text=True, cwd=ROOT, timeout=120,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]


def test_every_refusal_has_a_row():
    said = {origin for r in rules() if r.answer for origin in origins(r.answer)}
    assert sorted(map(str, answers() - said)) == []


def test_no_row_for_what_is_never_said():
    assert [(r.rule, r.answer) for r in rules() if r.answer and not origins(r.answer)] == []


def test_every_entry_of_the_error_tables_is_used():
    for package, errors in CLOUDS:
        assert set(errors) - {key for key, _ in Source(package, errors).raised()} == set()


def test_every_named_test_exists_once(request: pytest.FixtureRequest):
    wanted = {t for r in rules() for t in r.tests}
    names = collected(request.session, wanted)
    assert sorted(t for t in wanted if names.count(t) != 1) == []


def test_every_case_of_a_refusal_is_in_the_table():
    wanted = {t for r in rules() for t in r.tests}
    assert sorted(name for name in CASES if f"test_refused[{name}]" not in wanted) == []


def test_rows_are_complete():
    assert len(rules()) > 130
    assert [r.rule for r in rules() if r.cloud not in ("Twilio", "Genesys", "both")] == []
    assert [r.rule for r in rules() if not r.source.startswith(("sure", "seen", "ours"))] == []


def test_the_table_is_linked():
    assert "sandbox/RULES.md" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert FILE.read_text(encoding="utf-8").startswith("# ")
