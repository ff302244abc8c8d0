"""Pictures: what they show is there in words too, nothing runs out of its box, and a cloud's text stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from orgs import chapter, do, partner_maker

from byoc_helpers import journal, reconcile, secrets
from byoc_helpers.crosscheck import OriginationUrl, TwilioTrunk
from byoc_helpers.dialplan import Dialplan, NumberPlan, Route, TrunkState, simulate
from byoc_helpers.display import pictures
from byoc_helpers.display.pictures import EM, STYLES, WIDTH, Part, call_path, ladder, sequence
from byoc_helpers.exceptions import CheckFailed, ParamsError
from byoc_helpers.regions import twilio_signalling
from byoc_helpers.resources import site
from byoc_helpers.signalling import Line, Message, inbound, outbound

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
    lambda: ladder(simulate(EVIL, plan_of(NATIONAL))),
    lambda: sequence(EVIL, (EVIL, EVIL), (EVIL, EVIL), [Message(EVIL, EVIL, (EVIL,), EVIL, True)])], ids=["path", "plan and trunk", "number", "sequence"])
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


# ---------------------------------------------------------------- a call's SIP messages

GUIDE = {"trunk_transport_serverProxyList": ("purecloudABC.pstn.twilio.com:5060",), "trunk_sip_authentication_credentials_realm": "sip.twilio.com",
         "trunk_sip_authentication_credentials_username": "pctrunkuser", "trunk_outboundIdentity_callingAddress": "+33123456789",
         "trunk_outboundIdentity_callingName": "PartnerABC", "trunk_media_codec": ("audio/pcmu",), "trunk_sip_termination_uri": "twilioABC",
         "trunk_transport_protocolVariant": "udp", "trunk_access_acl_allowList": twilio_signalling()}
LINE = Line(GUIDE, "twilioabc.byoc.mypurecloud.ie", ("192.0.2.33/32",))
URL = OriginationUrl("sip:twilioABC.byoc.mypurecloud.ie", True, 10, 10)
TWILIO = TwilioTrunk("TK", "purecloudabc.pstn.twilio.com", False, (URL,), ("192.0.2.32/30",), ("pctrunkuser",))


def end(**changes):
    """The line with a Twilio end that differs."""
    return replace(LINE, twilio=replace(TWILIO, **changes))


def told(messages) -> list[str]:
    return [re.sub(r"^SIP/2.0 |[ :](sip|\().*", "", m.line) for m in messages]


def test_an_outbound_call_is_challenged_once_and_answered():
    messages = outbound(LINE, "+14155550123")
    assert told(messages) == ["INVITE", "100 Trying", "407 Proxy Authentication Required", "ACK", "INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK"]
    first, challenge, second = messages[0], messages[2], messages[4]
    assert first.line == second.line == "INVITE sip:+14155550123@purecloudABC.pstn.twilio.com SIP/2.0"
    assert first.headers == ("Via: SIP/2.0/UDP 192.0.2.33", 'From: "PartnerABC" <sip:+33123456789@purecloudABC.pstn.twilio.com>',
                             "To: <sip:+14155550123@purecloudABC.pstn.twilio.com>", "Contact: <sip:+33123456789@192.0.2.33>")
    assert 'realm="sip.twilio.com"' in challenge.headers[0]
    assert 'username="pctrunkuser"' in second.headers[0] and 'response="********"' in second.headers[0] and "Authorization" not in str(first)


def test_an_inbound_call_is_asked_for_no_password():
    messages = inbound(replace(LINE, twilio=TWILIO))
    assert told(messages) == ["INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK"]
    assert messages[0].line == "INVITE sip:+33123456789@twilioABC.byoc.mypurecloud.ie SIP/2.0" and messages[0].sender == "Twilio"
    assert messages[-1].sender == "Genesys Cloud"


@pytest.mark.parametrize(("line", "last", "why"), [
    (replace(LINE, settings=GUIDE | {"trunk_outboundIdentity_calledAddress_omitPlusPrefix": True}), "400 Bad Request", "with the plus only"),
    (replace(LINE, settings=GUIDE | {"trunk_outboundIdentity_callingAddress_omitPlusPrefix": True}), "400 Bad Request", "with the plus only"),
    (replace(LINE, settings=GUIDE | {"trunk_sip_authentication_credentials_realm": "twilio.com"}), "ACK", 'realm "twilio.com" only'),
    (end(users=("another",)), "refused", "32202"), (end(users=()), "refused", "32202"), (end(addresses=("198.51.100.0/24",)), "refused", "32201"),
    (end(domain="other.pstn.twilio.com"), "no answer", "other.pstn.twilio.com"), (end(secure=True), "refused", "32209"),
])
def test_an_outbound_call_ends_where_a_setting_ends_it(line, last, why):
    messages = outbound(line, "+14155550123")
    (broken,) = [m for m in messages if m.ends]
    assert told([broken]) == [last] and why in broken.note and "200 OK" not in told(messages)


@pytest.mark.parametrize(("line", "why"), [
    (end(urls=()), "32010"), (end(urls=(replace(URL, enabled=False),)), "32010"),
    (end(urls=(URL, OriginationUrl("sip:other.byoc.mypurecloud.ie", True, 1, 10))), "listens at twilioabc.byoc.mypurecloud.ie"),
    (replace(LINE, settings=GUIDE | {"trunk_access_acl_allowList": ()}), "none of Twilio's ranges")])
def test_an_inbound_call_ends_where_nothing_lets_it_in(line, why):
    messages = inbound(line)
    assert messages[-1].ends and why in messages[-1].note and "200 OK" not in told(messages)


def test_what_is_right_on_both_sides_lets_a_call_through_as_if_twilio_was_not_asked():
    for line in (end(), end(addresses=None), replace(end(), settings=GUIDE | {"trunk_transport_serverProxyList": ("purecloudABC.pstn.ie1.twilio.com:5060",)})):
        assert told(outbound(line, "+14155550123")) == told(outbound(LINE, "+14155550123"))
    assert inbound(end(urls=(replace(URL, url="sip:twilioABC.byoc.mypurecloud.ie:5060;edge=dublin"),)))[-1].line.endswith("200 OK")


def test_without_a_credential_list_nobody_is_challenged():
    assert told(outbound(end(users=None), "+14155550123")) == ["INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK"]


def test_a_range_that_is_locked_out_is_named():
    (_, trying, *_) = inbound(replace(LINE, settings=GUIDE | {"trunk_access_acl_allowList": twilio_signalling()[1:]}))
    assert twilio_signalling()[0] in trying.note and not trying.ends


def test_a_sequence_says_the_same_in_words_and_stays_in_its_width():
    long = replace(LINE, settings=GUIDE | {"trunk_outboundIdentity_callingName": "W" * 90}, fqdn=f"{'w' * 60}.byoc.mypurecloud.ie")
    for messages in (outbound(LINE, "+14155550123"), outbound(long, "+14155550123"), inbound(long)):
        picture = sequence("A call", ("Genesys Cloud", long.fqdn), ("Twilio", LINE.server), messages)
        root = drawn(picture)
        assert float(root.get("width")) == WIDTH and picture.svg == sequence("A call", ("Genesys Cloud", long.fqdn), ("Twilio", LINE.server), messages).svg
        for t in root.iter(f"{SVG}text"):
            assert float(t.get("x")) + len(t.text or "") * float(t.get("font-size")) * EM <= WIDTH and float(t.get("y")) <= float(root.get("height"))
        titles = [g.findtext(f"{SVG}title") for g in root.iter(f"{SVG}g")]
        assert len(titles) == len(messages)
        for m, title in zip(messages, titles, strict=True):
            assert all(said in picture.words and said in title for said in (m.sender, m.line, *m.headers, m.note))


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


def test_the_sequence_is_filled_from_the_objects_and_reads_nothing_again(partner):
    params = partner()
    do(params, "02", "03", "04", "05", "07")
    run = chapter("06", params)
    run.simulate()
    before = len(journal.calls)
    out = run.sequence("outbound", "0145678901")
    assert f"INVITE sip:+33145678901@{params.termination_uri} SIP/2.0" in out.words and f'username="{params.digest_username}"' in out.words
    assert f'From: "{params.caller_name}" <sip:{params.calling_address}@' in out.words
    assert f"INVITE sip:{params.calling_address}@{params.inbound_fqdn} SIP/2.0" in run.sequence("inbound").words
    assert len(journal.calls) == before
    assert str(run.sequence("outbound", "hello")).startswith("hello: No number plan")
    secret = secrets.resolve(params.digest_password, key="x").reveal()
    assert secret not in out.svg + out.words
    both = chapter("08", params)
    with pytest.raises(CheckFailed, match=r"run\.cross_check\(\)"):
        both.sequence("inbound")
    both.cross_check()
    before = len(journal.calls)
    assert f"INVITE sip:{params.calling_address}@{params.inbound_fqdn} SIP/2.0" in both.sequence("inbound").words and "200 OK" in both.sequence("outbound").words
    assert len(journal.calls) == before
    with pytest.raises(ParamsError, match='write "outbound" or "inbound"'):
        both.sequence("sideways")


def test_a_plan_without_a_site_says_so_instead_of_a_ladder(partner):
    assert str(chapter("06", partner(mode="plan")).ladder("0145678901")).startswith("Plan: ")
