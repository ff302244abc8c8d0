"""The whole journey in JupyterLab, as a trainee makes it: an empty form, every chapter, two drills.

BYOC_SCREENSHOTS=FOLDER keeps the pictures that README shows.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import browser, running_lab, unfold

from byoc_helpers.chapters import CHAPTERS
from byoc_helpers.drills import find_drill
from byoc_helpers.params import load

PICTURES = os.environ.get("BYOC_SCREENSHOTS", "")
NUMBER = "+4930901820"
EMPTY = {  # label in the form: what the trainee types; what is left out has a default
    "Partner": "Berlin Learner", "Genesys region": "eu-central-1,", "Country": "Germany", "Location name": "Berlin", "Street": "Unter den Linden 1", "City": "Berlin", "Postal code": "10117",
    "Emergency number": NUMBER, "Site contact": "alice@example.com", "Site name": "Berlin Office", "Time zone": "Europe/Berlin",
    "IP ACL name": "BerlinACL", "Credential list name": "BerlinCred", "Digest username": "berlinuser", "Digest password": "practice:digest",
    "Twilio trunk name": "BerlinTrunk", "Termination domain": "berlin-learner", "Phone numbers": NUMBER, "Trunk name": "Twilio Berlin",
    "Identifier": "berlin-learner", "Caller name": "Berlin", "Route name": "Twilio Route", "Test numbers": f"030901820\n{NUMBER}\n+14155550123",
}


class Learner:
    """Somebody at JupyterLab: opens notebooks, sets a line of the parameters cell, runs all, reads what is shown."""

    def __init__(self, lab: Any, chromium: Any):
        self.lab, self.chromium, self.page = lab, chromium, None

    def open(self, notebook: str, **lines: str) -> Any:
        """A notebook on the screen, with these lines of its parameters cell edited."""
        if self.page:
            self.page.context.close()
        self.page = self.lab.open(self.chromium, notebook)
        for name, value in lines.items():
            assert self.page.evaluate(
                "([name, value]) => { for (const cell of window.jupyterapp.shell.currentWidget.content.widgets) {"
                " const old = cell.model.sharedModel.getSource();"
                " if (!(cell.model.getMetadata('tags') || []).includes('parameters')) continue;"
                " const changed = old.replace(new RegExp(`^(${name}: str = )\"[^\"]*\"`, 'm'), `$1${JSON.stringify(value)}`);"
                " cell.model.sharedModel.setSource(changed); return changed.includes(`${name}: str = ${JSON.stringify(value)}`) } }", [name, value]), f"{notebook} has no line {name}"
        return self.page

    def run_all(self, seconds: float = 90) -> list[dict[str, Any]]:
        """Run All, up to the end or the first error; what the cells show."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        self.page.evaluate("() => { window.ended = false; window.jupyterapp.commands.execute('notebook:run-all-cells').finally(() => window.ended = true) }")
        self.page.wait_for_function("() => window.ended", timeout=seconds * 1000)
        return self.outputs()

    def outputs(self) -> list[dict[str, Any]]:
        return [o for c in self.lab.save(self.page)["cells"] for o in c.get("outputs", [])]

    def run_again(self, cell: str) -> str:
        """Run the cell with this id once more; what it shows, as text."""
        self.page.evaluate(
            "async id => { const { content } = window.jupyterapp.shell.currentWidget;"
            " content.activeCellIndex = content.widgets.findIndex(w => w.model.id === id);"
            " await window.jupyterapp.commands.execute('notebook:run-cell') }", cell)
        found = next(c for c in self.lab.save(self.page)["cells"] if c["id"] == cell)
        return text(found["outputs"])

    def show(self, cell: str, picture: str) -> None:
        """Scroll to a cell, and keep what is on the screen if pictures are wanted."""
        if PICTURES:
            self.page.evaluate("id => { const { content } = window.jupyterapp.shell.currentWidget;"
                               " const at = content.widgets.findIndex(w => w.model.id === id); content.activeCellIndex = at;"
                               " return content.scrollToItem(at, 'start') }", cell)
            self.page.wait_for_timeout(700)
            self.page.screenshot(path=Path(PICTURES) / picture)


def text(outputs: list[dict[str, Any]]) -> str:
    return "\n".join("".join(o.get("data", {}).get("text/plain", "")) for o in outputs)


