"""Every scenario of the practice clouds: it fails in its chapter with a sentence to act on, and passes once mended.

What fails and what must pass afterwards runs headless; the chapters before are run here, cell by cell.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
import yaml

from byoc_helpers import batch, runbook, sandbox
from byoc_helpers.chapters import find_chapter
from byoc_helpers.exceptions import CheckFailed, DeadlineExceeded, ParamsError, RunbookError, SandboxError
from byoc_helpers.params import load
from byoc_helpers.partners import load_all
from byoc_helpers.sandbox.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parent.parent
serial = itertools.count(1)
MEND = "somebody puts it right"


class Partner:
    """A partner of its own in one scenario, with the demo's params."""

    def __init__(self, scenario: str, folder: Path, **changes: object):
        self.folder = folder
        name = f"{next(serial)} {scenario}"
        self.values = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text("utf-8"))
        unique = "".join(c for c in name if c.isalnum())[:40]
        self.change(partner=name, scenario=scenario, identifier=f"id{unique}", termination_domain=f"d{unique}", **changes)

    def change(self, **changes: object) -> None:
        self.values |= changes
        self.path = self.folder / "params.yaml"
        self.path.write_text(yaml.safe_dump(self.values, allow_unicode=True), "utf-8")
        self.params = load(self.path)

    def by_hand(self, number: str) -> None:
        """A chapter's cells, run here."""
        chapter = find_chapter(number)
        cells = nbformat.read(ROOT / "notebooks" / f"{chapter.name}.ipynb", as_version=4).cells
        names = {"run": runbook.Runbook(chapter, self.params)}
        for cell in cells:
            if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []) and "open_chapter" not in cell.source:
                exec(compile(cell.source, chapter.name, "exec"), names)  # noqa: S102 - our own notebooks

    def headless(self, number: str) -> str:
        """A chapter as a batch runs it: "passed", or the sentence it failed with."""
        (chapter,) = batch.run_partner(load_all([self.path])[0], batch.Run(self.folder, (find_chapter(number),))).chapters
        return chapter.message or chapter.status

    def mend(self) -> str:
        return sandbox.ensure_running().mend(self.params.slug)


# scenario: chapters before the one that fails, what it says, how it is mended (or what changes in the params),
# chapters to run again before it passes
CASES: dict[str, tuple[str, tuple[str, ...], object, str]] = {
    "no-byoc-product": ("", ("BYOC feature: expected", "Ask Genesys to add BYOC Cloud", "none offered"), MEND, ""),
    "edge-offline": ("", ("Edge Virtual Edge 2: expected active, online", "found offline", "Genesys Cloud Care"), MEND, ""),
    "address-unverifiable": ("", ("could not be verified: 12 rue de la Paix, 75002 Paris", "Mend street"), {"street": "10 rue de la Paix"}, ""),
    "identifier-taken": ("02 03", ("'id", "already in use", "choose another one"), {"identifier": "partnerABC-paris"}, "03"),
    "number-not-purchased": ("", ("Number +33123456789: expected purchased", "Buy it in the Twilio Console"), MEND, ""),
    "wrong-digest-password": ("02 03", ("0 of 2 lines in service", "pstn.twilio.com:5060: 407 Proxy Authentication Required",
                                        "digest user and password are the same"), {"digest_username": "pctrunkuser2"}, "03"),
    "trunk-out-of-service": ("02 03", ("0 of 2 lines in service", "pstn.twilio.com:5060: 408 Request Timeout"), MEND, ""),
    "route-without-classification": ("02 03 04 05", ("+33123456789: No route of Paris Office carries National: add it",), {}, "05"),
    "two-plans-match": ("02 03 04 05", ("+33123456789: No route of Paris Office carries Local: add it",), MEND, ""),
}  # fmt: skip


def play(scenario: str, folder: Path) -> tuple[str, str]:
    """What the chapter of a scenario says before and after it is mended."""
    before, _, how, again = CASES[scenario]
    folder.mkdir()
    partner, chapter = Partner(scenario, folder), SCENARIOS[scenario].chapter
    for number in before.split():
        partner.by_hand(number)
    failed = partner.headless(chapter)
    if isinstance(how, dict):
        partner.change(**how)
    else:
        partner.mend()
    for number in again.split():
        partner.by_hand(number)
    return failed, partner.headless(chapter)


