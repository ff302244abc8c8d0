"""One kernel, asked as JupyterLab asks it and as papermill does: what asks or updates in place is for people only."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel
from orgs import ROOT, partner_maker

from byoc_helpers import sandbox, secrets
from byoc_helpers.admin_links import find_page
from byoc_helpers.display.tables import LONG, Table
from byoc_helpers.display.waiting import waiting
from byoc_helpers.exceptions import ParamsError
from byoc_helpers.regions import data_file, find_region, regions


class Hand:
    """A kernel; `do` runs a cell, by hand or not, and returns what it sent."""

    def __init__(self, client: Any):
        self.client = client

    def do(self, source: str, by_hand: bool = True) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        self.client.execute_interactive(source, allow_stdin=by_hand, output_hook=sent.append, timeout=60, stdin_hook=lambda message: None)
        return [{"type": m["msg_type"], **m["content"]} for m in sent]


@pytest.fixture(scope="module")
def hand():
    sandbox.ensure_running()
    manager, client = start_new_kernel(kernel_name="python3", env={**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    try:
        yield Hand(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def params(hand):
    made = partner_maker("Byhand")()
    hand.do(f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\nfrom byoc_helpers.params import validate\n"
            "from byoc_helpers.redaction import guard_kernel\nfrom byoc_helpers.chapters import find_chapter\nfrom byoc_helpers.runbook import Runbook\n"
            f"guard_kernel(); params = validate({made.model_dump()!r}, source='test')")
    return made


def shown(sent: list[dict[str, Any]], kind: str = "text/plain") -> str:
    return "\n".join(m["data"][kind] for m in sent if kind in m.get("data", {}))


def error(sent: list[dict[str, Any]]) -> str:
    return "\n".join(m["evalue"] for m in sent if m["type"] == "error")


def test_a_live_org_by_hand_the_button_then_the_cells(hand, params):
    hand.do("run = Runbook(find_chapter('03'), params); run.clouds._practice; run.params = params.model_copy(update={'target': 'live'})")
    assert "5 to add" in shown(hand.do("run.plan()"))
    sent = hand.do("asked = run.confirm()\nasked")
    assert "Apply these 5 changes to the LIVE Twilio account" in shown(sent, "text/html") and "not confirmed" in shown(sent, "text/html")
    assert any("application/vnd.jupyter.widget-view+json" in m.get("data", {}) for m in sent)
    states = [m["data"]["state"] for m in sent if m["type"] == "comm_open"]
    assert any(s.get("description") == "Apply these 5 changes" for s in states)
    held = [secrets.resolve(params.digest_password, key="x").reveal(), *(v for k, v in sandbox.ensure_running().prepare(tenant=params.slug).items() if "secret" in k or "token" in k)]
    assert not [v for v in held if v in json.dumps(sent, default=str)]
    # Run All: the cells after an unanswered question don't write.
    assert "Press the button above, then run this cell again" in error(hand.do('run.apply("ip_acl")'))
    sent = hand.do("asked.button.click()")
    assert any(m["type"] == "update_display_data" and "✔ confirmed" in m["data"]["text/html"] for m in sent)
    sent = hand.do('run.apply("ip_acl")')
    assert "+ created" in shown(sent) and not error(sent)


def test_on_the_practice_clouds_it_just_applies(hand, params):
    hand.do("run = Runbook(find_chapter('02'), params)")
    assert "nothing is asked" in shown(hand.do("run.plan()\nrun.confirm()"))
    sent = hand.do('run.apply("location")')
    assert "+ created" in shown(sent) and not [m for m in sent if m["type"] == "comm_open"]


def test_waiting_shows_a_line_that_is_renewed_to_people_and_nothing_to_a_run(hand, params):
    sent = hand.do("run.wait_verified()", by_hand=False)
    assert [m["type"] for m in sent if "display" in m["type"]] == []
    sent = hand.do("run.wait_verified()")
    first, *renewed = [m for m in sent if m["type"] in ("display_data", "update_display_data")]
    assert first["data"]["text/plain"] == '… Waiting for the address of "Paris"' and {m["type"] for m in renewed} == {"update_display_data"}
    assert {m["transient"]["display_id"] for m in (first, *renewed)} == {first["transient"]["display_id"]}
    assert renewed[-1]["data"]["text/plain"].startswith('✔ Waiting for the address of "Paris": verification Complete (')


def test_waiting_in_vain_ends_with_a_cross(hand):
    sent = hand.do("from byoc_helpers.display.waiting import waiting\nwith waiting('Waiting', 1) as tell:\n    tell('1 of 2')\n    raise SystemExit")
    assert [m["data"]["text/plain"][:16] for m in sent if m["type"] == "update_display_data"] == ["… Waiting: 1 of ", "✘ Waiting: 1 of "]


def test_the_practice_clouds_own_page_is_linked_for_people_only(hand, params):
    box = sandbox.ensure_running()
    sent = hand.do('run.admin_page("sites")')
    assert f'href="{box.url}/tenants/{params.slug}"' in shown(sent, "text/html")
    assert "https://apps.mypurecloud.ie/directory/#/admin/telephony/sites" in shown(sent, "text/html")
    quiet = hand.do('run.admin_page("sites")', by_hand=False)
    assert box.url not in json.dumps(quiet, default=str) and "byoc sandbox status" in shown(quiet)


def test_no_cell_warns(hand, params):
    sent = hand.do("import warnings\nwith warnings.catch_warnings(record=True) as seen:\n    warnings.simplefilter('always')\n    run.plan(); run.confirm(); run.checkpoint(); run.picture()\n"
                   "[w for w in seen if 'byoc_helpers' in w.filename]")
    assert shown(sent) == "[]" and not [m for m in sent if m["type"] == "stream"]


# ---------------------------------------------------------------- without a kernel


def test_a_page_of_every_region_has_an_address_of_its_own():
    known = data_file("admin_pages.yaml")
    for region in regions():
        for name in known["genesys"]:
            page = find_page(name, region)
            assert page.url.startswith((f"https://apps.{region.environment}/directory/#/", f"https://developer.{region.environment}/")), name
            assert bool(page.remark) == (page.sure != "sure") and page.menu
    for name, page in known["twilio"].items():
        assert find_page(name, regions()[0]).url == page["url"]


def test_an_unknown_page_is_a_sentence():
    with pytest.raises(ParamsError, match=r'no admin page "site"\. Known ones: home, trunks'):
        find_page("site", find_region("eu-west-1"))


def test_without_people_a_wait_tells_nobody(capsys):
    with waiting("x", 1) as tell:
        tell("y")
    assert capsys.readouterr().out == ""


def test_a_long_value_is_folded_whole_and_a_short_one_stays_in_its_line():
    long = "<b>10.0.0.0/8</b>, " * 40
    html = Table(["a"], [[long], ["+ create"], ["x" * (LONG - 1)]])._repr_html_()
    assert html.count("<details>") == 1 and "<b>" not in html and html.count("&lt;b&gt;10.0.0.0/8") > 40
    assert "white-space:pre\">+ create</td>" in html
