"""Each kind against the practice clouds: what others made is kept, what can't be done is said, nothing is doubled."""

from __future__ import annotations

import itertools

import httpx
import pytest
from orgs import ALL, DEMO, chapter, do, partner_maker

from byoc_helpers import sandbox
from byoc_helpers.clouds.genesys import GenesysCloud, pages
from byoc_helpers.clouds.transport import Reply, Transport
from byoc_helpers.display.tables import Table
from byoc_helpers.exceptions import (
    CheckFailed,
    CloudError,
    DeadlineExceeded,
    Forbidden,
    NotYet,
    ParamsError,
    Refused,
    RunbookError,
)
from byoc_helpers.regions import regions
from byoc_helpers.resources import site
from byoc_helpers.resources.base import at_once
from byoc_helpers.runbook import Runbook
from byoc_helpers.secrets import Secret


@pytest.fixture
def partner():
    """Params of a partner nobody has used, on a fresh practice org of its own."""
    return partner_maker("Resource")


def actions(run: Runbook) -> list[tuple[str, str]]:
    return [(o.kind.KIND, o.action) for o in run.outcomes]


def cell(table: Table, row: str, column: int = -2) -> str:
    return next(r[column] for r in table.rows if row in r)


# ---------------------------------------------------------------- lists that others use too


def test_a_strangers_address_in_the_list_is_shown_and_left_alone(partner):
    params = partner()
    run = do(params, "03")
    acl = next(o.found for o in run.outcomes if o.kind.KIND == "Twilio IP access control list")
    acl.raw.ip_addresses.create(friendly_name="office", ip_address="203.0.113.9", cidr_prefix_length=32)
    again = chapter("03", partner(signalling_addresses=["198.51.100.0/29"]))
    table = again.apply("ip_acl")
    assert "203.0.113.9/32" in cell(table, "addresses") and "left alone" in cell(table, "addresses")
    assert "198.51.100.0/29" in cell(table, "addresses")
    assert actions(again) == [("Twilio IP access control list", "updated")]


def test_all_regions_addresses(partner):
    table = chapter("03", partner(signalling_scope="all")).apply("ip_acl")
    assert cell(table, "addresses").count("192.0.2.") == 36


def test_a_second_credential_is_left_alone(partner):
    run = do(partner(), "03")
    found = next(o.found for o in run.outcomes if o.kind.KIND == "Twilio credential list")
    found.raw.credentials.create(username="somebody", password="Another1Password")
    again = do(partner(), "03")
    assert ("Twilio credential list", "unchanged") in actions(again)
    assert {c.username for c in found.raw.credentials.list()} == {"pctrunkuser", "somebody"}


def test_another_origination_url_is_left_alone(partner):
    run = do(partner(), "03")
    trunk = next(o.found for o in run.outcomes if o.kind.KIND == "Twilio SIP trunk").raw
    trunk.origination_urls.create(weight=1, priority=20, enabled=True, friendly_name="b", sip_url="sip:backup.example.com")
    table = chapter("03", partner()).apply("origination_url")
    assert cell(table, "others") == "sip:backup.example.com" and len(trunk.origination_urls.list()) == 2


def test_no_number_plan_is_lost(partner):
    params = partner()
    run = do(params, "02")
    before = [r[1] for r in run.number_plans().rows]
    more = [*DEMO["number_plans"], {"name": "Own", "match_type": "regex", "classification": "National", "match": "^8(\\d+)$", "normalized_format": "+338$1"}]
    again = do(partner(number_plans=more), "02")
    after = [r[1] for r in again.number_plans().rows]
    assert set(after) == {*before, "Own"} and after.index("Emergency") == 0 and after.index("Own") < after.index("National")
    without = do(partner(number_plans=[]), "02")
    assert [r[1] for r in without.number_plans().rows] == after


def test_an_access_list_keeps_what_it_holds(partner):
    do(partner(sip_access=["203.0.113.0/30"]), "02", "03", "04")
    run = chapter("04", partner())
    value = cell(run.apply("byoc_trunk"), "trunk_access_acl_allowList")
    assert "54.172.60.0/30" in value and "left alone: 203.0.113.0/30" in value


