"""Faults on purpose, seen with a raw client: what it meets, and whether the request was carried out."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from practice import Customer

from byoc_helpers.exceptions import SandboxError
from byoc_helpers.sandbox import Sandbox
from byoc_helpers.sandbox.faults import Script
from byoc_helpers.sandbox.http import Request

Do = Callable[..., httpx.Response]


@pytest.fixture
def script(box: Sandbox, customer: Customer) -> Iterator[Callable[..., None]]:
    """Sets the rules of this test's own tenant."""

    def put(*rules: dict[str, Any], seed: int = 0) -> None:
        box.faults(rules, tenant=customer.name, seed=seed)

    yield put
    put()


@pytest.fixture
def twilio(box: Sandbox, customer: Customer) -> Iterator[Do]:
    with httpx.Client(
        base_url=box.url, trust_env=False, auth=(customer.keys["account_sid"], customer.keys["auth_token"])
    ) as client:
        yield client.request


@pytest.fixture
def genesys(box: Sandbox, customer: Customer) -> Iterator[Do]:
    headers = {"Authorization": f"Bearer {customer.client.access_token}"}
    with httpx.Client(base_url=box.url, trust_env=False, headers=headers) as client:
        yield client.request


def trunks(customer: Customer) -> list[str]:
    return [t.friendly_name for t in customer.trunking.trunks.list()]


def make(twilio: Do, name: str = "x") -> httpx.Response:
    return twilio("POST", "/v1/Trunks", data={"FriendlyName": name})


def test_delay(script, twilio: Do):
    script({"kind": "delay", "seconds": 0.3, "method": "GET", "nth": 2})
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert twilio("GET", "/v1/Trunks").status_code == 200
        took.append(time.monotonic() - began)
    assert took[1] >= 0.3 > max(took[0], took[2])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("status", "code"), [(429, 20429), (500, 20500), (502, None), (503, 20503)])
def test_status_of_twilio(script, customer: Customer, twilio: Do, status: int, code: int | None, after: bool):
    script(
        {"kind": "status", "status": status, "after": after, "method": "POST", "retry_after": 2, "first": 1}
    )
    answer = make(twilio)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "2")
    if code:
        assert (answer.json()["code"], answer.json()["status"]) == (code, status)
    else:
        assert answer.headers["content-type"] == "text/html"
    assert trunks(customer) == (["x"] if after else [])
    assert make(twilio).status_code == 201


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "too.many.requests"), (500, "internal.server.error"), (502, None), (503, "service.unavailable")],
)
def test_status_of_genesys(
    script, customer: Customer, genesys: Do, status: int, code: str | None, after: bool
):
    script({"kind": "status", "status": status, "after": after, "method": "POST"})
    answer = genesys("POST", "/api/v2/architect/ivrs", json={"name": "x"})
    assert answer.status_code == status
    if code:
        assert answer.json()["code"] == code
        assert answer.json()["contextId"] == answer.headers["inin-correlation-id"]
    assert customer.architect.get_architect_ivrs().total == int(after)


@pytest.mark.parametrize("after", [False, True])
def test_reset(script, customer: Customer, twilio: Do, after: bool):
    script({"kind": "reset", "after": after, "method": "POST", "nth": 1})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        make(twilio)
    assert trunks(customer) == (["x"] if after else [])
    assert make(twilio, "y").status_code == 201