def errors(outputs: list[dict[str, Any]]) -> list[str]:
    return [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"]


@pytest.fixture(scope="module")
def learner(tmp_path_factory):
    with browser() as chromium, running_lab(tmp_path_factory.mktemp("journey")) as lab:
        yield Learner(lab, chromium)


@pytest.fixture(scope="module")
def file(learner) -> str:
    """The params file that the form makes from what is typed into it."""
    page = learner.open("00_start_here.ipynb")
    learner.lab.run_all(page)
    form = page.locator(".byoc-form")
    form.get_by_text("All parameters are right").wait_for()
    form.get_by_label("Start from").select_option(label="nothing: an empty form")
    form.get_by_role("button", name=re.compile(r"\bOpen$")).press("Enter")
    form.get_by_text("An empty form is open").wait_for()
    assert "credential_list_name, digest_username, digest_password" in form.inner_text()  # what is still needed
    unfold(form)
    for label, value in EMPTY.items():
        control = form.get_by_label(label, exact=True)
        if control.evaluate("e => e.tagName") == "SELECT":
            control.focus()
            page.keyboard.type(value)  # a list is chosen from by its first letters
        else:
            control.fill(value)
    form.get_by_text("All parameters are right").wait_for()
    learner.show("form", "form.png")
    form.get_by_role("button", name="Save").press("Enter")
    form.get_by_text("Saved: params/berlin-learner.yaml").wait_for()
    path = learner.lab.project / "params" / "berlin-learner.yaml"
    made = yaml.safe_load(path.read_text("utf-8"))
    made["assignments"] = [{"number": NUMBER, "person": "alice@example.com"}]
    path.write_text(yaml.safe_dump(made, allow_unicode=True), "utf-8")
    assert load(path).identifier == "berlin-learner"
    return "params/berlin-learner.yaml"


def test_from_an_empty_form_to_all_chapters_green(learner, file):
    for chapter in CHAPTERS:
        learner.open(f"{chapter.name}.ipynb", params_file=file)
        outputs = learner.run_all()
        assert errors(outputs) == [], chapter.name
        assert [o for o in outputs if o["output_type"] == "stream"] == [], chapter.name
        shown = text(outputs)
        assert f"Chapter {chapter.number} for Berlin Learner" in shown and [line for line in shown.splitlines() if "not yet" in line or "✘" in line] == []
        if chapter.number == "04":
            learner.show("checkpoint-intro", "checkpoint.png")
    assert "27 passed" in shown or "checks passed" in shown


def test_a_restarted_kernel_has_lost_nothing(learner, file):
    page = learner.open("04_byoc_trunk.ipynb", params_file=file)
    learner.run_all()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    outputs = learner.run_all()
    assert errors(outputs) == []
    recap = [o["data"][mime]["recap"] for o in outputs for mime in o.get("data", {}) if "byoc" in mime and "recap" in o["data"][mime]]
    assert recap[-1]["unchanged"] == 1 and not any(count for what, count in recap[-1].items() if what != "unchanged")


def test_a_wrong_order_of_chapters_is_a_sentence(learner, file):
    values = yaml.safe_load((learner.lab.project / file).read_text("utf-8"))
    other = values | {"partner": "Hasty", "identifier": "hasty", "termination_domain": "hasty-one"}
    (learner.lab.project / "params" / "hasty.yaml").write_text(yaml.safe_dump(other, allow_unicode=True), "utf-8")
    for chapter, missing in (("05_outbound_route", "02"), ("04_byoc_trunk", "02")):
        learner.open(f"{chapter}.ipynb", params_file="params/hasty.yaml")
        (said,) = errors(learner.run_all())
        assert f"chapter {missing}" in said and "KeyError" not in said


@pytest.mark.parametrize("number", ["1", "8"])
def test_a_drill_from_ticket_to_lesson(learner, number):
    drill = find_drill(number)
    learner.open("09_drills.ipynb", which_drill=number)
    shown = text(learner.run_all())
    assert drill.ticket[:40] in shown and drill.lesson not in shown and "not so" in shown
    for step in (2, 3):
        assert f"{step} of 3" in learner.run_again("hint")
    if number == "8":  # what a colleague broke, a colleague mends, when asked with what was seen
        line = drill.hints[-1][drill.hints[-1].index("drill.ask("):]
        line = line[:line.index('")') + 2]
        learner.page.evaluate(
            "async line => { const app = window.jupyterapp, { content } = app.shell.currentWidget;"
            " content.activeCellIndex = content.widgets.findIndex(w => w.model.id === 'mend');"
            " await app.commands.execute('notebook:insert-cell-below');"
            " content.activeCell.model.sharedModel.setSource(line); await app.commands.execute('notebook:run-cell') }", line)
        assert "They have looked, and put right" in text(learner.outputs())
        assert drill.lesson in learner.run_again("check")
        return
    learner.open("05_outbound_route.ipynb", params_file=f"outputs/drills/drill-{number}.yaml")
    assert errors(learner.run_all()) == []
    learner.open("09_drills.ipynb", which_drill=number)
    assert drill.lesson in text(learner.run_all())
    learner.show("open-intro", "drill.png")


def test_no_saved_notebook_holds_a_secret_or_a_live_widget_alone(learner, file):
    """What is shown as a widget has a picture beside it, and no widget's state is saved."""
    from byoc_helpers import sandbox

    os.environ["BYOC_SANDBOX_HOME"], before = str(learner.lab.project.parent / "sandbox"), os.environ["BYOC_SANDBOX_HOME"]
    try:
        held = [str(v) for k, v in sandbox.ensure_running().prepare(tenant="berlin-learner").items() if "secret" in k or "token" in k]
    finally:
        os.environ["BYOC_SANDBOX_HOME"] = before
    assert held
    for path in learner.lab.notebooks.glob("*.ipynb"):
        notebook = json.loads(path.read_text("utf-8"))
        assert not [v for v in held if v in json.dumps(notebook, ensure_ascii=False)], path.name
        for cell in notebook["cells"]:
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                assert "application/vnd.jupyter.widget-view+json" not in data or "text/html" in data, path.name
