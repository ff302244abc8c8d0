"""The contract: whatever the practice clouds serve is what the installed official SDKs expect, field by field.

Every served route must be an operation of an SDK, and must have been called here through it; what it answered must load with
no unknown and no wrongly typed field. Where Twilio's own OpenAPI files lie beside the project, its answers are held to them too.
"""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PureCloudPlatformClientV2 as gc
import pytest
from contract import faults, nameless, operations, twilio_keys
from practice import Customer, Loopback, StrictClient, eventually
from twilio.rest import Client

from byoc_helpers.sandbox.genesys.api import ROUTER as GENESYS
from byoc_helpers.sandbox.twilio.api import ROUTER as TWILIO

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
NUMBERS = ["+33123456789", "+33123456790"]
# Client-credentials tokens belong to no user; nobody calls in a practice cloud. Both are answered with the clouds' refusal.
REFUSED = {("GET", "/api/v2/users/me"): 400, ("GET", "/2010-04-01/Accounts/{account_sid}/Calls/{sid}.json"): 404}


class Genesys(StrictClient):
    """Notes each operation that was answered, and holds the raw answer to the SDK's types."""

    def __init__(self, host: str):
        super().__init__(host=host)
        self.answered: dict[tuple[str, str], Any] = {}
        self._under_way: tuple[str, str] = ("", "")

    def call_api(self, resource_path: str, method: str, *args: Any, **kwargs: Any) -> Any:
        self._under_way = (method, nameless(resource_path))
        answer = super().call_api(resource_path, method, *args, **kwargs)
        self.answered.setdefault(self._under_way, None)
        return answer

    def deserialize(self, response: Any, response_type: str) -> Any:
        raw = json.loads(response.data) if response.data else None
        found = list(faults(raw, response_type))
        assert not found, (self._under_way, found)
        self.answered[self._under_way] = raw
        return super().deserialize(response, response_type)


class Twilio(Loopback):
    """Notes each answer by route."""

    def __init__(self, url: str):
        super().__init__(url)
        self.answered: dict[tuple[str, str], Any] = {}
        self.last: Any = None

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        answer = super().request(method, url, *args, **kwargs)
        path = re.sub(r"^https?://[^/]+|\?.*$", "", url)
        found = TWILIO.find(path)
        assert found, path
        if answer.status_code < 300:
            self.last = json.loads(answer.text) if answer.text else None
            expected = {"DELETE": 204, "POST": (200, 201)}.get(method, 200)
            assert answer.status_code == expected or answer.status_code in (expected if isinstance(expected, tuple) else ()), (method, path)
            self.answered[method, found[0][method].path] = self.last
        return answer


@pytest.fixture(scope="module")
def world(box):
    """Both clouds after the guide's work and everything a client would do next to it."""
    customer = Customer(box, "contract", numbers=NUMBERS, region="ap-southeast-2")
    genesys, twilio = Genesys(box.url), Twilio(box.url)
    genesys.get_client_credentials_token(customer.keys["client_id"], customer.keys["client_secret"])
    customer.client, customer.telephony = genesys, gc.TelephonyProvidersEdgeApi(genesys)
    customer.locations, customer.architect, customer.users = gc.LocationsApi(genesys), gc.ArchitectApi(genesys), gc.UsersApi(genesys)
    account = Client(customer.keys["api_key_sid"], customer.keys["api_key_secret"], customer.keys["account_sid"], http_client=twilio)
    keys: dict[tuple[str, str], list[tuple[set[str], set[str]]]] = defaultdict(list)
    _genesys(customer, genesys)
    main = Client(customer.keys["account_sid"], customer.keys["auth_token"], http_client=twilio)
    _twilio(account, main, twilio, keys)
    return SimpleNamespace(genesys=genesys.answered, twilio=twilio.answered, keys=keys, customer=customer)


