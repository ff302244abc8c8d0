"""Teardown: what the runbook made goes, in an order the clouds allow; everything else is as it was."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import time
from types import SimpleNamespace

import PureCloudPlatformClientV2 as sdk
import pytest
from orgs import ALL, chapter, differences, do, partner_maker, snapshot

from byoc_helpers import sandbox
from byoc_helpers import teardown as removing
from byoc_helpers.clouds import Clouds
from byoc_helpers.clouds.transport import Reply, Transport
from byoc_helpers.exceptions import CheckFailed, CloudError, OutcomeUnknown, ParamsError, Refused
from byoc_helpers.resources import (
    byoc_trunk,
    call_route,
    credential_list,
    location,
    outbound_route,
    sip_trunk,
    site,
)
from byoc_helpers.resources.base import Desired, Found, Removable, mark_of
from byoc_helpers.secrets import practice_value

CUSTOM = {"name": "Short codes", "match_type": "regex", "classification": "National", "match": "^(8\\d{3})$", "normalized_format": "$1"}


@pytest.fixture
def partner(monkeypatch):
    make = partner_maker("Teardown")
    monkeypatch.setenv("BYOC_DESTROY", make().partner)
    return make


def teardown(params):
    run = chapter("99", params)
    run.removals()
    table = run.remove()
    return run, {row[1]: row[3] for row in table.rows}


@pytest.mark.parametrize("changes", [
    {}, {"number_plans": [CUSTOM]}, {"default_route": "delete"}, {"classifications": ["National"]},
    {"phone_numbers": ["+33123456789", "+33123456790"], "assignments": [
        {"number": "+33123456789", "person": "alice@example.com"},
        {"number": "+33123456790", "call_route": "Reception", "flow": "Main Menu"}]},
], ids=["demo", "custom plan", "default route deleted", "one classification", "numbers assigned"])
def test_an_empty_org_is_afterwards_what_it_was(changes, partner):
    params = partner(**changes)
    before = snapshot(params, ids=True)
    do(params, *ALL)
    assert differences(before, snapshot(params, ids=True)) != []
    run, _ = teardown(params)
    assert run.require_removed() == "Nothing that the runbook made is left."
    assert differences(before, snapshot(params, ids=True)) == []


def test_on_an_empty_org_there_is_nothing_to_remove(partner):
    params = partner()
    before = snapshot(params)
    run = chapter("99", params)
    assert run.removals().rows == [] and run.remove().rows == []
    assert differences(before, snapshot(params)) == []


@pytest.mark.parametrize("choice", ["move", "delete"])
@pytest.mark.parametrize("classifications", [["National", "International"], ["National", "International", "Emergency", "Network"]])
def test_in_a_site_that_was_there_the_default_route_is_as_before(choice, classifications, partner):
    """Same id, name, description, classifications: nothing of it may be lost on the way."""
    params = partner(adopt=True, default_route=choice, classifications=classifications)
    do(params, "02")
    run = chapter("02", params)
    home = run._ctx.require(site)
    telephony = run.clouds.genesys.telephony
    body = telephony.get_telephony_providers_edges_site(home.id)
    body.description = "Headquarters, made by hand"
    telephony.put_telephony_providers_edges_site(home.id, body)
    default = next(r for r in outbound_route.read(run._ctx, home.id))
    default.description = "As the platform made it. Keep!"
    telephony.put_telephony_providers_edges_site_outboundroute(home.id, default.id, default)
    before = snapshot(params, ids=True)
    do(params, "03", "04", "05", "07")
    _, done = teardown(params)
    assert done["Paris Office"] == "= left"
    after = snapshot(params, ids=True)
    assert {k: v for k, v in before.items() if "route of" in k or k.startswith("site")} == {
        k: v for k, v in after.items() if "route of" in k or k.startswith("site")}


def test_the_list_comes_first_and_changes_nothing(partner):
    params = partner()
    do(params, *ALL)
    before = snapshot(params)
    table = chapter("99", params).removals()
    assert [row[0] for row in table.rows] == [
        "number of a person", "DID pool", "outbound route", "BYOC trunk", "number on the Twilio trunk", "Twilio origination URL",
        "Twilio SIP trunk", "Twilio credential list", "Twilio IP access control list", "Genesys Cloud site", "Genesys Cloud location"]
    assert next(r for r in table.rows if r[0] == "Twilio SIP trunk")[3:] == [
        "- delete", (f"Twilio keeps {params.termination_uri} reserved for up to 30 days: nobody can have it until then. "
                     "keep_domain: true empties the trunk and leaves it")]
    assert table.caption == "Plan: 0 to add, 0 to change, 11 to destroy; 0 left"
    assert chapter("99", partner(mode="plan")).remove() == "Plan: nothing is removed."
    assert differences(before, snapshot(params)) == []


def test_keep_domain_leaves_the_trunk_empty_and_a_new_run_fills_it(partner):
    params = partner(keep_domain=True)
    before = snapshot(params)
    do(params, *ALL)
    full = snapshot(params)
    teardown(params)
    uri = params.termination_uri
    assert differences(before, snapshot(params)) == sorted(f"+ {k} {uri}" for k in ("lists of", "twilio trunk", "urls of"))
    assert snapshot(params)[f"lists of {uri}"] == snapshot(params)[f"urls of {uri}"] == {"rows": []}
    assert [r[3] for r in chapter("99", params).removals().rows] == ["= leave"]
    do(params, *ALL)
    assert differences(full, snapshot(params)) == []


def test_without_keep_domain_the_domain_is_reserved(partner):
    params = partner()
    do(params, "03")
    teardown(params)
    with pytest.raises(Exception, match="21248"):
        do(params, "03")


@pytest.mark.parametrize(("answer", "sentence"), [("", "Nothing was removed: the answer"), ("demo", "Nothing was removed: the answer"),
                                                   (None, "byoc destroy FILE --yes")])
def test_without_the_word_nothing_is_removed(answer, sentence, partner, monkeypatch):
    params = partner()
    do(params, "03")
    before = snapshot(params)
    monkeypatch.delenv("BYOC_DESTROY")

    def asked(prompt):
        assert f'type the partner\'s name, "{params.partner}"' in prompt and "practice clouds" in prompt
        if answer is None:
            raise NotImplementedError
        return answer

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(Refused, match=sentence):
        chapter("99", params).remove()
    assert differences(before, snapshot(params)) == []


def test_by_hand_the_partners_name_is_the_word(partner, monkeypatch):
    params = partner()
    do(params, "03")
    monkeypatch.delenv("BYOC_DESTROY")
    monkeypatch.setattr("builtins.input", lambda prompt: f" {params.partner} ")
    assert chapter("99", params).remove().data["recap"]["removed"] == 5


# ---------------------------------------------------------------- what others made, or changed


def other_trunk(run, params):
    return run.clouds.twilio.trunking.trunks.create(friendly_name="another", domain_name=f"other-{params.slug}.pstn.twilio.com")


def edit_location_used(run, params):
    telephony = run.clouds.genesys.telephony
    body = telephony.get_telephony_providers_edges_site(run._ctx.require(site).id)
    other = sdk.Site()
    other.name, other.media_model, other.location = "Annex", "Cloud", body.location
    telephony.post_telephony_providers_edges_sites(other)


def edit_location_adopted(run, params):
    body = sdk.LocationUpdateDefinition()
    found = run._ctx.require(location)
    body.version, body.notes = found.raw.version, "by hand"
    run.clouds.genesys.locations.patch_location(found.id, body)


def edit_description(run, params):
    telephony = run.clouds.genesys.telephony
    body = telephony.get_telephony_providers_edges_site(run._ctx.require(site).id)
    body.description = f'Made by BYOC Runbook for "{params.partner} and Sons".'
    telephony.put_telephony_providers_edges_site(body.id, body)


def edit_trunk_in_another_route(run, params):
    """A route of another site that uses our trunk."""
    telephony = run.clouds.genesys.telephony
    home, trunk = run._ctx.require(site), run._ctx.require(byoc_trunk)
    route = sdk.OutboundRouteBase()
    route.name, route.classification_types, route.enabled = "By hand", ["Network"], True
    default = next(r for r in outbound_route.read(run._ctx, home.id) if r.name == outbound_route.DEFAULT)
    default.classification_types = [c for c in default.classification_types if c != "Network"]
    telephony.put_telephony_providers_edges_site_outboundroute(home.id, default.id, default)
    reference = sdk.DomainEntityRef()
    reference.id = trunk.id
    route.external_trunk_bases = [reference]
    telephony.post_telephony_providers_edges_site_outboundroutes(home.id, route)


def twilio_trunk(run, params):
    return run._ctx.require(sip_trunk).raw


def edit_strangers_url(run, params):
    twilio_trunk(run, params).origination_urls.create(weight=1, priority=20, enabled=True, friendly_name="b", sip_url="sip:backup.example.com")


def edit_strangers_list(run, params):
    mine = run.clouds.twilio.sip.ip_access_control_lists.create(friendly_name="office")
    twilio_trunk(run, params).ip_access_control_lists.create(ip_access_control_list_sid=mine.sid)


def edit_strangers_address(run, params):
    acl = next(a for a in run.clouds.twilio.sip.ip_access_control_lists.list() if a.friendly_name == params.ip_acl_name)
    acl.ip_addresses.create(friendly_name="office", ip_address="203.0.113.9", cidr_prefix_length=32)


def edit_strangers_user(run, params):
    users = next(c for c in run.clouds.twilio.sip.credential_lists.list() if c.friendly_name == params.credential_list_name)
    users.credentials.create(username="somebody", password="Another1Password")


def edit_lists_used_elsewhere(run, params):
    acl = next(a for a in run.clouds.twilio.sip.ip_access_control_lists.list() if a.friendly_name == params.ip_acl_name)
    users = next(c for c in run.clouds.twilio.sip.credential_lists.list() if c.friendly_name == params.credential_list_name)
    other = other_trunk(run, params)
    other.ip_access_control_lists.create(ip_access_control_list_sid=acl.sid)
    other.credentials_lists.create(credential_list_sid=users.sid)


def edit_number_moved(run, params):
    number = run.clouds.twilio.numbers.list(phone_number=params.phone_numbers[0])[0]
    number.update(trunk_sid=other_trunk(run, params).sid)


def edit_plan_changed(run, params):
    home = run._ctx.require(site)
    telephony = run.clouds.genesys.telephony
    plans = telephony.get_telephony_providers_edges_site_numberplans(home.id)
    plans[0].name = "Renamed by hand"
    telephony.put_telephony_providers_edges_site_numberplans(home.id, plans)


@pytest.mark.parametrize(("edit", "kept"), [
    (edit_location_used, {"Paris Office HQ": "= left"}),
    (edit_location_adopted, {"Paris Office HQ": "= left"}),
    (edit_description, {"Paris Office": "= left", "Paris Office HQ": "= left"}),
    (edit_trunk_in_another_route, {"Twilio Trunk": "✘ still there", "Paris Office": "✘ still there", "Paris Office HQ": "✘ still there"}),
    (edit_strangers_url, {"trunk": "= left", "PureCloud": "= left", "PureCloudUsers": "= left"}),
    (edit_strangers_list, {"trunk": "= left", "PureCloud": "= left", "PureCloudUsers": "= left"}),
    (edit_strangers_address, {"PureCloud": "- taken out"}),
    (edit_strangers_user, {"PureCloudUsers": "- taken out"}),
    (edit_lists_used_elsewhere, {"PureCloud": "= left", "PureCloudUsers": "= left"}),
    (edit_number_moved, {"number": "= left"}),
    (edit_plan_changed, {}),
], ids=lambda value: getattr(value, "__name__", "").removeprefix("edit_"))
def test_what_somebody_else_made_or_uses_stays(edit, kept, partner, monkeypatch):
    params = partner()
    monkeypatch.setitem(__import__("byoc_helpers.teardown").teardown.WAIT, "sandbox", 1.0)
    do(params, *ALL)
    edit(chapter("99", params), params)
    run, done = teardown(params)
    names = {"trunk": params.termination_uri, "PureCloud": params.ip_acl_name, "PureCloudUsers": params.credential_list_name,
             "number": params.phone_numbers[0], "Twilio Trunk": params.trunk_name, "Paris Office": params.site_name,
             "Paris Office HQ": params.location_name}
    stayed = {name: result for name, result in done.items() if result in ("= left", "✘ still there", "- taken out") and name != "number plans"}
    expected = {names[k]: v for k, v in kept.items()}
    assert {k: v for k, v in stayed.items() if k in expected or v == "✘ still there"} == expected
    if "✘ still there" in expected.values():
        with pytest.raises(CheckFailed, match="in use"):
            run.require_removed()
    else:
        run.require_removed()


def test_other_partners_objects_stay(partner):
    other = partner_maker("Neighbour")
    params = partner()
    do(params, *ALL)
    stranger = other(partner=f"{params.partner} ltd", location_name="Other HQ", site_name="Other Office", emergency_number="+33987654321")
    assert stranger.slug != params.slug
    before = snapshot(stranger)
    teardown(params)
    assert differences(before, snapshot(stranger)) == []


# ---------------------------------------------------------------- disturbed, in a site that was there before


def foreign_site(word):
    """Params of a partner whose site somebody else made, the org as it was before chapter 03, and then built."""
    params = partner_maker(word)(number_plans=[])
    do(params, "02")
    run = chapter("02", params)
    home = run._ctx.require(site)
    body = run.clouds.genesys.telephony.get_telephony_providers_edges_site(home.id)
    body.description = "Headquarters, made by hand"
    run.clouds.genesys.telephony.put_telephony_providers_edges_site(home.id, body)
    before = snapshot(params)
    do(params, "03", "04", "05", "07")
    return params, before


def destroy(params, monkeypatch):
    monkeypatch.setenv("BYOC_DESTROY", params.partner)
    run = chapter("99", params)
    run.remove()
    return run.require_removed()


DISTURBED = {"reset after": {"kind": "reset", "after": True}, "503 before": {"kind": "status", "status": 503},
             "502 after": {"kind": "status", "status": 502, "after": True}}


@pytest.mark.parametrize("fault", DISTURBED)
@pytest.mark.parametrize("call", [("DELETE", "*/outboundroutes/*"), ("PUT", "*/outboundroutes/*"), ("PATCH", "*/users/*")], ids=" ".join)
def test_the_default_route_gets_back_what_it_lent_whatever_happens_on_the_way(fault, call, monkeypatch):
    """Our route is gone before the classifications can be given back: what breaks off between the two is done by the next teardown."""
    monkeypatch.setattr(removing, "WAIT", {"sandbox": 3.0})
    params, before = foreign_site("Lent")
    method, path = call
    box = sandbox.ensure_running()
    box.faults([{**DISTURBED[fault], "method": method, "path": path, "nth": 1}], tenant=params.slug)
    with contextlib.suppress(CheckFailed):
        destroy(params, monkeypatch)
    box.faults([], tenant=params.slug)
    assert destroy(params, monkeypatch).startswith("Nothing that the runbook made is left.")
    assert differences(before, snapshot(params)) == []


def test_a_teardown_killed_between_the_route_and_what_it_borrowed(monkeypatch):
    params, before = foreign_site("Borrowed")
    run = chapter("99", params)
    found = outbound_route.find(run._ctx, *outbound_route.desired(run._ctx))
    run.clouds.genesys.telephony.delete_telephony_providers_edges_site_outboundroute(run._ctx.require(site).id, found.id)
    rows = {row[1]: row[3:] for row in run.removals().rows}
    assert rows["Default Outbound Route"] == ["~ restore", "gets National, International back"]
    destroy(params, monkeypatch)
    assert differences(before, snapshot(params)) == []


@pytest.mark.parametrize("listing", ["/trunkbasesettings", "/SIP/IpAccessControlLists.json", "/SIP/CredentialLists.json", "/v1/Trunks"])
def test_a_listing_that_lags_behind_a_deletion_stops_nothing(listing, partner, monkeypatch):
    params = partner()
    before = snapshot(params)
    do(params, *ALL)
    once, kept, late = Transport._once, {}, [0]
    deleting = listing.removesuffix(".json") + "/"

    def lagging(self, request, attempt):
        path = request.url.path
        if request.method == "GET" and path.endswith(listing) and late[0] and path in kept:
            late[0] -= 1
            return kept[path]
        reply = once(self, request, attempt)
        if request.method == "GET" and path.endswith(listing):
            kept[path] = reply
        if request.method == "DELETE" and deleting in path:
            late[0] = 2
        return reply

    monkeypatch.setattr(Transport, "_once", lagging)
    run, _ = teardown(params)
    assert run.require_removed() == "Nothing that the runbook made is left."
    monkeypatch.undo()
    assert differences(before, snapshot(params)) == []


def test_an_origination_url_that_was_doubled_goes_twice(partner):
    params = partner()
    before = snapshot(params)
    do(params, *ALL)
    run = chapter("03", params)
    url = sip_trunk.urls(run._ctx, run._ctx.require(sip_trunk).raw)[0]
    run._ctx.require(sip_trunk).raw.origination_urls.create(friendly_name=url.friendly_name, sip_url=url.sip_url, enabled=True, priority=10, weight=10)
    teardown(params)
    assert differences(before, snapshot(params)) == []


def test_one_object_that_may_not_be_touched_does_not_stop_the_others(partner, monkeypatch):
    monkeypatch.setattr(removing, "WAIT", {"sandbox": 1.0})
    params = partner()
    before = snapshot(params)
    do(params, *ALL)
    sandbox.ensure_running().configure(params.slug, missing_permissions=["directory:user:edit"])
    run, done = teardown(params)
    assert done[params.trunk_name] == done[params.termination_uri] == done[params.site_name] == "- deleted"
    with pytest.raises(CheckFailed, match=r"number of a person .* answered 403"):
        run.require_removed()
    sandbox.ensure_running().configure(params.slug, missing_permissions=[])
    teardown(params)
    assert differences(before, snapshot(params)) == []


def test_a_gateways_page_is_not_taken_for_nothing_there(partner, monkeypatch):
    """404 with a page, for every call to Twilio: what can't be read is still there."""
    monkeypatch.setattr(removing, "WAIT", {"sandbox": 1.0})
    params = partner()
    before = snapshot(params)
    do(params, *ALL)
    once = Transport._once

    def gateway(self, request, attempt):
        if self.cloud == "Twilio":
            raise self._error(request, Reply(404, {}, "<html>no such backend</html>"), True)
        return once(self, request, attempt)

    monkeypatch.setattr(Transport, "_once", gateway)
    run, _ = teardown(params)
    with pytest.raises(CheckFailed, match="Twilio IP access control list") as error:
        run.require_removed()
    assert str(error.value).count("answered 404") == 3 and str(error.value).count("What uses it could not be removed") == 2
    monkeypatch.setattr(Transport, "_once", once)
    teardown(params)
    assert differences(before, snapshot(params)) == []


