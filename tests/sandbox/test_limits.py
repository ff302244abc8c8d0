"""How often a client may ask, and what it may do at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from practice import Customer
from PureCloudPlatformClientV2.rest import ApiException

from byoc_helpers.exceptions import SandboxError
from byoc_helpers.sandbox import Sandbox
from byoc_helpers.sandbox.genesys import permissions
from byoc_helpers.sandbox.genesys.api import ROUTER
from byoc_helpers.sandbox.limits import Limits

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def plain(box: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=box.url, trust_env=False) as client:
        yield client


def bearer(customer: Customer) -> dict[str, str]:
    return {"Authorization": f"Bearer {customer.client.access_token}"}


def test_a_count_starts_anew_when_its_time_is_over():
    now = [100.0]
    limits = Limits(lambda: now[0])
    assert [limits.count("token", "a", 2).over for _ in range(3)] == [False, False, True]
    assert not limits.count("token", "b", 2).over
    now[0] += 59.5
    refused = limits.count("token", "a", 2)
    assert (refused.count, refused.reset, refused.headers["retry-after"]) == (4, 1, "1")
    now[0] += 0.6
    assert limits.count("token", "a", 2).count == 1


def test_no_limit_unless_asked_for(customer: Customer, plain: httpx.Client):
    answers = [plain.get("/api/v2/tokens/me", headers=bearer(customer)) for _ in range(320)]
    assert {a.status_code for a in answers} == {200}
    assert "inin-ratelimit-count" not in answers[-1].headers


def test_too_many_requests_with_one_token(box: Sandbox, customer: Customer, plain: httpx.Client):
    box.configure(customer.name, requests_per_minute=3)
    answers = [plain.get("/api/v2/tokens/me", headers=bearer(customer)) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["inin-ratelimit-count"] for a in answers] == ["1", "2", "3", "4"]
    assert {a.headers["inin-ratelimit-allowed"] for a in answers} == {"3"}
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["retry-after"] == refused.headers["inin-ratelimit-reset"]
    assert "retry-after" not in answers[0].headers
    body = refused.json()
    assert (body["code"], body["status"]) == ("too.many.requests", 429)
    wait = refused.headers["retry-after"]
    assert body["message"] == f"Rate limit exceeded the maximum. Retry the request in [{wait}] seconds"
    # Another token of the same client counts for itself.
    token = plain.post(
        "/oauth/token", data=GRANT, auth=(customer.keys["client_id"], customer.keys["client_secret"])
    )
    other = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert plain.get("/api/v2/tokens/me", headers=other).status_code == 200
    box.configure(customer.name, requests_per_minute=None)
    assert plain.get("/api/v2/tokens/me", headers=bearer(customer)).status_code == 200


def test_a_refused_write_is_not_carried_out(box: Sandbox, customer: Customer, plain: httpx.Client):
    box.configure(customer.name, requests_per_minute=1)
    plain.get("/api/v2/tokens/me", headers=bearer(customer))
    assert (
        plain.post("/api/v2/architect/ivrs", json={"name": "x"}, headers=bearer(customer)).status_code == 429
    )
    box.configure(customer.name, requests_per_minute=None)
    assert customer.architect.get_architect_ivrs().total == 0


def test_the_window_can_be_short(box: Sandbox, customer: Customer, plain: httpx.Client):
    box.configure(customer.name, requests_per_minute=1, limit_window=0.2)
    status = [plain.get("/api/v2/tokens/me", headers=bearer(customer)).status_code for _ in range(2)]
    assert status == [200, 429]
    with httpx.Client(base_url=box.url, trust_env=False) as client:
        seen = set()
        for _ in range(200):
            seen.add(client.get("/api/v2/tokens/me", headers=bearer(customer)).status_code)
            if 200 in seen:
                break
    assert 200 in seen


def test_too_many_logins(box: Sandbox, customer: Customer, plain: httpx.Client):
    box.configure(customer.name, logins_per_minute=1)
    auth = (customer.keys["client_id"], customer.keys["client_secret"])
    answers = [plain.post("/oauth/token", data=GRANT, auth=auth) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 429]
    assert answers[1].json()["error"] == "too_many_requests" and int(answers[1].headers["retry-after"]) >= 1


def test_twilio_requests_a_second(box: Sandbox, customer: Customer, plain: httpx.Client):
    box.configure(customer.name, twilio_per_second=2)
    auth = (customer.keys["api_key_sid"], customer.keys["api_key_secret"])
    answers = [plain.get("/v1/Trunks", auth=auth) for _ in range(8)]
    refused = next(a for a in answers if a.status_code == 429)
    assert refused.json() == {
        "code": 20429,
        "message": "Too Many Requests",
        "more_info": "https://www.twilio.com/docs/errors/20429",
        "status": 429,
    }


def test_twilio_requests_at_the_same_time(box: Sandbox, customer: Customer):
    auth = (customer.keys["account_sid"], customer.keys["auth_token"])
    box.configure(customer.name, twilio_concurrent=2)
    box.faults([{"kind": "delay", "seconds": 0.4}], tenant=customer.name)

    def ask(_: int) -> httpx.Response:
        return httpx.get(f"{box.url}/v1/Trunks", auth=auth, trust_env=False)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    box.faults([], tenant=customer.name)
    assert sorted(a.status_code for a in answers) == [200, 200, 429, 429]
    assert {a.headers["twilio-concurrent-requests"] for a in answers} == {"1", "2", "3", "4"}
    assert {a.json()["code"] for a in answers if a.status_code == 429} == {20429}
    assert ask(0).status_code == 200


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"requests_per_minute": 0}, "a whole number from 1, or null"),
        ({"twilio_concurrent": "2"}, "a whole number from 1, or null"),
        ({"limit_window": -1}, "a number of seconds"),
        ({"missing_permissions": ["telephony:all"]}, "a list of these: telephony:plugin:all"),
        ({"colour": "red"}, "can't be set. Known: scenario"),
    ],
)
def test_wrong_settings(box: Sandbox, customer: Customer, setting: dict, said: str):
    with pytest.raises(SandboxError, match=said):
        box.configure(customer.name, **setting)


def test_a_missing_permission_is_named(box: Sandbox, customer: Customer):
    box.configure(customer.name, missing_permissions=["telephony:plugin:all", "directory:organization:admin"])
    with pytest.raises(ApiException) as refused:
        customer.telephony.get_telephony_providers_edges()
    assert refused.value.status == 403
    assert '"code":"missing.any.permissions"' in refused.value.body
    assert (
        "You must have at least one of the following permissions assigned: [telephony:plugin:all]"
        in refused.value.body
    )
    assert customer.locations.get_locations().entities  # reading needs none
    with pytest.raises(ApiException) as refused:
        customer.place()
    assert "[directory:organization:admin]" in refused.value.body
    box.configure(customer.name, missing_permissions=None)
    assert customer.place().id and customer.telephony.get_telephony_providers_edges().entities


def test_every_permission_guards_something():
    guarded = {permissions.needed(route) for route in ROUTER.routes}
    assert guarded >= set(permissions.KNOWN)
