"""Pictures: what they show is there in words too, nothing runs out of its box, and a cloud's text stays text."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from orgs import chapter, do, partner_maker

from byoc_helpers import reconcile
from byoc_helpers.dialplan import Dialplan, NumberPlan, Route, TrunkState, simulate
from byoc_helpers.display import pictures
from byoc_helpers.display.pictures import EM, STYLES, Part, call_path, ladder
from byoc_helpers.resources import site

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '<img src=x onerror="alert(1)">]]>&\x00\x1b\u202e'
PARTS = [Part(state, f"Part {state}", ("one", "two"), state, "" if state == "outside" else f"why {state}") for state in STYLES]


def drawn(picture: pictures.Picture) -> ET.Element:
    return ET.fromstring(picture.svg)


def texts(root: ET.Element) -> list[str]:
    return [t.text or "" for t in root.iter(f"{SVG}text")]


def plan_of(*plans: NumberPlan, trunk: str = "Twilio") -> Dialplan:
    return Dialplan("Paris", "FR", plans, (Route("Out", True, ("National",), (trunk,)),), (TrunkState(trunk, True, True, ("Edge 1",)),))


NATIONAL = NumberPlan("National", "intraCountryCode", "National", 1, digit_length=(9, 10))
EXTENSION = NumberPlan("Extension", "digitLength", "Extension", 0, digit_length=(4, 4))


def test_a_state_is_told_by_mark_word_and_line_not_by_colour_alone():
    picture = call_path("Calls", [("Inbound", PARTS)])
    shown = [s for s in STYLES if s != "outside"]
    for state in shown:
        assert any(t.startswith(f"{STYLES[state][0]} {state}") for t in texts(drawn(picture)))
        assert f"Part {state} [{STYLES[state][0]} {state}]: one, two – why {state}" in picture.words
    assert len({STYLES[s][0] for s in shown}) == len({STYLES[s][3] for s in shown}) == len(shown)


def test_titles_and_a_description_for_people_who_hear_the_picture():
    root = drawn(call_path("Calls", [("Inbound", PARTS)]))
    assert root.get("role") == "img" and root.findtext(f"{SVG}title") == "Calls"
    assert "Part wrong [✘ wrong]" in (root.findtext(f"{SVG}desc") or "")
    titles = [g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g")]
    assert len(titles) == len(PARTS) and all(titles)


@pytest.mark.parametrize("draw", [
    lambda: call_path(EVIL, [(EVIL, [Part("a", EVIL, (EVIL,), "wrong", EVIL)])]),
    lambda: ladder(simulate("0145678901", plan_of(replace(NATIONAL, name=EVIL), trunk=EVIL))),
    lambda: ladder(simulate(EVIL, plan_of(NATIONAL)))], ids=["path", "plan and trunk", "number"])
def test_what_a_cloud_returns_stays_text(draw, capsys):
    picture = draw()
    root = drawn(picture)
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {"svg", "title", "desc", "rect", "g", "text", "path", "line", "circle"}
    assert not [k for e in root.iter() for k in e.attrib if k.startswith("on") or "href" in k]
    assert "<img" in picture.words and not set("\x00\x1b\u202e") & set(picture.words + picture.svg)


def test_long_texts_stay_in_their_boxes_and_whole_in_the_title():
    name = "W" * 90 + " end"
    root = drawn(call_path(name, [(name, [Part(str(i), name, (name, name, name), "wrong", name) for i in range(7)])]))
    assert float(root.get("width", 0)) <= 1280
    for group in root.iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        right, bottom = (float(box.get(a)) + float(box.get(b)) for a, b in (("x", "width"), ("y", "height")))
        assert name in group.findtext(f"{SVG}title")
        for t in group.iter(f"{SVG}text"):
            assert float(t.get("x")) + len(t.text) * float(t.get("font-size")) * EM <= right and float(t.get("y")) <= bottom
        lines = [float(t.get("y")) for t in group.iter(f"{SVG}text")]
        assert lines == sorted(set(lines)), "two lines over each other"


def test_the_same_data_give_the_same_picture():
    assert call_path("Calls", [("In", PARTS)]).svg == call_path("Calls", [("In", PARTS)]).svg
    bundle = call_path("Calls", [("In", PARTS)])._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/plain"} and "script" not in bundle["image/svg+xml"]


def test_a_ladder_has_a_rung_for_each_thing_tried_in_order():
    result = simulate("0145678901", plan_of(EXTENSION, NATIONAL))
    root = drawn(ladder(result))
    titles = [g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g")]
    assert len(titles) == len(result.steps) + 2  # what was dialled before them, the edges after
    assert [t for t in titles if "passed over" in t or "matched" in t or "again" in t] == titles[1:-1]
    assert titles[-1].startswith("edges Edge 1: place it, the call goes out as +33145678901")


def test_a_number_that_no_plan_matches_ends_without_edges():
    picture = ladder(simulate("12", plan_of(EXTENSION)))
    assert "the call is refused" in picture.words and "edges" not in picture.words


# ---------------------------------------------------------------- the verbs


def states(picture: pictures.Picture) -> dict[str, str]:
    """Each part's title and its state, from the words."""
    return {line.partition(" [")[0].strip(" →"): line.partition(" [")[2].partition("]")[0][2:] for line in picture.words.splitlines() if " [" in line}