def by_hand(params, friendly_name=None, lists=True):
    """A trunk of the params' domain that somebody made in the console, with lists of the params' names."""
    twilio = chapter("99", params).clouds.twilio
    acl = twilio.sip.ip_access_control_lists.create(friendly_name=params.ip_acl_name)
    acl.ip_addresses.create(friendly_name="Main office", ip_address="192.0.2.77", cidr_prefix_length=32)
    users = twilio.sip.credential_lists.create(friendly_name=params.credential_list_name)
    users.credentials.create(username=params.digest_username, password="SomebodyElses7Password")
    trunk = twilio.trunking.trunks.create(friendly_name=friendly_name or params.twilio_trunk_name, domain_name=params.termination_uri)
    if lists:
        trunk.ip_access_control_lists.create(ip_access_control_list_sid=acl.sid)
        trunk.credentials_lists.create(credential_list_sid=users.sid)


@pytest.mark.parametrize("friendly_name", [None, "Trunk of the main office"])
@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("adopt", [True, False])
def test_a_trunk_made_by_hand_keeps_its_lists_and_users(partner, friendly_name, lists, adopt):
    """Whoever signs in there goes on signing in, though all has the names of the params."""
    params = partner(adopt=adopt)
    by_hand(params, friendly_name, lists)
    before = snapshot(params, ids=True)
    teardown(params)
    assert differences(before, snapshot(params, ids=True)) == []


