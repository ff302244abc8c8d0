"""What Twilio answers to a BYOC trunk: whether its lines come into service."""

from typing import Any

import pytest
from practice import Customer, eventually

DOMAIN = "far-end"
REALM, USER, PASSWORD = "sip.twilio.com", "pctrunkuser", "Practice-Password-1"


def digest(realm: str = REALM, user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    keys = ("realm", "username", "password")
    values = zip(keys, (realm, user, password), strict=True)
    return {f"trunk_sip_authentication_credentials_{key}": value for key, value in values}


@pytest.fixture
def domain(customer: Customer) -> str:
    """A Twilio trunk with a credential list, by its domain."""
    name = f"{DOMAIN}-{customer.name}"
    trunk = customer.trunking.trunks.create(friendly_name="x", domain_name=f"{name}.pstn.twilio.com")
    held = customer.sip.credential_lists.create(friendly_name="x")
    held.credentials.create(username=USER, password=PASSWORD)
    trunk.credentials_lists.create(credential_list_sid=held.sid)
    return name


def lines(customer: Customer) -> list[Any]:
    return customer.telephony.get_telephony_providers_edges_trunks(trunk_type="EXTERNAL").entities


def in_service(customer: Customer) -> bool:
    found = lines(customer)
    return len(found) == 2 and all(t.in_service and t.connected_status.connected for t in found)


@pytest.mark.parametrize("place", ["", ".dublin", ".us1"])
def test_equal_credentials(customer: Customer, domain: str, place: str):
    proxies = [f"{domain.upper()}.pstn{place}.twilio.com:5060"]
    customer.trunk(identifier=domain, trunk_transport_serverProxyList=proxies, **digest())
    eventually(lambda: in_service(customer))
    assert all(option.error_info is None for line in lines(customer) for option in line.options_status)


@pytest.mark.parametrize(
    "given", [{}, digest(password="Another-Password-1"), digest(user="nobody"), digest(realm="example.com")]
)
def test_other_credentials(customer: Customer, domain: str, given: dict[str, str]):
    proxies = [f"{domain}.pstn.twilio.com"]
    customer.trunk(identifier=domain, trunk_transport_serverProxyList=proxies, **given)
    [option] = lines(customer)[0].options_status
    error = option.error_info
    assert (option.option_state, error.code, error.text) == (False, "407", "Proxy Authentication Required")
    assert error.details.hostname == f"{domain}.pstn.twilio.com"
    assert not any(line.in_service for line in lines(customer))


def test_a_password_set_right_brings_it_up(customer: Customer, domain: str):
    proxies = [f"{domain}.pstn.twilio.com"]
    base = customer.trunk(
        identifier=domain, trunk_transport_serverProxyList=proxies, **digest(password="Another-Password-1")
    )
    assert not in_service(customer)
    customer.sip.credential_lists.list()[0].credentials.list()[0].update(password="Another-Password-1")
    eventually(lambda: in_service(customer))
    assert base.id


def test_no_twilio_trunk_or_no_credential_list_needs_no_digest(customer: Customer):
    name = f"open-{customer.name}"
    customer.trunking.trunks.create(friendly_name="x", domain_name=f"{name}.pstn.twilio.com")
    proxies = [f"{name}.pstn.twilio.com", "nobody.pstn.twilio.com", "sbc.example.com:5060"]
    customer.trunk(identifier=name, trunk_transport_serverProxyList=proxies)
    eventually(lambda: in_service(customer))
