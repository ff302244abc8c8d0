"""The cross-check: an empty org, a finished one, and what somebody changed by hand on either cloud, each found by its rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import phonenumbers
import pytest
import yaml
from orgs import ALL, DEMO, chapter, do, partner_maker
from typer.testing import CliRunner

from byoc_helpers import cli, crosscheck, sandbox
from byoc_helpers.clouds.genesys import pages
from byoc_helpers.exceptions import CheckFailed, ParamsError
from byoc_helpers.params import validate
from byoc_helpers.resources import byoc_trunk
from byoc_helpers.runbook import Runbook

Undo = Callable[[], Any]


def judge(params: Any) -> dict[str, Any]:
    run = chapter("08", params)
    run.cross_check()
    return {c.name: c for c in run.checks}


def failed(params: Any) -> set[str]:
    return {name for name, c in judge(params).items() if not c.passed}


# ---------------------------------------------------------------- the whole


@pytest.fixture(scope="module")
def finished():
    """A partner whose seven chapters have run; tests here put back what they change."""
    make = partner_maker("Checked")
    do(make(), *ALL)
    return make


def test_a_finished_org_agrees_on_everything(finished):
    run = chapter("08", finished())
    table = run.cross_check()
    assert {r[3] for r in table.rows} == {"✔ pass"} and len(table.rows) == len(crosscheck.RULES) >= 20
    assert run.require_agreement() == f"Both clouds agree on all {len(crosscheck.RULES)} rules."
    assert table.data["recap"] == {"passed": len(crosscheck.RULES), "failed": 0}


def test_an_empty_org_names_the_chapters_to_run():
    run = chapter("08", partner_maker("Bare")())
    run.cross_check()
    assert {c.name for c in run.checks if c.passed} == set()
    remedies = {c.name: c.remedy for c in run.checks}
    assert remedies["Inbound: address"] == "Run chapter 03." and remedies["Both: codec"] == "Run chapter 04."
    assert remedies["Routes: enabled"] == "Run chapter 02." and remedies["Numbers: in a DID pool"].startswith("Run chapter 07")
    with pytest.raises(CheckFailed, match="expected the Twilio trunk"):
        run.require_agreement()


def test_halfway_only_what_is_missing_fails():
    make = partner_maker("Half")
    do(make(), "02", "03", "04")
    assert failed(make()) == {"Numbers: in a DID pool", "Numbers: assigned", "Routes: classifications", "Routes: enabled",
                              "Routes: a national number", "Routes: an international number"}


def test_a_plan_says_what_would_fail_and_goes_on():
    run = chapter("08", partner_maker("Planned")(mode="plan"))
    run.cross_check()
    assert run.require_agreement().startswith("Plan: Inbound: address: expected the Twilio trunk")


def test_nothing_is_written(finished, monkeypatch):
    from byoc_helpers.clouds.transport import Transport

    calls, send = [], Transport.send

    def noted(self, method, url, **rest):
        calls.append((method, url))
        return send(self, method, url, **rest)

    monkeypatch.setattr(Transport, "send", noted)
    judge(finished())
    assert {(m, u.rpartition("/")[2]) for m, u in calls if m != "GET"} <= {("POST", "token"), ("POST", "search")}
    reads = [c for c in calls if c[0] == "GET" and "oauth" not in c[1]]
    assert len(reads) < 40


# ---------------------------------------------------------------- edits by hand


@dataclass
class Hand:
    """Somebody's hand on both clouds of one partner, through the official SDKs; each edit gives what undoes it."""

    run: Runbook

    @cached_property
    def trunk(self) -> Any:
        trunks = self.run.clouds.twilio.trunking.trunks.list()
        return next(t for t in trunks if t.domain_name.lower() == self.run.params.termination_uri.lower())

    @property
    def url(self) -> Any:
        return self.trunk.origination_urls.list()[0]

    @property
    def acl(self) -> Any:
        sid = self.trunk.ip_access_control_lists.list()[0].sid
        return self.run.clouds.twilio.sip.ip_access_control_lists(sid).ip_addresses

    def change_url(self, **fields: Any) -> Undo:
        url = self.url
        before = {key: getattr(url, key) for key in fields}
        url.update(**fields)
        return lambda: url.update(**before)

    def add_url(self, **fields: Any) -> Undo:
        return self.trunk.origination_urls.create(weight=10, enabled=True, friendly_name="x", **fields).delete

    def delete(self, entity: Any) -> Undo:
        entity.delete()
        return lambda: do(self.run.params, "03")

    def secure(self) -> Undo:
        self.trunk.update(secure=True)
        return lambda: self.trunk.update(secure=False)

    def base(self, **settings: Any) -> Undo:
        telephony, params = self.run.clouds.genesys.telephony, self.run.params
        listed = next(b for b in pages(telephony.get_telephony_providers_edges_trunkbasesettings, name=params.trunk_name))
        body = telephony.get_telephony_providers_edges_trunkbasesetting(listed.id)
        before = {key: body.properties[key]["value"]["instance"] for key in settings}
        for key, value in settings.items():
            body.properties[key]["value"]["instance"] = value
        # No read returns the password, and a write without it would take it away.
        body.properties[byoc_trunk.PASSWORD]["value"]["instance"] = params_password(params)
        telephony.put_telephony_providers_edges_trunkbasesetting(listed.id, body)
        return lambda: self.base(**before)

    @property
    def site(self) -> Any:
        telephony = self.run.clouds.genesys.telephony
        return next(s for s in pages(telephony.get_telephony_providers_edges_sites) if s.name == self.run.params.site_name)

    def route(self, **fields: Any) -> Undo:
        telephony, site = self.run.clouds.genesys.telephony, self.site.id
        route = next(r for r in pages(telephony.get_telephony_providers_edges_site_outboundroutes, site)
                     if r.name == self.run.params.route_name)
        before = {key: getattr(route, key) for key in fields}
        for key, value in fields.items():
            setattr(route, key, value)
        telephony.put_telephony_providers_edges_site_outboundroute(site, route.id, route)
        return lambda: self.route(**before)

    def unassign(self) -> Undo:
        users = self.run.clouds.genesys.users
        user = next(u for u in pages(users.get_users) if u.email == self.run.params.site_contact)
        body = users.get_user(user.id)
        users.patch_user(user.id, {"version": body.version, "addresses": []})
        return lambda: do(self.run.params, "07")