@pytest.fixture
def partner():
    return partner_maker("Picture")


def test_an_empty_org_is_missing_not_an_error(partner):
    for number in ("02", "03", "04", "05", "06", "07"):
        for mode in ("apply", "plan"):
            seen = states(chapter(number, partner(mode=mode)).picture())
            assert "missing" in seen.values() and not {"done", "wrong"} & set(seen.values()), (number, seen)


def test_the_path_grows_chapter_by_chapter(partner):
    params = partner()
    seen = states(do(params, "02").picture())
    assert (seen["Site"], seen["Number plans"], seen["BYOC trunk"], seen["Twilio trunk"]) == ("done", "done", *["not looked at"] * 2)
    seen = states(do(params, "03").picture())
    assert {k for k, v in seen.items() if v == "done"} == {"Twilio numbers", "Twilio trunk", "Origination URL", "Termination URI", "Twilio access"}
    assert states(do(params, "04").picture())["BYOC trunk"] == "done"
    assert states(do(params, "05").picture())["Outbound route"] == "done"
    run = chapter("06", params)
    run.simulate()
    assert [states(run.picture())[k] for k in ("Number plans", "Outbound route", "BYOC trunk")] == ["done"] * 3
    assert run.ladder("0145678901").words.startswith("0145678901: Sent as +33145678901")
    assert states(do(params, "07").picture())["Person or IVR"] == "done"
    assert set(states(chapter("99", params).picture()).values()) == {"done"}


def test_a_picture_reads_nothing_that_the_chapter_did(partner, monkeypatch):
    run = do(partner(), "02")
    monkeypatch.setattr(reconcile, "preview", lambda *_: pytest.fail("read again"))
    assert states(run.picture())["Site"] == "done"


def test_what_was_changed_by_somebody_is_wrong(partner):
    run = do(partner(), "03")
    trunk = next(o.found for o in run.outcomes if o.kind.KIND == "Twilio SIP trunk").raw
    trunk.update(secure=True)
    picture = chapter("03", partner()).picture()
    assert states(picture)["Twilio trunk"] == "wrong" and "differs in secure" in picture.words


def test_a_route_that_is_off_is_wrong(partner):
    params = partner()
    run = do(params, "02", "03", "04", "05")
    route = run.outcomes[0].found.raw
    route.enabled = False
    run.clouds.genesys.telephony.put_telephony_providers_edges_site_outboundroute(run._ctx.require(site).id, route.id, route)
    assert states(chapter("06", params).picture())["Outbound route"] == "wrong"


def test_a_plan_without_a_site_says_so_instead_of_a_ladder(partner):
    assert str(chapter("06", partner(mode="plan")).ladder("0145678901")).startswith("Plan: ")
