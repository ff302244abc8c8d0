"""The data files agree with the official SDK and with the guide."""

from __future__ import annotations

import pytest

from byoc_helpers.regions import edges, find_edge, find_region, regions, termination_host


def test_regions_are_the_sdks():
    from PureCloudPlatformClientV2 import PureCloudRegionHosts

    ours = {r.aws.replace("-", "_"): f"https://{r.api_host}" for r in regions()}
    assert ours == {r.name: r.get_api_host() for r in PureCloudRegionHosts}


@pytest.mark.parametrize(("host", "domain"), [
    ("mypurecloud.ie", "byoc.mypurecloud.ie"), ("mypurecloud.com", "byoc.mypurecloud.com"),
    ("mypurecloud.de", "byoc.mypurecloud.de"), ("mypurecloud.com.au", "byoc.mypurecloud.com.au"),
    ("mypurecloud.jp", "byoc.mypurecloud.jp"),
])
def test_the_guides_five_domains(host, domain):
    assert find_region(host).byoc_domain == domain


@pytest.mark.parametrize("name", ["eu-west-1", "EU-WEST-1", "mypurecloud.ie", "api.mypurecloud.ie", "https://apps.mypurecloud.ie/"])
def test_a_region_has_many_names(name):
    assert find_region(name).aws == "eu-west-1"


def test_practice_addresses_are_documentation_addresses_and_nobodys_twice():
    import ipaddress

    addresses = [ipaddress.ip_network(a) for r in regions() for a in r.practice_signalling]
    assert all(a.subnet_of(ipaddress.ip_network("192.0.2.0/24")) for a in addresses)
    assert len(set(addresses)) == len(addresses)


def test_edges():
    assert [e.signalling for e in edges()] == [
        "54.172.60.0/30", "54.244.51.0/30", "54.171.127.192/30", "35.156.191.128/30",
        "54.169.127.128/30", "54.252.254.64/30", "177.71.206.192/30", "54.65.63.192/30",
    ]
    assert find_edge("ie1").edge == "dublin"
    assert termination_host("x", "de1") == "x.pstn.de1.twilio.com"
    with pytest.raises(ValueError, match="not a Twilio edge"):
        find_edge("paris")
