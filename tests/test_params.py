"""Every mistake gets its sentence, naming file and key, before anything is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from byoc_helpers.exceptions import ParamsError, SecretError
from byoc_helpers.params import Params, digest_password, load, schema, validate, warnings

BAD = {
    # what is wrong: (line to put in place of the key's own, what the sentence must say)
    "unquoted phone number": ("emergency_number: +33123456789", ["emergency_number is +33123456789 without quotes", "a number", 'Quote it: "+33123456789"']),
    "unquoted phone number in a list": ("phone_numbers: [+33123456789]", ["phone_numbers is +33123456789 without quotes", "Quote it"]),
    "unquoted postal code": ("postal_code: 02134", ["postal_code is 02134 without quotes", 'Quote it: "02134"']),
    "country that YAML reads as false": ("country: NO", ["country is NO without quotes", "true or false"]),
    "no plus": ('emergency_number: "0123456789"', ["emergency_number", "E.164", "plus sign"]),
    "too short a number": ('emergency_number: "+3312"', ["emergency_number", "too short", "33"]),
    "no such country code": ('emergency_number: "+99912345678"', ["emergency_number", "+99912345678"]),
    "not a number": ('phone_numbers: ["hello"]', ["phone_numbers[0]", '"hello"', "E.164"]),
    "unknown region": ('genesys_region: "eu-west-9"', ["genesys_region", '"eu-west-9" is not a Genesys Cloud region', "Did you mean eu-west"]),
    "unknown country": ('country: "ZZ"', ["country", '"ZZ"', "ISO 3166"]),
    "missing key": ("", ["site_name is missing", "Name of the site"]),
    "unknown key": ('site_nam: "Paris"', ["site_nam is not a parameter", "Did you mean site_name"]),
    "wrong type": ('sip_port: "many"', ["sip_port", "integer"]),
    "wrong type of a flag": ('adopt: "yes"', ["adopt", "bool"]),
    "one of a few": ('default_route: "remove"', ["default_route is 'remove'", "'move', 'delete' or 'keep'"]),
    "bad CIDR": ('sip_access: ["203.0.113.1/30"]', ["sip_access[0]", "203.0.113.1/30", "host bits set"]),
    "whole Internet": ('signalling_addresses: ["0.0.0.0/0"]', ["signalling_addresses[0]", "whole Internet"]),
    "IPv6": ('signalling_addresses: ["2001:db8::/32"]', ["signalling_addresses[0]", "IPv6"]),
    "identifier with illegal characters": ('identifier: "twilio_ABC.x"', ["identifier", '"twilio_ABC.x"', "letters, digits and hyphens"]),
    "no such date": ("postal_code: 2026-13-45", ["postal_code is 2026-13-45 without quotes"]),
    "password of digits, unquoted": ("digest_password: 201820182018", ["digest_password", "must be a reference"]),
    "number list with words": ('number_plans: [{name: "x", match_type: "numberList", classification: "C", numbers: ["abc"]}]', ["number_plans[0].numbers", '"abc"']),
    "port in the domain": ('byoc_domain: "byoc.mypurecloud.ie:5060"', ["byoc_domain", "domain alone"]),
    "whole domain": ('termination_domain: "purecloudABC.pstn.twilio.com"', ["termination_domain", 'only the first part, "purecloudABC"']),
    "password instead of a reference": ('digest_password: "PCTrunkPassword2018"', ["digest_password", "must be a reference"]),
    "time zone": ('time_zone: "Europe/Pariss"', ["time_zone", "Did you mean Europe/Paris"]),
    "edge": ('twilio_edges: ["paris"]', ["twilio_edges[0]", "not a Twilio edge location", "dublin (ie1)"]),
    "assignment to two": ('assignments: [{number: "+33123456789", person: "a@b.example", call_route: "x", flow: "y"}]', ["assignments[0]", "one of the two"]),
    "assignment of a stranger's number": ('assignments: [{number: "+33123456780", person: "a@b.example"}]', ["assignments[0].number", "not among phone_numbers"]),
    "number twice": ('phone_numbers: ["+33123456789", "+33123456789"]', ["phone_numbers", "listed twice"]),
    "bad regex": ('number_plans: [{name: "x", match_type: "regex", classification: "National", match: "("}]', ["number_plans[0].match", "regular expression"]),
    "key twice": ('site_name: "a"\nsite_name: "b"', ["site_name is given twice"]),
    "practice secret on live": ("target: live", ["digest_password", "practice: secrets", "genesys_client_id"]),
}


@pytest.fixture
def spoilt(demo: Path, tmp_path: Path):
    def make(line: str, key: str) -> Path:
        """The demo file with one key's line (and what is under it) replaced."""
        values = yaml.safe_load(demo.read_text("utf-8"))
        values.pop(key, None)
        path = tmp_path / "partner.yaml"
        path.write_text(yaml.safe_dump(values, allow_unicode=True, default_style='"').replace('"false"', "false") + line + "\n", "utf-8")
        return path
    return make


