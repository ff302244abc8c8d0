"""The console: what the practice clouds hold, as an admin would see it, in a browser at the sandbox's own address.

Pages only read. They are not among the recent calls, do not keep an idle sandbox awake, and answer on loopback
names only, so that no other site can reach them through a name of its own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from . import tenants
from .core import Context, Core, Tenant
from .http import Reply, Request
from .scenarios import scenario_of
from .store import Row

SHOWN_ROWS = 100
SHOWN_CALLS = 100
POLL_MS = 1000
PAGES = "/", "/live", "/tenants/"


@dataclass(frozen=True)
class Mark:
    """A state in a table: a word, and its tone ("good", "bad" or "wait")."""

    word: str
    tone: str


@dataclass(frozen=True)
class Link:
    """A link in a table, to a page of the console."""

    text: str
    href: str


Cell = str | Mark | Link | list[str]


@dataclass(frozen=True)
class Table:
    """What one table of a page shows. `total` counts what there is, shown or not."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    total: int = 0
    empty: str = "None."


class Console:
    """Serves the pages. `calls` answers the recent calls, oldest first."""

    def __init__(self, core: Core, calls: Callable[[], list[dict[str, Any]]]):
        self.core, self.calls = core, calls

    @staticmethod
    def serves(path: str) -> bool:
        return path in PAGES[:2] or path.startswith(PAGES[2])

    def handle(self, request: Request) -> Reply:
        """A page, or the part of it that changes while a run goes on (`/live`, `/tenants/{name}/live`)."""
        if not request.loopback:
            return _plain(403, "The console answers on loopback addresses only.")
        if request.method not in ("GET", "HEAD"):
            return Reply(405, b"", {"allow": "GET, HEAD"})
        name, _, rest = request.path.removeprefix("/tenants").strip("/").partition("/")
        if request.path in PAGES[:2]:
            name, rest = "", name
        live = rest == "live"
        if not name:
            return self._page("live_home" if live else "home", **self._home(), live="/live")
        tenant = self.core.tenant(name)
        if tenant is None or rest not in ("", "live"):
            return self._page("missing", 404, name=name)
        values = self._tenant(tenant)
        return self._page("live_tenant" if live else "tenant", **values, live=f"{_url(tenant)}/live")

    def _page(self, template: str, status: int = 200, **values: Any) -> Reply:
        nonce = secrets.token_urlsafe(16)
        html = _templates().get_template(f"{template}.html").render(nonce=nonce, poll_ms=POLL_MS, **values)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        headers = {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "no-store",
        }
        return Reply(status, html.encode(), headers)

    def _home(self) -> dict[str, Any]:
        known = self.core.tenants()
        rows: list[tuple[Cell, ...]] = [
            (
                Link(t.name, _url(t)),
                _scenario(t),
                t.settings.get("region", ""),
                t.settings.get("country", ""),
                t.client_id,
                t.account_sid,
            )
            for t in known[:SHOWN_ROWS]
        ]
        columns = "Tenant", "Scenario", "Region", "Country", "Genesys client id", "Twilio account SID"
        empty = (
            "None yet: a tenant is made when a run starts, or at a first login with a practice credential."
        )
        return {
            "tenants": Table("Tenants", columns, rows, len(known), empty),
            "calls": self._calls(lambda call: True, whose=True),
        }

    def _tenant(self, tenant: Tenant) -> dict[str, Any]:
        ctx = tenants.context(self.core, tenant)
        return {
            "tenant": tenant,
            "scenario": scenario_of(tenant.settings["scenario"]),
            "scenario_name": tenant.settings["scenario"],
            "mended": bool(tenant.settings.get("mended")),
            "clouds": [
                ("genesys", "Genesys Cloud", list(genesys(ctx))),
                ("twilio", "Twilio", list(twilio(ctx))),
            ],
            "calls": self._calls(lambda call: call["tenant"] == tenant.name),
        }

    def _calls(self, wanted: Callable[[dict[str, Any]], bool], *, whose: bool = False) -> Table:
        found = [call for call in reversed(self.calls()) if wanted(call)]
        rows: list[tuple[Cell, ...]] = []
        for call in found[:SHOWN_CALLS]:
            when = time.strftime("%H:%M:%S", time.gmtime(call["time"]))
            status = _status(call)
            owner: tuple[Cell, ...] = (call["tenant"] or "—",) if whose else ()
            ms = f"{call['ms']:.1f}"
            rows.append((when, *owner, call["cloud"], call["method"], call["path"], status, ms))
        columns = ("Time (UTC)", *(("Tenant",) if whose else ()), "Cloud", "Method", "Path", "Status", "ms")
        return Table("Recent calls", columns, rows, len(found), "None since the sandbox started.")


