"""Chapter 00 in JupyterLab: its form, filled in with the keyboard, in light and in dark."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest
from lab import Lab, browser, running_lab, unfold

from byoc_helpers import authoring
from byoc_helpers.chapters import find_chapter
from byoc_helpers.params import load

PASSWORD = "PCTrunkPassword2018"


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    with running_lab(tmp_path_factory.mktemp("lab")) as started:
        yield started


class Tab:
    """One page on chapter 00, kept from test to test: a page with a kernel takes ten seconds to open."""

    def __init__(self, lab: Lab, chromium: Any):
        self.lab, self.chromium, self.theme, self.page, self.errors = lab, chromium, "", None, []

    def show(self, theme: str) -> Any:
        if theme != self.theme:
            self.close()
            self.page, self.theme = self.lab.open(self.chromium, "00_start_here.ipynb", theme=theme), theme
            self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.lab.run_all(self.page)
        return self.page

    def close(self) -> None:
        if self.page:
            self.page.context.close()
        self.theme, self.page = "", None


@pytest.fixture(scope="module")
def tab(lab: Lab, chromium: Any):
    kept = Tab(lab, chromium)
    yield kept
    kept.close()


@pytest.fixture
def opened(tab: Tab):
    """Chapter 00 run anew: its page and its form. What the browser complains of fails the test."""
    tab.errors.clear()

    def run_with(theme: str = "light") -> tuple[Any, Any]:
        page = tab.show(theme)
        form = page.locator(".byoc-form")
        form.get_by_text("All parameters are right").wait_for()
        return page, form

    yield run_with
    assert tab.errors == []


def focused(page: Any) -> str:
    """Label, or text, of what has the focus."""
    return page.evaluate("() => { const e = document.activeElement; return (e.labels?.[0]?.innerText || e.innerText || e.tagName).trim() }")


def tab_to(page: Any, label: str, limit: int = 80) -> None:
    """Press Tab until this control has the focus."""
    passed = []
    while focused(page) != label:
        passed.append(focused(page))
        assert len(passed) < limit, f"{label} is not reached by Tab: {passed}"
        page.keyboard.press("Tab")


def retype(page: Any, text: str) -> None:
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def beside(form: Any, label: str) -> Any:
    """What stands beside a field, by its label."""
    return form.locator(".byoc-field", has=form.page.get_by_label(label, exact=True)).locator(".byoc-beside")


def test_a_params_file_is_made_with_the_keyboard_alone(lab, opened):
    page, form = opened()
    form.get_by_label("Start from").focus()
    tab_to(page, "Partner")
    retype(page, "Acme Paris")
    tab_to(page, "Scenario")
    page.keyboard.type("edge")  # a list is chosen from by its first letters
    tab_to(page, "Phone numbers")
    retype(page, "+331234")
    alert = beside(form, "Phone numbers").get_by_role("alert")
    alert.get_by_text('phone_numbers[0]: "+331234" can\'t be a phone number: too short').wait_for()
    assert "to mend: phone_numbers" in form.inner_text()
    retype(page, "+33123456789\n+33123456780")
    alert.wait_for(state="detached")
    beside(form, "Phone numbers").get_by_text("+33123456780: France").wait_for()

    tab_to(page, "Identifier")
    retype(page, "acme_paris")
    beside(form, "Identifier").get_by_text("letters, digits and hyphens only").wait_for()
    assert form.get_by_role("row", name="Inbound FQDN").get_by_role("cell").first.inner_text() == "–"
    retype(page, "acme-paris")
    form.get_by_role("cell", name="sip:acme-paris.byoc.mypurecloud.ie").wait_for()

    tab_to(page, "Save")
    page.keyboard.press("Enter")
    form.get_by_text("Saved: params/acme-paris.yaml").wait_for()
    assert 'params_file: str = "params/acme-paris.yaml"' in form.inner_text()
    made = load(lab.project / "params" / "acme-paris.yaml")
    assert (made.partner, made.scenario, made.identifier) == ("Acme Paris", "edge-offline", "acme-paris")
    assert made.phone_numbers == ["+33123456789", "+33123456780"]


def test_a_chapter_opened_by_hand_uses_the_saved_file(lab, chromium):
    text = (lab.project / "params" / "demo.yaml").read_text("utf-8")
    (lab.project / "params" / "lyon.yaml").write_text(text.replace('"PartnerABC"', '"Lyon"', 1), "utf-8")
    path = lab.notebooks / "01_precheck.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    untouched = authoring.parameters_cell(find_chapter("01"), load(lab.project / "params" / "demo.yaml"))
    cell.source = untouched.replace('params_file: str = ""', 'params_file: str = "params/lyon.yaml"')
    nbformat.write(notebook, path)
    page = lab.open(chromium, "01_precheck.ipynb")
    lab.run_all(page)
    saved = lab.save(page)
    shown = "".join("".join(o["data"].get("text/plain", "")) for c in saved["cells"] for o in c.get("outputs", []) if "data" in o)
    page.context.close()
    assert "Chapter 01 for Lyon" in shown and "from params/lyon.yaml" in shown and "checks passed" in shown


def test_a_pasted_secret_leaves_the_screen_and_no_trace(lab, opened):
    page, form = opened()
    box = form.get_by_label("Digest password", exact=True)
    box.focus()
    retype(page, PASSWORD)
    page.keyboard.press("Tab")
    beside(form, "Digest password").get_by_text("never the secret itself").wait_for()
    page.wait_for_function("box => box.value === ''", arg=box.element_handle())
    assert PASSWORD not in page.content()
    notebook = str(lab.save(page))
    assert PASSWORD not in notebook and "application/vnd.jupyter.widget-view+json" in notebook
    box.focus()
    page.keyboard.type("env:DIGEST")
    page.keyboard.press("Tab")
    form.get_by_text("All parameters are right").wait_for()
    assert box.input_value() == "env:DIGEST"


def test_a_saved_notebook_that_is_opened_again_shows_the_values_as_tables(lab, chromium, opened, tab):
    page, _ = opened()
    tables = page.get_by_text("params/demo.yaml, as opened in the form")
    assert tables.count() == 1 and not tables.is_visible()
    lab.save(page)
    tab.close()
    again = lab.open(chromium, "00_start_here.ipynb")
    again.get_by_text("params/demo.yaml, as opened in the form").wait_for()
    again.get_by_role("cell", name="sip:twilioABC.byoc.mypurecloud.ie").wait_for()
    again.context.close()


def test_keys_pressed_on_a_list_are_the_lists(opened):
    page, form = opened()
    cells = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.map(w => w.model.type)")
    chosen = form.get_by_label("Scenario", exact=True)
    chosen.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("list => list.selectedIndex === 1", arg=chosen.element_handle())
    page.keyboard.type("rough")  # in JupyterLab's command mode r would make a raw cell
    beside(form, "Scenario").get_by_text("Answers get lost").wait_for()
    assert focused(page) == "Scenario"
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.map(w => w.model.type)") == cells


def test_what_stands_beside_a_control_describes_it(opened):
    page, form = opened()
    box = form.get_by_label("Identifier", exact=True)
    box.fill("twilio_ABC")
    page.wait_for_function("box => box.getAttribute('aria-invalid') === 'true'", arg=box.element_handle())
    described = page.evaluate("box => document.getElementById(box.getAttribute('aria-describedby')).innerText", box.element_handle())
    assert "letters, digits and hyphens only" in described and "unique in the region" in described
    box.fill("acme")
    page.wait_for_function("box => box.getAttribute('aria-invalid') === 'false'", arg=box.element_handle())


def test_an_existing_file_is_opened_with_the_keyboard(lab, opened):
    text = (lab.project / "params" / "demo.yaml").read_text("utf-8")
    (lab.project / "params" / "turin.yaml").write_text(text.replace('"PartnerABC"', '"Turin"', 1).replace("twilioABC", "twilio-turin"), "utf-8")
    page, form = opened()
    form.get_by_label("City", exact=True).fill("Lost")
    form.get_by_label("Start from").focus()
    page.keyboard.type("turin")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    form.get_by_text("not saved yet").wait_for()
    page.wait_for_function("() => document.activeElement.innerText === 'Drop the changes'")
    page.keyboard.press("Enter")
    form.get_by_text("turin.yaml is open").wait_for()
    form.get_by_role("cell", name="sip:twilio-turin.byoc.mypurecloud.ie").wait_for()
    assert focused(page) == "Partner" and form.get_by_label("City", exact=True).input_value() == "Paris"


def test_another_partners_file_is_asked_about(lab, opened):
    text = (lab.project / "params" / "demo.yaml").read_text("utf-8")
    (lab.project / "params" / "rome.yaml").write_text(text.replace('"PartnerABC"', '"Beta"', 1), "utf-8")
    page, form = opened()
    form.get_by_label("Partner", exact=True).fill("Rome")
    form.get_by_label("City", exact=True).fill("Rome")
    form.get_by_role("button", name="Save").press("Enter")
    form.get_by_text('rome.yaml is there already and holds partner "Beta"').wait_for()
    page.wait_for_function("() => document.activeElement.innerText === 'Replace rome.yaml'")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # leave it as it is
    form.get_by_role("button", name="Replace rome.yaml").wait_for(state="hidden")
    assert load(lab.project / "params" / "rome.yaml").partner == "Beta"
    form.get_by_role("button", name="Save").press("Enter")
    form.get_by_role("button", name="Replace rome.yaml").press("Enter")
    form.get_by_text("Saved: params/rome.yaml").wait_for()
    assert load(lab.project / "params" / "rome.yaml").city == "Rome"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_is_accessible_in_either_theme(opened, theme):
    from axe_playwright_python.sync_playwright import Axe

    page, form = opened(theme)
    form.get_by_label("Identifier", exact=True).fill("twilio_ABC")
    form.get_by_role("button", name="Add assignment").click()
    unfold(form)
    beside(form, "Identifier").get_by_role("alert").wait_for()
    form.get_by_role("button", name="Save").press("Enter")
    form.get_by_text("Not saved. To mend: identifier, assignments").wait_for()
    result = Axe().run(page, context=".byoc-form", options={}).response
    checked = {rule["id"] for rule in result["passes"]}
    assert {"label", "button-name", "select-name", "color-contrast", "heading-order"} <= checked
    grave = [(v["id"], v["impact"], [n["html"] for n in v["nodes"]]) for v in result["violations"] if v["impact"] in ("serious", "critical")]
    assert grave == []
    background = page.evaluate("() => getComputedStyle(document.querySelector('.byoc-follows')).backgroundColor")
    lightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert lightness > 200 if theme == "light" else lightness < 60
