"""Starting, finding again, surviving a kill, fixed ids and clock, secrets at rest."""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from practice import Customer, eventually, kill

from byoc_helpers.exceptions import SandboxError
from byoc_helpers.sandbox import launch


def run_guide(customer: Customer, polls: int) -> dict[str, object]:
    """Some of the guide's work; how often we look must not matter to what comes out."""
    api = customer.telephony
    site = customer.site()
    for _ in range(polls):
        api.get_telephony_providers_edges_site_numberplans(site.id)
    eventually(lambda: api.get_telephony_providers_edges_site_numberplans(site.id))
    base = customer.trunk()
    eventually(lambda: all(t.in_service for t in api.get_telephony_providers_edges_trunks().entities))
    acl = customer.sip.ip_access_control_lists.create("acl")
    customer.sip.ip_access_control_lists(acl.sid).ip_addresses.create("one", "192.0.2.1")
    customer.trunking.trunks.create(friendly_name="t", domain_name="fixed.pstn.twilio.com")
    out = customer.client.sanitize_for_serialization
    return {
        "keys": customer.keys,
        "site": out(api.get_telephony_providers_edges_site(site.id)),
        "plans": out(api.get_telephony_providers_edges_site_numberplans(site.id)),
        "trunk": out(api.get_telephony_providers_edges_trunkbasesetting(base.id)),
        "trunks": out(api.get_telephony_providers_edges_trunks()),
        "locations": out(customer.locations.get_locations()),
        "twilio": [
            repr(vars(t)["_properties"]) if "_properties" in vars(t) else t.sid
            for t in customer.trunking.trunks.list()
        ],
        "acl": str(acl.date_created),
    }


def test_fixed_mode_is_reproducible(start, tmp_path: Path):
    results = []
    for n in (0, 3):
        box = start(tmp_path / str(n), fixed=True)
        if n:
            Customer(box, "somebody-else").site()
        results.append(run_guide(Customer(box, "paris-office"), polls=n))
    assert json.dumps(results[0], sort_keys=True) == json.dumps(results[1], sort_keys=True)
    assert results[0]["site"]["dateCreated"].startswith("2026-01-15T09:00:0")


def test_found_again_and_found_after_a_kill(start, tmp_path: Path):
    box = start(tmp_path)
    assert start(tmp_path) == box
    site = Customer(box, "acme").site()
    trunk = Customer(box, "acme").trunking.trunks.create(friendly_name="kept")
    kill(box)
    after = start(tmp_path)
    assert (after.url, after.key) == (box.url, box.key) and after.pid != box.pid
    customer = Customer(after, "acme")
    assert customer.telephony.get_telephony_providers_edges_site(site.id).name == "Paris Office"
    assert customer.trunking.trunks(trunk.sid).fetch().friendly_name == "kept"
    assert (
        len(eventually(lambda: customer.telephony.get_telephony_providers_edges_site_numberplans(site.id)))
        == 5
    )


def test_tokens_survive_a_restart(start, tmp_path: Path):
    customer = Customer(start(tmp_path), "acme")
    assert launch.stop(tmp_path)
    assert not launch.stop(tmp_path)
    start(tmp_path)
    assert customer.users.get_users().total == 1


def test_two_starters_share_one_server(start, tmp_path: Path):
    code = f"from byoc_helpers.sandbox import ensure_running; print(ensure_running({str(tmp_path)!r}).pid)"
    start(tmp_path)
    launch.stop(tmp_path)
    root = str(Path(__file__).resolve().parents[2])
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root)
        for _ in "ab"
    ]
    pids = {process.communicate(timeout=60)[0].strip() for process in both}
    assert len(pids) == 1 and pids == {str(launch.find(tmp_path).pid)}


