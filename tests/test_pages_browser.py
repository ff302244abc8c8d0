"""Report and index in a browser: without a network, by keyboard, in both colour schemes, on paper, on a small screen."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest
from lab import browser
from records import cell, ran, said, write

from byoc_helpers.audit import index, report
from byoc_helpers.display.pictures import Part, call_path
from byoc_helpers.display.tables import Table
from byoc_helpers.precheck import Check

EVIL = '"><script>document.title="x"</script><img src=x onerror=alert(1)>'
STATUSES = ("passed", "failed", "interrupted", "running")


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with report.html of one hostile run that failed, and index.html of a thousand runs."""
    from byoc_helpers.display.objects import check_table

    folder = tmp_path_factory.mktemp("pages")
    checks = check_table([Check("Edge", "online", EVIL, False, "Wake it."), Check("Site", "there", "there", True, "Look again.", True)])
    wide = Table([f"Column {n}" for n in range(12)], [["a-value-of-some-length"] * 12] * 3, "A wide table")
    path = call_path("Calls of Acme", [("Inbound", [Part("a", "Trunk", ("Twilio",), "done"), Part("b", EVIL, (EVIL,), "wrong", EVIL)])])
    write(folder / "01_precheck.ipynb", [cell(f"run.{verb}()", {"output_type": "display_data", "data": shown._repr_mimebundle_()})
                                         for verb, shown in (("precheck", checks), ("x", wide), ("picture", path), ("ladder", path))])
    record = said(partner=EVIL, target="live", status="failed", chapters=[ran("01_precheck", "failed", message=EVIL), ran("02_location_site", "interrupted")],
                  params={"street": EVIL}, note="A note.")
    (folder / "report.html").write_text(report.page(folder, record), "utf-8")
    (folder / "index.html").write_text(index.page(thousand()), "utf-8")
    (folder / "few.html").write_text(index.page(thousand()[:40]), "utf-8")
    return folder


def thousand() -> list[index.Run]:
    dice, names, runs = random.Random(1), [c.name for c in index.CHAPTERS], []
    for n in range(1000):
        at = dt.datetime(2026, 11, 24, tzinfo=dt.UTC) - dt.timedelta(minutes=n)
        status = dice.choices(STATUSES, (8, 2, 1, 1))[0]
        chapters = [ran(name) for name in names[:8 if status == "passed" else dice.randint(1, 8)]]
        chapters[-1] = chapters[-1] | {"status": status}
        runs.append(index.run(f"partner-{n % 200}/{at:%Y-%m-%dT%H-%M-%SZ}", said(
            partner=f"Partner {n % 200:03}", status=status, target="live" if n % 10 == 0 else "sandbox", mode="plan" if n % 7 == 0 else "apply",
            started=at.isoformat(), finished=(at + dt.timedelta(seconds=30)).isoformat(), chapters=chapters)))
    return runs


