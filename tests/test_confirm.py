"""The plan before anything happens, and the question before a live org is changed by hand."""

from __future__ import annotations

import pytest
from orgs import chapter, do, partner_maker, snapshot

from byoc_helpers import journal, presence, probes, sandbox, secrets
from byoc_helpers.display.confirm import GIVEN, WAITING, Confirmation
from byoc_helpers.exceptions import Refused
from byoc_helpers.resources import byoc_trunk

EVIL = '<img src=x onerror="alert(1)">'


def writes() -> list[dict]:
    return [c for c in journal.calls if journal.writes(c)]


def as_if_live(number, params):
    """A chapter that takes the practice clouds for a live org."""
    run = chapter(number, params)
    assert run.clouds._practice
    run.params = params.model_copy(update={"target": "live", "genesys_client_id": "0a1b2c3d-0000-4000-8000-00000000000a"})
    return run


@pytest.fixture
def by_hand(monkeypatch):
    monkeypatch.setattr(presence, "somebody_is_there", lambda: True)


@pytest.fixture
def partner():
    return partner_maker("Confirm")


# ---------------------------------------------------------------- the plan


def test_a_plan_shows_every_object_of_the_chapter_and_writes_nothing(partner):
    journal.calls.clear()
    table = chapter("03", partner()).plan()
    assert writes() == [] and table.caption == "Plan: 5 to add, 0 to change, 0 to destroy"
    assert len({(row[0], row[1]) for row in table.rows}) == 5 and "recap" not in table.data
    assert any("compared after apply" in row[4] for row in table.rows)


def test_a_plan_of_a_finished_chapter_says_unchanged_and_spares_the_cells_after_it_a_reading(partner):
    params = partner()
    do(params, "02", "03", "04")
    for number, kinds in (("03", ("ip_acl", "credential_list", "sip_trunk", "origination_url", "trunk_number")), ("04", ("byoc_trunk",))):
        run = chapter(number, params)
        assert run.plan().caption.startswith("Plan: 0 to add, 0 to change")
        before = len(journal.calls)
        tables = [run.apply(kind) for kind in kinds]
        assert len(journal.calls) == before
        assert {row[-1] for t in tables for row in t.rows if "Name" in row[:2]} == {"= unchanged"}


def test_by_hand_every_cell_reads_anew(partner, by_hand):
    params = partner()
    do(params, "03")
    run = chapter("03", params)
    run.plan()
    run.clouds.twilio.trunking.trunks.list()[0].update(secure=True)
    assert any("~ was yes" in row for row in run.apply("sip_trunk").rows)


def test_a_plan_is_no_longer_believed_once_the_chapter_has_written(partner):
    params = partner()
    do(params, "03")
    run = chapter("03", params)
    run.clouds.twilio.trunking.trunks.list()[0].update(secure=True)
    run.plan()
    run.apply("ip_acl")
    run.apply("sip_trunk")
    before = len(journal.calls)
    run.apply("origination_url")
    assert len(journal.calls) > before


def test_a_plan_is_believed_for_seconds_only(partner, monkeypatch):
    params = partner()
    do(params, "03")
    run = chapter("03", params)
    run.plan()
    run._foresight.at -= 60
    before = len(journal.calls)
    run.apply("ip_acl")
    assert len(journal.calls) > before


def test_in_plan_mode_the_cells_show_their_part_and_count_once(partner):
    run = chapter("03", partner(mode="plan"))
    run.plan()
    before = len(journal.calls)
    for kind in run.chapter.kinds:
        run.apply(kind)
    assert len(journal.calls) == before and len(run.planned) == 5


# ---------------------------------------------------------------- the question


def test_nobody_is_asked_where_nothing_real_or_nobody_is_there(partner, by_hand, monkeypatch):
    run = chapter("03", partner())
    assert str(run.confirm()).startswith("The practice clouds")
    assert str(chapter("03", partner(mode="plan")).confirm()).startswith("Plan: ")
    monkeypatch.setattr(presence, "somebody_is_there", lambda: False)
    live = as_if_live("03", partner())
    live.plan()
    assert str(live.confirm()).startswith("Live, without people")
    assert any("+ created" in row for row in live.apply("ip_acl").rows)  # --live was the word


def test_a_live_org_is_not_changed_by_hand_before_the_button_is_pressed(partner, by_hand):
    run, journal_start = as_if_live("03", partner()), len(writes())
    with pytest.raises(Refused, match=r"run the cell run\.plan\(\) above first"):
        run.confirm()
    with pytest.raises(Refused, match=r"nobody has confirmed the plan.*Run the cells run\.plan\(\) and run\.confirm\(\)"):
        run.apply("ip_acl")
    run.plan()
    asked = run.confirm()
    assert isinstance(asked, Confirmation) and asked.question.startswith("Apply these 5 changes to the LIVE Twilio account")
    with pytest.raises(Refused, match=r"Press the button above, then run this cell again"):
        run.apply("ip_acl")
    assert len(writes()) == journal_start
    asked.button.click()
    assert asked.answer.startswith(GIVEN) and asked.button.disabled
    for kind in run.chapter.kinds:
        run.apply(kind)
    assert [o.action for o in run.outcomes] == ["created"] * 5


