"""Checkpoints: all ✘ with what to do on an empty org, all ✔ on a finished one, and each change by hand in its own row."""

from __future__ import annotations

import pytest
from orgs import chapter, do, partner_maker

from byoc_helpers import checkpoints, journal, presence
from byoc_helpers.exceptions import CheckFailed
from byoc_helpers.resources import byoc_trunk

MAKING = ("02", "03", "04", "05", "07")


@pytest.fixture(scope="module")
def finished():
    params = partner_maker("Checkpoint")()
    do(params, *MAKING)
    return params


def rows(run) -> dict[str, list[str]]:
    return {row[0]: list(row[1:]) for row in run.checkpoint().rows}


def missing(run) -> set[str]:
    return {says for says, (_, mark, _) in rows(run).items() if mark != "✔ yes"}


@pytest.mark.parametrize("number", MAKING)
def test_an_empty_org_is_told_what_to_do_row_by_row(number):
    seen = rows(chapter(number, partner_maker("Nothing")()))
    assert seen
    for says, (found, mark, remedy) in seen.items():
        assert (mark, bool(found), bool(remedy)) == ("✘ not yet", True, True), says


@pytest.mark.parametrize("number", MAKING)
def test_a_finished_org_has_it_all_and_a_row_that_holds_asks_for_nothing(number, finished):
    seen = rows(chapter(number, finished))
    assert seen and {(mark, remedy) for _, mark, remedy in seen.values()} == {("✔ yes", "")}


@pytest.mark.parametrize(("number", "most"), [("02", 1), ("03", 0), ("04", 1), ("05", 2), ("07", 1)])
def test_without_people_what_was_just_read_back_is_not_read_again(number, most, finished):
    run = do(finished, number)
    if number == "05":
        run.routes()
    if number == "07":
        run.numbers()
    before = len(journal.calls)
    run.checkpoint()
    assert len(journal.calls) - before <= most
    before = len(journal.calls)
    run.checkpoint()  # asked again: somebody wants to know how it is now
    assert len(journal.calls) - before > most


def base(run):
    return run._ctx.require(byoc_trunk).raw


def change_trunk(run, **properties):
    body = base(run)
    for key, value in properties.items():
        body.properties[key]["value"]["instance"] = value
    run.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(body.id, body)


BY_HAND = {
    "a codec": ("04", lambda run: change_trunk(run, trunk_media_codec=["audio/opus"]), {"Media: codecs, and DTMF as RTP events"}),
    "the plus": ("04", lambda run: change_trunk(run, trunk_outboundIdentity_callingAddress_omitPlusPrefix=True),
                 {"Identity – Outbound: both Address Omit + Prefix are Disabled"}),
    "secure trunking": ("03", lambda run: run.clouds.twilio.trunking.trunks.list()[0].update(secure=True), {"Trunks – General: Secure Trunking is off"}),
    "a list": ("03", lambda run: run.clouds.twilio.trunking.trunks.list()[0].ip_access_control_lists.list()[0].delete(),
               {"Trunks – Termination: both lists are attached, so a call must pass both"}),
    "the number": ("03", lambda run: run.clouds.twilio.trunking.trunks.list()[0].phone_numbers.list()[0].delete(), {"Trunks – Numbers: +33123456789"}),
}


@pytest.mark.parametrize("what", BY_HAND)
def test_what_was_changed_by_hand_is_its_own_row(what):
    number, edit, wrong = BY_HAND[what]
    params = partner_maker("Edited")()
    edit(do(params, *(("02", "04") if number == "04" else ("03",))))
    run = chapter(number, params)
    assert missing(run) == wrong
    remedy = rows(run)[next(iter(wrong))][2]
    kind = remedy.partition('run.apply("')[2].partition('"')[0]
    run.apply(kind)
    assert missing(run) == set()


def test_by_hand_all_is_read_anew(monkeypatch):
    params = partner_maker("Hand")()
    run = do(params, "02", "04")
    change_trunk(run, trunk_media_codec=["audio/opus"])
    monkeypatch.setattr(presence, "somebody_is_there", lambda: True)
    assert missing(run) == {"Media: codecs, and DTMF as RTP events"}


def test_chapters_that_only_read_sum_up_what_they_saw(finished):
    run = chapter("01", finished)
    assert missing(run) == {says for says, _ in checkpoints.PRECHECK}
    assert all("run.precheck()" in remedy for _, _, remedy in rows(run).values())
    run.precheck()
    assert missing(run) == set()
    run = chapter("06", finished)
    assert all("run.simulate()" in remedy or "above" in remedy for _, _, remedy in rows(run).values())
    run.simulate()
    assert missing(run) == set()
    run = chapter("08", finished)
    run.cross_check()
    assert missing(run) == set()


def test_every_check_belongs_to_a_statement(finished):
    for number, verb, groups in (("01", "precheck", checkpoints.PRECHECK), ("08", "cross_check", checkpoints.CROSS_CHECK)):
        run = chapter(number, finished)
        getattr(run, verb)()
        starts = tuple(start for _, words in groups for start in words)
        assert [c.name for c in run.checks if not c.name.startswith(starts)] == []


def test_a_teardown_is_checked_against_the_clouds(monkeypatch):
    params = partner_maker("Gone")()
    do(params, "03")
    monkeypatch.setenv("BYOC_DESTROY", params.partner)
    run = chapter("99", params)
    (row,) = run.checkpoint().rows
    assert row[2] == "✘ not yet" and "Twilio SIP trunk" in row[1] and "run.remove()" in row[3]
    run.remove()
    assert missing(run) == set()
    assert missing(chapter("99", params)) == set()


def test_a_plan_leaves_nothing_to_check():
    assert str(chapter("04", partner_maker("Planned")(mode="plan")).checkpoint()).startswith("Plan: ")


@pytest.mark.parametrize(("number", "verb", "first"), [
    ("01", "require_passed", "precheck"), ("06", "require_calls", "simulate"), ("08", "require_agreement", "cross_check"), ("99", "require_removed", "remove")])
def test_a_verdict_before_its_check_is_a_sentence(number, verb, first, finished):
    with pytest.raises(CheckFailed, match=rf"run the cell run\.{first}\(\) above first"):
        getattr(chapter(number, finished), verb)()
