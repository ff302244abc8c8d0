"""The form of chapter 00, without a browser: what it holds, says, refuses and writes."""

from __future__ import annotations

import html
import os
from pathlib import Path

import ipywidgets as widgets
import papermill
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from byoc_helpers.display import form as form_module
from byoc_helpers.display.form import Form, _Field, _Rows, open_form
from byoc_helpers.draft import check, country_of, follows, sections, to_yaml
from byoc_helpers.exceptions import ParamsError
from byoc_helpers.params import Params, load, validate

ROOT = Path(__file__).resolve().parent.parent
SECOND = ROOT / "tests" / "data" / "second.yaml"
SCENARIOS = [{"name": n, "title": n.title(), "lesson": f"Lesson of {n}.", "chapter": ""} for n in ("healthy", "edge-offline")]
PASSWORD = "PCTrunkPassword2018"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A params folder with the example in it."""
    (tmp_path / "demo.yaml").write_text((ROOT / "params" / "demo.yaml").read_text("utf-8"), "utf-8")
    return tmp_path


@pytest.fixture
def form(folder: Path) -> Form:
    made = Form(folder, SCENARIOS)
    assert made.widget
    return made


def field(form: Form, name: str) -> _Field | _Rows:
    return next(f for s in form._sections for f in s.fields if f.name == name)


def enter(form: Form, **values: object) -> None:
    for name, value in values.items():
        field(form, name).value = value


def said(form: Form, name: str) -> str:
    return html.unescape(field(form, name).wrong.value)


def save(form: Form, *clicks: str) -> str:
    """Click Save, then whatever is asked; return what the form says."""
    form._save_button.click()
    for click in clicks:
        {"yes": form._saving.yes, "no": form._saving.no}[click].click()
    return form._saving.said.value


def states(root: object) -> str:
    """Everything that any widget under this one holds."""
    found, todo = [], [root]
    while todo:
        widget = todo.pop()
        found.append(repr(widget.get_state()))
        todo += getattr(widget, "children", ())
    return "\n".join(found)


# ---------------------------------------------------------------- made from the model


def test_every_parameter_is_asked_for_once_in_the_first_chapter_that_uses_it():
    asked = [name for _, names in sections() for name in names]
    assert sorted(asked) == sorted(set(Params.model_fields) - {"params_file"})
    assert all(name in chapter.fields for chapter, names in sections() for name in names)
    assert {name: c.number for c, names in sections() for name in names}["identifier"] == "03"


@pytest.mark.parametrize(("name", "kind"), [
    ("target", widgets.Dropdown), ("default_route", widgets.Dropdown), ("genesys_region", widgets.Dropdown), ("country", widgets.Dropdown),
    ("scenario", widgets.Dropdown), ("adopt", widgets.Checkbox), ("sip_port", widgets.IntText), ("phone_numbers", widgets.Textarea),
    ("codecs", widgets.Textarea), ("time_zone", widgets.Combobox), ("partner", widgets.Text), ("digest_password", form_module._Reference),
    ("twilio_api_key_secret", form_module._Reference),
])
def test_the_control_follows_from_the_annotation(form, name, kind):
    assert isinstance(field(form, name).control, kind)


def test_a_list_of_models_is_rows_of_its_fields(form):
    rows = field(form, "assignments")
    assert isinstance(rows, _Rows) and list(rows.rows[0]) == ["number", "person", "call_route", "flow"]
    rows.add.click()
    assert [len(rows.rows), len(rows.list.children)] == [2, 2]
    assert "needed" in rows.rows[1]["number"].remark.value
    save(form)
    assert "assignments[1].number is missing" in rows.rows[1]["number"].wrong.value
    rows.list.children[1].children[-1].click()
    assert len(rows.rows) == 1 and form.problems() == []


def test_regions_are_listed_by_both_their_names(form):
    labels = [label for label, _ in field(form, "genesys_region").control.options]
    assert any("eu-west-1" in label and "mypurecloud.ie" in label for label in labels)


def test_a_region_given_as_a_host_is_found_in_the_list(folder):
    opened = Form(folder, SCENARIOS, SECOND)
    assert opened.widget and opened.values["genesys_region"] == "eu-central-1"


def test_without_practice_clouds_a_scenario_is_typed(folder):
    opened = Form(folder)
    assert opened.widget and isinstance(field(opened, "scenario").control, widgets.Text)


# ---------------------------------------------------------------- checking


@pytest.mark.parametrize(("name", "value"), [
    ("emergency_number", "+3312"), ("emergency_number", "0123456789"), ("identifier", "twilio_ABC"), ("termination_domain", "a.pstn.twilio.com"),
    ("phone_numbers", ["+33123456789", "hello"]), ("sip_access", ["0.0.0.0/0"]), ("twilio_edges", ["paris"]), ("dtmf_payload", 3),
    ("time_zone", "Europe/Pariss"), ("site_contact", "nobody"), ("codecs", ["audio/mp3"]), ("partner", ""), ("phone_numbers", []),
])
def test_what_is_wrong_stands_beside_the_field_in_the_sentence_that_a_run_would_give(form, folder, name, value):
    before = form.problems()
    enter(form, **{name: value})
    with pytest.raises(ParamsError) as error:
        validate({k: v for k, v in yaml.safe_load((folder / "demo.yaml").read_text("utf-8")).items() if k != name}
                 | ({name: value} if value not in ("", []) else {}), source="x")
    sentences = [s.removeprefix("x: ") for s in error.value.problems if s.startswith(f"x: {name}")]
    assert before == [] and sentences and [s for s in form.problems() if s.startswith(name)] == sentences
    assert 'role="alert"' in said(form, name) and name in form._count.value


def test_a_mended_field_falls_silent(form):
    enter(form, identifier="twilio_ABC")
    assert said(form, "identifier")
    enter(form, identifier="acme-paris")
    assert said(form, "identifier") == "" and form.problems() == []


def test_one_mistake_does_not_hide_another_that_is_found_by_comparing(form):
    enter(form, identifier="twilio_ABC", phone_numbers=["+33123456780"])
    assert said(form, "identifier") and "is not among phone_numbers" in field(form, "assignments").rows[0]["number"].wrong.value


def test_live_asks_for_credentials_and_shows_where(form):
    enter(form, target="live")
    assert "target is live" in said(form, "genesys_client_secret") and "practice: secrets" in said(form, "digest_password")
    first = form._sections[0]
    assert first.toggle.value and first.optional.layout.display == ""


def test_each_number_has_its_country_named(form):
    enter(form, phone_numbers=["+33123456789", "+4922112345678"])
    assert "+33123456789: France" in field(form, "phone_numbers").remark.value
    assert "+4922112345678: Germany" in field(form, "phone_numbers").remark.value
    assert (country_of("+14165550123"), country_of("+80012345678"), country_of("hello"), country_of("+9")) == ("Canada", "country code 800", "", "")


def test_an_unusual_number_is_remarked_on(form):
    enter(form, emergency_number="+15551234567")
    assert "not a number that its country has in use" in field(form, "emergency_number").remark.value
    assert form.problems() == []


def test_the_scenarios_lesson_is_shown(form):
    enter(form, scenario="edge-offline")
    assert "Lesson of edge-offline." in field(form, "scenario").remark.value


def test_what_is_entered_is_escaped(form):
    enter(form, identifier="<img src=x onerror=alert(1)>", scenario="healthy", phone_numbers=["<b>"])
    assert "<img" not in field(form, "identifier").wrong.value and "&lt;img" in field(form, "identifier").wrong.value
    assert "<b>" not in field(form, "phone_numbers").wrong.value
    assert "<img" not in form.table()._repr_html_()


# ---------------------------------------------------------------- what follows


def test_what_follows_changes_with_the_choices(form):
    enter(form, identifier="acme-paris", termination_domain="acme", genesys_region="eu-central-1", sip_port=5061, twilio_edges=["dublin"])
    rows = {name: value for name, value, _ in form.follows().rows}
    assert rows["Termination URI"] == "acme.pstn.twilio.com"
    assert rows["Inbound FQDN"] == "acme-paris.byoc.mypurecloud.de" and rows["Origination URL"] == "sip:acme-paris.byoc.mypurecloud.de"
    assert rows["SIP servers"] == "acme.pstn.dublin.twilio.com:5061"
    assert rows["IP access control list"] == "192.0.2.41/32, 192.0.2.42/32"
    assert rows["SIP access control"].split(", ")[:2] == ["54.172.60.0/30", "54.244.51.0/30"] and rows["SIP access control"].count(",") == 7
    trunk = next(s for s in form._sections if s.chapter.number == "04")
    assert "acme.pstn.dublin.twilio.com:5061" in trunk.follows.value


def test_what_follows_from_something_wrong_is_left_open_and_the_rest_stays(form):
    enter(form, identifier="twilio_ABC")
    rows = {name: value for name, value, _ in form.follows().rows}
    assert (rows["Inbound FQDN"], rows["Termination URI"]) == ("–", "purecloudABC.pstn.twilio.com")


def test_nothing_is_asked_of_the_network_for_a_live_target(demo):
    values = yaml.safe_load(demo.read_text("utf-8")) | {"target": "live", "genesys_client_id": "0a1b2c3d-0000-4000-8000-00000000000a"}
    params, problems = check(values)
    assert {key for key, _, _ in problems} == {"genesys_client_secret", "twilio_account_sid", "twilio_api_key_secret", "digest_password"}
    assert "when chapter 03 runs" in dict(row[:2] for row in follows(params))["IP access control list"]


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize("name", ["digest_password", "genesys_client_secret", "twilio_api_key_secret"])
def test_a_secret_is_refused_and_kept_nowhere(form, name):
    control = field(form, name).control
    control.set_state({"value": PASSWORD})  # as a front end does
    assert control.value == "" and "must be a reference to a secret" in said(form, name)
    assert "Not saved" in save(form)
    assert PASSWORD not in states(form.widget) and PASSWORD not in repr(form._repr_mimebundle_())
    assert not any(PASSWORD in p.read_text("utf-8") for p in form.folder.iterdir())
    control.set_state({"value": "env:DIGEST"})
    assert said(form, name) == "" and form.values[name] == "env:DIGEST"


def test_a_refused_secret_is_taken_off_the_screen(form, monkeypatch):
    control, sent = field(form, "digest_password").control, []
    monkeypatch.setattr(type(control), "_send", lambda self, message, buffers=None: sent.append(message))
    control.set_state({"value": PASSWORD})
    assert {"value": ""} in [m.get("state") for m in sent] and PASSWORD not in repr(sent)


def test_references_reach_the_kernel_when_the_box_is_left_only(form):
    assert field(form, "digest_password").control.continuous_update is False


# ---------------------------------------------------------------- saving


def test_a_saved_file_is_what_the_form_shows(form, folder):
    enter(form, partner="Acme", postal_code="02134", country="NO", identifier="acme")
    text = save(form)
    made = load(folder / "acme.yaml")
    assert "Saved" in text and "params_file: str" in text
    assert (made.partner, made.postal_code, made.country, made.identifier) == ("Acme", "02134", "NO", "acme")
    written = (folder / "acme.yaml").read_text("utf-8")
    assert 'postal_code: "02134"  # Postal code, quoted' in written and 'country: "NO"' in written and "# 03 Twilio" in written


def test_a_saved_file_leaves_nothing_to_a_notebooks_example(form, folder):
    enter(form, partner="Acme", caller_name="", assignments=[])
    save(form)
    held = yaml.safe_load((folder / "acme.yaml").read_text("utf-8"))
    assert set(held) == set(Params.model_fields) - {"params_file"} and held["caller_name"] == "" and held["assignments"] == []


@pytest.mark.parametrize("path", [ROOT / "params" / "demo.yaml", SECOND], ids=lambda p: p.stem)
def test_opening_and_writing_changes_no_value(path, folder):
    opened = Form(folder, SCENARIOS, path)
    assert opened.widget
    made = folder / "again.yaml"
    made.write_text(to_yaml(check(opened.values)[0]), "utf-8")
    same = {"genesys_region": load(path).region.aws}
    assert load(made) == load(path).model_copy(update=same)


LINE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).map(str.strip).filter(bool)


@settings(max_examples=50, deadline=None)
@given(name=LINE, state=st.text(st.characters(exclude_categories=["Cs"]), max_size=20), many=st.lists(LINE, min_size=1, max_size=3))
def test_any_text_survives_the_file(tmp_path_factory, name, state, many):
    values = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text("utf-8"))
    params = validate({**values, "site_name": name, "state": state, "classifications": many}, source="x")
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(to_yaml(params), "utf-8", newline="")
    assert load(path) == params


@pytest.mark.parametrize(("partner", "why"), [("PartnerABC", "a partner has one file"), ("Demo", "stays as it is")])
def test_the_example_is_not_overwritten(form, folder, partner, why):
    before = {p.name: p.read_text("utf-8") for p in folder.iterdir()}
    enter(form, partner=partner)
    assert why in save(form) and form._saving.question.value == ""
    assert {p.name: p.read_text("utf-8") for p in folder.iterdir()} == before


@pytest.mark.parametrize(("answer", "replaced"), [("no", False), ("yes", True)])
def test_another_partners_file_is_replaced_only_when_asked(form, folder, answer, replaced):
    other = folder / "acme.yaml"
    other.write_text((folder / "demo.yaml").read_text("utf-8").replace("PartnerABC", "Beta"), "utf-8")
    enter(form, partner="Acme")
    form._save_button.click()
    assert 'holds partner "Beta"' in html.unescape(form._saving.question.value) and form._saving.yes.description == "Replace acme.yaml"
    {"yes": form._saving.yes, "no": form._saving.no}[answer].click()
    assert (load(other).partner == "Acme") is replaced and form._saving.bar.layout.display == "none"


def test_what_is_wrong_after_the_question_is_not_written(form, folder):
    other = folder / "acme.yaml"
    other.write_text((folder / "demo.yaml").read_text("utf-8").replace("PartnerABC", "Beta"), "utf-8")
    enter(form, partner="Acme")
    form._save_button.click()
    enter(form, identifier="twilio_ABC")
    form._saving.yes.click()
    assert "Not saved. To mend: identifier" in form._saving.said.value and load(other).partner == "Beta"


def test_a_partner_with_a_file_of_another_name_is_not_given_a_second(form, folder):
    (folder / "mine.yaml").write_text((folder / "demo.yaml").read_text("utf-8").replace("PartnerABC", "Acme"), "utf-8")
    enter(form, partner="Acme")
    assert "is also in mine.yaml" in save(form) and not (folder / "acme.yaml").exists()


def test_an_opened_file_is_saved_again_without_a_question(form, folder):
    enter(form, partner="Acme")
    save(form)
    enter(form, city="Lyon")
    assert "Saved" in save(form) and load(folder / "acme.yaml").city == "Lyon"
    form._file.value = "acme.yaml"
    form._open_button.click()
    enter(form, city="Nice")
    assert "Saved" in save(form) and load(folder / "acme.yaml").city == "Nice"


def test_what_somebody_else_wrote_meanwhile_is_not_lost_unasked(form, folder):
    enter(form, partner="Acme")
    save(form)
    path = folder / "acme.yaml"
    path.write_text(path.read_text("utf-8").replace('city: "Paris"', 'city: "Lille"'), "utf-8")
    enter(form, street="1 rue Basse")
    form._save_button.click()
    assert "changed by somebody else" in form._saving.question.value and load(path).city == "Lille"


def test_comments_of_ones_own_are_not_lost_unasked(folder):
    path = folder / "acme.yaml"
    path.write_text("# Call Marie before a change.\n" + (folder / "demo.yaml").read_text("utf-8").replace("PartnerABC", "Acme"), "utf-8")
    opened = Form(folder, SCENARIOS, path)
    assert opened.widget
    enter(opened, city="Lyon")
    opened._save_button.click()
    assert "comments of your own" in opened._saving.question.value and "Marie" in path.read_text("utf-8")


def test_unsaved_changes_are_not_dropped_unasked(form):
    enter(form, city="Lyon")
    form._open_button.click()
    assert "not saved yet" in form._opening.question.value and form.values["city"] == "Lyon"
    form._opening.yes.click()
    assert form.values["city"] == "Paris"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(form, folder, monkeypatch):
    enter(form, partner="Acme")
    save(form)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    enter(form, city="Lyon")
    assert "Not saved. No space left on device" in save(form)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_wrong_params_are_not_saved(form, folder):
    enter(form, partner="Acme", identifier="twilio_ABC")
    assert "Not saved. To mend: identifier" in save(form) and not (folder / "acme.yaml").exists()


def test_an_empty_form_says_what_is_missing(form):
    form._file.value = ""
    form._open_button.click()
    assert said(form, "partner") == "" and "needed" in field(form, "partner").remark.value and len(form._wrong) > 15
    save(form)
    assert "partner is missing. Add it: Partner's name" in said(form, "partner")
    assert form.values["scenario"] == "healthy" and form.values["codecs"] == ["audio/pcmu", "audio/pcma"]


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize(("line", "sentence"), [
    ('site_nam: "x"', "site_nam is not a parameter"), (f'genesys_client_secret: "{PASSWORD}"', "must be a reference"),
    ('sip_port: "many"', "sip_port"), ("state:", "state must be quoted text"), ("caller_id: 33123456789", "Quote it"),
])
def test_a_file_the_form_would_change_unseen_is_not_opened(folder, line, sentence):
    path = folder / "bad.yaml"
    path.write_text((folder / "demo.yaml").read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(ParamsError, match=sentence) as error:
        Form(folder, SCENARIOS, path)
    assert PASSWORD not in str(error.value)


def test_a_file_with_a_wrong_value_is_opened_to_be_mended(folder):
    path = folder / "bad.yaml"
    path.write_text((folder / "demo.yaml").read_text("utf-8").replace("twilioABC\"", "twilio_ABC\"").replace("target: sandbox", "target: moon"), "utf-8")
    opened = Form(folder, SCENARIOS, path)
    assert opened.widget and said(opened, "identifier") and said(opened, "target")


def test_a_file_that_is_not_there_is_a_sentence():
    with pytest.raises(ParamsError, match="can't be read"):
        open_form("params/nobody.yaml")


# ---------------------------------------------------------------- headless


def test_headless_it_is_tables_and_leaves_no_widget(tmp_path):
    """Plain papermill, which keeps widget states: there must be none to keep."""
    out = tmp_path / "00.ipynb"
    done = papermill.execute_notebook(str(ROOT / "notebooks" / "00_start_here.ipynb"), str(out), parameters={"params_file": str(SECOND)}, progress_bar=False)
    assert "widgets" not in done.metadata and "widget" not in out.read_text("utf-8").replace("ipywidgets", "").replace("no widget", "")
    shown = done.cells[-2].outputs[0].data
    assert "Zweigstelle &#x27;Süd&#x27; &lt;Köln&gt;" in shown["text/html"] and "cafe-ete.pstn.dublin.twilio.com:5060" in shown["text/html"]
    assert "follows from these choices" in shown["text/plain"]
    scenarios = next(c for c in done.cells if c.id == "open").outputs[0].data["text/html"]
    assert "edge-offline" in scenarios