def _genesys(c: Customer, client: Genesys) -> None:
    t, plain = c.telephony, client.sanitize_for_serialization
    place = c.place()
    place = c.locations.patch_location(place.id, {"version": place.version, "notes": "second floor"})
    c.locations.post_locations_search({"query": [{"fields": ["name"], "value": "Paris", "type": "EXACT"}]})
    eventually(lambda: c.locations.get_location(place.id).address_verified)
    site = c.site(location=place.id)
    site = t.put_telephony_providers_edges_site(site.id, {**plain(site), "description": "by the contract"})
    t.post_telephony_providers_edges_sites_search({"query": [{"fields": ["name"], "value": "Paris", "type": "CONTAINS"}]})
    eventually(lambda: {"intraCountryCode", "interCountryCode"} <= {p.match_type for p in t.get_telephony_providers_edges_site_numberplans(site.id)})
    plans = t.get_telephony_providers_edges_site_numberplans(site.id)
    t.put_telephony_providers_edges_site_numberplans(site.id, plain(plans))
    eventually(lambda: t.get_telephony_providers_edges_site_outboundroutes(site.id).entities)
    base = c.trunk()
    base = t.put_telephony_providers_edges_trunkbasesetting(base.id, {**plain(base), "description": "by the contract"})
    t.post_telephony_providers_edges_trunkbasesettings_search({"query": [{"fields": ["name"], "value": "Twilio", "type": "EXACT"}]})
    default = t.get_telephony_providers_edges_site_outboundroutes(site.id).entities[0]
    t.put_telephony_providers_edges_site_outboundroute(site.id, default.id, {**plain(default), "classificationTypes": ["Emergency"]})
    route = t.post_telephony_providers_edges_site_outboundroutes(
        site.id, {"name": "Twilio", "classificationTypes": ["National"], "externalTrunkBases": [{"id": base.id}]})
    pool = t.post_telephony_providers_edges_didpools({"name": "p", "startPhoneNumber": NUMBERS[0], "endPhoneNumber": NUMBERS[1]})
    pool = t.put_telephony_providers_edges_didpool(pool.id, {**plain(pool), "comments": "by the contract"})
    user = c.users.post_users({"name": "Zoë Miller", "email": "zoe@example.com", "password": "never kept"})
    c.users.patch_user(user.id, {"version": user.version, "addresses": [{"address": NUMBERS[0], "mediaType": "PHONE", "type": "WORK"}]})
    c.users.post_users_search({"query": [{"fields": ["email"], "value": "zoe@example.com", "type": "EXACT"}]})
    ivr = c.architect.post_architect_ivrs({"name": "Reception", "dnis": [NUMBERS[1]]})
    ivr = c.architect.put_architect_ivr(ivr.id, {**plain(ivr), "description": "by the contract"})
    group = t.post_telephony_providers_edges_edgegroups({"name": "Group", "phoneTrunkBases": []})
    group = t.put_telephony_providers_edges_edgegroup(
        group.id, {**plain(group), "description": "by the contract", "phoneTrunkBases": [{"id": base.id}]})
    held = t.get_telephony_providers_edges_edgegroup_edgetrunkbase(group.id, base.id)
    t.put_telephony_providers_edges_edgegroup_edgetrunkbase(group.id, base.id, plain(held))
    t.post_telephony_providers_edges_trunks_search({"query": [{"fields": ["name"], "value": "Twilio", "type": "EXACT"}]})
    organization = gc.OrganizationApi(client)
    organization.put_organizations_me(body=plain(organization.get_organizations_me()))

    line = eventually(lambda: t.get_telephony_providers_edges_trunks().entities)[0]
    ids = {
        "site_id": site.id, "location_id": place.id, "trunk_base_settings_id": base.id, "outbound_route_id": route.id, "user_id": user.id,
        "edgegroup_id": group.id, "edgetrunkbase_id": base.id, "trunk_ids": line.id, "did_pool_id": pool.id, "ivr_id": ivr.id, "edge_group_id": group.id, "trunk_id": line.id, "number_plan_id": plans[0].id,
        "edge_id": t.get_telephony_providers_edges().entities[0].id, "flow_id": c.architect.get_flows().entities[0].id,
        "division_id": user.division.id, "did_id": t.get_telephony_providers_edges_dids().entities[0].id,
        "trunk_metabase_id": "external_sip_pcv_byoc_carrier.json", "type": "ASSIGNED_AND_UNASSIGNED", "number": NUMBERS[0],
        "q64": "eyJxdWVyeSI6W3sidHlwZSI6IkVYQUNUIiwiZmllbGRzIjpbIm5hbWUiXSwidmFsdWUiOiJQYXJpcyJ9XX0=",
    }
    reading = [r for r in GENESYS.routes if r.method in ("GET", "HEAD") and (r.method, r.path) not in REFUSED]
    for route_ in reading:
        operation = operations()[route_.method, nameless(route_.path)]
        call = getattr(getattr(gc, operation.api)(client), operation.name)
        call(*(ids[a.partition(":")[0]] for a in operation.required))

    t.delete_telephony_providers_edges_edgegroup(group.id)
    c.architect.delete_architect_ivr(ivr.id)
    c.users.delete_user(user.id)
    t.delete_telephony_providers_edges_didpool(pool.id)
    t.delete_telephony_providers_edges_site_outboundroute(site.id, route.id)
    t.delete_telephony_providers_edges_trunkbasesetting(base.id)
    t.delete_telephony_providers_edges_site(site.id)
    c.locations.delete_location(place.id)
    gc.TokensApi(client).delete_tokens_me()