def test_a_trunk_that_was_taken_over_stays_emptied(partner):
    params = partner(adopt=True)
    twilio = chapter("99", params).clouds.twilio
    twilio.trunking.trunks.create(friendly_name="Trunk of the main office", domain_name=params.termination_uri)
    time.sleep(1.1)  # Twilio's dates have no fractions
    do(params, *ALL)
    _, done = teardown(params)
    assert done[params.termination_uri] == "- taken out"
    assert [t.domain_name for t in twilio.trunking.trunks.list()] == [params.termination_uri]


@pytest.mark.parametrize("adopt", [True, False])
def test_a_trunk_set_up_by_hand_outlives_an_address_added_to_its_list(partner, adopt):
    """Genesys publishes a new address, chapter 03 enters it: that makes neither trunk nor users the runbook's, nor the number."""
    params = partner(adopt=adopt, digest_password="practice:by-hand")
    by_hand(params)
    twilio = chapter("99", params).clouds.twilio
    trunk = next(iter(twilio.trunking.trunks.list()))
    users = next(iter(twilio.sip.credential_lists.list()))
    next(iter(users.credentials.list())).update(password=practice_value("by-hand"))
    trunk.origination_urls.create(friendly_name="Genesys", sip_url=params.origination_url, enabled=True, priority=10, weight=10)
    trunk.phone_numbers.create(phone_number_sid=next(n.sid for n in twilio.numbers.list() if n.phone_number == params.phone_numbers[0]))
    time.sleep(1.1)
    before = snapshot(params, ids=True)
    do(params, *ALL)
    assert [k for k in differences(before, snapshot(params, ids=True)) if k.startswith("~ acl")]
    _, done = teardown(params)
    assert done[params.termination_uri] == "= left" and differences(before, snapshot(params, ids=True)) == [f"~ acl {params.ip_acl_name}"]