def test_every_making_chapter_can_be_confirmed_and_done(by_hand):
    params = partner_maker("All")()
    for number in ("02", "03", "04", "05", "07"):
        run = as_if_live(number, params)
        run.plan()
        run.confirm().press()
        for kind in run.chapter.kinds:
            run.apply(kind)
            if kind == "site":
                run.wait_site_defaults()
            if kind == "location":
                run.wait_verified()
    plan = as_if_live("07", params)
    plan.plan()
    assert str(plan.confirm()).startswith("Nothing would be changed")
    before = snapshot(params)
    plan.apply("did_pool")
    assert snapshot(params) == before


def test_what_was_confirmed_is_all_that_may_be_written(partner, by_hand):
    params = partner()
    do(params, "02", "04")
    run = as_if_live("04", params)

    def edit(**properties):
        body = run._ctx.require(byoc_trunk).raw
        for key, value in properties.items():
            body.properties[key]["value"]["instance"] = value
        run.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(body.id, body)
        run._ctx.forget()

    edit(trunk_media_codec=["audio/opus"])
    run.plan()
    run.confirm().press()
    edit(trunk_outboundIdentity_callingName="Another")  # meanwhile, by somebody else
    with pytest.raises(Refused, match=r"Another → PartnerABC.*not what was confirmed: run the cells run\.plan\(\) and run\.confirm\(\) again"):
        run.apply("byoc_trunk")
    run.plan()
    run.confirm().press()
    assert run.apply("byoc_trunk")


def test_a_new_plan_needs_a_new_answer(partner, by_hand):
    run = as_if_live("03", partner())
    run.plan()
    first = run.confirm()
    run.plan()
    assert "no longer counts" in first.answer
    first.press()
    with pytest.raises(Refused):
        run.apply("ip_acl")
    run.confirm().press()
    run.plan()
    with pytest.raises(Refused):
        run.apply("ip_acl")


def test_what_would_be_refused_is_told_and_not_asked(by_hand):
    params = partner_maker("Refused")()
    do(params, "02", "04", "05")
    run = as_if_live("05", params.model_copy(update={"route_name": "Spare"}))
    run._ctx.params = run.params.model_copy(update={"target": "sandbox"})
    run.plan()
    assert "a classification belongs to one route. Nothing was changed" in run.confirm()


def test_the_question_names_what_becomes_of_other_objects(by_hand):
    params = partner_maker("Effects")()
    do(params, "02", "04")
    run = as_if_live("05", params)
    run.plan()
    said = repr(run.confirm())
    assert '+ create: outbound route "Twilio Route" (4 settings)' in said
    assert '~ update: outbound route "Default Outbound Route" (Emergency, Network, National, International → Emergency, Network)' in said


def test_a_call_that_costs_money_is_asked_about_each_time(partner, by_hand, monkeypatch):
    called = []
    monkeypatch.setattr(probes, "price", lambda *_: "At most 0.01 USD.")
    monkeypatch.setattr(probes, "call", lambda *_: called.append(1) or [])
    quiet = as_if_live("08", partner())
    assert str(quiet.confirm()) == quiet.test_call() == "Not asked for: test_call_from is empty."
    run = as_if_live("08", partner(test_call_from="+33123456789"))
    with pytest.raises(Refused, match=r"Nobody was called.*run\.confirm\(\)"):
        run.test_call()
    asked = run.confirm()
    assert "+33123456789" in asked.question and asked.lines == ("At most 0.01 USD.",)
    with pytest.raises(Refused):
        run.test_call()
    asked.press()
    run.test_call()
    with pytest.raises(Refused):
        run.test_call()
    assert called == [1]
    monkeypatch.setattr(presence, "somebody_is_there", lambda: False)
    run.test_call()
    assert called == [1, 1]  # without people --live and test_call_from are the words


def test_neither_words_nor_widget_hold_a_secret(partner, by_hand):
    params = partner()
    run = as_if_live("03", params)
    run.plan()
    asked = run.confirm()
    box = sandbox.ensure_running()
    held = {secrets.resolve(params.digest_password, key="x").reveal(), box.prepare(tenant=params.slug)["client_secret"]}
    shown = repr(asked) + str(asked._repr_mimebundle_()) + str(asked.button.get_state())
    assert "Credential lists" not in shown and not [s for s in held if s in shown]
    assert '+ create: Twilio credential list "PureCloudDevCred" (2 settings)' in shown


def test_a_saved_notebook_keeps_what_was_asked_and_answered():
    asked = Confirmation(f"Apply {EVIL}?", [EVIL], "Apply", lambda: None)
    html = asked._repr_mimebundle_()["text/html"]
    assert "<img" not in html and "&lt;img" in html and WAITING in html and "<script" not in html
    asked.press()
    assert WAITING not in asked._repr_mimebundle_()["text/html"] and GIVEN in repr(asked)
    answer = asked.answer
    asked.press()
    assert asked.answer == answer
