"""Random sequences of right and wrong calls, with the official SDKs, by two customers of one sandbox.

Each call is either carried out or refused as RULES.md says; after each step the invariants below are checked on what
the actor's cloud lists. The ordinary run is small and always the same. A long one, different each time:

    BYOC_PROPERTIES=1000 pytest tests/sandbox/test_properties.py    # a thousand sequences, about half an hour
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from practice import Customer
from PureCloudPlatformClientV2.rest import ApiException
from rules_source import origins
from rules_table import Answer, said
from twilio.base.exceptions import TwilioException
from twilio.base.values import unset

from byoc_helpers.sandbox import Sandbox

LONG = int(os.environ.get("BYOC_PROPERTIES", "0"))
COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
    "print_blob": True,
}
ORDINARY = settings(
    max_examples=10, stateful_step_count=40, derandomize=True, phases=(Phase.generate, Phase.shrink), **COMMON
)
CHOSEN = settings(max_examples=LONG, stateful_step_count=80, **COMMON) if LONG else ORDINARY

EDGES = "/api/v2/telephony/providers/edges"
GENESYS = {
    "Location": "/api/v2/locations",
    "Site": f"{EDGES}/sites",
    "OutboundRoute": f"{EDGES}/outboundroutes",
    "TrunkBase": f"{EDGES}/trunkbasesettings",
    "Trunk": f"{EDGES}/trunks",
    "EdgeGroup": f"{EDGES}/edgegroups",
    "DIDPool": f"{EDGES}/didpools",
    "DID": f"{EDGES}/dids",
    "IVR": "/api/v2/architect/ivrs",
    "User": "/api/v2/users",
    "Edge": EDGES,
    "Flow": "/api/v2/flows",
}
# Kind: path below the account or trunk, key of its listing, kind it hangs under
TWILIO = {
    "TK": ("/v1/Trunks", "trunks", ""),
    "AL": ("/2010-04-01/Accounts/{account}/SIP/IpAccessControlLists.json", "ip_access_control_lists", ""),
    "CL": ("/2010-04-01/Accounts/{account}/SIP/CredentialLists.json", "credential_lists", ""),
    "PN": ("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", "incoming_phone_numbers", ""),
    "IP": ("/2010-04-01/Accounts/{account}/SIP/IpAccessControlLists/{sid}/IpAddresses.json", "ip_addresses", "AL"),
    "CR": ("/2010-04-01/Accounts/{account}/SIP/CredentialLists/{sid}/Credentials.json", "credentials", "CL"),
    "OU": ("/v1/Trunks/{sid}/OriginationUrls", "origination_urls", "TK"),
    "TK-AL": ("/v1/Trunks/{sid}/IpAccessControlLists", "ip_access_control_lists", "TK"),
    "TK-CL": ("/v1/Trunks/{sid}/CredentialLists", "credential_lists", "TK"),
    "TK-PN": ("/v1/Trunks/{sid}/PhoneNumbers", "phone_numbers", "TK"),
}
NOT_OURS = ("division", "trunkMetabase", "createdBy", "modifiedBy", "publishedVersion", "savedVersion")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b(?:TK|AL|CL|PN|IP|CR|OU)[0-9a-f]{32}\b")

Object = dict[str, Any]
runs = itertools.count(1)

who = st.integers(0, 1)
nth = st.integers(0, 11)
names = st.sampled_from(["A", "a", "B", "C* %_", "Straße", "<b>ü</b>", "n" * 65, "n" * 300, "", " "])
labels = st.sampled_from(["one", "ONE", "two", "x.one", "x.two", "y.x.one", "bad_", ""])
identifiers = st.sampled_from(["", "north", "North", "south", "two words"])
offsets = st.integers(-1, 12)
versions = st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1, None, "x", 10**30])
odd = st.sampled_from(
    [None, True, 0, -1, 10**30, 1.5, float("nan"), "", "x", "\ud800", "\x00", "*", [], [None], ["x"], [{}], {}, {"id": None},
     {"id": {}}, [{"id": 5}], [{"id": "nothing"}], "99999999999999999999"]
)  # fmt: skip
# Now and then one field of an otherwise good body is not what it should be.
twists = st.one_of(st.none(), st.none(), st.none(), st.tuples(nth, odd))


def number(offset: int) -> str:
    """One of a few neighbouring numbers; -1 is none."""
    return "0123" if offset < 0 else f"+331234567{offset:02}"


def fold(text: str | None) -> str:
    return (text or "").casefold()


def nested(thing: Any, key: str = "") -> Iterator[str]:
    """The ids of the objects that an object refers to."""
    if isinstance(thing, list):
        for item in thing:
            yield from nested(item, key)
    elif isinstance(thing, dict) and key not in NOT_OURS:
        if key and "id" in thing:
            yield thing["id"]
        for name, value in thing.items():
            yield from nested(value, name)


class Tenant:
    """A customer, and what its two clouds listed last."""

    def __init__(self, box: Sandbox, name: str):
        self.c = Customer(box, name, region="eu-west-2", numbers=[number(0), number(1)])
        self.http = httpx.Client(base_url=box.url, trust_env=False)
        self.bearer = {"Authorization": f"Bearer {self.c.client.access_token}"}
        self.key = httpx.BasicAuth(self.c.keys["api_key_sid"], self.c.keys["api_key_secret"])
        self.seen: dict[str, dict[str, list[Object]]] = {}
        self.text = {"genesys": "", "twilio": ""}
        self.versions: dict[str, int] = {}
        for cloud in ("genesys", "twilio"):
            self.look(cloud)

    def all(self, kind: str) -> list[Object]:
        return self.seen["twilio" if kind in TWILIO else "genesys"][kind]

    def ids(self) -> set[str]:
        """Of everything it has; an association has the id of what it attaches."""
        return {o.get("id") or o["sid"] for cloud in self.seen.values() for objects in cloud.values() for o in objects}

    def look(self, cloud: str) -> None:
        self.seen[cloud], texts = {}, []
        if cloud == "genesys":
            for kind, path in GENESYS.items():
                answer = self.http.get(path, params={"pageSize": 500}, headers=self.bearer)
                texts.append(answer.text)
                self.seen[cloud][kind] = answer.json()["entities"]
            self.seen[cloud]["NumberPlan"] = []
            for site in self.seen[cloud]["Site"]:
                answer = self.http.get(f"{EDGES}/sites/{site['id']}/numberplans", headers=self.bearer)
                texts.append(answer.text)
                self.seen[cloud]["NumberPlan"] += [{**p, "_site": site["id"]} for p in answer.json()]
        else:
            for kind, (path, key, above) in TWILIO.items():
                self.seen[cloud][kind] = []
                for sid in [o["sid"] for o in self.seen[cloud][above]] if above else [""]:
                    place = path.format(account=self.c.keys["account_sid"], sid=sid)
                    answer = self.http.get(place, params={"PageSize": 500}, auth=self.key)
                    texts.append(answer.text)
                    self.seen[cloud][kind] += [{**o, "_above": sid} for o in answer.json()[key]]
        self.text[cloud] = "".join(texts)


class Clouds(RuleBasedStateMachine):
    """Two tenants, in one region, and everything an admin of either may try."""

    def __init__(self, box: Sandbox):
        super().__init__()
        self.run = f"run{next(runs)}"
        self.tenants = [Tenant(box, f"{self.run}-{n}") for n in "ab"]
        self.domains: set[str] = set()
        self.turn = 0

    def teardown(self) -> None:
        """What one tenant did has changed nothing for the other."""
        for tenant in self.tenants:
            for cloud in ("genesys", "twilio"):
                before = tenant.seen[cloud]
                tenant.look(cloud)
                assert tenant.seen[cloud] == before
            tenant.http.close()

    # one call, and what must hold after it

    def do(self, t: int, cloud: str, call: Callable[[], Any], touched: tuple[str, ...] = ()) -> None:
        """Make a call as tenant t; `touched`: ids it is about. Refusals must be justified, and change nothing."""
        tenant, other = self.tenants[t], self.tenants[1 - t]
        before = tenant.seen[cloud]
        refusal = None
        try:
            call()
        except (ApiException, TwilioException) as error:
            refusal = said(error)
        tenant.look(cloud)
        if refusal:
            assert refusal.status < 500 and origins(refusal), refusal
            assert tenant.seen[cloud] == before, refusal
            self.justify(tenant, other, refusal, touched)
        else:
            assert not set(touched) & other.ids()
        self.check(tenant, other, cloud)

    def justify(self, tenant: Tenant, other: Tenant, refusal: Answer, touched: tuple[str, ...]) -> None:
        """A refusal that says that something exists is right about that."""

        def told(pattern: str) -> re.Match[str] | None:
            return re.fullmatch(pattern, refusal.text, re.DOTALL)

        if hit := told("Trunk Domain already taken: (.*)"):
            assert fold(hit[1]) in self.domains
        elif hit := told(".* another trunk of this account has the domain (.*)"):
            assert fold(hit[1]) in {fold(x["domain_name"]) for x in tenant.all("TK")}
        elif hit := told("(IP|Credential).* FriendlyName (.*) already exists"):
            kind = "AL" if hit[1] == "IP" else "CL"
            assert fold(hit[2]) in {fold(x["friendly_name"]) for x in tenant.all(kind)}
        elif hit := told("The inbound SIP termination identifier '(.*)' is already in use."):
            assert fold(hit[1]) in {fold(i) for x in (tenant, other) for i in identifiers_of(x)}
        elif hit := told("DID (.*) is already assigned to (.*)."):
            assert hit[1] in {d["phoneNumber"] for d in tenant.all("DID")}
        elif hit := told("The DID range overlaps the pool (.*) - (.*)."):
            assert hit.groups() in {(p["startPhoneNumber"], p["endPhoneNumber"]) for p in tenant.all("DIDPool")}
        elif hit := told("Emergency number '(.*)' is already in use by location '(.*)'."):
            assert (hit[1], hit[2]) in {(x.get("emergencyNumber", {}).get("e164"), x["name"]) for x in tenant.all("Location")}
        elif hit := told("(Site|Location|TrunkBase|IVR|EdgeGroup|OutboundRoute) with name '(.*)' already exists."):
            assert fold(hit[2]) in {fold(x["name"]) for x in tenant.all(hit[1])}
        elif hit := told("Classification '(.*)' is already used by outbound route '(.*)' of this site."):
            assert any(x["name"] == hit[2] and hit[1] in x["classificationTypes"] for x in tenant.all("OutboundRoute"))
        elif "is in use by" in refusal.text:
            assert set(touched) & (set(references(tenant)) | {x["sid"] for k in ("TK-AL", "TK-CL") for x in tenant.all(k)})

    def check(self, tenant: Tenant, other: Tenant, cloud: str) -> None:
        strangers = set(ID.findall(tenant.text[cloud])) & other.ids()
        assert not strangers, "another tenant's objects are seen"
        if cloud == "genesys":
            self.check_genesys(tenant, other)
        else:
            self.check_twilio(tenant, other)
        self.turn += 1
        pages = list((GENESYS_PAGES if cloud == "genesys" else TWILIO_PAGES).items())
        kind, read = pages[self.turn % len(pages)]
        found = read(tenant.c)
        assert len(found) == len(set(found)) and set(found) == {x.get("id") or x["sid"] for x in tenant.all(kind)}, kind

    def check_genesys(self, tenant: Tenant, other: Tenant) -> None:
        for kind in ("Location", "Site", "TrunkBase", "IVR", "EdgeGroup"):
            once(fold(x["name"]) for x in tenant.all(kind))
        once((x["site"]["id"], fold(x["name"])) for x in tenant.all("OutboundRoute"))
        once((x["_site"], fold(x["name"])) for x in tenant.all("NumberPlan"))
        once((x["site"]["id"], c) for x in tenant.all("OutboundRoute") for c in set(x["classificationTypes"]))
        once(fold(i) for one in (tenant, other) for i in identifiers_of(one))
        once(x["emergencyNumber"]["e164"] for x in tenant.all("Location") if x.get("emergencyNumber"))
        once(n for p in tenant.all("DIDPool") for n in range(int(p["startPhoneNumber"]), int(p["endPhoneNumber"]) + 1))
        dids = tenant.all("DID")
        once(d["phoneNumber"] for d in dids)
        pools = {p["id"]: p for p in tenant.all("DIDPool")}
        owners = {x["id"]: x for kind in ("IVR", "User") for x in tenant.all(kind)}
        for did in dids:
            within, owner = pools[did["didPool"]["id"]], owners[did["owner"]["id"]]
            assert within["startPhoneNumber"] <= did["phoneNumber"] <= within["endPhoneNumber"]
            assert did["phoneNumber"] in [*owner.get("dnis", []), *(a.get("address") for a in owner.get("addresses", []))]
        assert {n for x in tenant.all("IVR") for n in x["dnis"]} <= {d["phoneNumber"] for d in dids}
        known = {p["classification"] for p in tenant.all("NumberPlan")}
        assert {c for x in tenant.all("OutboundRoute") for c in x["classificationTypes"]} <= known
        assert set(references(tenant)) <= tenant.ids() | {""}, "a reference to nothing"
        for kind, objects in tenant.seen["genesys"].items():
            for x in objects:
                if "version" in x:
                    assert x["version"] >= tenant.versions.get(x["id"], 1), kind
                    tenant.versions[x["id"]] = x["version"]

    def check_twilio(self, tenant: Tenant, other: Tenant) -> None:
        held = [fold(x["domain_name"]) for one in (tenant, other) for x in one.all("TK") if x["domain_name"]]
        once(held)
        self.domains |= set(held)
        for domain in held:
            assert domain.count(".") == 3 or domain.partition(".")[2] in held, "a sub-domain without its parent"
        once(fold(x["friendly_name"]) for x in tenant.all("AL"))
        once(fold(x["friendly_name"]) for x in tenant.all("CL"))
        once((x["_above"], fold(x["friendly_name"])) for x in tenant.all("IP"))
        once((x["_above"], x["ip_address"], x["cidr_prefix_length"]) for x in tenant.all("IP"))
        once((x["_above"], fold(x["username"])) for x in tenant.all("CR"))
        for kind in ("TK-AL", "TK-CL"):
            once((x["_above"], x["sid"]) for x in tenant.all(kind))
            assert {x["sid"] for x in tenant.all(kind)} <= {x["sid"] for x in tenant.all(kind[3:])}
        once(x["phone_number"] for x in tenant.all("PN"))
        once(x["sid"] for x in tenant.all("TK-PN"))
        on_trunks = {(x["sid"], x["_above"]) for x in tenant.all("TK-PN")}
        assert on_trunks == {(x["sid"], x["trunk_sid"]) for x in tenant.all("PN") if x["trunk_sid"]}
        for trunk in tenant.all("TK"):
            words = [w for w, k in (("IP_ACL", "TK-AL"), ("CREDENTIAL_LIST", "TK-CL"))
                     if any(x["_above"] == trunk["sid"] for x in tenant.all(k))]  # fmt: skip
            assert trunk["auth_type_set"] == words and trunk["auth_type"] == ",".join(words)

    # choosing

    def some(self, t: int, kind: str, n: int) -> Object:
        """An object of the tenant's own, now and then another tenant's or none at all."""
        own, others = self.tenants[t].all(kind), self.tenants[1 - t].all(kind)
        nothing = {"id": "nothing", "sid": "TK" + "0" * 32, "name": "", "version": 1, "_above": "TK" + "0" * 32}
        choice = [*(own * 4), *others[:1], nothing]
        return choice[n % len(choice)]

    @staticmethod
    def twisted(body: Object, twist: tuple[int, Any] | None) -> Object:
        if twist is None:
            return body
        key = sorted(body)[twist[0] % len(body)]
        return {**body, key: twist[1]}

    @staticmethod
    def at(thing: Object, version: Any) -> Any:
        return thing.get("version", 1) + version if type(version) is int else version

    @initialize(slow=st.booleans())
    def begin(self, slow: bool) -> None:
        """Nothing here depends on the time it takes: what comes late comes at once, or (second tenant) never."""
        for tenant, seconds in zip(self.tenants, (0, 9_000 if slow else 0), strict=True):
            tenant.c.box.configure(tenant.c.name, late_seconds=seconds)

    # Twilio

    def domain(self, label: str) -> str:
        return f"{label}-{self.run}.pstn.twilio.com" if label else "bare"

    @rule(t=who, name=names, label=labels)
    def make_trunk(self, t: int, name: str, label: str) -> None:
        c = self.tenants[t].c
        self.do(t, "twilio", lambda: c.trunking.trunks.create(friendly_name=name, domain_name=self.domain(label)))

    @rule(t=who, n=nth, name=names, label=labels, mode=st.sampled_from(["disable-all", "sip-only", "x"]))
    def change_trunk(self, t: int, n: int, name: str, label: str, mode: str) -> None:
        c, sid = self.tenants[t].c, self.some(t, "TK", n)["sid"]
        changes = {"friendly_name": name, "domain_name": self.domain(label) if label else unset, "transfer_mode": mode}
        self.do(t, "twilio", lambda: c.trunking.trunks(sid).update(**changes), (sid,))

    @rule(t=who, n=nth)
    def delete_trunk(self, t: int, n: int) -> None:
        c, sid = self.tenants[t].c, self.some(t, "TK", n)["sid"]
        self.do(t, "twilio", lambda: c.trunking.trunks(sid).delete(), (sid,))

    @rule(t=who, kind=st.sampled_from(["AL", "CL"]), n=st.none() | nth, name=names)
    def name_list(self, t: int, kind: str, n: int | None, name: str) -> None:
        c = self.tenants[t].c
        lists = c.sip.ip_access_control_lists if kind == "AL" else c.sip.credential_lists
        if n is None:
            self.do(t, "twilio", lambda: lists.create(name))
        else:
            sid = self.some(t, kind, n)["sid"]
            self.do(t, "twilio", lambda: lists(sid).update(name), (sid,))

    @rule(t=who, kind=st.sampled_from(["AL", "CL"]), n=nth)
    def delete_list(self, t: int, kind: str, n: int) -> None:
        c, sid = self.tenants[t].c, self.some(t, kind, n)["sid"]
        lists = c.sip.ip_access_control_lists if kind == "AL" else c.sip.credential_lists
        self.do(t, "twilio", lambda: lists(sid).delete(), (sid,))

    @rule(
        t=who, n=nth, m=st.none() | nth, name=names, last=st.sampled_from(["1", "2", "300", "x", "1 "]),
        prefix=st.sampled_from([0, 30, 32, 33, -1]),
    )  # fmt: skip
    def put_address(self, t: int, n: int, m: int | None, name: str, last: str, prefix: int) -> None:
        c, fields = self.tenants[t].c, {"ip_address": f"192.0.2.{last}", "cidr_prefix_length": prefix, "friendly_name": name}
        if m is None:
            sid = self.some(t, "AL", n)["sid"]
            self.do(t, "twilio", lambda: c.sip.ip_access_control_lists(sid).ip_addresses.create(**fields), (sid,))
        else:
            held = self.some(t, "IP", m)
            here = c.sip.ip_access_control_lists(held["_above"]).ip_addresses(held["sid"])
            self.do(t, "twilio", lambda: here.update(**fields), (held["sid"],))

    @rule(t=who, n=nth, user=names, password=st.sampled_from(["Practice2026Pass", "weak", "Prâctice2026Pass"]))
    def add_credential(self, t: int, n: int, user: str, password: str) -> None:
        c, sid = self.tenants[t].c, self.some(t, "CL", n)["sid"]
        self.do(t, "twilio", lambda: c.sip.credential_lists(sid).credentials.create(user, password), (sid,))

    @rule(t=who, kind=st.sampled_from(["IP", "CR", "OU"]), n=nth)
    def delete_entry(self, t: int, kind: str, n: int) -> None:
        c, held = self.tenants[t].c, self.some(t, kind, n)
        above = {
            "IP": lambda: c.sip.ip_access_control_lists(held["_above"]).ip_addresses,
            "CR": lambda: c.sip.credential_lists(held["_above"]).credentials,
            "OU": lambda: c.trunking.trunks(held["_above"]).origination_urls,
        }[kind]()
        self.do(t, "twilio", lambda: above(held["sid"]).delete(), (held["sid"],))

    @rule(
        t=who, n=nth, m=st.none() | nth, name=names, weight=st.sampled_from([0, 10, 65_535, 65_536, -1]),
        url=st.sampled_from(["sip:sbc.example.com", "sip:u@192.0.2.1:5061;transport=tls", "x", "", "sip:a.sip.twilio.com"]),
    )  # fmt: skip
    def put_url(self, t: int, n: int, m: int | None, name: str, weight: int, url: str) -> None:
        c = self.tenants[t].c
        fields = {"weight": weight, "priority": 10, "enabled": True, "friendly_name": name, "sip_url": url}
        if m is None:
            sid = self.some(t, "TK", n)["sid"]
            self.do(t, "twilio", lambda: c.trunking.trunks(sid).origination_urls.create(**fields), (sid,))
        else:
            held = self.some(t, "OU", m)
            here = c.trunking.trunks(held["_above"]).origination_urls(held["sid"])
            self.do(t, "twilio", lambda: here.update(**fields), (held["sid"],))

    @rule(t=who, n=nth, kind=st.sampled_from(["AL", "CL", "PN"]), m=nth)
    def attach(self, t: int, n: int, kind: str, m: int) -> None:
        sid, what = self.some(t, "TK", n)["sid"], self.some(t, kind, m)["sid"]
        self.do(t, "twilio", lambda: self.on_trunk(t, sid, kind).create(what), (sid, what))

    @rule(t=who, kind=st.sampled_from(["AL", "CL", "PN"]), n=nth)
    def detach(self, t: int, kind: str, n: int) -> None:
        held = self.some(t, f"TK-{kind}", n)
        self.do(t, "twilio", lambda: self.on_trunk(t, held["_above"], kind)(held["sid"]).delete(), (held["sid"],))

    def on_trunk(self, t: int, sid: str, kind: str) -> Any:
        here = self.tenants[t].c.trunking.trunks(sid)
        return {"AL": here.ip_access_control_lists, "CL": here.credentials_lists, "PN": here.phone_numbers}[kind]

    @rule(t=who, offset=offsets)
    def buy_number(self, t: int, offset: int) -> None:
        c = self.tenants[t].c
        self.do(t, "twilio", lambda: c.twilio.incoming_phone_numbers.create(phone_number=number(offset)))

    @rule(t=who, n=nth, m=st.none() | nth, name=names)
    def change_number(self, t: int, n: int, m: int | None, name: str) -> None:
        c, sid = self.tenants[t].c, self.some(t, "PN", n)["sid"]
        trunk = "" if m is None else self.some(t, "TK", m)["sid"]
        here = c.twilio.incoming_phone_numbers(sid)
        self.do(t, "twilio", lambda: here.update(trunk_sid=trunk, friendly_name=name), (sid, *filter(None, [trunk])))

    @rule(t=who, n=nth)
    def release_number(self, t: int, n: int) -> None:
        c, sid = self.tenants[t].c, self.some(t, "PN", n)["sid"]
        self.do(t, "twilio", lambda: c.twilio.incoming_phone_numbers(sid).delete(), (sid,))

    # Genesys Cloud

    @rule(t=who, name=names, offset=st.none() | offsets, n=st.none() | nth, street=st.sampled_from(["1 A", "1 Nowhere"]), twist=twists)
    def make_location(self, t: int, name: str, offset: int | None, n: int | None, street: str, twist: Any) -> None:
        address = {"street1": street, "city": "Paris", "zipcode": "75001", "country": "FR"}
        body: Object = {"name": name, "address": address}
        if offset is not None:
            body["emergencyNumber"] = {"number": number(offset), "type": "default"}
        if n is not None:
            body["path"] = [self.some(t, "Location", n)["id"]]
        self.do(t, "genesys", lambda: self.tenants[t].c.locations.post_locations(self.twisted(body, twist)))

    @rule(t=who, n=nth, name=names, offset=st.none() | offsets, m=st.none() | nth, version=versions, twist=twists)
    def change_location(
        self, t: int, n: int, name: str, offset: int | None, m: int | None, version: Any, twist: Any
    ) -> None:
        held = self.some(t, "Location", n)
        body: Object = {"name": name, "version": self.at(held, version)}
        if offset is not None:
            body["emergencyNumber"] = {"number": number(offset), "type": "default"}
        if m is not None:
            body["path"] = [self.some(t, "Location", m)["id"]]
        api = self.tenants[t].c.locations
        self.do(t, "genesys", lambda: api.patch_location(held["id"], self.twisted(body, twist)), (held["id"],))

    @rule(t=who, name=names, n=nth, m=st.none() | nth, twist=twists)
    def make_site(self, t: int, name: str, n: int, m: int | None, twist: Any) -> None:
        body: Object = {"name": name, "location": {"id": self.some(t, "Location", n)["id"]}}
        if m is not None:
            body["primarySites"] = [{"id": self.some(t, "Site", m)["id"]}]
        api = self.tenants[t].c.telephony
        self.do(t, "genesys", lambda: api.post_telephony_providers_edges_sites(self.twisted(body, twist)))

    @rule(t=who, n=nth, name=st.none() | names, version=versions, twist=twists)
    def change_site(self, t: int, n: int, name: str | None, version: Any, twist: Any) -> None:
        held = self.some(t, "Site", n)
        body = {**held, "name": held["name"] if name is None else name, "version": self.at(held, version)}
        api = self.tenants[t].c.telephony
        call = api.put_telephony_providers_edges_site
        self.do(t, "genesys", lambda: call(held["id"], self.twisted(body, twist)), (held["id"],))

    @rule(t=who, n=nth, m=st.none() | nth, drop=st.none() | nth, name=names, again=st.booleans(), twist=twists)
    def put_plans(self, t: int, n: int, m: int | None, drop: int | None, name: str, again: bool, twist: Any) -> None:
        site = self.some(t, "Site", n)["id"]
        wanted = [{k: v for k, v in p.items() if k != "_site"} for p in self.tenants[t].all("NumberPlan") if p["_site"] == site]
        if m is not None and wanted:
            wanted[m % len(wanted)] = self.twisted({**wanted[m % len(wanted)], "name": name}, twist)
        if drop is not None and wanted:
            del wanted[drop % len(wanted)]
        body = {"name": name, "matchType": "regex", "match": "^1$", "classification": f"{name}!"}
        wanted += [self.twisted(body, twist)] * (1 + again)
        api = self.tenants[t].c.telephony
        self.do(t, "genesys", lambda: api.put_telephony_providers_edges_site_numberplans(site, wanted), (site,))

    classes = st.lists(st.sampled_from(["National", "International", "Emergency", "A!", "Mars"]), max_size=2)

    @rule(t=who, n=nth, name=names, classes=classes, m=st.none() | nth, twist=twists)
    def make_route(self, t: int, n: int, name: str, classes: list[str], m: int | None, twist: Any) -> None:
        site = self.some(t, "Site", n)["id"]
        body: Object = {"name": name, "classificationTypes": classes}
        if m is not None:
            body["externalTrunkBases"] = [{"id": self.some(t, "TrunkBase", m)["id"]}]
        call = self.tenants[t].c.telephony.post_telephony_providers_edges_site_outboundroutes
        self.do(t, "genesys", lambda: call(site, self.twisted(body, twist)), (site,))

    @rule(t=who, n=nth, name=st.none() | names, classes=classes, m=st.none() | nth, version=versions, twist=twists)
    def change_route(
        self, t: int, n: int, name: str | None, classes: list[str], m: int | None, version: Any, twist: Any
    ) -> None:
        held = self.some(t, "OutboundRoute", n)
        trunks = [] if m is None else [{"id": self.some(t, "TrunkBase", m)["id"]}]
        body = {**held, "classificationTypes": classes, "externalTrunkBases": trunks, "version": self.at(held, version)}
        body["name"] = held["name"] if name is None else name
        call = self.tenants[t].c.telephony.put_telephony_providers_edges_site_outboundroute
        site = held.get("site", held)["id"]
        self.do(t, "genesys", lambda: call(site, held["id"], self.twisted(body, twist)), (held["id"],))

    @rule(t=who, n=nth)
    def delete_route(self, t: int, n: int) -> None:
        held = self.some(t, "OutboundRoute", n)
        call = self.tenants[t].c.telephony.delete_telephony_providers_edges_site_outboundroute
        self.do(t, "genesys", lambda: call(held.get("site", held)["id"], held["id"]), (held["id"],))

    def properties(self, identifier: str, twist: Any) -> Object:
        """Identifiers are the run's own; a twist may hit any of these properties."""
        name = identifier and f"{identifier}-{self.run}"
        values = {
            "trunk_sip_termination_uri": name,
            "trunk_transport_serverProxyList": ["sbc.example.com:5061"],
            "trunk_access_acl_allowList": ["192.0.2.0/24"],
            "trunk_media_dtmf_payload": 101,
        }
        return {k: {"value": {"instance": v}} for k, v in self.twisted(values, twist).items()}

    @rule(t=who, name=names, identifier=identifiers, n=st.none() | nth, twist=twists, inner=twists)
    def make_base(self, t: int, name: str, identifier: str, n: int | None, twist: Any, inner: Any) -> None:
        body: Object = {
            "name": name, "trunkType": "EXTERNAL", "trunkMetabase": {"id": "external_sip_pcv_byoc_carrier.json"},
            "properties": self.properties(identifier, inner),
        }  # fmt: skip
        if n is not None:
            body["inboundSite" if n % 2 else "site"] = {"id": self.some(t, "Site", n)["id"]}
        call = self.tenants[t].c.telephony.post_telephony_providers_edges_trunkbasesettings
        self.do(t, "genesys", lambda: call(self.twisted(body, twist)))

    @rule(t=who, n=nth, name=names, identifier=identifiers, version=versions, twist=twists, inner=twists)
    def change_base(self, t: int, n: int, name: str, identifier: str, version: Any, twist: Any, inner: Any) -> None:
        held = self.some(t, "TrunkBase", n)
        body = {**held, "name": name, "properties": self.properties(identifier, inner), "version": self.at(held, version)}
        call = self.tenants[t].c.telephony.put_telephony_providers_edges_trunkbasesetting
        self.do(t, "genesys", lambda: call(held["id"], self.twisted(body, twist)), (held["id"],))

    @rule(t=who, name=names, n=nth, m=st.none() | nth, twist=twists)
    def put_group(self, t: int, name: str, n: int, m: int | None, twist: Any) -> None:
        body: Object = {"name": name, "phoneTrunkBases": [{"id": self.some(t, "TrunkBase", n)["id"]}]}
        api = self.tenants[t].c.telephony
        if m is None:
            self.do(t, "genesys", lambda: api.post_telephony_providers_edges_edgegroups(self.twisted(body, twist)))
        else:
            held = self.some(t, "EdgeGroup", m)
            body["version"] = held["version"]
            call = api.put_telephony_providers_edges_edgegroup
            self.do(t, "genesys", lambda: call(held["id"], self.twisted(body, twist)), (held["id"],))

    @rule(t=who, first=offsets, size=st.integers(-1, 4), twist=twists)
    def make_pool(self, t: int, first: int, size: int, twist: Any) -> None:
        body = {"startPhoneNumber": number(first), "endPhoneNumber": number(first + size)}
        call = self.tenants[t].c.telephony.post_telephony_providers_edges_didpools
        self.do(t, "genesys", lambda: call(self.twisted(body, twist)))

    @rule(t=who, n=st.none() | nth, name=names, numbers=st.lists(offsets, max_size=3), version=versions, twist=twists)
    def put_ivr(self, t: int, n: int | None, name: str, numbers: list[int], version: Any, twist: Any) -> None:
        body: Object = {"name": name, "dnis": [number(o) for o in numbers]}
        api = self.tenants[t].c.architect
        if n is None:
            body["openHoursFlow"] = {"id": self.some(t, "Flow", len(numbers))["id"]}
            self.do(t, "genesys", lambda: api.post_architect_ivrs(self.twisted(body, twist)))
        else:
            held = self.some(t, "IVR", n)
            body["version"] = self.at(held, version)
            self.do(t, "genesys", lambda: api.put_architect_ivr(held["id"], self.twisted(body, twist)), (held["id"],))

    @rule(t=who, n=nth, numbers=st.lists(offsets, max_size=2), version=versions, twist=twists, inner=twists)
    def change_person(self, t: int, n: int, numbers: list[int], version: Any, twist: Any, inner: Any) -> None:
        held = self.some(t, "User", n)
        contacts = [self.twisted({"mediaType": "PHONE", "type": "WORK", "address": number(o)}, inner) for o in numbers]
        body = {"addresses": contacts, "version": self.at(held, version), "manager": self.some(t, "User", n + 4)["id"]}
        call = self.tenants[t].c.users.patch_user
        self.do(t, "genesys", lambda: call(held["id"], self.twisted(body, twist)), (held["id"],))

    @rule(t=who, kind=st.sampled_from(["Location", "Site", "TrunkBase", "EdgeGroup", "DIDPool", "IVR"]), n=nth)
    def delete(self, t: int, kind: str, n: int) -> None:
        c, id = self.tenants[t].c, self.some(t, kind, n)["id"]
        call = {
            "Location": c.locations.delete_location,
            "Site": c.telephony.delete_telephony_providers_edges_site,
            "TrunkBase": c.telephony.delete_telephony_providers_edges_trunkbasesetting,
            "EdgeGroup": c.telephony.delete_telephony_providers_edges_edgegroup,
            "DIDPool": c.telephony.delete_telephony_providers_edges_didpool,
            "IVR": c.architect.delete_architect_ivr,
        }[kind]
        self.do(t, "genesys", lambda: call(id), (id,))

    @rule(t=who, kind=st.sampled_from(["Location", "Site", "TrunkBase", "EdgeGroup", "DIDPool", "DID", "IVR", "User", "Trunk"]), n=nth)
    def read(self, t: int, kind: str, n: int) -> None:
        c, id = self.tenants[t].c, self.some(t, kind, n)["id"]
        call = {
            "Location": c.locations.get_location,
            "Site": c.telephony.get_telephony_providers_edges_site,
            "TrunkBase": c.telephony.get_telephony_providers_edges_trunkbasesetting,
            "EdgeGroup": c.telephony.get_telephony_providers_edges_edgegroup,
            "DIDPool": c.telephony.get_telephony_providers_edges_didpool,
            "DID": c.telephony.get_telephony_providers_edges_did,
            "Trunk": c.telephony.get_telephony_providers_edges_trunk,
            "IVR": c.architect.get_architect_ivr,
            "User": c.users.get_user,
        }[kind]
        self.do(t, "genesys", lambda: call(id), (id,))


