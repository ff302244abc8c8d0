"""Edited by hand: plan names the one setting, a run puts it back; what somebody else made is taken over only with adopt."""

from __future__ import annotations

from typing import Any

import pytest
from orgs import ALL, chapter, do, partner_maker

from byoc_helpers import plans, reconcile
from byoc_helpers.display import objects
from byoc_helpers.exceptions import Refused
from byoc_helpers.resources import byoc_trunk, did_pool, location, outbound_route, sip_trunk, site
from byoc_helpers.runbook import Runbook

CUSTOM = {"name": "Short codes", "match_type": "regex", "classification": "National", "match": "^(8\\d{3})$", "normalized_format": "$1"}


def trunk_property(key: str, value: Any):
    def edit(run: Runbook) -> None:
        base = run._ctx.require(byoc_trunk)
        base.raw.properties[key]["value"]["instance"] = value
        run.clouds.genesys.telephony.put_telephony_providers_edges_trunkbasesetting(base.id, base.raw)
    return edit


def the_route(run: Runbook) -> Any:
    home = run._ctx.require(site)
    return next(r for r in outbound_route.read(run._ctx, home.id) if r.name == run.params.route_name)


def change_route(**fields: Any):
    def edit(run: Runbook) -> None:
        route = the_route(run)
        for key, value in fields.items():
            setattr(route, key, value)
        run.clouds.genesys.telephony.put_telephony_providers_edges_site_outboundroute(run._ctx.require(site).id, route.id, route)
    return edit


def time_zone(run: Runbook) -> None:
    body = run._ctx.require(site).raw
    body.edge_auto_update_config.time_zone = "Europe/London"
    run.clouds.genesys.telephony.put_telephony_providers_edges_site(body.id, body)


def contact(run: Runbook) -> None:
    users, email = run.clouds.genesys.users, "zoe@example.com"
    other = next((u for u in users.get_users().entities if u.email == email), None) or users.post_users({"name": "Zoë", "email": email})
    found = run._ctx.require(location)
    run.clouds.genesys.locations.patch_location(found.id, {"version": found.raw.version, "contactUser": other.id})


def plan_pattern(run: Runbook) -> None:
    telephony, home = run.clouds.genesys.telephony, run._ctx.require(site)
    found = telephony.get_telephony_providers_edges_site_numberplans(home.id)
    next(p for p in found if p.name == CUSTOM["name"]).match = "^(7\\d{3})$"
    telephony.put_telephony_providers_edges_site_numberplans(home.id, found)


def the_trunk(run: Runbook) -> Any:
    return run._ctx.require(sip_trunk).raw


def secure(run: Runbook) -> None:
    the_trunk(run).update(secure=True)


def trunk_renamed(run: Runbook) -> None:
    the_trunk(run).update(friendly_name="by hand")


def url_disabled(run: Runbook) -> None:
    the_trunk(run).origination_urls.list()[0].update(enabled=False)


def number_detached(run: Runbook) -> None:
    run.clouds.twilio.numbers.list(phone_number=run.params.phone_numbers[0])[0].update(trunk_sid="")


def address_removed(run: Runbook) -> None:
    acl = next(a for a in run.clouds.twilio.sip.ip_access_control_lists.list() if a.friendly_name == run.params.ip_acl_name)
    acl.ip_addresses.list()[0].delete()


def user_removed(run: Runbook) -> None:
    users = next(c for c in run.clouds.twilio.sip.credential_lists.list() if c.friendly_name == run.params.credential_list_name)
    users.credentials.list()[0].delete()


def list_detached(run: Runbook) -> None:
    the_trunk(run).ip_access_control_lists.list()[0].delete()


def person_without_number(run: Runbook) -> None:
    user = next(u for u in run.clouds.genesys.users.get_users().entities if u.addresses)
    run.clouds.genesys.users.patch_user(user.id, {"version": user.version, "addresses": []})


