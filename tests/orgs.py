"""Practice orgs for tests: the verbs of the chapters in this process, and an org's whole state to compare."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from byoc_helpers import sandbox
from byoc_helpers.chapters import find_chapter
from byoc_helpers.clouds.genesys import alive, pages
from byoc_helpers.params import Params, validate
from byoc_helpers.runbook import Runbook

ROOT = Path(__file__).resolve().parent.parent
DEMO = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text("utf-8"))
VERBS = {
    "02": [("apply", "location"), ("wait_verified",), ("apply", "site"), ("wait_site_defaults",), ("apply", "number_plans")],
    "03": [("apply", k) for k in ("ip_acl", "credential_list", "sip_trunk", "origination_url", "trunk_number")],
    "04": [("apply", "byoc_trunk"), ("wait_in_service",)],
    "05": [("apply", "outbound_route")],
    "07": [("apply", "did_pool"), ("apply", "call_route"), ("apply", "person_number")],
}
ALL = tuple(VERBS)
# `byoc` that hears Ctrl-C: a shell starts what runs in its background deaf to SIGINT, and that is inherited.
BYOC = [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from byoc_helpers.cli import main; main()"]
_serial = itertools.count()
_FLEETING = {"date_finished", "date_started", "id", "sid", "version", "self_uri", "date_created", "date_modified", "modified_by", "created_by", "date_updated", "url",
             "links", "account_sid", "subresource_uris", "uri", "state", "created_by_app", "modified_by_app"}


def partner_maker(word: str = "Org", always: Mapping[str, Any] | None = None, **settings: Any):
    """A function that gives params of a partner nobody has used, each time the same one, with the changes asked for.

    `always` are changes that hold from the start. Its practice org gets the sandbox `settings`; what comes late there comes after 50 ms unless they say otherwise.
    """
    number = next(_serial)
    own = {"partner": f"{word} {number}", "identifier": f"{word.lower()}{number}", "termination_domain": f"{word.lower()}-{number}"} | dict(always or {})

    def make(**changes: Any) -> Params:
        return validate(DEMO | own | changes, source="test")
    assert chapter("99", make()).clouds._practice  # makes the org
    sandbox.ensure_running().configure(make().slug, **{"late_seconds": 0.05, **settings})
    return make


def chapter(number: str, params: Params) -> Runbook:
    return Runbook(find_chapter(number), params)


def do(params: Params, *numbers: str) -> Runbook:
    """The verbs of these chapters' cells, in this process; returns the last chapter."""
    for number in numbers:
        run = chapter(number, params)
        for verb, *arguments in VERBS[number]:
            getattr(run, verb)(*arguments)
    return run


def snapshot(params: Params, ids: bool = False) -> dict[str, Any]:
    """Everything the two clouds hold that a run may touch, a key an object; without what differs by itself."""
    clouds = chapter("99", params).clouds
    telephony, genesys = clouds.genesys.telephony, clouds.genesys
    seen: dict[str, Any] = {}

    def keep(kind: str, name: str | None, entity: Any) -> None:
        fields = entity.to_dict() if hasattr(entity, "to_dict") else {k: v for k, v in vars(entity).items() if not k.startswith("_")}
        seen[f"{kind} {name}"] = _plain(fields, ids)

    for location in pages(genesys.locations.get_locations):
        if alive(location):
            keep("location", location.name, location)
    for site in pages(telephony.get_telephony_providers_edges_sites):
        if alive(site):
            keep("site", site.name, site)
            for plan in telephony.get_telephony_providers_edges_site_numberplans(site.id):
                if alive(plan):
                    keep(f"plan of {site.name}:", plan.name, plan)
            for route in pages(telephony.get_telephony_providers_edges_site_outboundroutes, site.id):
                if alive(route):
                    keep(f"route of {site.name}:", route.name, route)
    for base in pages(telephony.get_telephony_providers_edges_trunkbasesettings):
        if alive(base):
            keep("trunk base", base.name, telephony.get_telephony_providers_edges_trunkbasesetting(base.id))
    for pool in pages(telephony.get_telephony_providers_edges_didpools):
        if alive(pool):
            keep("pool", pool.start_phone_number, pool)
    for ivr in pages(genesys.architect.get_architect_ivrs):
        keep("call route", ivr.name, ivr)
    for user in pages(genesys.users.get_users):
        keep("user", user.email, user)
    twilio = clouds.twilio
    for trunk in twilio.trunking.trunks.list():
        keep("twilio trunk", trunk.domain_name, trunk)
        keep("urls of", trunk.domain_name, _Rows(u.sip_url for u in trunk.origination_urls.list()))
        keep("lists of", trunk.domain_name, _Rows(
            e.friendly_name for e in (*trunk.ip_access_control_lists.list(), *trunk.credentials_lists.list())))
    for acl in twilio.sip.ip_access_control_lists.list():
        keep("acl", acl.friendly_name, _Rows(f"{e.friendly_name} {e.ip_address}/{e.cidr_prefix_length}" for e in acl.ip_addresses.list()))
    for users in twilio.sip.credential_lists.list():
        keep("credentials", users.friendly_name, _Rows(c.username for c in users.credentials.list()))
    trunks = {t.sid: t.domain_name for t in twilio.trunking.trunks.list()}
    for number in twilio.numbers.list():
        seen[f"number {number.phone_number}"] = trunks.get(number.trunk_sid, number.trunk_sid or None)
    return seen


class _Rows:
    def __init__(self, rows: Any):
        self.rows = sorted(rows)


def _plain(value: Any, ids: bool) -> Any:
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {k: _plain(v, ids) for k, v in value.items() if (k == "id" and ids) or k not in _FLEETING}
    if isinstance(value, (list, tuple)):
        return sorted((_plain(v, ids) for v in value), key=str)  # no list here has an order of its own
    return str(value)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Keys that are gone, new or changed."""
    return sorted([f"- {k}" for k in old.keys() - new.keys()] + [f"+ {k}" for k in new.keys() - old.keys()]
                  + [f"~ {k}" for k in old.keys() & new.keys() if old[k] != new[k]])
