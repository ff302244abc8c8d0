"""A saved plan is carried out exactly, or refused with what has changed since."""

from __future__ import annotations

import json

import pytest
import yaml
from orgs import ALL, do, partner_maker, snapshot
from typer.testing import CliRunner

from byoc_helpers import plans
from byoc_helpers.cli import app
from byoc_helpers.exceptions import Refused, RunbookError
from byoc_helpers.partners import Partner
from byoc_helpers.presence import PLAN_VARIABLE
from byoc_helpers.resources import site


@pytest.fixture
def own(tmp_path):
    """A partner's file and its params."""
    params = partner_maker("Saved")()
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(params.model_dump(exclude_defaults=True), allow_unicode=True, sort_keys=False), "utf-8")
    return path, params


def byoc(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    return done.exit_code, done.output + (str(done.exception) if isinstance(done.exception, RunbookError) else "")


def test_a_plan_writes_over_no_other_file(own, tmp_path):
    path, _ = own
    precious = tmp_path / "notes.txt"
    precious.write_text("not a plan")
    code, said = byoc("plan", path, "--out", precious)
    assert code == 1 and "is no plan: it is not written over" in said and precious.read_text() == "not a plan"
    plan, _ = save(own)
    assert byoc("plan", path, "--out", plan)[0] == 2


def test_a_partner_that_cannot_be_planned_has_no_plan(own, monkeypatch):
    def broken(params):
        raise Refused("no way to tell")

    monkeypatch.setattr(plans, "make", broken)
    code, said = byoc("plan", own[0])
    assert code == 1 and "no way to tell" in said and "to add" not in said


def save(own):
    path, _ = own
    plan = path.with_suffix(".plan.json")
    code, said = byoc("plan", path, "--out", plan)
    assert code in (0, 2), said
    return plan, said


def test_a_plan_is_readable_and_holds_no_secret(own, monkeypatch):
    monkeypatch.setenv("DIGEST", "Sw0rdfish-Sw0rdfish")
    own[0].write_text(own[0].read_text("utf-8").replace(own[1].digest_password, "env:DIGEST"), "utf-8")
    plan, said = save(own)
    text = plan.read_text("utf-8")
    assert "SHA-256 " in said and "byoc apply --plan" in said
    assert "Sw0rdfish" not in text and "env:DIGEST" in text
    (entry,) = json.loads(text)["partners"]
    trunk = next(c for c in entry["changes"] if c["kind"] == "Twilio SIP trunk")
    assert trunk["action"] == "create" and {"key": "domain_name", "old": None, "new": own[1].termination_uri} in trunk["settings"]


def test_applied_it_does_what_it_said(own, tmp_path):
    plan, _ = save(own)
    code, said = byoc("apply", "--plan", plan, "--out", tmp_path / "out")
    assert code == 0, said
    assert "nothing has changed since it was made" in " ".join(said.split())
    assert byoc("plan", own[0])[0] == 0


@pytest.mark.parametrize("change", ["location", "number"])
def test_it_is_refused_when_something_moved_meanwhile(own, change, tmp_path):
    _, params = own
    do(params, "02", "03")
    plan, _ = save(own)
    if change == "location":
        run = do(params, "02")
        telephony, home = run.clouds.genesys.telephony, run._ctx.require(site)
        body = telephony.get_telephony_providers_edges_site(home.id)
        body.edge_auto_update_config.time_zone = "Europe/London"
        telephony.put_telephony_providers_edges_site(home.id, body)
        line = 'Genesys Cloud site "Paris Office": unchanged when the plan was made, update; time_zone Europe/London → Europe/Paris now.'
    else:
        run = do(params, "03")
        run.clouds.twilio.numbers.list(phone_number=params.phone_numbers[0])[0].update(friendly_name="main", trunk_sid="")
        line = f'number on the Twilio trunk "{params.phone_numbers[0]}": unchanged when the plan was made, would be created now.'
    before = snapshot(params)
    code, said = byoc("apply", "--plan", plan, "--out", tmp_path / "out")
    assert code == 1 and line in " ".join(said.split()) and "Make a new plan." in said
    assert snapshot(params) == before and not (tmp_path / "out").exists()


def test_a_run_that_broke_off_can_be_ended(own, tmp_path):
    _, params = own
    plan, _ = save(own)
    do(params, "02", "03")
    code, said = byoc("apply", "--plan", plan, "--out", tmp_path / "out")
    assert code == 0, said


def test_a_write_that_is_not_in_the_plan_is_refused_in_the_run_itself(own, monkeypatch):
    """What moves between the check and the write: the kernels hold each write against the plan."""
    path, params = own
    plan = path.with_suffix(".json")
    digest = plans.save(plan, [(Partner("own.yaml", params, yaml.safe_load(path.read_text("utf-8"))), plans.make(params))])
    monkeypatch.setenv(PLAN_VARIABLE, f"{digest}:{plan}")
    do(params, "02")
    with pytest.raises(Refused, match=r"approved plan does not hold this change of the Genesys Cloud site.*time_zone"):
        do(params.model_copy(update={"time_zone": "Europe/London"}), "02")
    other = params.model_copy(update={"ip_acl_name": "Another"})
    with pytest.raises(Refused, match='does not hold this change of the Twilio IP access control list "Another": create'):
        do(other, "03")
    plan.write_text(plan.read_text("utf-8").replace(params.ip_acl_name, "Another"), "utf-8")
    with pytest.raises(Refused, match="has been changed since it was approved"):
        do(other, "03")


def test_no_plan_is_saved_that_would_be_refused(own, tmp_path):
    path, params = own
    do(params, *ALL)
    run = do(params, "02")
    telephony, home = run.clouds.genesys.telephony, run._ctx.require(site)
    body = telephony.get_telephony_providers_edges_site(home.id)
    body.description, body.edge_auto_update_config.time_zone = "by hand", "Europe/London"
    telephony.put_telephony_providers_edges_site(home.id, body)
    code, said = byoc("plan", path, "--out", tmp_path / "plan.json")
    assert code == 1 and "Not saved" in said and not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize(("content", "said"), [(None, "can't be read"), ("{", "can't be read"), ("[]", "is not a plan"), ('{"format": "x"}', "is not a plan")])
def test_what_is_no_plan_is_refused(content, said, tmp_path):
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    code, output = byoc("apply", "--plan", path)
    assert code == 1 and said in " ".join(output.split())
