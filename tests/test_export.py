"""An executed chapter as HTML, with the network off: every table and picture is there, and can be read and used by all."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from lab import ROOT, browser

CHAPTERS = ("04_byoc_trunk", "06_simulate_call", "08_cross_check")
# nbconvert's own: colours of highlighted code, and what its template puts around cells.
NOT_OURS = (".jp-InputArea", ".jp-InputPrompt", ".jp-OutputPrompt", ".jp-Collapser")


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    from nbconvert import HTMLExporter

    folder = tmp_path_factory.mktemp("export")
    for name in CHAPTERS:
        body, _ = HTMLExporter().from_filename(str(ROOT / "notebooks" / f"{name}.ipynb"))
        (folder / f"{name}.html").write_text(body, "utf-8")
    return folder


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    context.set_offline(True)
    yield opened
    context.close()


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_table_and_picture_is_there_without_a_network(page, exported, name):
    cells = [c for c in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells if c.cell_type == "code"]
    shown = [o["data"] for c in cells for o in c.outputs if "data" in o]
    tables = sum(str(d.get("text/html", "")).count("<table") for d in shown)
    pictures = sum("image/svg+xml" in d for d in shown)
    assert tables > 2 and pictures
    page.goto((exported / f"{name}.html").as_uri())
    for what, count in (("table", tables), ("img[src^='data:image/svg+xml']", pictures)):
        found = page.locator(f".jp-OutputArea {what}")
        assert found.count() == count
        assert all(box and box["width"] > 100 and box["height"] > 10 for box in (found.nth(n).bounding_box() for n in range(found.count())))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("name", CHAPTERS)
def test_accessible(page, exported, name):
    from axe_playwright_python.sync_playwright import Axe

    page.goto((exported / f"{name}.html").as_uri())
    result = Axe().run(page, context={"exclude": [[s] for s in NOT_OURS]}).response
    assert {"color-contrast", "document-title", "html-has-lang"} <= {rule["id"] for rule in result["passes"]}
    grave = [(v["id"], v["impact"], [n["html"][:200] for n in v["nodes"]][:3]) for v in result["violations"] if v["impact"] in ("serious", "critical")]
    assert grave == []