def test_reset_is_a_reset_on_the_wire(box: Sandbox, script, customer: Customer):
    script({"kind": "reset"})
    place = urlsplit(box.url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as link:
        token = customer.client.access_token
        link.sendall(
            f"GET /api/v2/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        with pytest.raises(ConnectionResetError):
            link.recv(100)


def test_truncated_body(script, customer: Customer, twilio: Do):
    script({"kind": "truncate", "method": "POST"})
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete message body|without sending complete"):
        make(twilio)
    assert trunks(customer) == ["x"]


def test_revoked_token(script, customer: Customer, genesys: Do):
    script({"kind": "revoke", "path": "/api/v2/users", "nth": 2})
    assert genesys("GET", "/api/v2/users").status_code == 200
    answer = genesys("GET", "/api/v2/users")
    assert (answer.status_code, answer.json()["code"]) == (401, "bad.credentials")
    customer.client.get_client_credentials_token(customer.keys["client_id"], customer.keys["client_secret"])
    assert customer.users.get_users().total == 1


def test_which_requests(script, customer: Customer, twilio: Do, genesys: Do):
    script(
        {"kind": "status", "status": 503, "cloud": "twilio", "method": "get", "path": "/v1/*/OriginationUrls"}
    )
    sid = make(twilio).json()["sid"]
    assert twilio("GET", f"/v1/Trunks/{sid}/OriginationUrls").status_code == 503
    assert twilio("GET", f"/v1/Trunks/{sid}").status_code == 200
    assert genesys("GET", "/api/v2/users").status_code == 200


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 2}, [2]),
        ({"every": 3}, [3, 6]),
        ({"first": 2}, [1, 2]),
        ({"every": 2, "first": 4}, [2, 4]),
        ({"probability": 0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_when(when: dict[str, Any], struck: list[int]):
    script = Script()
    script.replace([{"kind": "reset", **when}])
    assert [
        n for n in range(1, 7) if script.strike(Request("GET", "/v1/x", "", {}), "twilio", "t").rule
    ] == struck


def test_chance_follows_the_seed():
    def run(seed: int) -> list[bool]:
        script = Script()
        script.replace([{"kind": "reset", "probability": 0.3}], seed)
        return [bool(script.strike(Request("GET", "/v1/x", "", {}), "twilio", "t").rule) for _ in range(200)]

    assert run(1) == run(1) != run(2)
    assert 30 <= sum(run(1)) <= 90


def test_another_tenant_meets_nothing(script, customer: Customer, make: Callable[..., Customer]):
    script({"kind": "status", "status": 500})
    assert make().users.get_users().total == 1


def test_rules_are_listed_with_their_counts_and_removed(box: Sandbox, script, customer: Customer, twilio: Do):
    script({"kind": "status", "status": 500, "every": 2})
    for _ in range(3):
        twilio("GET", "/v1/Trunks")
    path = f"/_sandbox/faults?tenant={customer.name}"
    rules = box.control("GET", path)["rules"]
    assert [(r["kind"], r["matched"], r["fired"]) for r in rules] == [("status", 3, 1)]
    calls = box.control("GET", f"/_sandbox/calls?tenant={customer.name}")["calls"]
    assert [(c.get("fault"), c.get("sent")) for c in calls[:3]] == [
        (None, None),
        ("status", 500),
        (None, None),
    ]
    box.control("DELETE", path)
    assert box.control("GET", path)["rules"] == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("x", "must be an object"),
        ({"kind": "fire"}, "kind must be one of delay, status"),
        ({}, "kind must be one of"),
        ({"kind": "status"}, "status is missing"),
        ({"kind": "status", "status": 404}, "status must be one of 429, 500, 502, 503"),
        ({"kind": "delay"}, "seconds is missing"),
        ({"kind": "delay", "seconds": "1"}, "seconds must be a number from 0 to 120"),
        ({"kind": "reset", "nth": 1.5}, "nth must be a whole number"),
        ({"kind": "reset", "when": "before"}, "unknown when. Known: kind, tenant"),
        ({"kind": "reset", "tenant": "somebody else"}, "tenant must be"),
        ({"kind": "reset", "path": 5}, "path must be a string"),
    ],
)
def test_rules_that_make_no_sense(box: Sandbox, customer: Customer, rule: Any, said: str):
    with pytest.raises(SandboxError, match=said):
        box.control("PUT", f"/_sandbox/faults?tenant={customer.name}", {"rules": [rule]})