def test_status_and_reset(start, tmp_path: Path):
    assert launch.status(tmp_path) == {"running": False, "home": str(tmp_path)}
    box = start(tmp_path)
    Customer(box, "acme")
    assert launch.status(tmp_path)["tenants"] == ["acme"]
    assert oct((tmp_path / "server.json").stat().st_mode)[-3:] == "600"
    launch.reset(tmp_path)
    assert launch.status(tmp_path)["tenants"] == []
    assert Customer(box, "acme").site().name == "Paris Office"


def test_modes_do_not_mix(start, tmp_path: Path):
    start(tmp_path)
    with pytest.raises(SandboxError, match="ordinary mode"):
        start(tmp_path, fixed=True)


def test_importing_costs_nothing():
    code = "import sys, byoc_helpers.sandbox; print([m for m in ('starlette', 'uvicorn', 'sqlite3', 'httpx') if m in sys.modules])"
    root = str(Path(__file__).resolve().parents[2])
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
        ).stdout.strip()
        == "[]"
    )


def test_no_secret_is_kept(start, tmp_path: Path):
    customer = Customer(start(tmp_path), "acme")
    password = "Vv9-hidden-hidden-hidden"
    customer.trunk(
        trunk_sip_authentication_credentials_username="u",
        trunk_sip_authentication_credentials_realm="sip.twilio.com",
        trunk_sip_authentication_credentials_password=password,
    )
    cred = customer.sip.credential_lists.create("c")
    customer.sip.credential_lists(cred.sid).credentials.create("u", password)
    secrets = [
        password,
        customer.client.access_token,
        *[v for k, v in customer.keys.items() if "secret" in k or "token" in k],
    ]
    kept = b"".join(p.read_bytes() for p in tmp_path.iterdir() if p.is_file())
    assert [s for s in secrets if s.encode() in kept] == []


def test_a_kill_amid_writes_loses_no_acknowledged_one(start, tmp_path: Path):
    box = start(tmp_path)
    customers = [Customer(box, f"writer-{n}") for n in range(3)]
    kept: list[set[str]] = [set(), set(), set()]

    def write(n: int) -> None:
        """Write until the server is gone; what was answered counts."""
        groups, lists = customers[n].telephony, customers[n].sip.ip_access_control_lists
        with contextlib.suppress(Exception):
            for serial in itertools.count():
                name = f"group {serial}"
                groups.post_telephony_providers_edges_edgegroups({"name": name})
                kept[n].add(name)
                lists.create(f"list {serial}")
                kept[n].add(f"list {serial}")

    writers = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(3)]
    for writer in writers:
        writer.start()
    eventually(lambda: all(len(names) > 20 for names in kept), 20)
    kill(box)
    for writer in writers:
        writer.join(30)
        assert not writer.is_alive()
    after = start(tmp_path)
    for n, names in enumerate(kept):
        again = Customer(after, f"writer-{n}")
        groups = again.telephony.get_telephony_providers_edges_edgegroups(page_size=10_000)
        found = {g.name for g in groups.entities} | {
            x.friendly_name for x in again.sip.ip_access_control_lists.list()
        }
        assert names <= found
        assert groups.total == len(groups.entities)


def test_it_takes_no_secret_along_and_its_files_are_its_users(start, tmp_path: Path, monkeypatch):
    """It outlives its caller by half an hour, and its log of writes holds the key to the controls."""
    monkeypatch.setenv("LIVE_CLIENT_SECRET", "NotForTheServer1")
    box = start(tmp_path)
    box.prepare("acme")
    if Path(f"/proc/{box.pid}/environ").exists():
        assert b"NotForTheServer1" not in Path(f"/proc/{box.pid}/environ").read_bytes()
    assert tmp_path.stat().st_mode & 0o077 == 0
    assert not [f.name for f in tmp_path.iterdir() if f.name.startswith(("sandbox.sqlite3", "server.json")) and f.stat().st_mode & 0o077]


def test_an_address_elsewhere_is_refused(monkeypatch):
    monkeypatch.setenv("BYOC_SANDBOX_URL", "http://practice.example:8080")
    with pytest.raises(SandboxError, match="is not on this machine"):
        launch.ensure_running()
