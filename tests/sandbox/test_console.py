"""The console, read as HTML and used in a browser."""

import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from practice import NUMBER, Customer, eventually

from byoc_helpers.sandbox import Sandbox

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
EVIL = "<img src=x onerror=alert(1)>"


def ask(box: Sandbox, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    link = HTTPConnection("127.0.0.1", urlsplit(box.url).port, timeout=10)
    link.request(method, path, headers=headers)
    answer = link.getresponse()
    status, head, text = answer.status, dict(answer.getheaders()), answer.read().decode()
    link.close()
    return status, head, text


def fill(customer: Customer) -> None:
    """One of everything the console shows."""
    site = customer.site()
    base = customer.trunk(EVIL, customer.name, trunk_sip_authentication_credentials_username="caller")
    api = customer.telephony
    [route] = eventually(lambda: api.get_telephony_providers_edges_site_outboundroutes(site.id).entities)
    way = {"name": "Way out", "classificationTypes": ["National"], "externalTrunkBases": [{"id": base.id}]}
    api.put_telephony_providers_edges_site_outboundroute(site.id, route.id, {**way, "version": route.version})
    pool = {"startPhoneNumber": NUMBER, "endPhoneNumber": NUMBER, "provider": "PURE_CLOUD_VOICE"}
    customer.telephony.post_telephony_providers_edges_didpools(pool)
    customer.architect.post_architect_ivrs({"name": "Front desk", "dnis": [NUMBER]})
    acl = customer.sip.ip_access_control_lists.create("Office list")
    customer.sip.ip_access_control_lists(acl.sid).ip_addresses.create("gateway", "192.0.2.7")
    creds = customer.sip.credential_lists.create("Office users")
    customer.sip.credential_lists(creds.sid).credentials.create("caller", "Secret-Secret-77")
    domain = f"{customer.name}.pstn.twilio.com"
    trunk = customer.trunking.trunks.create(friendly_name=EVIL, domain_name=domain)
    here = customer.trunking.trunks(trunk.sid)
    here.origination_urls.create(10, 5, True, "back", "sip:198.51.100.1")
    here.ip_access_control_lists.create(acl.sid)
    here.credentials_lists.create(creds.sid)
    number = customer.twilio.incoming_phone_numbers.list(phone_number=NUMBER)[0]
    here.phone_numbers.create(number.sid)


def test_everything_an_admin_sees(customer: Customer):
    fill(customer)
    status, head, page = ask(customer.box, f"/tenants/{customer.name}")
    assert status == 200 and head["content-type"].startswith("text/html")
    for wanted in (
        "10 rue de la Paix", "+33140000000", "Paris Office", "Way out", "National", "Virtual Edge 2", "Online", "Front desk",
        "of 2", "Office list", "192.0.2.7/32 gateway", "Office users", "caller",
        f"{customer.name}.pstn.twilio.com", "sip:198.51.100.1 priority 5, weight 10", NUMBER, "call route", "A healthy org",
        "/api/v2/telephony/providers/edges/sites",
    ):  # fmt: skip
        assert wanted in page, wanted
    assert EVIL not in page and "&lt;img src=x onerror=alert(1)&gt;" in page


def test_no_secret_is_shown(customer: Customer):
    fill(customer)
    page = ask(customer.box, f"/tenants/{customer.name}")[2] + ask(customer.box, "/")[2]
    secrets = [v for k, v in customer.keys.items() if "secret" in k or k == "auth_token"]
    secrets += ["Secret-Secret-77", customer.client.access_token, customer.box.key]
    assert [s for s in secrets if s in page] == []
    assert "_secret" not in page and "sealed" not in page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "127.0.0.1@evil.example"])
@pytest.mark.parametrize("path", ["/", "/live", "/tenants/x", "/tenants/x/live"])
def test_only_loopback_names_are_answered(box: Sandbox, host: str, path: str):
    status, _, text = ask(box, path, Host=host)
    assert status == 403 and "loopback" in text


def test_headers_forbid_what_the_page_does_not_need(box: Sandbox):
    one, two = (ask(box, "/")[1]["content-security-policy"] for _ in "ab")
    assert one.startswith("default-src 'none'; script-src 'nonce-") and "unsafe" not in one and one != two
    status, head, _ = ask(box, "/", "POST")
    assert status == 405 and head["allow"] == "GET, HEAD"
    assert ask(box, "/", "HEAD")[2] == ""