def _twilio(account: Client, main: Client, wire: Twilio, keys: Any) -> None:
    def look(instance: Any, payload: Any = None) -> Any:
        """Compare the keys of an answer with those the SDK's class reads."""
        payload = wire.last if payload is None else payload
        keys[type(instance).__name__, type(instance).__module__].append((twilio_keys(instance, payload), set(payload)))
        return instance

    def pages(here: Any) -> list[Any]:
        """Every entry, a page at a time, followed to the last one."""
        page, found = here.page(page_size=1), []
        while page is not None:
            answer = wire.last
            listed = answer[answer.get("meta", {}).get("key") or next(k for k, v in answer.items() if isinstance(v, list))]
            found += [look(one, raw) for one, raw in zip(list(page), listed, strict=True)]
            page = page.next_page()
        return found

    def kind(here: Any, change: dict[str, Any], *made: dict[str, Any]) -> Any:
        """Create, fetch, change (by POST), list; returns what was created."""
        new = [look(here.create(**one)) for one in made]
        for one in new:
            look(here(one.sid).fetch())
        if change:
            look(here(new[0].sid).update(**change))
        assert {one.sid for one in new} <= {one.sid for one in pages(here)}
        return new

    sip, trunks = account.sip, account.trunking.v1.trunks
    acls = kind(sip.ip_access_control_lists, {"friendly_name": "renamed"}, {"friendly_name": "a"})
    kind(sip.ip_access_control_lists(acls[0].sid).ip_addresses, {"friendly_name": "renamed"},
         {"friendly_name": "x", "ip_address": "203.0.113.1", "cidr_prefix_length": 30}, {"friendly_name": "y", "ip_address": "203.0.113.9"})
    lists = kind(sip.credential_lists, {"friendly_name": "renamed"}, {"friendly_name": "c"})
    kind(sip.credential_lists(lists[0].sid).credentials, {"password": "Another1Password"},
         {"username": "one", "password": "Sufficient1Password"}, {"username": "two", "password": "Sufficient1Password"})
    (trunk,) = kind(trunks, {"friendly_name": "renamed"}, {"friendly_name": "t", "domain_name": "contract-world.pstn.twilio.com"})
    here = trunks(trunk.sid)
    look(here.recordings().fetch())
    look(here.recordings().update(mode="record-from-answer"))
    urls = kind(here.origination_urls, {"weight": 5}, {"weight": 1, "priority": 1, "enabled": True, "friendly_name": "u", "sip_url": "sip:a.example.com"},
                {"weight": 1, "priority": 2, "enabled": True, "friendly_name": "v", "sip_url": "sip:b.example.com"})
    kind(here.ip_access_control_lists, {}, {"ip_access_control_list_sid": acls[0].sid})
    kind(here.credentials_lists, {}, {"credential_list_sid": lists[0].sid})
    numbers = account.incoming_phone_numbers
    owned = pages(numbers)
    bought = look(numbers.create(phone_number="+33644600042"))
    look(numbers(bought.sid).fetch())
    look(numbers(bought.sid).update(friendly_name="renamed"))
    for some in (numbers.local, numbers.mobile, numbers.toll_free):
        pages(some)
    kind(here.phone_numbers, {}, {"phone_number_sid": owned[0].sid})
    look(main.api.v2010.accounts(account.account_sid).fetch())  # an API key may not
    assert account.calls.list() == []

    here.phone_numbers(owned[0].sid).delete()
    here.credentials_lists(lists[0].sid).delete()
    here.ip_access_control_lists(acls[0].sid).delete()
    here.origination_urls(urls[0].sid).delete()
    here.delete()
    numbers(bought.sid).delete()
    for users in sip.credential_lists(lists[0].sid).credentials.list():
        users.delete()
    for address in sip.ip_access_control_lists(acls[0].sid).ip_addresses.list():
        address.delete()
    sip.credential_lists(lists[0].sid).delete()
    sip.ip_access_control_lists(acls[0].sid).delete()


def test_every_served_route_is_an_operation_of_the_sdk():
    unknown = [f"{r.method} {r.path}" for r in GENESYS.routes if (r.method, nameless(r.path)) not in operations()]
    assert not unknown


def test_every_served_route_was_called_through_the_sdk_and_answered_as_it_expects(world):
    missing = [f"{r.method} {r.path}" for r in GENESYS.routes
               if (r.method, nameless(r.path)) not in world.genesys and (r.method, r.path) not in REFUSED]
    missing += [f"{r.method} {r.path}" for r in TWILIO.routes if (r.method, r.path) not in world.twilio and (r.method, r.path) not in REFUSED]
    assert not missing


