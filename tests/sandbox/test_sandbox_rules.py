"""What the practice clouds refuse, with whose words; and what they let come late, keep apart, or count."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from practice import NUMBER, Customer, eventually, refused
from PureCloudPlatformClientV2.rest import ApiException
from refusals import (
    CASES,
    PASSWORD,
    body_of,
    domain,
    plan,
    plans,
    pool,
    put_plans,
    raw,
    ready_site,
    route,
    trunk,
)
from rules_table import answer_of, said
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from byoc_helpers.sandbox import Sandbox, tenants
from byoc_helpers.sandbox.core import Core
from byoc_helpers.sandbox.genesys import api as genesys_api
from byoc_helpers.sandbox.http import Request
from byoc_helpers.sandbox.store import Store
from byoc_helpers.sandbox.twilio import api as twilio_api
from byoc_helpers.sandbox.twilio import sip, trunks

REFUSALS = (ApiException, TwilioException, httpx.HTTPStatusError)


@pytest.mark.parametrize("name", CASES)
def test_refused(customer: Customer, make: Callable[..., Customer], name: str):
    do = CASES[name]
    with pytest.raises(REFUSALS) as caught:
        do(customer, make) if len(inspect.signature(do).parameters) == 2 else do(customer)
    wanted, found = answer_of(f"test_refused[{name}]"), said(caught.value)
    assert wanted.covers(found), f"RULES.md says {wanted}, the answer is {found}"


def test_stale_version(customer: Customer):
    site = customer.site()
    body = customer.client.sanitize_for_serialization(site)
    customer.telephony.put_telephony_providers_edges_site(site.id, body | {"description": "one"})
    with pytest.raises(ApiException) as caught:
        customer.telephony.put_telephony_providers_edges_site(site.id, body | {"description": "two"})
    assert refused(caught.value)[0] == 409 and "version number" in refused(caught.value)[1]
    found = json.loads(caught.value.body)
    assert found["contextId"] == caught.value.headers["inin-correlation-id"]


def test_name_taken_and_free_again(customer: Customer):
    place = customer.place()
    site = customer.site(location=place.id)
    with pytest.raises(ApiException) as caught:
        customer.site(location=place.id)
    assert refused(caught.value) == (400, "Site with name 'Paris Office' already exists.")
    customer.telephony.delete_telephony_providers_edges_site(site.id)
    with pytest.raises(ApiException) as caught:
        customer.telephony.get_telephony_providers_edges_site(site.id)
    assert caught.value.status == 404
    assert customer.site(location=place.id).id != site.id


def test_writes_wait_for_the_defaults(customer: Customer):
    site = customer.site()
    with pytest.raises(ApiException) as caught:
        customer.telephony.put_telephony_providers_edges_site_numberplans(site.id, [])
    assert refused(caught.value)[0] == 400
    with pytest.raises(ApiException) as caught:
        customer.telephony.post_telephony_providers_edges_site_outboundroutes(
            site.id, {"name": "Default Outbound Route"}
        )
    assert refused(caught.value)[1] == "OutboundRoute with name 'Default Outbound Route' already exists."


def test_plans_and_routes(customer: Customer):
    api, site = customer.telephony, customer.site()
    plans = eventually(lambda: api.get_telephony_providers_edges_site_numberplans(site.id))
    with pytest.raises(ApiException) as caught:
        api.put_telephony_providers_edges_site_numberplans(
            site.id, customer.client.sanitize_for_serialization(plans[1:])
        )
    assert refused(caught.value)[1] == "Default number plan 'Emergency' cannot be removed."
    with pytest.raises(ApiException) as caught:
        api.post_telephony_providers_edges_site_outboundroutes(
            site.id, {"name": "Mine", "classificationTypes": ["National"]}
        )
    assert "already used by outbound route 'Default Outbound Route'" in refused(caught.value)[1]
    with pytest.raises(ApiException) as caught:
        api.post_telephony_providers_edges_site_outboundroutes(
            site.id, {"name": "Mine", "classificationTypes": ["Mars"]}
        )
    assert refused(caught.value)[1] == "Site has no number plan with classification 'Mars'."


def test_locations(customer: Customer):
    customer.place()
    with pytest.raises(ApiException) as caught:
        customer.place("Other")
    assert "already in use by location 'Paris'" in refused(caught.value)[1]
    bad = customer.locations.post_locations(
        {"name": "Nowhere", "address": {"street1": "1 Nowhere", "country": "FR"}}
    )
    eventually(lambda: customer.verification(bad.id) == "Failed")
    with pytest.raises(ApiException) as caught:
        customer.site(location=bad.id)
    assert "address could not be verified" in refused(caught.value)[1]
    with pytest.raises(ApiException) as caught:
        customer.site(location="nothing")
    assert refused(caught.value)[0] == 400


def test_identifier_is_unique_in_a_region(make):
    one, two, far = make(region="ap-south-1"), make(region="ap-south-1"), make(region="sa-east-1")
    base = one.trunk("Twilio", "shared")
    with pytest.raises(ApiException) as caught:
        two.trunk("Twilio", "Shared")
    assert "already in use" in refused(caught.value)[1]
    assert far.trunk("Twilio", "shared").name == "Twilio"
    one.telephony.delete_telephony_providers_edges_trunkbasesetting(base.id)
    assert two.trunk("Twilio", "shared").id


def test_template_styles(make):
    older, newer = (
        make(region="eu-west-1").trunk_body(identifier=""),
        make(region="us-west-2").trunk_body(identifier=""),
    )
    assert "trunk_outboundIdentity_callingAddress_overrideMethod" in older["properties"]
    assert "trunk_calling_id_priority" in newer["properties"]


def test_dids(customer: Customer):
    api = customer.telephony
    pool = api.post_telephony_providers_edges_didpools(
        {"startPhoneNumber": NUMBER, "endPhoneNumber": "+33123456799"}
    )
    with pytest.raises(ApiException) as caught:
        api.post_telephony_providers_edges_didpools(
            {"startPhoneNumber": "+33123456790", "endPhoneNumber": "+33123456890"}
        )
    assert "overlaps" in refused(caught.value)[1]
    ivr = customer.architect.post_architect_ivrs({"name": "A", "dnis": [NUMBER]})
    with pytest.raises(ApiException) as caught:
        customer.architect.post_architect_ivrs({"name": "B", "dnis": [NUMBER]})
    assert "already assigned to A" in refused(caught.value)[1]
    with pytest.raises(ApiException) as caught:
        customer.architect.post_architect_ivrs({"name": "C", "dnis": ["+33999999999"]})
    assert refused(caught.value)[1] == "Field 'didPoolId' is required and cannot be empty."
    with pytest.raises(ApiException) as caught:
        api.delete_telephony_providers_edges_didpool(pool.id)
    assert caught.value.status == 409
    customer.architect.delete_architect_ivr(ivr.id)
    api.delete_telephony_providers_edges_didpool(pool.id)


def test_twilio_domains_are_unique_and_stay_reserved(make):
    one, two = make(), make()
    domain = f"{one.name}.pstn.twilio.com"
    trunk = one.trunking.trunks.create(domain_name=domain)
    for who, code in ((one, 21245), (two, 21248)):
        with pytest.raises(TwilioRestException) as caught:
            who.trunking.trunks.create(
                domain_name=domain.upper().replace("PSTN.TWILIO.COM", "pstn.twilio.com")
            )
        assert caught.value.code == code
    trunk.delete()
    with pytest.raises(TwilioRestException) as caught:
        one.trunking.trunks.create(domain_name=domain)
    assert caught.value.code == 21248


def test_lists_in_use_and_numbers_on_other_trunks(customer: Customer):
    acl = customer.sip.ip_access_control_lists.create("acl")
    one, two = (customer.trunking.trunks(customer.trunking.trunks.create().sid) for _ in "ab")
    one.ip_access_control_lists.create(acl.sid)
    with pytest.raises(TwilioRestException) as caught:
        one.ip_access_control_lists.create(acl.sid)
    assert caught.value.code == 21245
    with pytest.raises(TwilioRestException) as caught:
        acl.delete()
    assert caught.value.code == 21236
    number = customer.twilio.incoming_phone_numbers.list()[0]
    one.phone_numbers.create(number.sid)
    with pytest.raises(TwilioRestException) as caught:
        two.phone_numbers.create(number.sid)
    assert caught.value.code == 21245
    one.ip_access_control_lists(acl.sid).delete()
    assert acl.delete()


def test_no_product(make):
    customer = make(scenario="no-byoc-product")
    with pytest.raises(ApiException) as caught:
        customer.trunk_body()
    assert caught.value.status == 403


# Twilio: largest numbers of things, with the server in this process, so that a test may lower them


class InProcess(TwilioHttpClient):
    """The official client's requests, handed to the practice Twilio without a network."""

    def __init__(self, core: Core):
        super().__init__()
        self.core = core

    def request(self, method: str, url: str, params=None, data=None, headers=None, auth=None, **kwargs: Any) -> Response:
        sent = httpx.Request(method, url, params=params or None, data=data, headers=headers)
        signed = {**sent.headers, "authorization": httpx.BasicAuth(*auth)._auth_header}
        path, query = sent.url.path, sent.url.query.decode()
        reply, _ = twilio_api.handle(self.core, Request(method.upper(), path, query, signed, sent.read()))
        return Response(reply.status, reply.body.decode(), reply.headers)