# ---------------------------------------------------------------- what we did not make


def test_a_site_of_our_name_that_we_did_not_make(partner):
    params = partner()
    run = do(params, "02")
    telephony = run.clouds.genesys.telephony
    entity = next(s for s in pages(telephony.get_telephony_providers_edges_sites) if s.name == "Paris Office")
    entity.description = "made by hand"
    telephony.put_telephony_providers_edges_site(entity.id, entity)
    assert ("Genesys Cloud site", "unchanged") in actions(do(params, "02"))
    with pytest.raises(Refused, match="was not made by this runbook, and differs in time_zone"):
        do(partner(time_zone="Europe/London"), "02")
    assert ("Genesys Cloud site", "updated") in actions(do(partner(time_zone="Europe/London", adopt=True), "02"))
    assert telephony.get_telephony_providers_edges_site(entity.id).description == f"made by hand Adopted by BYOC Runbook for \"{params.partner}\"."


def test_another_partners_trunk_in_the_same_org_is_a_strangers(partner):
    params = partner()
    run = do(params, "02", "03", "04")
    base = run.outcomes[0].found.raw
    base.description = 'Made by BYOC Runbook for "Somebody Else".'
    run.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(base.id, base)
    with pytest.raises(Refused, match="was not made by this runbook"):
        do(partner(caller_name="Mine"), "04")


def test_a_twilio_trunk_made_by_hand_is_not_switched(partner):
    params = partner()
    run = chapter("03", params)
    trunk = run.clouds.twilio.trunking.trunks.create(friendly_name="by hand", domain_name=params.termination_uri, secure=True)
    for kind in ("ip_acl", "credential_list"):
        run.apply(kind)
    with pytest.raises(Refused, match="was not made by this runbook, and differs in friendly_name, secure"):
        run.apply("sip_trunk")
    assert trunk.fetch().secure is True


def test_an_origination_url_keeps_its_priority(partner):
    run = do(partner(), "03")
    url = next(o.found for o in run.outcomes if o.kind.KIND == "Twilio origination URL").raw
    url.update(priority=1, weight=99)
    assert {a for _, a in actions(do(partner(), "03"))} == {"unchanged"}
    assert (url.fetch().priority, url.fetch().weight) == (1, 99)


def test_what_was_mended_is_seen_without_opening_the_chapter_again():
    params = partner_maker("Bare", {"phone_numbers": ["+33600000000"], "assignments": []})(phone_numbers=DEMO["phone_numbers"])
    box = sandbox.ensure_running()
    run = chapter("03", params)
    run.clouds.__dict__["_practice"] = {"url": box.url, **box.prepare(tenant=params.slug)}
    for kind in ("ip_acl", "credential_list", "sip_trunk", "origination_url"):
        run.apply(kind)
    with pytest.raises(CheckFailed, match="does not own"):
        run.apply("trunk_number")
    box.prepare(tenant=params.slug, numbers=["+33123456789"])
    assert run.apply("trunk_number").data["objects"][0]["action"] == "created"


def test_a_person_who_has_the_number_already_does_not_get_it_twice(partner):
    import PureCloudPlatformClientV2 as sdk

    params = partner()
    run = chapter("07", params)
    user = next(u for u in pages(run.clouds.genesys.users.get_users) if u.email == "jerome.martin@partnerabc.example")
    body = sdk.UpdateUser()
    body.version = user.version
    body.addresses = [{"address": "+33123456789", "mediaType": "PHONE", "type": "WORK"}]
    run.clouds.genesys.users.patch_user(user.id, body)
    run.apply("did_pool")
    try:
        run.apply("person_number")
    except CheckFailed as error:
        assert "has the number already" in str(error)
    assert [a.address for a in run.clouds.genesys.users.get_user(user.id).addresses] == ["+33123456789"]


