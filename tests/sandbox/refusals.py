"""What the practice clouds must refuse: each function does what is not allowed, with the official SDKs where they can.

Its name is the case's in RULES.md, whose row says what the answer is: `test_refused[domain_of_another_account]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from practice import NUMBER, Customer, eventually

CASES: dict[str, Callable[..., Any]] = {}
PASSWORD = "Practice2026Pass"
PREFIX = "/api/v2/telephony/providers/edges"
Make = Callable[..., Customer]


def case(do: Callable[..., Any]) -> Callable[..., Any]:
    """Registers a case: a function of a customer, and of what makes more of them where a second one is needed."""
    CASES[do.__name__] = do
    return do


def raw(c: Customer, method: str, path: str, **kwargs: Any) -> httpx.Response:
    """A request as no SDK sends it, with the customer's credentials for that cloud.

    Raises:
        httpx.HTTPStatusError: the refusal.
    """
    given = kwargs.pop("headers", {})
    if path.startswith("/api/v2"):
        given = {"Authorization": f"Bearer {c.client.access_token}", **given}
    elif "auth" not in kwargs:
        kwargs["auth"] = (c.keys["api_key_sid"], c.keys["api_key_secret"])
    with httpx.Client(base_url=c.box.url, trust_env=False) as client:
        return client.request(method, path, headers=given, **kwargs).raise_for_status()


# Twilio


def trunk(c: Customer, **fields: Any) -> Any:
    return c.trunking.trunks(c.trunking.trunks.create(**fields).sid)


def acl(c: Customer, name: str = "list") -> Any:
    return c.sip.ip_access_control_lists(c.sip.ip_access_control_lists.create(name).sid)


def credential_list(c: Customer, name: str = "list") -> Any:
    return c.sip.credential_lists(c.sip.credential_lists.create(name).sid)


def origination(c: Customer, **fields: Any) -> Any:
    usual = {"weight": 1, "priority": 1, "enabled": True, "friendly_name": "x", "sip_url": "sip:sbc.example.com"}
    return trunk(c).origination_urls.create(**{**usual, **fields})


def domain(c: Customer, label: str = "") -> str:
    return f"{label}{c.name}.pstn.twilio.com"


@case
def required_parameter_missing(c: Customer):
    sid = c.trunking.trunks.create().sid
    raw(c, "POST", f"/v1/Trunks/{sid}/OriginationUrls", data={"Weight": "1"})


@case
def neither_true_nor_false(c: Customer):
    raw(c, "POST", "/v1/Trunks", data={"Secure": "maybe"})


@case
def priority_too_high(c: Customer):
    origination(c, priority=65_536)


@case
def weight_below_zero(c: Customer):
    origination(c, weight=-1)


@case
def word_not_offered(c: Customer):
    c.trunking.trunks.create(transfer_mode="sometimes")


@case
def origination_not_sip(c: Customer):
    origination(c, sip_url="http://sbc.example.com")


@case
def origination_sips(c: Customer):
    origination(c, sip_url="sips:sbc.example.com")


@case
def origination_to_twilio_itself(c: Customer):
    origination(c, sip_url="sip:acme.pstn.twilio.com")


@case
def page_without_token(c: Customer):
    c.trunking.trunks.page(page_number=2)


@case
def page_with_a_wrong_token(c: Customer):
    c.trunking.trunks.page(page_number=1, page_token="PATK" + "0" * 32)


@case
def page_size_zero(c: Customer):
    raw(c, "GET", "/v1/Trunks?PageSize=0")


@case
def trunk_name_too_long(c: Customer):
    c.trunking.trunks.create(friendly_name="n" * 65)


@case
def origination_name_too_long(c: Customer):
    origination(c, friendly_name="n" * 65)


@case
def wrong_twilio_secret(c: Customer):
    raw(c, "GET", "/v1/Trunks", auth=(c.keys["account_sid"], "wrong"))


@case
def another_accounts_path(c: Customer, make: Make):
    c.twilio.api.v2010.accounts(make().keys["account_sid"]).incoming_phone_numbers.list()


@case
def account_read_with_a_standard_key(c: Customer):
    c.twilio.api.v2010.accounts(c.keys["account_sid"]).fetch()


@case
def method_twilio_lacks(c: Customer):
    raw(c, "PUT", "/v1/Trunks")


@case
def unknown_sid(c: Customer):
    c.trunking.trunks("TK" + "0" * 32).fetch()


@case
def unknown_list_on_a_trunk(c: Customer):
    trunk(c).ip_access_control_lists.create("AL" + "0" * 32)


@case
def another_accounts_list_on_a_trunk(c: Customer, make: Make):
    trunk(c).credentials_lists.create(make().sip.credential_lists.create("theirs").sid)


@case
def number_of_another_account_on_a_trunk(c: Customer, make: Make):
    trunk(c).phone_numbers.create(make().twilio.incoming_phone_numbers.list()[0].sid)


@case
def deleted_sid(c: Customer):
    gone = c.trunking.trunks.create()
    gone.delete()
    gone.fetch()


@case
def acl_name_taken(c: Customer):
    for name in ("Genesys Cloud", "genesys cloud"):
        c.sip.ip_access_control_lists.create(name)


@case
def acl_name_too_long(c: Customer):
    c.sip.ip_access_control_lists.create("n" * 256)


@case
def address_twice_in_a_list(c: Customer):
    here = acl(c)
    for name in "ab":
        here.ip_addresses.create(name, "192.0.2.0", cidr_prefix_length=30)


@case
def address_name_twice_in_a_list(c: Customer):
    here = acl(c)
    for last in (1, 2):
        here.ip_addresses.create("edge", f"192.0.2.{last}")


@case
def acl_in_use(c: Customer):
    here = acl(c)
    trunk(c).ip_access_control_lists.create(here.fetch().sid)
    here.delete()


@case
def address_incomplete(c: Customer):
    acl(c).ip_addresses.create("n", "192.0.2")


@case
def address_of_version_6(c: Customer):
    acl(c).ip_addresses.create("n", "2001:db8::1")


@case
def address_missing(c: Customer):
    acl(c).ip_addresses.create("n", "")


@case
def address_name_too_long(c: Customer):
    acl(c).ip_addresses.create("n" * 256, "192.0.2.1")


@case
def prefix_too_long(c: Customer):
    acl(c).ip_addresses.create("n", "192.0.2.1", cidr_prefix_length=33)


@case
def credential_list_name_taken(c: Customer):
    for _ in "ab":
        c.sip.credential_lists.create("Genesys Cloud")


@case
def credential_list_name_too_long(c: Customer):
    c.sip.credential_lists.create("n" * 65)


@case
def credential_list_in_use(c: Customer):
    here = credential_list(c)
    trunk(c).credentials_lists.create(here.fetch().sid)
    here.delete()


@case
def password_too_short(c: Customer):
    credential_list(c).credentials.create("user", "Practice26x")


@case
def password_without_a_digit(c: Customer):
    credential_list(c).credentials.create("user", "PracticePassword")


@case
def password_in_one_case(c: Customer):
    credential_list(c).credentials.create("user", "practice2026pass")


@case
def password_changed_to_a_weak_one(c: Customer):
    credential_list(c).credentials.create("user", PASSWORD).update("weak")


@case
def username_too_long(c: Customer):
    credential_list(c).credentials.create("u" * 33, PASSWORD)


@case
def username_twice_in_a_list(c: Customer):
    here = credential_list(c)
    for _ in "ab":
        here.credentials.create("user", PASSWORD)


@case
def bare_domain_label(c: Customer):
    c.trunking.trunks.create(domain_name="bare-label")


@case
def localized_domain(c: Customer):
    c.trunking.trunks.create(domain_name="acme.pstn.dublin.twilio.com")


@case
def domain_with_an_underscore(c: Customer):
    c.trunking.trunks.create(domain_name="acme_gc.pstn.twilio.com")


@case
def domain_of_another_trunk(c: Customer):
    for name in (domain(c), domain(c).upper().replace("PSTN.TWILIO.COM", "pstn.twilio.com")):
        c.trunking.trunks.create(domain_name=name)


@case
def list_twice_on_a_trunk(c: Customer):
    here, lists = trunk(c), c.sip.ip_access_control_lists.create("list")
    for _ in "ab":
        here.ip_access_control_lists.create(lists.sid)


@case
def number_on_another_trunk(c: Customer):
    number = c.twilio.incoming_phone_numbers.list()[0]
    for _ in "ab":
        trunk(c).phone_numbers.create(number.sid)


@case
def subdomain_without_its_parent(c: Customer):
    c.trunking.trunks.create(domain_name=domain(c, "dublin."))


@case
def subdomain_of_a_deleted_parent(c: Customer):
    c.trunking.trunks.create(domain_name=domain(c)).delete()
    c.trunking.trunks.create(domain_name=domain(c, "dublin."))


@case
def domain_with_subdomains_deleted(c: Customer):
    above = c.trunking.trunks.create(domain_name=domain(c))
    c.trunking.trunks.create(domain_name=domain(c, "dublin."))
    above.delete()


@case
def domain_with_subdomains_renamed(c: Customer):
    above = c.trunking.trunks.create(domain_name=domain(c))
    c.trunking.trunks.create(domain_name=domain(c, "dublin."))
    above.update(domain_name=domain(c, "other-"))


@case
def domain_of_another_account(c: Customer, make: Make):
    make().trunking.trunks.create(domain_name=domain(c))
    c.trunking.trunks.create(domain_name=domain(c))


@case
def domain_given_up_a_moment_ago(c: Customer):
    c.trunking.trunks.create(domain_name=domain(c)).delete()
    c.trunking.trunks.create(domain_name=domain(c))


@case
def eleventh_origination_url(c: Customer):
    here = trunk(c)
    for n in range(11):
        here.origination_urls.create(1, 1, True, f"url {n}", "sip:sbc.example.com")


@case
def number_that_is_none(c: Customer):
    c.twilio.incoming_phone_numbers.create(phone_number="0123456789")


@case
def number_the_account_has(c: Customer):
    c.twilio.incoming_phone_numbers.create(phone_number=NUMBER)


# Genesys Cloud


def user(c: Customer) -> Any:
    return c.users.get_users().entities[0]


def pool(c: Customer, first: str = NUMBER, last: str = NUMBER) -> Any:
    return c.telephony.post_telephony_providers_edges_didpools({"startPhoneNumber": first, "endPhoneNumber": last})


def ready_site(c: Customer) -> Any:
    """A site whose default plans and route are there at once."""
    c.box.configure(c.name, late_seconds=0)
    return c.site()


def plans(c: Customer, site: Any) -> list[dict[str, Any]]:
    return c.client.sanitize_for_serialization(c.telephony.get_telephony_providers_edges_site_numberplans(site.id))


def put_plans(c: Customer, site: Any, wanted: list[Any]) -> Any:
    return c.telephony.put_telephony_providers_edges_site_numberplans(site.id, wanted)


def route(c: Customer, site: Any, name: str, *classes: str, **fields: Any) -> Any:
    body = {"name": name, "classificationTypes": list(classes), **fields}
    return c.telephony.post_telephony_providers_edges_site_outboundroutes(site.id, body)


def plan(**fields: Any) -> dict[str, Any]:
    return {"name": "Mine", "classification": "Mine", "matchType": "regex", "match": "^1$", **fields}


def voice_site(c: Customer) -> Any:
    return c.telephony.get_telephony_providers_edges_sites(name="PureCloud Voice*").entities[0]


def body_of(c: Customer, thing: Any, **changes: Any) -> dict[str, Any]:
    return {**c.client.sanitize_for_serialization(thing), **changes}


@case
def no_bearer_token(c: Customer):
    raw(c, "GET", "/api/v2/users", headers={"Authorization": ""})


@case
def token_that_is_none(c: Customer):
    c.client.access_token = "nonsense"
    c.users.get_users()


@case
def token_after_its_time(c: Customer):
    c.box.configure(c.name, token_seconds=0.05)
    c.client.get_client_credentials_token(c.keys["client_id"], c.keys["client_secret"])
    eventually(lambda: not raw_is_good(c))
    c.users.get_users()


def raw_is_good(c: Customer) -> bool:
    given = {"Authorization": f"Bearer {c.client.access_token}"}
    return httpx.get(f"{c.box.url}/api/v2/tokens/me", headers=given, trust_env=False).status_code == 200


@case
def token_handed_back(c: Customer):
    raw(c, "DELETE", "/api/v2/tokens/me")
    c.users.get_users()


@case
def wrong_client_secret(c: Customer):
    c.client.get_client_credentials_token(c.keys["client_id"], "wrong-secret")


@case
def unknown_client(c: Customer):
    c.client.get_client_credentials_token("8f0d3a52-0000-4000-8000-000000000000", "somebody-s-real-secret")


@case
def another_grant(c: Customer):
    auth = (c.keys["client_id"], c.keys["client_secret"])
    raw(c, "POST", "/oauth/token", data={"grant_type": "password"}, auth=auth)


@case
def permission_missing(c: Customer):
    c.box.configure(c.name, missing_permissions=["telephony:plugin:all"])
    c.telephony.get_telephony_providers_edges()


@case
def trunk_without_the_product(c: Customer, make: Make):
    make(scenario="no-byoc-product").trunk_body()


@case
def path_not_served(c: Customer):
    raw(c, "GET", "/api/v2/no/such/thing")


@case
def method_genesys_lacks(c: Customer):
    raw(c, "DELETE", "/api/v2/organizations/me")


@case
def unknown_id(c: Customer):
    c.telephony.get_telephony_providers_edges_site("0" * 8)


@case
def another_orgs_id(c: Customer, make: Make):
    c.telephony.get_telephony_providers_edges_site(voice_site(make()).id)


@case
def body_that_is_no_json(c: Customer):
    raw(c, "POST", "/api/v2/locations", content=b"[")


@case
def text_that_is_no_unicode(c: Customer):
    c.architect.post_architect_ivrs({"name": "half a pair: \ud800"})


@case
def body_that_is_no_object(c: Customer):
    c.locations.post_locations([])


@case
def body_nested_too_deeply(c: Customer):
    body = '{"group":[' * 5000 + '{"type":"MATCH_ALL"}' + "]}" * 5000
    raw(c, "POST", "/api/v2/users/search", content=f'{{"query":[{body}]}}')


@case
def name_that_is_no_string(c: Customer):
    c.architect.post_architect_ivrs({"name": 5})


@case
def list_of_other_than_strings(c: Customer):
    c.trunk("Twilio", "", trunk_access_acl_allowList=[5])


@case
def word_genesys_lacks(c: Customer):
    route(c, ready_site(c), "Mine", "National", distribution="WEIGHTED")


@case
def number_not_in_e164(c: Customer):
    pool(c, "0123456789", "0123456789")


@case
def page_number_zero(c: Customer):
    c.users.get_users(page_number=0)


@case
def page_size_that_is_no_number(c: Customer):
    c.users.get_users(page_size="--5")


@case
def sort_by_no_field(c: Customer):
    c.users.get_users()
    raw(c, "GET", "/api/v2/architect/ivrs", params={"sortBy": "name; --"})


@case
def search_that_is_no_base64(c: Customer):
    c.users.get_users_search("nonsense")


@case
def search_of_another_kind(c: Customer):
    c.users.post_users_search({"query": [{"type": "SOUNDS_LIKE", "fields": ["name"], "value": "x"}]})


@case
def required_field_missing(c: Customer):
    c.telephony.post_telephony_providers_edges_sites({"name": "No location"})


@case
def update_without_a_version(c: Customer):
    c.telephony.put_telephony_providers_edges_site(voice_site(c).id, {"name": "PureCloud Voice - AWS"})


@case
def update_of_an_old_version(c: Customer):
    site = c.site()
    for text in ("one", "two"):
        c.telephony.put_telephony_providers_edges_site(site.id, body_of(c, site, description=text))


@case
def name_taken(c: Customer):
    place = c.place()
    for name in ("Paris Office", "PARIS OFFICE"):
        c.site(name, location=place.id)


@case
def email_taken(c: Customer):
    for email in ("zoe@example.com", "ZOE@example.com"):
        c.users.post_users({"name": "Zoë", "email": email})


@case
def call_needs_a_user(c: Customer):
    c.users.get_users_me()


@case
def managed_object_deleted(c: Customer):
    c.telephony.delete_telephony_providers_edges_site(voice_site(c).id)


@case
def managed_site_renamed(c: Customer):
    site = voice_site(c)
    c.telephony.put_telephony_providers_edges_site(site.id, body_of(c, site, name="Mine"))


# locations


@case
def emergency_number_used(c: Customer):
    c.place()
    c.place("Other")


@case
def address_of_an_emergency_location_changed(c: Customer):
    place = c.place()
    eventually(lambda: c.locations.get_location(place.id).address_verified)
    body = {"version": place.version, "address": {"street1": "2 rue de la Paix", "city": "Paris", "country": "FR"}}
    c.locations.patch_location(place.id, body)


@case
def empty_notes(c: Customer):
    c.locations.post_locations({"name": "A", "notes": ""})


@case
def location_of_a_site_deleted(c: Customer):
    place = c.place()
    c.site(location=place.id)
    c.locations.delete_location(place.id)


@case
def location_with_sublocations_deleted(c: Customer):
    place = c.place()
    c.locations.post_locations({"name": "Floor 2", "path": [place.id]})
    c.locations.delete_location(place.id)


@case
def location_under_itself(c: Customer):
    place = c.place()
    c.locations.patch_location(place.id, {"version": place.version, "path": [place.id]})


# sites


@case
def site_without_an_address(c: Customer):
    c.site(location=c.locations.post_locations({"name": "Bare"}).id)


@case
def site_without_an_emergency_number(c: Customer):
    address = {"street1": "1 rue A", "city": "Paris", "zipcode": "75001", "country": "FR"}
    c.site(location=c.locations.post_locations({"name": "Quiet", "address": address}).id)


@case
def site_with_an_unverified_address(c: Customer):
    body = {"name": "Nowhere", "address": {"street1": "1 Nowhere", "country": "FR"}}
    place = c.locations.post_locations(body)
    eventually(lambda: c.verification(place.id) == "Failed")
    c.site(location=place.id)


@case
def reference_to_nothing(c: Customer):
    c.site(location="nothing")


@case
def reference_to_another_orgs_object(c: Customer, make: Make):
    c.site(location=make().place().id)


@case
def media_model_changed(c: Customer):
    site = c.site()
    c.telephony.put_telephony_providers_edges_site(site.id, body_of(c, site, mediaModel="Premises"))


@case
def site_of_another_site_deleted(c: Customer):
    place = c.place()
    site = c.site(location=place.id)
    body = {"name": "Second", "location": {"id": place.id}, "primarySites": [{"id": site.id}]}
    c.telephony.post_telephony_providers_edges_sites(body)
    c.telephony.delete_telephony_providers_edges_site(site.id)


@case
def site_of_a_trunk_deleted(c: Customer):
    site = c.site()
    body = {**c.trunk_body("Twilio", ""), "site": {"id": site.id}}
    c.telephony.post_telephony_providers_edges_trunkbasesettings(body)
    c.telephony.delete_telephony_providers_edges_site(site.id)


# number plans and routes


@case
def plans_before_the_defaults(c: Customer):
    put_plans(c, c.site(), [])


@case
def routes_before_the_defaults(c: Customer):
    route(c, c.site(), "Mine", "National")


@case
def default_route_made_again(c: Customer):
    route(c, c.site(), "Default Outbound Route", "National")


@case
def default_plan_dropped(c: Customer):
    site = ready_site(c)
    put_plans(c, site, plans(c, site)[1:])


@case
def too_many_plans(c: Customer):
    site = ready_site(c)
    put_plans(c, site, [plan(name=f"Plan {n}") for n in range(201)])


@case
def plan_name_twice(c: Customer):
    site = ready_site(c)
    put_plans(c, site, [*plans(c, site), plan(), plan()])


@case
def plan_id_twice(c: Customer):
    site = ready_site(c)
    held = plans(c, site)
    put_plans(c, site, [*held, {**held[0], "name": "Second"}])


@case
def plan_id_unknown(c: Customer):
    site = ready_site(c)
    put_plans(c, site, [*plans(c, site), plan(id="nothing")])


@case
def plan_id_that_is_no_string(c: Customer):
    site = ready_site(c)
    put_plans(c, site, [*plans(c, site), plan(id={"id": 1})])


@case
def plan_without_its_pattern(c: Customer):
    site = ready_site(c)
    put_plans(c, site, [*plans(c, site), plan(match=None)])


@case
def plan_that_is_no_pattern(c: Customer):
    site = ready_site(c)
    put_plans(c, site, [*plans(c, site), plan(match="^(")])


@case
def plan_whose_pattern_is_too_large(c: Customer):
    site = ready_site(c)
    put_plans(c, site, [*plans(c, site), plan(match="a{99999999999999999999}")])


@case
def classification_on_two_routes(c: Customer):
    route(c, ready_site(c), "Mine", "National")


@case
def classification_of_no_plan(c: Customer):
    route(c, ready_site(c), "Mine", "Mars")


@case
def classification_in_use_dropped_with_its_plan(c: Customer):
    site = ready_site(c)
    held = plans(c, site)
    put_plans(c, site, [*held, plan(classification="Local")])
    route(c, site, "Mine", "Local")
    put_plans(c, site, held)


@case
def route_over_a_trunk_that_is_none(c: Customer):
    route(c, ready_site(c), "Mine", "National", externalTrunkBases=[{"id": "nothing"}])


# trunks


@case
def identifier_of_another_org(c: Customer, make: Make):
    make(region="ap-south-1").trunk("Twilio", c.name)
    make(region="ap-south-1").trunk("Twilio", c.name.upper())


@case
def identifier_of_another_trunk(c: Customer):
    for name in ("One", "Two"):
        c.trunk(name, c.name)


@case
def identifier_with_a_space(c: Customer):
    c.trunk("Twilio", "two words")


@case
def caller_address_that_is_no_number(c: Customer):
    c.trunk("Twilio", "", trunk_outboundIdentity_callingAddress="Paris")


@case
def calling_name_too_long(c: Customer):
    c.trunk("Twilio", "", trunk_outboundIdentity_callingName="n" * 41)


@case
def codec_unknown(c: Customer):
    c.trunk("Twilio", "", trunk_media_codec=["audio/morse"])


@case
def dtmf_payload_too_low(c: Customer):
    c.trunk("Twilio", "", trunk_media_dtmf_payload=95)


@case
def access_list_too_long(c: Customer):
    c.trunk("Twilio", "", trunk_access_acl_allowList=[f"192.0.2.{n}" for n in range(151)])


@case
def access_entry_that_is_no_network(c: Customer):
    c.trunk("Twilio", "", trunk_access_acl_allowList=["192.0.2.0/33"])


@case
def server_with_a_scheme(c: Customer):
    c.trunk("Twilio", "", trunk_transport_serverProxyList=["sip:acme.pstn.twilio.com"])


@case
def trunk_in_service_without_a_server(c: Customer):
    c.trunk("Twilio", "", trunk_transport_serverProxyList=[])


@case
def trunk_of_an_unknown_kind(c: Customer):
    body = {**c.trunk_body("Twilio", ""), "trunkMetabase": {"id": "nothing.json"}}
    c.telephony.post_telephony_providers_edges_trunkbasesettings(body)


@case
def trunk_of_another_type_than_its_kind(c: Customer):
    body = {**c.trunk_body("Twilio", ""), "trunkType": "PHONE"}
    c.telephony.post_telephony_providers_edges_trunkbasesettings(body)


@case
def kind_of_a_trunk_changed(c: Customer):
    made = c.trunk("Twilio", "")
    body = body_of(c, made, trunkMetabase={"id": "external_sip_pcv_byoc_pbx.json"})
    c.telephony.put_telephony_providers_edges_trunkbasesetting(made.id, body)


@case
def trunk_of_a_route_deleted(c: Customer):
    made, site = c.trunk("Twilio", ""), ready_site(c)
    default = c.telephony.get_telephony_providers_edges_site_outboundroutes(site.id).entities[0]
    body = body_of(c, default, externalTrunkBases=[{"id": made.id}])
    c.telephony.put_telephony_providers_edges_site_outboundroute(site.id, default.id, body)
    c.telephony.delete_telephony_providers_edges_trunkbasesetting(made.id)


@case
def edge_group_of_edges_deleted(c: Customer):
    group = c.telephony.get_telephony_providers_edges_edgegroups().entities[0]
    c.telephony.delete_telephony_providers_edges_edgegroup(group.id)


# DID numbers


@case
def pool_backwards(c: Customer):
    pool(c, "+33123456799", "+33123456789")


@case
def pool_too_large(c: Customer):
    pool(c, "+33123450000", "+33123451000")


@case
def pools_overlap(c: Customer):
    pool(c, NUMBER, "+33123456799")
    pool(c, "+33123456799", "+33123456899")


@case
def range_of_a_pool_changed(c: Customer):
    made = pool(c)
    body = body_of(c, made, endPhoneNumber="+33123456799")
    c.telephony.put_telephony_providers_edges_didpool(made.id, body)


@case
def pool_with_an_assigned_number_deleted(c: Customer):
    made = pool(c)
    c.architect.post_architect_ivrs({"name": "A", "dnis": [NUMBER]})
    c.telephony.delete_telephony_providers_edges_didpool(made.id)


@case
def number_of_another_call_route(c: Customer):
    pool(c)
    for name in "AB":
        c.architect.post_architect_ivrs({"name": name, "dnis": [NUMBER]})


@case
def number_of_a_call_route_for_a_person(c: Customer):
    pool(c)
    c.architect.post_architect_ivrs({"name": "A", "dnis": [NUMBER]})
    phone = {"mediaType": "PHONE", "type": "WORK", "address": NUMBER}
    c.users.patch_user(user(c).id, {"version": user(c).version, "addresses": [phone]})


@case
def number_outside_every_pool(c: Customer):
    c.architect.post_architect_ivrs({"name": "A", "dnis": ["+33999999999"]})


@case
def contact_without_an_address(c: Customer):
    body = {"version": user(c).version, "addresses": [{"mediaType": "PHONE", "type": "WORK"}]}
    c.users.patch_user(user(c).id, body)


@case
def contact_without_a_type(c: Customer):
    body = {"version": user(c).version, "addresses": [{"mediaType": "PHONE", "address": NUMBER}]}
    c.users.patch_user(user(c).id, body)


@case
def manager_who_is_nobody(c: Customer):
    c.users.patch_user(user(c).id, {"version": user(c).version, "manager": "nobody"})
