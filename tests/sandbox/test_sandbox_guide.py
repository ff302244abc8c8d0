"""The guide's work, end to end, with the vendors' own SDKs over HTTP."""

import PureCloudPlatformClientV2 as gc
from practice import NUMBER, Customer, eventually


def test_precheck(customer: Customer):
    products = gc.AuthorizationApi(customer.client).get_authorization_products()
    assert "byoc" in [p.id for p in products.entities]
    edges = customer.telephony.get_telephony_providers_edges().entities
    assert [(e.online_status, e.status_code, e.physical_edge, e.state) for e in edges] == [
        ("ONLINE", "ACTIVE", False, "active")
    ] * 2
    assert {e.edge_group.name for e in edges} == {e.site.name for e in edges} == {"PureCloud Voice - AWS"}
    assert customer.locations.get_locations().entities[0].name == "Default PCV Location"
    assert gc.OrganizationApi(customer.client).get_organizations_me().third_party_org_name == customer.name


def test_location_is_verified_after_a_while(customer: Customer):
    place = customer.place()
    assert not place.address_verified and place.address_verification_details is None
    assert customer.verification(place.id) == "Pending"
    seen = eventually(lambda: (p := customer.locations.get_location(place.id)).address_verified and p)
    assert customer.verification(place.id) == "Complete"
    assert seen.emergency_number.e164 == "+33140000000"


def test_default_plans_and_route_appear_after_a_while(customer: Customer):
    site = customer.site()
    api = customer.telephony
    assert api.get_telephony_providers_edges_site_numberplans(site.id) == []
    plans = eventually(lambda: len(found := api.get_telephony_providers_edges_site_numberplans(site.id)) == 5 and found)
    assert [p.name for p in plans] == ["Emergency", "Extension", "National", "International", "Network"]
    assert [n.start for n in plans[0].numbers] == ["112", "15", "17", "18"]
    body = customer.client.sanitize_for_serialization(plans)
    own = {
        "name": "Short",
        "matchType": "regex",
        "match": "^(3[0-9]{3})$",
        "normalizedFormat": "$1",
        "classification": "Short",
    }
    after = api.put_telephony_providers_edges_site_numberplans(site.id, [own, *body])
    assert len(after) == 6
    assert "Short" in api.get_telephony_providers_edges_site_numberplans_classifications(site.id)
    routes = api.get_telephony_providers_edges_site_outboundroutes(site.id).entities
    assert [r.name for r in routes] == ["Default Outbound Route"]


def test_trunk_route_and_numbers(customer: Customer):
    api, site = customer.telephony, customer.site()
    base = customer.trunk(
        trunk_sip_authentication_credentials_realm="sip.twilio.com",
        trunk_sip_authentication_credentials_username="pctrunkuser",
        trunk_sip_authentication_credentials_password="PCTrunkPassword2018",
        trunk_outboundIdentity_callingAddress_omitPlusPrefix=False,
    )
    shown = api.get_telephony_providers_edges_trunkbasesetting(base.id).properties
    assert shown["trunk_sip_termination_uri"]["value"]["instance"] == "twilioABC"
    assert shown["trunk_sip_authentication_credentials_password"]["value"]["instance"] == ""
    assert not shown["trunk_outboundIdentity_callingAddress_omitPlusPrefix"]["value"]["instance"]
    assert shown["trunk_outboundIdentity_calledAddress_omitPlusPrefix"]["value"]["instance"]
    trunks = api.get_telephony_providers_edges_trunks().entities
    assert len(trunks) == 2 and not any(t.in_service for t in trunks)
    eventually(lambda: all(t.in_service for t in api.get_telephony_providers_edges_trunks().entities))

    route = eventually(lambda: api.get_telephony_providers_edges_site_outboundroutes(site.id).entities)[0]
    freed = customer.client.sanitize_for_serialization(route) | {
        "classificationTypes": ["Emergency", "Network"]
    }
    api.put_telephony_providers_edges_site_outboundroute(site.id, route.id, freed)
    mine = {
        "name": "Twilio Route",
        "enabled": True,
        "distribution": "SEQUENTIAL",
        "classificationTypes": ["National", "International"],
        "externalTrunkBases": [{"id": base.id}],
    }
    made = api.post_telephony_providers_edges_site_outboundroutes(site.id, mine)
    assert made.external_trunk_bases[0].name == "Twilio"

    pool = api.post_telephony_providers_edges_didpools({"startPhoneNumber": NUMBER, "endPhoneNumber": NUMBER})
    user = customer.users.post_users_search(
        {"query": [{"fields": ["email"], "value": "jerome@example.com", "type": "EXACT"}]}
    ).results[0]
    phone = {"mediaType": "PHONE", "type": "WORK", "address": NUMBER}
    customer.users.patch_user(user.id, {"version": user.version, "addresses": [phone]})
    did = api.get_telephony_providers_edges_dids(phone_number=NUMBER).entities[0]
    assert (did.owner.id, did.owner_type, did.did_pool.id) == (user.id, "USER", pool.id)
    [number] = api.get_telephony_providers_edges_didpools_dids("ASSIGNED").entities
    assert number.number == NUMBER and number.owner.name == "Jerome Martin"