def test_a_number_on_another_trunk(partner):
    params = partner()
    run = do(params, "03")
    other = run.clouds.twilio.trunking.trunks.create(friendly_name="other", domain_name=f"other-{params.identifier}.pstn.twilio.com")
    mine = next(o.found for o in run.outcomes if o.kind.KIND == "number on the Twilio trunk")
    run.clouds.twilio.trunking.trunks(mine.raw.trunk_sid).phone_numbers(mine.id).delete()
    other.phone_numbers.create(phone_number_sid=mine.id)
    with pytest.raises(Refused, match="is on another trunk of the account"):
        do(params, "03")
    assert [n.sid for n in other.phone_numbers.list()] == [mine.id]
    assert ("number on the Twilio trunk", "updated") in actions(do(partner(adopt=True), "03"))


def test_a_number_that_somebody_else_owns(partner):
    do(partner(), "02", "07")
    with pytest.raises(Refused, match=r"\+33123456789 is assigned already, to USER"):
        do(partner(assignments=[{"number": "+33123456789", "person": "someone.else@partnerabc.example"}]), "07")


def test_a_trunk_of_our_name_with_another_domain(partner):
    do(partner(), "03")
    with pytest.raises(Refused, match='A Twilio trunk named "PureCloudDev" exists with the domain'):
        do(partner(termination_domain="quite-different"), "03")


# ---------------------------------------------------------------- the default route


def routes(run: Runbook) -> dict[str, str]:
    return {r[0]: r[2] for r in run.routes().rows}


@pytest.mark.parametrize(("choice", "left"), [("move", "Emergency, Network"), ("delete", None)])
def test_the_default_route(choice, left, partner):
    run = do(partner(default_route=choice), "02", "03", "04", "05")
    assert routes(run) == {"Twilio Route": "International, National"} | ({"Default Outbound Route": left} if left else {})
    assert actions(do(partner(default_route=choice), "05")) == [("outbound route", "unchanged")]


def test_keeping_the_default_route_stops_the_chapter(partner):
    params = partner(default_route="keep")
    do(params, "02", "03", "04")
    with pytest.raises(Refused, match=r'"Default Outbound Route" of site "Paris Office" holds .*National.* keep'):
        do(params, "05")
    assert list(routes(chapter("05", params))) == ["Default Outbound Route"]


def test_a_classification_on_somebodys_route(partner):
    do(partner(), "02", "03", "04", "05")
    with pytest.raises(Refused, match='The route "Twilio Route" of site "Paris Office" holds National'):
        do(partner(route_name="Second Route"), "05")


def test_a_classification_added_by_hand_stays(partner):
    do(partner(classifications=["National", "International", "Network"]), "02", "03", "04", "05")
    run = do(partner(), "05")
    assert actions(run) == [("outbound route", "unchanged")]
    assert routes(run)["Twilio Route"] == "International, National, Network"


# ---------------------------------------------------------------- the BYOC trunk's template


def test_a_newer_org_offers_an_order_instead_of_always():
    params = partner_maker("American", {"genesys_region": "us-east-1", "country": "US"})()
    run = do(params, "02", "03", "04")
    (trunk,) = run.outcomes
    assert trunk.found.fields["trunk_calling_id_priority"][0] == "Trunk"
    assert "trunk_outboundIdentity_callingAddress_overrideMethod" not in trunk.found.fields
    assert actions(do(params, "04")) == [("BYOC trunk", "unchanged")]


def test_an_identifier_of_another_org(partner):
    do(partner(), "02", "03", "04")
    other = partner_maker("Other")(identifier=partner().identifier)
    with pytest.raises(CloudError, match="identifier must be unique"):
        do(other, "02", "03", "04")


def test_a_domain_of_another_account(partner):
    do(partner(), "03")
    with pytest.raises(CloudError, match=r"21248.*Choose another termination_domain"):
        do(partner_maker("Other")(termination_domain=partner().termination_domain), "03")


def test_settings_edited_by_hand_are_put_right(partner):
    params = partner()
    run = do(params, "02", "03", "04")
    base = run.outcomes[0].found.raw
    for key in ("trunk_outboundIdentity_calledAddress_omitPlusPrefix", "trunk_outboundIdentity_callingAddress_omitPlusPrefix"):
        base.properties[key]["value"]["instance"] = True
    base.properties["trunk_media_dtmf_payload"]["value"]["instance"] = 96
    run.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(base.id, base)
    again = do(params, "04")
    (done,) = again.outcomes
    assert done.action == "updated" and {d.key: d.old for d in done.differences} == {
        "trunk_outboundIdentity_calledAddress_omitPlusPrefix": True, "trunk_outboundIdentity_callingAddress_omitPlusPrefix": True,
        "trunk_media_dtmf_payload": 96}