def once(values: Any) -> None:
    """No value comes twice."""
    listed = list(values)
    assert len(listed) == len(set(listed)), sorted(map(str, listed))


def references(tenant: Tenant) -> list[str]:
    """What the tenant's Genesys objects refer to, parents of locations and managers included."""
    bare = [id for x in tenant.all("Location") for id in x.get("path", [])]
    return bare + [id for objects in tenant.seen["genesys"].values() for x in objects for id in nested(x)]


def identifiers_of(tenant: Tenant) -> list[str]:
    found = [x["properties"]["trunk_sip_termination_uri"]["value"]["instance"] for x in tenant.all("TrunkBase")]
    return [i for i in found if i]


def pages_of(method: str, api: str = "telephony") -> Callable[[Customer], list[str]]:
    """The ids of a Genesys listing, read two a page."""

    def read(c: Customer) -> list[str]:
        found: list[str] = []
        for page in itertools.count(1):
            seen = getattr(getattr(c, api), method)(page_size=2, page_number=page)
            found += [x.id for x in seen.entities]
            assert seen.page_count == -(-seen.total // 2)
            if not seen.next_uri:
                assert len(found) == seen.total
                return found
        raise AssertionError("unreachable")

    return read


GENESYS_PAGES = {
    "Location": pages_of("get_locations", "locations"),
    "Site": pages_of("get_telephony_providers_edges_sites"),
    "OutboundRoute": pages_of("get_telephony_providers_edges_outboundroutes"),
    "TrunkBase": pages_of("get_telephony_providers_edges_trunkbasesettings"),
    "Trunk": pages_of("get_telephony_providers_edges_trunks"),
    "EdgeGroup": pages_of("get_telephony_providers_edges_edgegroups"),
    "DIDPool": pages_of("get_telephony_providers_edges_didpools"),
    "DID": pages_of("get_telephony_providers_edges_dids"),
    "IVR": pages_of("get_architect_ivrs", "architect"),
    "User": pages_of("get_users", "users"),
}
TWILIO_PAGES: dict[str, Callable[[Customer], list[str]]] = {
    "TK": lambda c: [x.sid for x in c.trunking.trunks.list(page_size=2)],
    "AL": lambda c: [x.sid for x in c.sip.ip_access_control_lists.list(page_size=2)],
    "CL": lambda c: [x.sid for x in c.sip.credential_lists.list(page_size=2)],
    "PN": lambda c: [x.sid for x in c.twilio.incoming_phone_numbers.list(page_size=2)],
}


def test_any_sequence_of_calls(box: Sandbox):
    run_state_machine_as_test(lambda: Clouds(box), settings=CHOSEN)