def test_call_route(customer: Customer):
    customer.telephony.post_telephony_providers_edges_didpools(
        {"startPhoneNumber": NUMBER, "endPhoneNumber": NUMBER}
    )
    flow = customer.architect.get_flows(type=["inboundcall"], name="Main*").entities[0]
    ivr = customer.architect.post_architect_ivrs(
        {"name": "Welcome", "dnis": [NUMBER], "openHoursFlow": {"id": flow.id}}
    )
    assert ivr.open_hours_flow.name == "Main Menu"
    assert customer.architect.get_architect_ivrs(dnis=NUMBER).entities[0].id == ivr.id
    assert customer.telephony.get_telephony_providers_edges_dids().entities[0].owner_type == "IVR_CONFIG"


def test_twilio(customer: Customer):
    acl = customer.sip.ip_access_control_lists.create(friendly_name="PureCloudDevACL")
    address = customer.sip.ip_access_control_lists(acl.sid).ip_addresses.create(
        "edge 1", "192.0.2.33", cidr_prefix_length=32
    )
    assert (address.sid[:2], address.cidr_prefix_length) == ("IP", 32)
    cred = customer.sip.credential_lists.create(friendly_name="PureCloudDevCred")
    customer.sip.credential_lists(cred.sid).credentials.create("pctrunkuser", "PCTrunkPassword2018")
    label = customer.name
    trunk = customer.trunking.trunks.create(
        friendly_name="PureCloudDev", domain_name=f"{label}.pstn.twilio.com"
    )
    assert trunk.auth_type_set == [] and trunk.url == f"https://trunking.twilio.com/v1/Trunks/{trunk.sid}"
    here = customer.trunking.trunks(trunk.sid)
    here.ip_access_control_lists.create(acl.sid)
    here.credentials_lists.create(cred.sid)
    assert here.fetch().auth_type == "IP_ACL,CREDENTIAL_LIST"
    url = here.origination_urls.create(10, 10, True, "gc", "sip:twilioABC.byoc.mypurecloud.ie")
    assert (url.priority, url.weight, url.enabled) == (10, 10, True)
    [owned] = customer.twilio.incoming_phone_numbers.list(phone_number=NUMBER)
    on_trunk = here.phone_numbers.create(owned.sid)
    assert on_trunk.trunk_sid == trunk.sid
    assert on_trunk.links["phone_number"].startswith("https://api.twilio.com/2010-04-01/Accounts/AC")
    assert customer.twilio.incoming_phone_numbers(owned.sid).fetch().trunk_sid == trunk.sid
    assert [n.phone_number for n in here.phone_numbers.list()] == [NUMBER]
    assert here.delete()
    assert customer.twilio.incoming_phone_numbers(owned.sid).fetch().trunk_sid is None