# ---------------------------------------------------------------- numbers


def test_numbers_reach_a_person_and_a_call_route(partner):
    params = partner(phone_numbers=["+33123456789", "+33123456790", "+33123456795"], assignments=[
        {"number": "+33123456789", "person": "jerome.martin@partnerabc.example"},
        {"number": "+33123456790", "call_route": "Main", "flow": "Main Menu"}])
    run = do(params, "07")
    assert [o.want.name for o in run.outcomes if o.kind.KIND == "DID pool"] == ["+33123456789 – +33123456790", "+33123456795"]
    assert [r[2:] for r in run.numbers().rows] == [["person", "Jerome Martin"], ["inbound call route", "Main"], ["–", "–"]]
    assert {a for _, a in actions(do(params, "07"))} == {"unchanged"}


def test_a_call_route_keeps_its_other_numbers(partner):
    both = [{"number": n, "call_route": "Main", "flow": "Main Menu"} for n in ("+33123456789", "+33123456790")]
    do(partner(phone_numbers=["+33123456789", "+33123456790"], assignments=both), "07")
    run = do(partner(phone_numbers=["+33123456789", "+33123456790"], assignments=both[:1]), "07")
    assert {a for _, a in actions(run)} == {"unchanged"}
    assert [r[3] for r in run.numbers().rows] == ["Main", "Main"]


def test_a_flow_that_does_not_exist(partner):
    box = sandbox.ensure_running()
    params = partner(assignments=[{"number": "+33123456789", "call_route": "Main", "flow": "Main Menu"}])
    do(params, "07")
    wrong = partner(assignments=[{"number": "+33123456789", "call_route": "Main", "flow": "Nowhere"}])
    run = chapter("07", wrong)
    run.clouds.__dict__["_practice"] = {"url": box.url, **box.prepare(tenant=params.slug)}  # a practice org makes what params name
    with pytest.raises(CheckFailed, match='There is no inbound call flow "Nowhere"'):
        run.apply("call_route")


# ---------------------------------------------------------------- permissions


def test_a_missing_permission_is_a_failed_check_that_names_it(partner):
    params = partner()
    run = chapter("01", params)
    run.precheck()
    sandbox.ensure_running().configure(params.slug, missing_permissions=["telephony:plugin:all"])
    failed = [r for r in run.precheck().rows if r[3] != "✔ pass"]
    assert failed and all(r[0].startswith("Permission: ") for r in failed)
    assert any("Grant telephony:plugin:all" in r[4] for r in failed)
    with pytest.raises(CheckFailed, match="Grant telephony:plugin:all"):
        run.require_passed()


def test_a_missing_permission_later_lists_what_the_chapter_needs(partner):
    params = partner()
    do(params, "02", "03")
    run = chapter("04", params)
    sandbox.ensure_running().configure(params.slug, missing_permissions=["telephony:plugin:all"])
    with pytest.raises(Forbidden, match=r"This chapter needs genesys: telephony:plugin:all"):
        run.apply("byoc_trunk")


# ---------------------------------------------------------------- order and waiting


@pytest.mark.parametrize(("number", "kind", "said"), [
    ("02", "site", 'location "Paris" doesn\'t exist yet: run chapter 02'),
    ("03", "origination_url", "run chapter 03"),
    ("04", "byoc_trunk", "run chapter 02"),
    ("05", "outbound_route", "run chapter 02"),
])
def test_what_is_missing_is_named_with_its_chapter(number, kind, said, partner):
    with pytest.raises(NotYet, match=said):
        chapter(number, partner()).apply(kind)


def test_a_number_that_was_not_purchased(partner):
    params = partner()
    do(params, "03")
    box = sandbox.ensure_running()
    run = chapter("03", partner(phone_numbers=["+33123456788"], assignments=[]))
    run.clouds.__dict__["_practice"] = {"url": box.url, **box.prepare(tenant=params.slug)}
    with pytest.raises(CheckFailed, match=r"The Twilio account does not own \+33123456788"):
        run.apply("trunk_number")