def test_what_cannot_be_answered_is_refused_as_the_cloud_does(make):
    customer = make()
    with pytest.raises(gc.rest.ApiException) as genesys:
        customer.users.get_users_me()
    assert genesys.value.status == REFUSED["GET", "/api/v2/users/me"]
    with pytest.raises(Exception, match=r"20404|not found"):
        customer.twilio.calls("CA" + "0" * 32).fetch()


def test_twilios_answers_hold_exactly_what_its_sdk_reads(world):
    wrong = {name: (sorted(read - held), sorted(held - read)) for (name, _), seen in world.keys.items() for read, held in seen if read != held}
    assert len(world.keys) >= 13
    assert not wrong


def _values(value: Any, key: str = ""):
    if isinstance(value, dict):
        for k, v in value.items():
            yield from _values(v, k)
    elif isinstance(value, list):
        for v in value:
            yield from _values(v, key)
    else:
        yield key, value


def test_twilios_ids_and_dates_are_of_the_right_form(world):
    old = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000")
    new = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    prefixes = {"account_sid": "AC", "owner_account_sid": "AC", "trunk_sid": "TK", "ip_access_control_list_sid": "AL", "credential_list_sid": "CL"}
    seen = 0
    for (_, path), answer in world.twilio.items():
        for key, value in _values(answer):
            if value is None:
                continue
            if key == "sid" or (key.endswith("_sid") and value):
                assert re.fullmatch(r"[A-Z]{2}[0-9a-f]{32}", value), (path, key, value)
                assert value.startswith(prefixes.get(key, value[:2])), (path, key, value)
                seen += 1
            if key in ("date_created", "date_updated"):
                assert (new if path.startswith("/v1") else old).fullmatch(value), (path, key, value)
                seen += 1
    assert seen > 100


def test_a_renamed_field_is_noticed(world):
    """Rename or retype any one field of any answer, and the contract is broken: so the tests above can fail."""
    tried = 0
    for (method, path), answer in world.genesys.items():
        kind = operations()[method, path].answer
        if not isinstance(answer, dict) or kind in (None, "object"):
            continue
        assert not list(faults(answer, kind))
        for key in answer:
            spoilt = copy.deepcopy(answer)
            spoilt[f"{key}X"] = spoilt.pop(key)
            assert list(faults(spoilt, kind)), (method, path, key)
            tried += 1
            if isinstance(answer[key], str):
                assert list(faults({**answer, key: 5}, kind)), (method, path, key)
    assert tried > 300


@pytest.mark.parametrize("route", [r for r in GENESYS.routes if r.method == "GET" and "{" not in r.path], ids=lambda r: r.path)
def test_every_filter_of_the_sdk_is_answered(route, customer):
    """A 2xx, or the cloud's own 400; never a 500."""
    import httpx

    operation = operations()[route.method, nameless(route.path)]
    headers = {"Authorization": f"Bearer {customer.client.access_token}"}
    with httpx.Client(base_url=customer.box.url, trust_env=False, headers=headers) as client:
        for name in operation.query:
            for value in ("name", "2", "*", "true", ""):
                answer = client.get(route.path, params={name: value})
                assert answer.status_code in (200, 400, 404), (name, value, answer.text)
                assert answer.json() is not None


# ---------------------------------------------------------------- Twilio's own OpenAPI files, where they are


def _spec(path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The OpenAPI document that describes a path, and the path's item."""
    for file in sorted(SPECS.glob("*.json")):
        document = json.loads(file.read_text("utf-8"))
        for known, item in document["paths"].items():
            if nameless(known) == nameless(path):
                return document, item
    return None


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema


@pytest.mark.skipif(not SPECS.exists(), reason="Twilio's OpenAPI files are not here")
def test_twilios_answers_are_those_of_its_openapi_files(world):
    from openapi_schema_validator import OAS30Validator

    wrong, held = {}, 0
    for (method, path), answer in world.twilio.items():
        found = _spec(path)
        assert found, f"no specification of {path}"
        document, item = found
        operation = item[method.lower()]
        responses = {code: r for code, r in operation["responses"].items() if code.startswith("2")}
        if method == "DELETE":
            assert "204" in responses, path
            continue
        (schema,) = [r["content"]["application/json"]["schema"] for r in responses.values()]
        validator = OAS30Validator({**_resolved(document, schema), "components": document["components"]})
        problems = [e.message for e in validator.iter_errors(answer)]
        properties = set(_resolved(document, schema).get("properties", {}))
        if properties != set(answer):
            problems.append(f"keys: lacks {sorted(properties - set(answer))}, unknown {sorted(set(answer) - properties)}")
        if problems:
            wrong[method, path] = problems
        held += 1
    assert held > 25
    assert wrong == {}