def test_a_list_of_addresses_that_partners_share_says_nothing_of_anothers_users(partner, monkeypatch):
    """Long after the runbook entered the addresses for one partner, somebody sets up the next one by hand with the same list."""
    params = partner()
    twilio = chapter("99", params).clouds.twilio
    do(params, "03")
    acl = next(iter(twilio.sip.ip_access_control_lists.list()))
    monkeypatch.setattr("byoc_helpers.resources.credential_list.SOON", dt.timedelta(seconds=1))
    monkeypatch.setattr("byoc_helpers.resources.sip_trunk.SOON", dt.timedelta(seconds=1))
    time.sleep(2.1)
    users = twilio.sip.credential_lists.create(friendly_name="By hand")
    users.credentials.create(username=params.digest_username, password="SomebodyElses7Password")
    trunk = twilio.trunking.trunks.create(friendly_name=params.twilio_trunk_name, domain_name=f"by-hand-{params.termination_uri}")
    changed = params.model_copy(update={"termination_domain": f"by-hand-{params.termination_domain}", "credential_list_name": "By hand"})
    trunk.ip_access_control_lists.create(ip_access_control_list_sid=acl.sid)
    trunk.credentials_lists.create(credential_list_sid=users.sid)
    trunk.origination_urls.create(friendly_name="Genesys", sip_url=params.origination_url, enabled=True, priority=10, weight=10)
    before = snapshot(changed, ids=True)
    teardown(changed)
    kept = differences(before, snapshot(changed, ids=True))
    assert [k for k in kept if "lists of" in k or "credentials" in k or "twilio trunk" in k] == []


