"""Logging in, paging, links, headers, and the sandbox's own controls."""

import httpx
import pytest
from practice import Customer
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from byoc_helpers.exceptions import SandboxError
from byoc_helpers.sandbox import Sandbox

TAIL = "c0ffee" * 4


@pytest.fixture
def plain(box: Sandbox):
    with httpx.Client(base_url=box.url, trust_env=False) as client:
        yield client


def test_genesys_pages(customer: Customer):
    for n in range(7):
        customer.architect.post_architect_ivrs({"name": f"Route {n}"})
    seen, page = [], 1
    while True:
        found = customer.architect.get_architect_ivrs(page_size=3, page_number=page, sort_order="desc")
        seen += [i.name for i in found.entities]
        assert (found.total, found.page_count) == (7, 3)
        if not found.next_uri:
            break
        page += 1
    assert seen == [f"Route {n}" for n in reversed(range(7))] and found.page_number == 3
    assert found.next_uri is None and "pageNumber=2" in found.previous_uri
    assert [i.name for i in customer.architect.get_architect_ivrs(name="*te 3").entities] == ["Route 3"]


@pytest.mark.parametrize("style", ["2010", "v1"])
def test_twilio_pages(customer: Customer, style: str):
    here = customer.sip.credential_lists if style == "2010" else customer.trunking.trunks
    for n in range(7):
        here.create(friendly_name=f"Thing {n}")
    names = [t.friendly_name for t in here.list(page_size=3)]
    assert names == [f"Thing {n}" for n in reversed(range(7))]
    page = here.page(page_size=3)
    back = page.next_page().next_page().previous_page()
    assert [t.friendly_name for t in back] == ["Thing 3", "Thing 2", "Thing 1"]
    with pytest.raises(TwilioException) as caught:
        here.page(page_number=2)
    assert "PageToken" in caught.value.args[1].text


def test_links_follow_the_host(customer: Customer, plain: httpx.Client):
    auth = (customer.keys["account_sid"], customer.keys["auth_token"])
    made = plain.post("/v1/Trunks", data={"FriendlyName": "x"}, auth=auth).json()
    assert made["url"].startswith(str(plain.base_url))
    there = plain.get(
        f"/v1/Trunks/{made['sid']}", auth=auth, headers={"Host": "trunking.dublin.ie1.twilio.com"}
    ).json()
    assert there["links"]["phone_numbers"].startswith("https://trunking.dublin.ie1.twilio.com/v1/Trunks/TK")