def test_reading_leaves_no_trace(customer: Customer):
    path = f"/_sandbox/calls?tenant={customer.name}"
    before = customer.box.control("GET", path)
    for page in ("", "/live"):
        assert ask(customer.box, f"/tenants/{customer.name}{page}")[0] == 200
    assert customer.box.control("GET", path) == before
    found = ask(customer.box, f"/tenants/{customer.name}/live")[2]
    assert "<html" not in found and "Recent calls" in found


def test_odd_names(box: Sandbox):
    for name in ("live", "a b & c", "<b>bold"):
        box.prepare(tenant=name)
        status, _, page = ask(
            box, f"/tenants/{name.replace(' ', '%20').replace('<', '%3C').replace('>', '%3E')}"
        )
        assert status == 200 and "<b>bold" not in page
    status, _, page = ask(box, "/tenants/%3Cscript%3Ealert(1)")
    assert status == 404 and "<script>alert" not in page
    assert ask(box, "/tenants/live/other")[0] == 404


def test_a_scenario_comes_with_its_lesson(make):
    page = ask((customer := make(scenario="edge-offline")).box, f"/tenants/{customer.name}")[2]
    assert "One edge offline" in page and "fails in chapter 01" in page
    assert re.search(r'class="bad">Offline', page)


# in a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium) -> Iterator[object]:
    """A page; the test fails if its console said anything bad."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 800})
    said: list[str] = []
    tab.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    yield tab
    tab.close()
    assert said == []


def live(page, text: str) -> None:
    page.get_by_role("status").get_by_text(text, exact=True).wait_for()


def test_the_page_follows_a_run(page, customer: Customer):
    page.goto(f"{customer.box.url}/tenants/{customer.name}")
    live(page, "Live")
    assert page.get_by_text("While you look").count() == 0
    customer.site("While you look")
    page.get_by_role("rowheader", name="While you look").first.wait_for(timeout=5000)
    calls = page.get_by_role("table", name="Recent calls")
    row = calls.get_by_role("row").filter(has_text="POST").filter(has_text="edges/sites")
    assert row.get_by_text("200", exact=True).count() == 1
    page.get_by_role("button", name="Pause").click()
    live(page, "Paused")
    customer.sip.ip_access_control_lists.create("unseen")
    page.wait_for_timeout(1500)
    assert page.get_by_text("unseen").count() == 0
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("rowheader", name="unseen").wait_for(timeout=5000)


def test_markup_in_names_stays_text(page, customer: Customer):
    fill(customer)
    page.goto(f"{customer.box.url}/tenants/{customer.name}")
    live(page, "Live")
    assert page.locator("main img").count() == 0
    assert page.get_by_role("rowheader", name=EVIL).count() == 2


def test_keys_reach_everything(page, customer: Customer):
    page.goto(customer.box.url)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    assert page.locator(":focus").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.locator(":focus").inner_text() == customer.name:
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tenants/{customer.name}")
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.locator(":focus").inner_text())
        assert page.locator(":focus").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    assert names[1:] == [
        "Practice clouds",
        "All tenants",
        "Genesys Cloud",
        "Twilio",
        "Recent calls",
        "Pause",
        "Reload",
    ]


def test_structure_for_screen_readers(page, customer: Customer):
    fill(customer)
    page.goto(f"{customer.box.url}/tenants/{customer.name}")
    live(page, "Live")
    for role in ("banner", "navigation", "main"):
        assert page.get_by_role(role).count() == 1, role
    assert page.get_by_role("heading", level=1).inner_text() == customer.name
    assert page.get_by_role("region", name="Genesys Cloud").count() == 1
    bare = "t => [...t].filter(e => !e.caption || (e.tHead && e.querySelector('th:not([scope])'))).length"
    assert page.locator("table").evaluate_all(bare) == 0
    ids = page.locator("[id]").evaluate_all("all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    wide = "() => document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(wide)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(page, customer: Customer, scheme: str):
    from axe_playwright_python.sync_playwright import Axe

    fill(customer)
    page.emulate_media(color_scheme=scheme)
    for path in ("/", f"/tenants/{customer.name}"):
        page.goto(f"{customer.box.url}{path}")
        live(page, "Live")
        result = Axe().run(page).response
        assert {"color-contrast", "document-title", "html-has-lang"} <= {rule["id"] for rule in result["passes"]}
        assert [(v["id"], v["impact"], [n["html"] for n in v["nodes"]][:3]) for v in result["violations"]] == []


def test_without_script_it_is_a_page_with_a_reload_link(chromium, customer: Customer):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{customer.box.url}/tenants/{customer.name}")
    assert not page.get_by_role("button").is_visible()
    customer.site("Later")
    page.get_by_role("link", name="Reload").click()
    page.get_by_role("rowheader", name="Later").first.wait_for()
    context.close()