def params_password(params: Any) -> str:
    from byoc_helpers.params import digest_password

    return digest_password(params).reveal()


OMIT = "trunk_outboundIdentity_calledAddress_omitPlusPrefix"
USER = "trunk_sip_authentication_credentials_username"
# What follows from a trunk that the far end refuses: the practice one notices a wrong realm, as a wrong password, at once.
DOWN = ("Both: trunk in service", "Routes: a national number", "Routes: an international number")
EDITS: dict[str, tuple[Any, set[str]]] = {
    "Twilio: URL disabled": (lambda h: h.change_url(enabled=False), {"Inbound: origination URL enabled"}),
    "Twilio: URL to another trunk": (lambda h: h.change_url(sip_url="sip:other.byoc.mypurecloud.ie"), {"Inbound: address"}),
    "Twilio: URL over TCP": (lambda h: h.change_url(sip_url=h.url.sip_url + ";transport=tcp"), {"Inbound: port and transport"}),
    "Twilio: URL to a wrong port": (lambda h: h.change_url(sip_url=h.url.sip_url + ":5080"), {"Inbound: port and transport"}),
    "Twilio: another URL shares calls": (lambda h: h.add_url(
        priority=h.url.priority, sip_url="sip:stranger.example.com"), {"Inbound: other origination URLs"}),
    "Twilio: an address gone": (lambda h: h.delete(h.acl.list()[0]), {"Outbound: IP access control list lets Genesys Cloud in"}),
    "Twilio: number taken off": (lambda h: h.delete(h.trunk.phone_numbers.list()[0]), {"Numbers: on the Twilio trunk"}),
    "Twilio: secure alone": (lambda h: h.secure(), {"Both: secure trunking", *DOWN}),
    "Genesys: identifier": (lambda h: h.base(trunk_sip_termination_uri=f"{h.run.params.identifier}x"), {"Inbound: address"}),
    "Genesys: server of another trunk": (lambda h: h.base(trunk_transport_serverProxyList=["other.pstn.twilio.com:5060"]), {"Outbound: address"}),
    "Genesys: server's port": (lambda h: h.base(trunk_transport_serverProxyList=[f"{h.run.params.termination_uri}:5070"]), {"Outbound: port"}),
    "Genesys: realm": (lambda h: h.base(trunk_sip_authentication_credentials_realm="twilio.com"), {"Outbound: digest realm", *DOWN}),
    "Genesys: a Twilio range gone": (lambda h: h.base(trunk_access_acl_allowList=h.run.params.access_list[1:]), {"Inbound: SIP access control lets Twilio in"}),
    "Genesys: a stranger let in": (lambda h: h.base(trunk_access_acl_allowList=[*h.run.params.access_list, "203.0.113.9"]),
                                   {"Inbound: SIP access control keeps others out"}),
    "Genesys: no plus": (lambda h: h.base(**{OMIT: True}), {"Outbound: numbers with their plus"}),
    "Genesys: codec": (lambda h: h.base(trunk_media_codec=["audio/opus"]), {"Both: codec"}),
    "Genesys: DTMF": (lambda h: h.base(trunk_media_dtmf_method="In-band Audio"), {"Both: DTMF"}),
    "Genesys: caller id": (lambda h: h.base(trunk_outboundIdentity_callingAddress="+33999999999"), {"Outbound: caller id"}),
    "Genesys: caller id not always": (lambda h: h.base(**{byoc_trunk.OVERRIDE: "Unassigned DID"}), {"Outbound: caller id always shown"}),
    "Genesys: another digest user": (lambda h: h.base(**{USER: "somebodyelse"}), {"Outbound: digest user", *DOWN}),
    "Genesys: person without the number": (lambda h: h.unassign(), {"Numbers: assigned"}),
    "Genesys: route disabled": (lambda h: h.route(enabled=False), {"Routes: enabled", "Routes: a national number", "Routes: an international number"}),
    "Genesys: classification taken out": (lambda h: h.route(classification_types=["International"]),
                                          {"Routes: classifications", "Routes: a national number"}),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_by_hand_is_found_by_its_rule(edit, finished):
    change, rules = EDITS[edit]
    undo = change(Hand(chapter("99", finished())))
    try:
        seen = judge(finished())
    finally:
        undo()
    assert {name for name, c in seen.items() if not c.passed} == rules
    assert all(seen[name].remedy for name in rules)


# ---------------------------------------------------------------- judgement, on plain data


@pytest.fixture(scope="module")
def facts(finished):
    return crosscheck.read(chapter("08", finished())._ctx)


def one(facts: crosscheck.Facts, rule: str) -> Any:
    return next(c for c in crosscheck.judge(facts) if c.name == rule)


def test_a_digest_user_of_one_side_alone_is_shown_from_both(facts):
    other = replace(facts.genesys, settings={**facts.genesys.settings, USER: "somebodyelse"})
    row = one(replace(facts, genesys=other), "Outbound: digest user")
    assert not row.passed and row.found == "Twilio: pctrunkuser; Genesys Cloud: somebodyelse"


def test_a_stranger_in_twilios_list_warns_and_fails_where_no_password_is_asked(facts):
    rule = "Outbound: IP access control list keeps others out"
    open_house = replace(facts.twilio, addresses=(*facts.twilio.addresses, "203.0.113.9/32"))
    row = one(replace(facts, twilio=open_house), rule)
    assert row.passed and row.warning and "203.0.113.9/32" in row.found and "203.0.113.9/32" in row.remedy
    row = one(replace(facts, twilio=replace(open_house, users=None)), rule)
    assert not row.passed and "call at your cost" in row.remedy


def test_a_wider_network_covers_but_is_a_stranger(facts):
    wide = replace(facts, twilio=replace(facts.twilio, addresses=("192.0.2.0/24",), users=None))
    assert one(wide, "Outbound: IP access control list lets Genesys Cloud in").passed
    assert not one(wide, "Outbound: IP access control list keeps others out").passed


def test_a_fallback_url_is_a_warning(facts):
    later = crosscheck.OriginationUrl("sip:backup.example.com", True, 90, 10)
    row = one(replace(facts, twilio=replace(facts.twilio, urls=(*facts.twilio.urls, later))), "Inbound: other origination URLs")
    assert row.passed and row.warning and "backup.example.com" in row.found


def test_only_the_edge_a_url_names_must_be_let_in(facts):
    pinned = replace(facts.twilio, urls=tuple(replace(u, url=f"{u.url};edge=dublin") for u in facts.twilio.urls))
    settings = {**facts.genesys.settings, byoc_trunk.ACCESS: ("54.171.127.192/30",)}
    narrow = replace(facts, genesys=replace(facts.genesys, settings=settings))
    rule = "Inbound: SIP access control lets Twilio in"
    assert not one(narrow, rule).passed and one(replace(narrow, twilio=pinned), rule).passed


def test_without_an_official_list_strangers_are_only_named(facts):
    row = one(replace(facts, signalling=("192.0.2.9/32",), signalling_complete=False), "Outbound: IP access control list keeps others out")
    assert row.passed and row.warning and "list signalling_addresses" in row.remedy


def test_a_number_nobody_answers_is_a_warning(facts):
    lonely = {**facts.numbers, "+33123456780": crosscheck.Number(True, facts.twilio.sid, True)}
    row = one(replace(facts, numbers=lonely), "Numbers: assigned")
    assert row.passed and row.warning and "+33123456780: nobody answers" in row.found


@pytest.mark.parametrize("country", ["FR", "US", "GB", "DE", "IT", "JP", "AU", "BR", "CA"])
@pytest.mark.parametrize("kind", ["National", "International"])
def test_samples_are_numbers_that_can_be_dialled(country, kind):
    dialled, e164 = crosscheck.sample(country, kind)
    parsed = phonenumbers.parse(dialled, country)
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == e164 and phonenumbers.is_valid_number(parsed)
    same = parsed.country_code == phonenumbers.country_code_for_region(country)
    assert same == (kind == "National")


# ---------------------------------------------------------------- secure trunking


def test_secure_switches_both_sides_and_back():
    make = partner_maker("Secure")
    do(make(secure=True), *ALL)
    assert failed(make(secure=True)) == set()
    trunk = Hand(chapter("99", make(secure=True)))
    assert trunk.trunk.secure and trunk.url.sip_url.endswith(".byoc.mypurecloud.ie:5061;transport=tls")
    do(make(), "03", "04")
    assert failed(make()) == set()
    urls = Hand(chapter("99", make())).trunk.origination_urls.list()
    assert [u.sip_url for u in urls] == [make().origination_url], "the URL is changed, not doubled"


@pytest.mark.parametrize(("settings", "said"), [
    ({"protocol": "tcp"}, "protocol: secure trunking always uses TLS"),
    ({"sip_servers": ["sbc.example.com:5060"]}, 'Write "sbc.example.com:5061"'),
    ({"sip_servers": ["sbc.example.com"]}, 'Write "sbc.example.com:5061"'),
])
def test_what_contradicts_secure_is_refused(settings, said):
    with pytest.raises(ParamsError, match=said):
        validate(DEMO | {"secure": True} | settings, source="test")


def test_what_follows_from_secure():
    made = validate(DEMO | {"secure": True, "twilio_edges": ["dublin"]}, source="test")
    assert made.servers == ["purecloudABC.pstn.dublin.twilio.com:5061"] and made.transport == "tls"
    assert validate(DEMO | {"protocol": "tcp"}, source="test").origination_url == "sip:twilioABC.byoc.mypurecloud.ie;transport=tcp"


def test_secure_on_one_side_alone_keeps_the_trunk_out_of_service():
    make = partner_maker("Onesided")
    do(make(secure=True), *ALL)
    do(make(), "03")
    seen = judge(make(secure=True))
    assert not seen["Both: secure trunking"].passed and "488 Not Acceptable Here" in seen["Both: trunk in service"].found


# ---------------------------------------------------------------- scenarios and the command


@pytest.mark.parametrize(("scenario", "rules"), [
    ("route-without-classification", {"Routes: classifications", "Routes: a national number"}),
    ("two-plans-match", {"Routes: a national number"}),
])
def test_a_scenario_that_breaks_an_agreement_is_named(scenario, rules):
    make = partner_maker("Scene", {"scenario": scenario})
    do(make(), *ALL)
    assert failed(make()) == rules


def test_a_changed_password_shows_in_the_trunks_service():
    make = partner_maker("Password")
    do(make(), *ALL)
    hand = Hand(chapter("99", make()))
    credential = hand.run.clouds.twilio.sip.credential_lists(hand.trunk.credentials_lists.list()[0].sid).credentials.list()[0]
    credential.update(password="Another1Password")
    row = judge(make())["Both: trunk in service"]
    assert not row.passed and "407 Proxy Authentication Required" in row.found


def test_byoc_check(finished, tmp_path):
    path = tmp_path / "checked.yaml"
    own = {"partner": finished().partner, "identifier": finished().identifier, "termination_domain": finished().termination_domain}
    path.write_text(yaml.safe_dump(DEMO | own, allow_unicode=True), "utf-8")
    good = CliRunner().invoke(cli.app, ["check", str(path), "--json"])
    assert good.exit_code == 0 and {c["passed"] for c in json.loads(good.stdout)[0]["checks"]} == {True}
    path.write_text(yaml.safe_dump(DEMO | own | {"trunk_name": "Another"}, allow_unicode=True), "utf-8")
    bad = CliRunner().invoke(cli.app, ["check", str(path)])
    assert bad.exit_code == 1 and "Run chapter 04." in bad.stdout
    assert sandbox.status()["running"]