@pytest.mark.parametrize("what", BAD)
def test_every_mistake_has_its_sentence(what, spoilt):
    line, said = BAD[what]
    path = spoilt(line, line.partition(":")[0].strip() or "site_name")
    with pytest.raises(ParamsError) as error:
        load(path)
    message = str(error.value)
    assert "partner.yaml" in message
    for part in said:
        assert part in message
    assert "PCTrunkPassword2018" not in message and "201820182018" not in message


def test_a_token_in_the_wrong_field_is_not_repeated(demo):
    values = yaml.safe_load(demo.read_text("utf-8"))
    with pytest.raises(ParamsError) as error:
        validate({**values, "twilio_account_sid": "0123456789abcdef0123456789abcdef"}, source="x")
    assert "twilio_account_sid" in str(error.value) and "0123456789abcdef" not in str(error.value)


def test_a_caller_id_that_is_not_ours_is_warned_of(demo):
    values = yaml.safe_load(demo.read_text("utf-8"))
    (warning,) = warnings(validate({**values, "caller_id": "+442071838750"}, source="x"))
    assert "verified caller ID" in warning


@pytest.mark.parametrize(("content", "said"), [
    (b"", "empty"), (b"- a\n- b\n", "`key: value` lines"), (b"a: [", "not valid YAML"), (b"\xff\xfe\x00", "UTF-8"),
])
def test_a_file_that_is_no_params_file(content, said, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ParamsError, match=said):
        load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ParamsError, match=r"x\.yaml: this file can't be read \(No such file"):
        load(tmp_path / "x.yaml")


def test_all_problems_are_told_at_once():
    with pytest.raises(ParamsError) as error:
        validate({"partner": "A", "country": False, "phone_numbers": [33123456789]}, source="x")
    assert len(error.value.problems) > 15
    assert any("country is False" in p for p in error.value.problems)
    assert any("phone_numbers[0] is 33123456789" in p and "Quote it" in p for p in error.value.problems)


def test_the_guides_example(demo):
    params = load(demo)
    assert params.termination_uri == "purecloudABC.pstn.twilio.com"
    assert params.origination_url == "sip:twilioABC.byoc.mypurecloud.ie"
    assert params.servers == ["purecloudABC.pstn.twilio.com:5060"]
    assert params.access_list == [
        "54.172.60.0/30", "54.244.51.0/30", "54.171.127.192/30", "35.156.191.128/30",
        "54.169.127.128/30", "54.252.254.64/30", "177.71.206.192/30", "54.65.63.192/30",
    ]
    assert params.calling_address == "+33123456789"
    assert params.slug == "partnerabc"


def test_localized_hosts_keep_the_form_they_were_given_in(demo):
    values = yaml.safe_load(demo.read_text("utf-8"))
    params = validate({**values, "twilio_edges": ["ie1", "frankfurt"]}, source="x")
    assert params.servers == ["purecloudABC.pstn.ie1.twilio.com:5060", "purecloudABC.pstn.frankfurt.twilio.com:5060"]


def test_numbers_are_stored_as_e164(demo):
    values = yaml.safe_load(demo.read_text("utf-8"))
    params = validate({**values, "emergency_number": "+33 1 23 45 67 89"}, source="x")
    assert params.emergency_number == "+33123456789"


@pytest.mark.parametrize("partner", ["../../etc", "a/b", "日本支社", "  .. ", "CON", "Café", "Cafe", "x" * 300])
def test_a_partners_folder_is_never_a_path(partner, demo):
    values = yaml.safe_load(demo.read_text("utf-8"))
    slug = validate({**values, "partner": partner}, source="x").slug
    assert slug.strip(".-") and set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and len(slug) < 64


def test_partners_that_differ_have_folders_that_differ(demo):
    values = yaml.safe_load(demo.read_text("utf-8"))
    slugs = [validate({**values, "partner": p}, source="x").slug for p in ("Café", "Cafe", "Caf é", "日本", "中国")]
    assert len(set(slugs)) == len(slugs)


def test_a_weak_password_is_refused_without_being_shown(demo, monkeypatch):
    values = yaml.safe_load(demo.read_text("utf-8"))
    monkeypatch.setenv("WEAK", "tooweakpassword")
    params = validate({**values, "digest_password": "env:WEAK"}, source="x")
    with pytest.raises(ParamsError) as error:
        digest_password(params)
    assert "a capital letter, a digit" in str(error.value)
    assert "tooweakpassword" not in str(error.value)


def test_a_reference_that_points_nowhere(demo):
    values = yaml.safe_load(demo.read_text("utf-8"))
    for reference, said in {"env:NOT_SET_ANYWHERE": "is not set", "file:/no/such/file": "there is no file"}.items():
        with pytest.raises(SecretError, match=said) as error:
            digest_password(validate({**values, "digest_password": reference}, source="x"))
        assert "digest_password" in str(error.value)


def test_the_schema_beside_the_files_is_the_models(root):
    written = json.loads((root / "params" / "schema.json").read_text("utf-8"))
    assert written == schema(), "run `make notebooks`"
    assert set(written["properties"]) == set(Params.model_fields) - {"params_file"}
    assert all(field.description for field in Params.model_fields.values())