def test_what_the_runbook_made_goes_though_the_list_of_addresses_was_complete(partner):
    """Entered by hand, or for another partner of the account: it says nothing of who made the trunk; its origination URL does."""
    params = partner(signalling_addresses=["192.0.2.77/32"])
    twilio = chapter("99", params).clouds.twilio
    acl = twilio.sip.ip_access_control_lists.create(friendly_name=params.ip_acl_name)
    acl.ip_addresses.create(friendly_name="Main office", ip_address="192.0.2.77", cidr_prefix_length=32)
    before = snapshot(params)
    do(params, *ALL)
    run, _ = teardown(params)
    assert run.require_removed().startswith("Nothing that the runbook made is left. What stays (1)")
    assert differences(before, snapshot(params)) == []


def test_a_refusal_stops_one_object_and_no_other(partner, monkeypatch):
    monkeypatch.setattr(removing, "WAIT", {"sandbox": 1.0})
    params = partner()
    before = snapshot(params)
    do(params, *ALL)

    def refuse(ctx, want, found):
        raise Refused("distribution: the cloud has a value there that this version does not know.")

    with monkeypatch.context() as patch:
        patch.setattr(byoc_trunk, "remove", refuse)
        _, done = teardown(params)
        assert done["Twilio"] == "✘ still there" and done[params.termination_uri] == "- deleted", done
    teardown(params)
    assert differences(before, snapshot(params)) == []