def test_wrong_credentials(box: Sandbox, customer: Customer, plain: httpx.Client):
    grant = {"grant_type": "client_credentials"}
    answer = plain.post("/oauth/token", data=grant, auth=(customer.keys["client_id"], "wrong-secret"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    answer = plain.post(
        "/oauth/token", data=grant, auth=("8f0d3a52-0000-4000-8000-000000000000", "somebody-s-real-secret")
    )
    assert answer.status_code == 400
    answer = plain.get("/api/v2/users")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication.required")
    assert answer.headers["inin-correlation-id"] == answer.json()["contextId"]
    answer = plain.get("/api/v2/users", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad.credentials")
    answer = plain.get("/v1/Trunks", auth=(customer.keys["account_sid"], "wrong"))
    assert answer.json() == {
        "code": 20003,
        "message": "Authenticate",
        "detail": "",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


def test_revoked_token(box: Sandbox, customer: Customer, plain: httpx.Client):
    headers = {"Authorization": f"Bearer {customer.client.access_token}"}
    assert plain.get("/api/v2/tokens/me", headers=headers).status_code == 200
    box.control("POST", f"/_sandbox/tenants/{customer.name}/revoke-tokens")
    assert plain.get("/api/v2/tokens/me", headers=headers).status_code == 401


def test_a_foreign_client_gets_a_tenant_at_its_first_login(plain: httpx.Client):
    client_id = f"00000000-{TAIL[:4]}-{TAIL[4:8]}-{TAIL[8:12]}-{TAIL[12:]}"
    grant = {"grant_type": "client_credentials"}
    token = plain.post("/oauth/token", data=grant, auth=(client_id, "my-own-secret")).json()["access_token"]
    org = plain.get("/api/v2/organizations/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert org["name"] == f"guest-{TAIL}"
    assert plain.post("/oauth/token", data=grant, auth=(client_id, "another-secret")).status_code == 400
    sid = f"AC00000000{TAIL}"
    assert (
        plain.get(f"/2010-04-01/Accounts/{sid}.json", auth=(sid, "my-own-token")).json()["friendly_name"]
        == org["name"]
    )


def test_tenants_do_not_see_each_other(make, plain: httpx.Client):
    one, two = make(), make()
    site = one.site()
    trunk = one.trunking.trunks.create(friendly_name="mine")
    assert two.trunking.trunks.list() == []
    token = {"Authorization": f"Bearer {two.client.access_token}"}
    assert plain.get(site.self_uri, headers=token).status_code == 404
    auth = (two.keys["api_key_sid"], two.keys["api_key_secret"])
    assert plain.get(f"/v1/Trunks/{trunk.sid}", auth=auth).status_code == 404
    assert (
        plain.get(f"/2010-04-01/Accounts/{one.keys['account_sid']}/Calls.json", auth=auth).status_code == 401
    )


def test_unknown_paths_and_methods(customer: Customer, plain: httpx.Client):
    token = {"Authorization": f"Bearer {customer.client.access_token}"}
    assert plain.get("/api/v2/routing/queues", headers=token).json()["status"] == 404
    assert plain.delete("/api/v2/organizations/me", headers=token).json()["status"] == 405
    auth = (customer.keys["api_key_sid"], customer.keys["api_key_secret"])
    assert plain.put("/v1/Trunks", auth=auth).json()["code"] == 20004
    assert (
        plain.get("/v1/Nothing", auth=auth).json()["message"]
        == "The requested resource /Nothing was not found"
    )


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b'{"name": 5}', b'{"name": {}}', b'"x"', b"\xff", b'{"name": NaN}']
)
def test_odd_bodies_are_400(customer: Customer, plain: httpx.Client, body: bytes):
    headers = {"Authorization": f"Bearer {customer.client.access_token}"}
    for path in (
        "locations",
        "telephony/providers/edges/sites",
        "telephony/providers/edges/trunkbasesettings",
        "architect/ivrs",
    ):
        assert plain.post(f"/api/v2/{path}", content=body, headers=headers).status_code == 400


def test_controls_are_guarded(box: Sandbox, plain: httpx.Client):
    assert plain.get("/_sandbox/health").json()["ok"]
    assert plain.post("/_sandbox/reset").status_code == 401
    assert plain.get("/_sandbox/health", headers={"Host": "evil.example"}).status_code == 403
    with pytest.raises(SandboxError, match="No scenario"):
        box.prepare("x", scenario="nope")


def test_preparing_twice_changes_nothing(box: Sandbox, customer: Customer):
    again = box.prepare(customer.name, people=[{"name": "Jerome Martin", "email": "jerome@example.com"}])
    assert again == customer.keys
    assert customer.users.get_users().total == 1
    box.prepare(customer.name, people=[{"name": "Zoë", "email": "zoe@example.com"}], numbers=["+33123456780"])
    assert customer.users.get_users().total == 2
    assert len(customer.twilio.incoming_phone_numbers.list()) == 2


def test_recent_calls(box: Sandbox, customer: Customer):
    customer.users.get_users()
    call = box.control("GET", f"/_sandbox/calls?tenant={customer.name}")["calls"][0]
    assert (call["method"], call["path"], call["status"]) == ("GET", "/api/v2/users", 200)


def test_an_account_wide_client(box: Sandbox, customer: Customer):
    from practice import Loopback

    client = Client(customer.keys["account_sid"], customer.keys["auth_token"], http_client=Loopback(box.url))
    assert client.api.v2010.accounts(customer.keys["account_sid"]).fetch().status == "active"