def test_an_address_that_is_nowhere(partner):
    run = chapter("02", partner(street="1 Nowhere Street"))
    run.apply("location")
    with pytest.raises(CheckFailed, match="could not be verified: 1 Nowhere Street, 75002 Paris, FR"):
        run.wait_verified()


def test_waiting_for_a_trunk_has_an_end(partner, monkeypatch):
    from byoc_helpers import runbook

    monkeypatch.setitem(runbook.WAIT, "sandbox", 0.4)
    params = partner()
    do(params, "02", "03")
    run = chapter("04", params)
    run.apply("byoc_trunk")
    sandbox.ensure_running().configure(params.slug, scenario="trunk-out-of-service")
    with pytest.raises(DeadlineExceeded, match='The BYOC trunk "Twilio" is not in service after 0 s'):
        run.wait_in_service()


def test_nothing_is_asked_of_a_live_cloud_without_addresses(partner, monkeypatch):
    from byoc_helpers.clouds import Clouds

    live = partner(target="live", signalling_scope="all", genesys_client_id="0a1b2c3d-0000-4000-8000-00000000000a", genesys_client_secret="env:S", twilio_account_sid="AC" + "0" * 32,
                   twilio_api_key_secret="env:S", digest_password="env:S")
    with pytest.raises(ParamsError, match="List them"):
        Clouds(live).signalling_addresses()


# ---------------------------------------------------------------- answers that are none


@pytest.mark.parametrize("body", ["{}", "[]", '{"hello": "proxy"}'])
def test_an_answer_of_another_kind_ends_with_a_sentence(partner, monkeypatch, body):
    """JSON, and yet no list or object of the cloud's: no traceback, and nothing is made because nothing seems to be there."""
    params = partner()
    do(params, *ALL)
    real, seen = Transport._once, []

    def garbled(self, request, attempt):
        reply = real(self, request, attempt)
        if request.method == "GET":
            seen.append(request.url.path)
        return Reply(200, reply.headers, body) if request.method == "GET" and len(seen) == wrong else reply

    monkeypatch.setattr(Transport, "_once", garbled)
    for number in ("02", "03", "04", "05", "07"):
        for wrong in itertools.count(1):
            seen.clear()
            try:
                outcomes = do(params, number).outcomes
            except RunbookError:
                continue
            assert [o.action for o in outcomes if o.action == "created"] == [], (number, seen[wrong - 1:wrong])
            if wrong > len(seen):
                break


def test_a_value_newer_than_the_sdk_is_not_written_over(partner):
    """On reading, the SDK puts a word of its own where an enumeration has a value that it does not know."""
    params = partner()
    run = do(params, "02", "03", "04", "05")
    home = run._ctx.require(site)
    telephony = run.clouds.genesys.telephony
    route = next(r for r in pages(telephony.get_telephony_providers_edges_site_outboundroutes, home.id) if r.name == params.route_name)
    route.distribution = "BY_MOON"
    assert route.distribution == "outdated_sdk_version"
    with pytest.raises(Refused, match=r"^distribution: the cloud has a value there .*Nothing was changed"):
        telephony.put_telephony_providers_edges_site_outboundroute(home.id, route.id, route)


def test_a_login_that_fails_is_asked_for_once_by_all_who_need_it(monkeypatch):
    asked = []

    def down(self, request, attempt):
        asked.append(request.url.path)
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr(Transport, "_once", down)
    genesys = GenesysCloud(regions()[0], "a client", Secret("a long enough secret"), "http://127.0.0.1:1")
    genesys.transport.deadline = 0.5
    answers = [future.exception() for future in at_once(*[genesys.token] * 6)]
    tries = len(asked)
    with pytest.raises(CloudError, match="could not be reached"):
        genesys.token()
    assert all("could not be reached" in str(a) for a in answers) and 1 <= tries <= 3 and len(asked) == tries
    monkeypatch.setattr("byoc_helpers.clouds.genesys.AGAIN_AFTER", 0.0)
    with pytest.raises(CloudError):
        genesys.token()
    assert len(asked) > tries