# the other way to mend it, all by hand: chapters before, the error, what changes (or MEND), chapters again
OTHER_WAYS: dict[str, tuple[str, type[RunbookError], object, str]] = {
    "address-unverifiable": ("", CheckFailed, MEND, ""),
    "identifier-taken": ("02 03", RunbookError, MEND, ""),
    "number-not-purchased": ("", CheckFailed, {"phone_numbers": ["+33123456780"], "assignments": []}, ""),
    "wrong-digest-password": ("02 03", DeadlineExceeded, MEND, ""),
    "route-without-classification": ("02 03 04 05", CheckFailed, MEND, ""),
    "two-plans-match": ("02 03 04 05", CheckFailed, {"classifications": ["National", "International", "Local"]}, "05"),
}


def play_by_hand(scenario: str, folder: Path) -> None:
    """Fails until it is mended, and passes then."""
    before, error, how, again = OTHER_WAYS[scenario]
    folder.mkdir()
    partner, chapter = Partner(scenario, folder), SCENARIOS[scenario].chapter
    for number in before.split():
        partner.by_hand(number)
    for _ in range(2):
        with pytest.raises(error):
            partner.by_hand(chapter)
    if isinstance(how, dict):
        partner.change(**how)
    else:
        assert partner.mend().endswith(f"Run chapter {chapter} again.")
    for number in again.split():
        partner.by_hand(number)
    partner.by_hand(chapter)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """All scenarios, side by side: those that wait for a trunk wait together."""
    folder = tmp_path_factory.mktemp("played")
    sandbox.ensure_running()
    # First those that wait longest.
    order = sorted(CASES, key=lambda name: (SCENARIOS[name].chapter != "04", name))
    patch = pytest.MonkeyPatch()
    patch.setitem(runbook.WAIT, "sandbox", 3.0)  # for what runs here, not for what runs headless
    with ThreadPoolExecutor(4) as pool:
        started = {name: pool.submit(play, name, folder / name) for name in order}
        started |= {f"{name}, other way": pool.submit(play_by_hand, name, folder / f"{name} too") for name in OTHER_WAYS}
        yield started
    patch.undo()


@pytest.mark.parametrize("scenario", CASES)
def test_fails_in_its_chapter_and_passes_once_mended(played: dict[str, Future], scenario: str):
    failed, after = played[scenario].result()
    for words in CASES[scenario][1]:
        assert words in failed
    assert after == "passed"


@pytest.mark.parametrize("scenario", OTHER_WAYS)
def test_the_other_way_to_mend_it(played: dict[str, Future], scenario: str):
    played[f"{scenario}, other way"].result()


def test_every_scenario_is_here():
    assert set(SCENARIOS) == {"healthy", "rough-network", *CASES}
    for name, scenario in SCENARIOS.items():
        assert bool(scenario.chapter) == bool(scenario.hint) == bool(scenario.mended) == (name in CASES)
        assert scenario.lesson.endswith(".")


@pytest.mark.parametrize("scenario", ["healthy", "rough-network"])
def test_the_whole_runbook_passes(scenario: str, tmp_path: Path):
    partner = Partner(scenario, tmp_path)
    for number in ("01", "02", "03", "04", "05", "06", "07"):
        partner.by_hand(number)
    rules = sandbox.ensure_running().control("GET", f"/_sandbox/faults?tenant={partner.params.slug}")["rules"]
    assert bool(rules) == (scenario == "rough-network")
    assert sum(r["fired"] for r in rules) >= 2 * bool(rules)


def test_a_trainee_finds_them():
    table = {s["name"]: s for s in sandbox.ensure_running().scenarios()}
    assert list(table) == list(SCENARIOS)
    assert set(table["edge-offline"]) == {"name", "title", "lesson", "chapter", "hint", "mended"}
    assert table["edge-offline"]["chapter"] == "01"


def test_an_unknown_name_is_refused_with_the_names(tmp_path: Path):
    """Before anything is called; and by the practice clouds, too, for who asks them without a params file."""
    with pytest.raises(ParamsError, match=r'there is no "edge-ofline"\. Did you mean edge-offline'):
        Partner("edge-ofline", tmp_path).by_hand("01")
    with pytest.raises(SandboxError) as error:
        sandbox.ensure_running().prepare(tenant="nobody", scenario="edge-ofline")
    assert 'No scenario "edge-ofline"' in str(error.value) and "edge-offline" in str(error.value)


def test_choosing_a_scenario_again_starts_it_anew(tmp_path: Path):
    partner = Partner("no-byoc-product", tmp_path)
    with pytest.raises(CheckFailed):
        partner.by_hand("01")
    partner.mend()
    partner.by_hand("01")
    for scenario, passes in (("healthy", True), ("no-byoc-product", False)):
        partner.change(scenario=scenario)
        if passes:
            partner.by_hand("01")
        else:
            with pytest.raises(CheckFailed):
                partner.by_hand("01")