# what is done by hand → (object, setting) that the plan names
EDITS: dict[str, tuple[Any, set[tuple[str, str]]]] = {
    "contact": (contact, {("Genesys Cloud location", "contact")}),
    "time zone": (time_zone, {("Genesys Cloud site", "time_zone")}),
    "plan's pattern": (plan_pattern, {("number plans of site", CUSTOM["name"])}),
    "secure on one side": (secure, {("Twilio SIP trunk", "secure")}),
    "trunk renamed": (trunk_renamed, {("Twilio SIP trunk", "friendly_name")}),
    "origination URL disabled": (url_disabled, {("Twilio origination URL", "enabled")}),
    "number detached": (number_detached, {("number on the Twilio trunk", "trunk")}),
    "address removed": (address_removed, {("Twilio IP access control list", "addresses")}),
    "user removed": (user_removed, {("Twilio credential list", "users")}),
    "list detached": (list_detached, {("Twilio SIP trunk", "ip_acls")}),
    "codecs": (trunk_property("trunk_media_codec", ["audio/opus"]), {("BYOC trunk", "trunk_media_codec")}),
    "DTMF payload": (trunk_property("trunk_media_dtmf_payload", 102), {("BYOC trunk", "trunk_media_dtmf_payload")}),
    "trunk out of service": (trunk_property("trunk_enabled", False), {("BYOC trunk", "trunk_enabled")}),
    "omit plus": (trunk_property("trunk_outboundIdentity_calledAddress_omitPlusPrefix", True),
                  {("BYOC trunk", "trunk_outboundIdentity_calledAddress_omitPlusPrefix")}),
    "SIP access shrunk": (trunk_property("trunk_access_acl_allowList", ["54.172.60.0/30"]), {("BYOC trunk", "trunk_access_acl_allowList")}),
    "route disabled": (change_route(enabled=False), {("outbound route", "enabled")}),
    "classification taken out": (change_route(classification_types=["National"]), {("outbound route", "classifications")}),
    "trunk taken out": (change_route(external_trunk_bases=[]), {("outbound route", "trunks")}),
    "person's number taken": (person_without_number, {("number of a person", "person")}),
}


@pytest.fixture(scope="module")
def org():
    """One finished org; every edit is put back by the run that follows it."""
    params = partner_maker("Drift")(number_plans=[CUSTOM])
    do(params, *ALL)
    assert drift(params) == set()
    return params


def drift(params) -> set[tuple[str, str]]:
    return {(c.kind.KIND, d.key) for c in plans.make(params) for d in c.differences if c.action != "create" or d.key in ("person", "trunk")}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_by_hand_is_named_and_put_back(name, org):
    edit, named = EDITS[name]
    edit(chapter("99", org))
    assert drift(org) == named
    table = objects.plan_table(plans.make(org))
    assert list(table.columns)[3:5] == ["In the cloud now", "By the guide and the params"]
    do(org, *ALL)
    assert drift(org) == set()


# ---------------------------------------------------------------- somebody else's


def unmark(run: Runbook, kind: Any) -> None:
    """As if somebody else had made it: their words in place of ours."""
    telephony = run.clouds.genesys.telephony
    if kind is location:
        found = run._ctx.require(location)
        run.clouds.genesys.locations.patch_location(found.id, {"version": found.raw.version, "notes": "by hand"})
    elif kind is outbound_route:
        change_route(description="by hand")(run)
    else:
        found = run._ctx.require(kind)
        found.raw.description = "by hand"
        put = {site: telephony.put_telephony_providers_edges_site, byoc_trunk: telephony.put_telephony_providers_edges_trunkbasesetting}
        put[kind](found.id, found.raw)
    run._ctx.forget()


OWNED = [name for name in EDITS if EDITS[name][1] & {(k.KIND, key) for k in (location, site, byoc_trunk, outbound_route) for _, key in EDITS[name][1]}]


@pytest.mark.parametrize("name", OWNED)
def test_what_somebody_else_made_is_taken_over_only_with_adopt(name, org):
    edit, ((kind_name, key),) = EDITS[name]
    kind = next(k for k in (location, site, byoc_trunk, outbound_route) if kind_name == k.KIND)
    run = chapter("99", org)
    unmark(run, kind)
    edit(chapter("99", org))
    (refused,) = [c for c in plans.make(org) if c.refused]
    assert refused.kind is kind and key in refused.refused and "set adopt: true" in refused.refused
    (want,) = kind.desired(run._ctx)
    run._ctx.forget()
    with pytest.raises(Refused, match="was not made by this runbook"):
        reconcile.apply(run._ctx, kind, want)

    ours = org.model_copy(update={"adopt": True})
    do(ours, *ALL)
    found = kind.find(chapter("99", org)._ctx, want)
    assert found.marked == "adopted" and drift(org) == set()
    text = found.raw.notes if kind is location else found.raw.description
    assert text == f'by hand Adopted by BYOC Runbook for "{org.partner}".'


@pytest.mark.parametrize("adopt", [True, False])
def test_adopting_on_an_empty_org_or_a_finished_one_changes_nothing_else(adopt):
    params = partner_maker("Adopt")(adopt=adopt)
    do(params, *ALL)
    assert all(c.action == "unchanged" for c in plans.make(params))
    pool = did_pool.find(chapter("99", params)._ctx, did_pool.desired(chapter("99", params)._ctx)[0])
    assert pool.marked == "made"