@cache
def _templates() -> Any:
    """The template engine, loaded when the first page is asked for."""
    import jinja2

    engine = jinja2.Environment(
        loader=jinja2.PackageLoader("byoc_helpers.sandbox"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.tests["mark"] = lambda cell: isinstance(cell, Mark)
    engine.tests["link"] = lambda cell: isinstance(cell, Link)
    return engine


def _plain(status: int, sentence: str) -> Reply:
    return Reply(status, sentence.encode(), {"content-type": "text/plain; charset=utf-8"})


def _url(tenant: Tenant) -> str:
    return f"/tenants/{quote(tenant.name, safe='')}"


def _scenario(tenant: Tenant) -> str:
    name = tenant.settings["scenario"]
    return f"{name} (mended)" if tenant.settings.get("mended") else name


def _status(call: dict[str, Any]) -> Mark:
    """The status a client got, and the fault that was in the way if there was one."""
    status = call.get("sent", call["status"])
    word = f"{status or 'none'}" + (f" ({call['fault']})" if "fault" in call else "")
    return Mark(word, "good" if 0 < status < 400 else "wait" if status == 429 else "bad")


# tables


class _Reader:
    """A tenant's objects, capped, with what refers to them."""

    def __init__(self, ctx: Context):
        self.ctx = ctx

    def rows(self, kind: str, **query: Any) -> list[Row]:
        return self.ctx.store.rows(self.ctx.tenant.name, kind, limit=SHOWN_ROWS, **query)

    def count(self, kind: str, **query: Any) -> int:
        return self.ctx.store.count(self.ctx.tenant.name, kind, **query)

    def name(self, kind: str, ref: Any, field: str = "name") -> str:
        """The name of the object a body refers to."""
        id = ref.get("id") if isinstance(ref, dict) else ref
        row = self.ctx.store.get(self.ctx.tenant.name, kind, id) if id else None
        return str(row.body.get(field) or "—") if row else "—"

    def table(self, title: str, kind: str, columns: tuple[str, ...], cells: Any, **query: Any) -> Table:
        rows = [cells(row) for row in self.rows(kind, **query)]
        return Table(title, columns, rows, self.count(kind) if len(rows) == SHOWN_ROWS else len(rows))


def genesys(ctx: Context) -> Iterator[Table]:
    """The tables of the org, in the guide's order."""
    from .genesys import dialplan, dids, locations, org, people, sites, trunks
    from .genesys.edges import EDGE_GROUPS, EDGES, show_edge

    read = _Reader(ctx)

    def location(row: Row) -> tuple[Cell, ...]:
        place = row.body.get("address") or {}
        parts = (place.get(k, "") for k in ("street1", "zipcode", "city", "country"))
        state = locations.verified(row)
        tone = {"Complete": "good", "Failed": "bad"}.get(state, "wait")
        emergency = (row.body.get("emergencyNumber") or {}).get("e164", "—")
        contact = read.name(people.USERS.name, row.body.get("contactUser"))
        return row.body["name"], ", ".join(filter(None, parts)) or "—", Mark(state or "No address", tone), emergency, contact  # fmt: skip

    def site(row: Row) -> tuple[Cell, ...]:
        made = "Genesys Cloud" if row.body.get("managed") else "this org"
        place = read.name(locations.LOCATIONS.name, row.body.get("location"))
        plans = read.count(dialplan.PLANS.name, parent=row.id)
        return row.body["name"], place, row.body.get("mediaModel", "—"), made, str(plans)

    def plan(row: Row, place: int) -> tuple[Cell, ...]:
        body = row.body
        where = read.name(sites.SITES.name, row.parent)
        return where, str(place), body["name"], body["classification"], body["matchType"], _match(body)

    def route(row: Row) -> tuple[Cell, ...]:
        ways = [read.name(trunks.TRUNK_BASES.name, t) for t in row.body.get("externalTrunkBases") or []]
        on = row.body.get("enabled", True)
        return (
            read.name(sites.SITES.name, row.parent), row.body["name"], ", ".join(row.body["classificationTypes"]),
            ways or "—", row.body.get("distribution", "SEQUENTIAL"), Mark("Yes" if on else "No", "good" if on else "wait"),
        )  # fmt: skip

    def edge(row: Row) -> tuple[Cell, ...]:
        state = show_edge(ctx, row)["onlineStatus"]
        group = read.name(EDGE_GROUPS.name, row.body["edgeGroup"])
        home = read.name(sites.SITES.name, row.body["site"])
        return row.body["name"], group, home, Mark(state.capitalize(), "good" if state == "ONLINE" else "bad")

    def trunk(row: Row) -> tuple[Cell, ...]:
        held = row.body["_instances"]
        lines = [
            trunks.show_trunk(ctx, r)
            for r in read.rows(trunks.TRUNKS.name, where="json_extract(body, '$._base') = ?", args=(row.id,))
        ]
        user = held["trunk_sip_authentication_credentials_username"]
        servers = list(held["trunk_transport_serverProxyList"])
        return (
            row.body["name"], row.body["state"], held["trunk_sip_termination_uri"] or "—", servers or "—", user or "—",
            _lines(lines), _errors(lines) or "—",
        )  # fmt: skip

    def pool(row: Row) -> tuple[Cell, ...]:
        first, last = row.body["startPhoneNumber"], row.body["endPhoneNumber"]
        taken = read.count(dids.DIDS.name, parent=row.id)
        return first, last, row.body["provider"], f"{taken} of {int(last) - int(first) + 1}"

    def did(row: Row) -> tuple[Cell, ...]:
        kind = {"USER": "person", "IVR_CONFIG": "call route"}[row.body["ownerType"]]
        return row.body["phoneNumber"], kind, row.body["owner"]["name"]

    def call_route(row: Row) -> tuple[Cell, ...]:
        flow = read.name(org.FLOWS.name, row.body.get("openHoursFlow"))
        return row.body["name"], list(row.body.get("dnis") or []) or "—", flow

    yield read.table(
        "Locations", locations.LOCATIONS.name,
        ("Name", "Address", "Address verified", "Emergency number", "Site contact"), location,
    )  # fmt: skip
    yield read.table(
        "Sites", sites.SITES.name, ("Name", "Location", "Media model", "Made by", "Number plans"), site
    )
    known = read.rows(sites.SITES.name)
    plans = [(r, n) for s in known for n, r in enumerate(dialplan.sorted_plans(ctx, s.id), 1)]
    columns = "Site", "Order", "Name", "Classification", "Match type", "Matches"
    shown = [plan(row, place) for row, place in plans[:SHOWN_ROWS]]
    yield Table(
        "Number plans", columns, shown, len(plans), "None yet: the default ones appear after a while."
    )
    yield read.table(
        "Outbound routes", dialplan.ROUTES_KIND.name,
        ("Site", "Name", "Classifications", "Trunks", "Distribution", "Enabled"), route,
    )  # fmt: skip
    yield read.table("Edges", EDGES.name, ("Name", "Edge group", "Site", "Status"), edge)
    yield read.table(
        "BYOC trunks", trunks.TRUNK_BASES.name,
        ("Name", "State", "Termination identifier", "SIP servers", "Digest user", "Lines in service", "Errors"), trunk,
    )  # fmt: skip
    yield read.table("DID pools", dids.POOLS.name, ("First", "Last", "Provider", "Assigned"), pool)
    yield read.table("DIDs", dids.DIDS.name, ("Number", "Given to a", "Name"), did)
    yield read.table("Call routes", org.IVRS.name, ("Name", "Numbers", "Open hours flow"), call_route)


def _match(body: dict[str, Any]) -> Cell:
    """What a number plan matches, in a few words."""
    if spans := body.get("numbers"):
        ends = [(s.get("start") or "", s.get("end") or "") for s in spans]
        return ", ".join(first if first == last else f"{first}–{last}" for first, last in ends)
    if lengths := body.get("digitLength"):
        return f"{lengths.get('start')} to {lengths.get('end')} digits"
    return body.get("match") or "—"


def _lines(lines: list[dict[str, Any]]) -> Mark:
    """How many of a trunk's lines, one an edge, are in service."""
    up = sum(line["inService"] for line in lines)
    return Mark(
        f"{up} of {len(lines)}", "good" if lines and up == len(lines) else "bad" if not up else "wait"
    )


def _errors(lines: list[dict[str, Any]]) -> list[str]:
    said = [s["errorInfo"] for line in lines for s in line["optionsStatus"] if "errorInfo" in s]
    return list(dict.fromkeys(f"{e['code']} {e['text']}" for e in said))


def twilio(ctx: Context) -> Iterator[Table]:
    """The tables of the account, in the guide's order. Passwords are nowhere to be shown from."""
    from .twilio import numbers, sip, trunks

    read = _Reader(ctx)

    def access(row: Row) -> tuple[Cell, ...]:
        held = read.rows(sip.ADDRESSES, parent=row.id)
        nets = [
            f"{a.body['ip_address']}/{a.body['cidr_prefix_length']} {a.body['friendly_name']}" for a in held
        ]
        return row.body["friendly_name"], nets or "—", row.id

    def users(row: Row) -> tuple[Cell, ...]:
        held = [c.body["username"] for c in read.rows(sip.CREDENTIALS, parent=row.id)]
        return row.body["friendly_name"], held or "—", row.id

    def attached(kind: str, trunk: str) -> Cell:
        links = read.rows(sip.ON_TRUNK[kind], parent=trunk)
        return [read.name(kind, link.body["sid"], "friendly_name") for link in links] or "—"

    def trunk(row: Row) -> tuple[Cell, ...]:
        urls = [
            f"{u.body['sip_url']} priority {u.body['priority']}, weight {u.body['weight']}"
            + ("" if u.body["enabled"] else " (off)")
            for u in read.rows(trunks.ORIGINATION, parent=row.id)
        ]
        return (
            row.body["friendly_name"] or "—", row.body["domain_name"] or "—", urls or "—",
            attached(sip.LISTS, row.id), attached(sip.CREDENTIAL_LISTS, row.id),
            [n.body["phone_number"] for n in read.rows(numbers.NUMBERS, parent=row.id)] or "—",
        )  # fmt: skip

    def number(row: Row) -> tuple[Cell, ...]:
        name = read.name(trunks.TRUNKS, row.parent, "friendly_name")
        return row.body["phone_number"], row.body["friendly_name"], name, row.id

    yield read.table("IP access control lists", sip.LISTS, ("Name", "Addresses", "SID"), access)
    yield read.table("Credential lists", sip.CREDENTIAL_LISTS, ("Name", "User names", "SID"), users)
    yield read.table(
        "Elastic SIP trunks", trunks.TRUNKS,
        ("Name", "Termination", "Origination", "IP lists", "Credential lists", "Numbers"), trunk,
    )  # fmt: skip
    yield read.table("Phone numbers", numbers.NUMBERS, ("Number", "Name", "Trunk", "SID"), number)