def test_a_call_route_goes_though_its_flow_is_gone(partner, monkeypatch):
    params = partner(assignments=[{"number": "+33123456789", "call_route": "Reception", "flow": "Main Menu"}])
    before = snapshot(params)
    do(params, *ALL)

    def unpublished(ctx, name):
        raise CheckFailed(f'There is no inbound call flow "{name}"')

    monkeypatch.setattr(call_route, "_flow", unpublished)
    teardown(params)
    assert differences(before, snapshot(params)) == []


def test_a_rotation_that_broke_off_leaves_no_user(partner):
    params = partner()
    before = snapshot(params)
    do(params, *ALL)
    users = next(u for u in chapter("99", params).clouds.twilio.sip.credential_lists.list())
    users.credentials.create(username=credential_list.second(params.digest_username), password="Another7LongPassword")
    teardown(params)
    assert differences(before, snapshot(params)) == []


def test_a_trunk_without_any_name_is_no_hindrance(partner):
    params = partner()
    before = snapshot(params)
    do(params, *ALL)
    twilio = chapter("99", params).clouds.twilio
    users = next(u for u in twilio.sip.credential_lists.list() if u.friendly_name == params.credential_list_name)
    nameless = twilio.trunking.trunks.create()
    nameless.credentials_lists.create(credential_list_sid=users.sid)
    table = chapter("99", params).removals()
    assert next(r for r in table.rows if r[0] == "Twilio credential list")[3:] == ["= leave", f"in use by {nameless.sid}"]
    nameless.delete()
    teardown(params)
    assert differences(before, snapshot(params)) == []


