"""What the practice clouds refuse, with whose words."""

import json

import pytest
from practice import NUMBER, Customer, eventually, refused
from PureCloudPlatformClientV2.rest import ApiException
from twilio.base.exceptions import TwilioRestException


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
    eventually(
        lambda: customer.locations.get_location(bad.id).address_verification_details.status == "Failed"
    )
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


TWILIO = {
    21245: lambda c: c.trunking.trunks.create(domain_name="bare-label"),
    20001: lambda c: c.trunking.trunks(c.trunking.trunks.create().sid).origination_urls.create(
        1, 1, True, "x", "http://x"
    ),
    21235: lambda c: [c.sip.ip_access_control_lists.create("same") for _ in "ab"],
    21240: lambda c: [c.sip.credential_lists.create("same") for _ in "ab"],
    21243: lambda c: c.sip.credential_lists(c.sip.credential_lists.create("l").sid).credentials.create(
        "u", "weak"
    ),
    21238: lambda c: c.sip.ip_access_control_lists(
        c.sip.ip_access_control_lists.create("l").sid
    ).ip_addresses.create("n", "1.2.3"),
    20404: lambda c: c.trunking.trunks("TK" + "0" * 32).fetch(),
}


@pytest.mark.parametrize("code", TWILIO)
def test_twilio_refuses(customer: Customer, code: int):
    with pytest.raises(TwilioRestException) as caught:
        TWILIO[code](customer)
    assert caught.value.code == code


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