@pytest.fixture
def open_page(chromium, site):
    """A function that opens a page of the folder. What it would load from elsewhere, or complains of, fails the test."""
    bad: list[str] = []
    contexts = []

    def opened(name: str, scheme: str = "light", width: int = 1280, script: bool = True, fragment: str = ""):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script)
        contexts.append(context)
        page = context.new_page()
        own = (site / name).as_uri()

        def gate(route):
            if route.request.url.partition("#")[0] == own:
                route.continue_()
            else:
                bad.append(route.request.url)
                route.abort()

        page.route("**/*", gate)
        page.on("console", lambda message: bad.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: bad.append(str(error)))
        page.on("dialog", lambda dialog: (bad.append(dialog.message), dialog.dismiss()))
        page.goto(own + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert bad == []


@pytest.mark.parametrize("name", ["report.html", "few.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_in_either_scheme(open_page, tmp_path, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(name, scheme)
    if name == "few.html":
        page.get_by_role("searchbox").fill("passed")
        page.get_by_text(" of 40 runs").wait_for()
    result = Axe().run(page).response
    assert {"color-contrast", "document-title", "html-has-lang"} <= {rule["id"] for rule in result["passes"]}
    assert [(v["id"], v["impact"], [n["html"] for n in v["nodes"]]) for v in result["violations"]] == []
    page.screenshot(path=tmp_path / f"{name}-{scheme}.png", full_page=True)
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert min(ground) > 200 if scheme == "light" else max(ground) < 60


def test_hostile_values_stay_text(open_page):
    page = open_page("report.html")
    assert page.title().startswith('"><script>') and page.get_by_role("heading", level=1).inner_text() == EVIL
    assert page.locator("img").evaluate_all("all => all.map(i => [i.src.slice(0, 25), i.naturalWidth > 100])") == [["data:image/svg+xml;base64,"[:25], True]] * 2
    assert page.locator("script").count() == 0


def counted(page, words: str) -> None:
    """Wait until the counter says so."""
    page.wait_for_function("words => document.getElementById('shown').textContent === words", arg=words)


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", ["report.html", "index.html"])
def test_wide_tables_scroll_in_their_own_box(open_page, name, width):
    page = open_page(name, width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    label = "A wide table" if name == "report.html" else "Runs, newest first"
    wide = page.locator(f'[role=group][aria-label="{label}"]')
    inside = wide.evaluate("e => e.scrollWidth - e.clientWidth")
    assert inside > 0 or (name, width) == ("index.html", 1280)
    if inside > 0:
        wide.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("e => e.scrollLeft > 0", arg=wide.element_handle())


def test_the_report_by_keyboard(open_page):
    page = open_page("report.html")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.innerText") == "Skip to the content"
    assert page.locator(":focus").bounding_box()["x"] >= 0
    page.get_by_role("navigation").get_by_role("link", name="01 precheck").press("Enter")
    page.wait_for_function("() => Math.abs(document.getElementById('chapter-01_precheck').getBoundingClientRect().top) < 40")
    assert page.get_by_role("table").evaluate_all("all => all.filter(t => !t.caption || t.querySelector('th:not([scope])')).length") == 0
    ids = page.locator("[id]").evaluate_all("all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_the_report_on_paper(open_page, tmp_path):
    page = open_page("report.html")
    page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF") and printed.count(b"/Type /Page\n") >= 4
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 900})  # A4 without its margins
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 703
    assert not page.get_by_role("link", name="Skip to the content").is_visible()
    assert page.locator("#chapter-02_location_site").evaluate("e => getComputedStyle(e).breakBefore") == "page"


def test_a_thousand_runs_are_filtered_by_keyboard(open_page, site):
    assert (site / "index.html").stat().st_size < 2_000_000
    page = open_page("index.html")
    rows = page.locator("#rows tr:visible")
    status = page.locator("#shown[role=status]")
    assert status.inner_text() == "1,000 runs"
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type("live partner 010")
    counted(page, "5 of 1,000 runs")
    assert rows.count() == 5 and page.evaluate("() => location.hash") == "#q=live+partner+010"
    expected = [r for r in thousand() if r.partner == "Partner 010" and r.status == "failed"]
    page.keyboard.press("Tab")
    page.keyboard.type("fail")
    counted(page, f"{len(expected)} of 1,000 runs")
    assert page.evaluate("() => location.hash").endswith("&status=failed")
    while page.evaluate("() => document.activeElement.id") != "clear":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    counted(page, "1,000 runs")
    assert page.evaluate("() => document.activeElement.id") == "q" and page.evaluate("() => location.hash") in ("", "#")
    while page.evaluate("() => document.activeElement.id") != "latest":
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    counted(page, "200 of 1,000 runs")
    partners = page.locator("#rows tr:visible th").all_inner_texts()
    assert len(set(partners)) == 200
    page.locator("#q").fill("nobody at all")
    page.locator("#none").wait_for()


def test_all_thousand_are_a_button_away(open_page):
    page = open_page("index.html")
    rows = page.locator("#rows tr:visible")
    assert rows.count() == 200
    more = page.locator("#more")
    assert more.inner_text() == "Show all 1,000, not only the first 200"
    more.press("Enter")
    page.wait_for_function("() => [...document.querySelectorAll('#rows tr')].every(r => !r.hidden)")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')").startswith("Report of Partner 199")
    page.locator("#q").fill("passed")
    page.wait_for_function("() => location.hash === '#q=passed'")
    assert rows.count() == 200 and more.is_visible()


def test_a_keystroke_touches_only_rows_that_come_or_go(open_page):
    """What a browser lays out anew is what costs time: at most the rows shown before and those shown after."""
    page = open_page("index.html")
    counts = page.evaluate("""async () => {
      const q = document.getElementById("q"), rows = document.getElementById("rows"), counts = [];
      const visible = () => [...rows.rows].filter(row => !row.hidden).length;
      let touched = 0;
      new MutationObserver(seen => { touched += seen.length; }).observe(rows, {subtree: true, childList: true, attributes: true, characterData: true});
      for (const text of ["p", "partner 01", "failed", "nothing has this", "live", "live"]) {
        const before = visible(); touched = 0;
        q.value = text; q.dispatchEvent(new Event("input", {bubbles: true}));
        while (!location.hash.endsWith("q=" + text.replaceAll(" ", "+"))) await new Promise(done => setTimeout(done, 5));
        await new Promise(done => setTimeout(done, 100));
        counts.push([before, visible(), touched]);
      }
      return counts; }""")
    assert all(touched <= before + after and after <= 200 for before, after, touched in counts), counts
    assert any(touched for *_, touched in counts) and counts[-1][2] == 0


def test_the_address_remembers_the_filter(open_page):
    page = open_page("index.html", fragment="#q=partner+010&target=live&latest=1&mode=never")
    counted(page, "1 of 1,000 runs")
    assert page.locator("#q").input_value() == "partner 010" and page.locator("#latest").is_checked()
    page.evaluate("() => { location.hash = '#status=interrupted' }")
    count = sum(r.status == "interrupted" for r in thousand())
    counted(page, f"{count} of 1,000 runs")
    assert page.locator("#status").input_value() == "interrupted"


def test_without_script_the_index_is_a_plain_table(open_page):
    page = open_page("index.html", script=False)
    assert page.locator("#shown").inner_text() == "1,000 runs" and not page.locator("#tools").is_visible()
    assert page.locator("#rows tr").count() == 1000