def test_a_teardown_needs_neither_passwords_nor_name_service(partner, monkeypatch):
    """Broken off, it is ended later: when the trunk is gone its name has no address any more, and the password may be lost."""
    params = partner()
    before = snapshot(params)
    do(params, *ALL)

    def nothing(*_):
        raise ParamsError("x.byoc.example does not resolve")

    monkeypatch.setattr(Clouds, "signalling_addresses", nothing)
    monkeypatch.setattr("byoc_helpers.resources.credential_list.digest_password", nothing)
    monkeypatch.setattr("byoc_helpers.resources.byoc_trunk.digest_password", nothing)
    run, _ = teardown(params)
    assert run.require_removed() == "Nothing that the runbook made is left."
    assert differences(before, snapshot(params)) == []


def test_the_mark_of_a_partner_whose_name_begins_alike_is_another_one(partner):
    ctx = chapter("99", partner())._ctx
    ctx.params = SimpleNamespace(partner="Acme")
    for text, whose in [(ctx.mark, "made"), (f"{ctx.mark} Call the NOC before changes.", "made"), (f"{ctx.mark} It was: {{}}", "made"),
                        (f'{ctx.mark} Adopted by BYOC Runbook for "Beta".', "made"), ('Made by BYOC Runbook for "Acme.com".', False),
                        ('Made by BYOC Runbook for "Acme. Sons".', False), ('Made by BYOC Runbook for "\\"Acme\\".".', False), (None, False),
                        ('Office. Adopted by BYOC Runbook for "Acme".', "adopted"), ('Office. Adopted by BYOC Runbook for "Acme.com".', False)]:
        assert mark_of(ctx, text) == whose, text


def test_what_can_no_longer_be_told_of_one_kind_stops_no_other(partner, monkeypatch):
    monkeypatch.setattr(removing, "WAIT", {"sandbox": 1.0})
    params = partner()
    before = snapshot(params)
    do(params, *ALL)

    def broken(ctx):
        raise CloudError("Genesys Cloud answered 503.", status=503)
    monkeypatch.setattr(byoc_trunk, "standing", broken)
    run, done = teardown(params)
    assert done[params.termination_uri] == "- deleted"
    with pytest.raises(CheckFailed, match=r"BYOC trunk .*answered 503"):
        run.require_removed()
    monkeypatch.undo()
    monkeypatch.setenv("BYOC_DESTROY", params.partner)
    teardown(params)
    assert differences(before, snapshot(params)) == []


@pytest.mark.parametrize(("action", "refusal"), [
    ("delete", CloudError("still in use", status=409)), ("take out", CloudError("still in use", status=400)), ("delete", OutcomeUnknown("no answer")),
])
def test_what_somebody_needs_by_now_is_left_and_not_called_removed(partner, action, refusal):
    params = partner()
    run = chapter("99", params)

    def refuse(ctx, want, found):
        raise refusal

    verdicts = itertools.chain([Removable(action)], itertools.repeat(Removable("leave", "in use by somebody")))
    kind = SimpleNamespace(KIND="thing", find=lambda ctx, want: Found("1", "x", {}, "made"), removal=lambda *_: next(verdicts), remove=refuse)
    removal = removing._consider(run._ctx, kind, Desired("x", {}))
    after = removing._remove(run._ctx, removal)
    assert (after.done, after.plan) == (False, Removable("leave", "in use by somebody"))