@pytest.fixture
def core() -> Iterator[Core]:
    store = Store(":memory:")
    yield Core(store)
    store.close()


@pytest.fixture
def near(core: Core) -> Client:
    """A Twilio client of a tenant in this process."""
    keys = tenants.prepare(core, "near", {})
    return Client(keys["account_sid"], keys["auth_token"], http_client=InProcess(core))


MANY: dict[str, tuple[Any, Any, int, Callable[[Any], Callable[[int], Any]]]] = {
    "trunks": (trunks, "MAX_TRUNKS", 100, lambda c: lambda n: c.trunking.v1.trunks.create()),
    "acls": (sip.LIMITS, sip.LISTS, 1000, lambda c: lambda n: c.api.v2010.account.sip.ip_access_control_lists.create(f"{n}")),
    "addresses": (sip.LIMITS, sip.ADDRESSES, 100, lambda c: _addresses(c)),
    "credential_lists": (
        sip.LIMITS, sip.CREDENTIAL_LISTS, 100, lambda c: lambda n: c.api.v2010.account.sip.credential_lists.create(f"{n}"),
    ),
    "credentials": (sip.LIMITS, sip.CREDENTIALS, 1000, lambda c: _credentials(c)),
}  # fmt: skip


def _addresses(c: Client) -> Callable[[int], Any]:
    lists = c.api.v2010.account.sip.ip_access_control_lists
    here = lists(lists.create("list").sid).ip_addresses
    return lambda n: here.create(f"{n}", f"192.0.2.{n}")


def _credentials(c: Client) -> Callable[[int], Any]:
    lists = c.api.v2010.account.sip.credential_lists
    here = lists(lists.create("list").sid).credentials
    return lambda n: here.create(f"user {n}", PASSWORD)


@pytest.mark.parametrize("what", MANY)
def test_one_too_many(near: Client, monkeypatch: pytest.MonkeyPatch, what: str):
    holder, key, real, make = MANY[what]
    assert (holder[key] if isinstance(holder, dict) else getattr(holder, key)) == real
    patch = monkeypatch.setitem if isinstance(holder, dict) else monkeypatch.setattr
    patch(holder, key, 3)
    create = make(near)
    kept = [create(n) for n in range(3)]
    with pytest.raises(TwilioRestException) as caught:
        create(3)
    assert answer_of(f"test_one_too_many[{what}]").covers(said(caught.value))
    kept[0].delete()
    assert create(3).sid


def test_a_fault_of_our_own_is_a_500_of_twilio(core: Core, near: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(twilio_api.ROUTER, "find", lambda path: 1 / 0)
    with pytest.raises(TwilioRestException) as caught:
        near.trunking.v1.trunks("TK" + "0" * 32).fetch()
    assert said(caught.value) == answer_of("test_a_fault_of_our_own_is_a_500_of_twilio")


def test_a_fault_of_our_own_is_a_500_of_genesys(core: Core, monkeypatch: pytest.MonkeyPatch):
    keys = tenants.prepare(core, "near", {})
    tenant = core.tenant("near")
    token = core.issue_token(tenant, keys["client_id"], 60)
    monkeypatch.setattr(genesys_api.ROUTER, "find", lambda path: 1 / 0)
    asked = Request("GET", "/api/v2/users", "", {"authorization": f"Bearer {token}"})
    reply, _ = genesys_api.handle(core, asked)
    body = json.loads(reply.body)
    wanted = answer_of("test_a_fault_of_our_own_is_a_500_of_genesys")
    assert (reply.status, body["code"], body["message"]) == (wanted.status, wanted.code, wanted.text)
    assert body["contextId"] == reply.headers["inin-correlation-id"]


# Twilio: what is not refused


def test_a_reserved_domain_is_free_again_after_its_time(box: Sandbox, customer: Customer):
    box.configure(customer.name, domain_reserved_seconds=0.2)
    customer.trunking.trunks.create(domain_name=domain(customer)).delete()
    with pytest.raises(TwilioRestException):
        customer.trunking.trunks.create(domain_name=domain(customer))

    def again() -> Any:
        try:
            return customer.trunking.trunks.create(domain_name=domain(customer))
        except TwilioRestException:
            return None

    assert eventually(again).domain_name == domain(customer)


def test_a_renamed_trunks_old_domain_is_reserved_too(customer: Customer, make):
    made = customer.trunking.trunks.create(domain_name=domain(customer))
    made.update(domain_name=domain(customer, "new-"))
    with pytest.raises(TwilioRestException) as caught:
        make().trunking.trunks.create(domain_name=domain(customer))
    assert caught.value.code == 21248


def test_a_subdomain_stands_under_its_parent(customer: Customer):
    above = customer.trunking.trunks.create(domain_name=domain(customer))
    below = customer.trunking.trunks.create(domain_name=domain(customer, "dublin."))
    assert below.delete() and above.delete()


def test_a_number_is_moved_by_its_own_setting(customer: Customer):
    number = customer.twilio.incoming_phone_numbers.list()[0]
    one, two = trunk(customer), trunk(customer)
    one.phone_numbers.create(number.sid)
    assert number.update(trunk_sid=two.fetch().sid).trunk_sid == two.fetch().sid
    assert (len(one.phone_numbers.list()), len(two.phone_numbers.list())) == (0, 1)
    assert number.update(trunk_sid="").trunk_sid is None


def test_a_deleted_trunk_leaves_its_numbers_and_lists(customer: Customer):
    number = customer.twilio.incoming_phone_numbers.list()[0]
    lists = customer.sip.ip_access_control_lists.create("list")
    here = trunk(customer)
    here.phone_numbers.create(number.sid)
    here.ip_access_control_lists.create(lists.sid)
    here.origination_urls.create(1, 1, True, "x", "sip:sbc.example.com")
    assert here.delete()
    assert number.fetch().trunk_sid is None
    assert lists.delete()


def test_authentication_is_computed(customer: Customer):
    here = trunk(customer)
    acl, credentials = customer.sip.ip_access_control_lists.create("a"), customer.sip.credential_lists.create("c")
    assert (here.fetch().auth_type, here.fetch().auth_type_set) == ("", [])
    here.credentials_lists.create(credentials.sid)
    here.ip_access_control_lists.create(acl.sid)
    assert (here.fetch().auth_type, here.fetch().auth_type_set) == ("IP_ACL,CREDENTIAL_LIST", ["IP_ACL", "CREDENTIAL_LIST"])
    here.credentials_lists(credentials.sid).delete()
    assert here.fetch().auth_type == "IP_ACL"


def test_what_cannot_be_set_is_ignored(customer: Customer):
    made = raw(customer, "POST", "/v1/Trunks", data={"SymmetricRtpEnabled": "true", "Colour": "red"}).json()
    assert made["symmetric_rtp_enabled"] is False and "colour" not in made


@pytest.mark.parametrize(("given", "held"), [(30, 30), (0, 32), (None, 32)])
def test_prefix_length(customer: Customer, given: int | None, held: int):
    made = customer.sip.ip_access_control_lists.create("list")
    here = customer.sip.ip_access_control_lists(made.sid).ip_addresses
    extra = {} if given is None else {"cidr_prefix_length": given}
    assert here.create("n", "192.0.2.0", **extra).cidr_prefix_length == held


def test_no_password_is_ever_answered(customer: Customer):
    lists = customer.sip.credential_lists.create("list")
    path = f"/2010-04-01/Accounts/{customer.keys['account_sid']}/SIP/CredentialLists/{lists.sid}/Credentials"
    answer = raw(customer, "POST", f"{path}.json", data={"Username": "user", "Password": PASSWORD})
    seen = answer.text + raw(customer, "GET", f"{path}/{answer.json()['sid']}.json").text
    assert PASSWORD not in seen and "sealed" not in seen
    made = customer.trunk("Twilio", "", trunk_sip_authentication_credentials_password=PASSWORD)
    assert PASSWORD not in raw(customer, "GET", made.self_uri).text


# Genesys Cloud: what is not refused


def test_a_pending_location_may_have_a_site(box: Sandbox, customer: Customer):
    box.configure(customer.name, late_seconds=30)
    place = customer.place()
    assert customer.verification(place.id) == "Pending"
    assert customer.site(location=place.id).location.id == place.id


def test_a_trunk_comes_into_service_after_a_while(box: Sandbox, customer: Customer):
    box.configure(customer.name, late_seconds=30)
    customer.trunk("Twilio", "")
    lines = customer.telephony.get_telephony_providers_edges_trunks().entities
    assert [(t.enabled, t.in_service, t.connected_status.connected) for t in lines] == [(True, False, False)] * 2
    box.configure(customer.name, late_seconds=0)
    later = customer.trunk("Second", "")
    lines = customer.telephony.get_telephony_providers_edges_trunks().entities
    assert [t.in_service for t in lines if t.trunk_base.id == later.id] == [True, True]


def test_defaults_are_seen_together_and_late(box: Sandbox, customer: Customer):
    box.configure(customer.name, late_seconds=0.3)
    api, site = customer.telephony, customer.site()
    assert api.get_telephony_providers_edges_site_numberplans(site.id) == []
    assert api.get_telephony_providers_edges_site_outboundroutes(site.id).total == 0
    found = eventually(lambda: api.get_telephony_providers_edges_site_outboundroutes(site.id).entities)
    assert [r.name for r in found] == ["Default Outbound Route"]
    assert len(api.get_telephony_providers_edges_site_numberplans(site.id)) == 5


def test_versions_count_up_by_one(customer: Customer):
    api, site = customer.telephony, ready_site(customer)
    for version in range(site.version, site.version + 3):
        body = body_of(customer, site, version=version, description=f"{version}")
        assert api.put_telephony_providers_edges_site(site.id, body).version == version + 1


def test_a_refused_write_changes_nothing(customer: Customer):
    api, site = customer.telephony, ready_site(customer)
    held = plans(customer, site)
    with pytest.raises(ApiException):
        put_plans(customer, site, [*held, plan(), plan(name="Second", match="^(")])
    assert plans(customer, site) == held
    pool(customer)
    with pytest.raises(ApiException):
        customer.architect.post_architect_ivrs({"name": "A", "dnis": [NUMBER, "+33999999999"]})
    assert customer.architect.get_architect_ivrs().total == api.get_telephony_providers_edges_dids().total == 0


def test_plans_with_an_id_keep_it_when_renamed(customer: Customer):
    site = ready_site(customer)
    held = put_plans(customer, site, [*plans(customer, site), plan(priority=9)])
    body = customer.client.sanitize_for_serialization(held)
    body[-1]["name"] = "Renamed"
    after = {p.name: p.id for p in put_plans(customer, site, [*body, plan(priority=10)])}
    assert after["Renamed"] == held[-1].id != after["Mine"]


def test_a_classification_is_free_once_its_route_gives_it_up(customer: Customer):
    api, site = customer.telephony, ready_site(customer)
    default = api.get_telephony_providers_edges_site_outboundroutes(site.id).entities[0]
    api.delete_telephony_providers_edges_site_outboundroute(site.id, default.id)
    assert route(customer, site, "Mine", "National", "International").version == 1


def test_a_number_outside_every_pool_may_be_a_persons(customer: Customer):
    person = customer.users.get_users().entities[0]
    phone = {"mediaType": "PHONE", "type": "WORK", "address": "+33999999999"}
    body = {"version": person.version, "addresses": [phone]}
    assert customer.users.patch_user(person.id, body).addresses[0].address == "+33999999999"
    assert customer.telephony.get_telephony_providers_edges_dids().total == 0


def test_dids_follow_the_call_routes_numbers(customer: Customer):
    pool(customer, NUMBER, "+33123456799")
    api = customer.telephony
    made = customer.architect.post_architect_ivrs({"name": "A", "dnis": [NUMBER, "+33123456790"]})
    assert [d.phone_number for d in api.get_telephony_providers_edges_dids().entities] == [NUMBER, "+33123456790"]
    customer.architect.put_architect_ivr(made.id, body_of(customer, made, dnis=[NUMBER]))
    assert [d.phone_number for d in api.get_telephony_providers_edges_dids().entities] == [NUMBER]
    customer.architect.delete_architect_ivr(made.id)
    assert api.get_telephony_providers_edges_dids().total == 0
    unassigned = api.get_telephony_providers_edges_didpools_dids("UNASSIGNED")
    assert (unassigned.total, unassigned.entities[0].number) == (11, NUMBER)


def test_properties_the_template_lacks_are_dropped(customer: Customer):
    body = customer.trunk_body("Twilio", "")
    body["properties"]["trunk_made_up"] = {"value": {"instance": "x"}}
    made = customer.telephony.post_telephony_providers_edges_trunkbasesettings(body)
    assert "trunk_made_up" not in made.properties
    assert set(made.properties) == set(customer.trunk_body("Other", "")["properties"])


def test_two_orgs_may_use_the_same_names_and_numbers(make):
    for one in (make(), make()):
        assert one.site().name == "Paris Office"
        assert pool(one).start_phone_number == NUMBER
        assert one.architect.post_architect_ivrs({"name": "A", "dnis": [NUMBER]}).dnis == [NUMBER]
        assert one.sip.ip_access_control_lists.create("same").friendly_name == "same"
