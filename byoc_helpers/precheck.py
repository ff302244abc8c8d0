"""What must be there before the first chapter changes anything (guide: "BYOC Feature & Configuration Pre-Check").

Each check is one read or two; a cloud that answers 403 fails its check with the permission to grant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from .clouds.genesys import alive, pages
from .exceptions import CheckFailed, Forbidden, Unauthorized
from .params import BYOC_METABASE
from .regions import data_file
from .resources import location, trunk_number
from .resources.base import Context, at_once


@dataclass(frozen=True)
class Check:
    """One row: what was expected, what was found, whether that is right, and what to do if it is not.

    `warning`: it passed, and the remedy should be read all the same.
    """

    name: str
    expected: str
    found: str
    passed: bool
    remedy: str = ""
    warning: bool = False


def run(ctx: Context) -> list[Check]:
    """Every check, in the guide's order; a failed one does not stop the others.

    Raises:
        Unauthorized: a cloud does not accept the credentials, so that nothing can be checked.
    """
    groups: tuple[tuple[str, Callable[[Context], Iterator[Check]]], ...] = (
        ("Products", _product), ("Telephony", _edges), ("Telephony", _edge_groups), ("Locations", _locations),
        ("Telephony", _sites), ("People", _contact), ("Twilio", _numbers),
    )
    checks: list[Check] = []
    each: list[Callable[[], list[Check]]] = [partial(list, group(ctx)) for _, group in groups]
    for (family, _), looked in zip(groups, at_once(*each), strict=True):
        try:
            checks += looked.result()
        except Forbidden as error:
            checks.append(_forbidden(family, error))
        except Unauthorized as error:
            if family != "Twilio":
                raise
            checks.append(Check("Twilio account", "credentials accepted", str(error), False,
                                "Check twilio_account_sid, the API key (made in this account and region) and its secret."))
    return checks


def failures(checks: list[Check]) -> CheckFailed | None:
    """The error of a pre-check that did not pass: what was found and what to do, a line a check."""
    failed = [c for c in checks if not c.passed]
    if not failed:
        return None
    return CheckFailed("\n".join(f"{c.name}: expected {c.expected}, found {c.found}. {c.remedy}" for c in failed))


def _forbidden(family: str, error: Forbidden) -> Check:
    grant = next((f for f in data_file("permissions.yaml")["families"] if f["family"] == family), None)
    advice = f"Grant {grant['grant']} to the OAuth client's role ({grant['where']})." if grant else \
        "Give the credentials the permissions of README, Permissions."
    return Check(f"Permission: {family}", "read allowed", f"refused ({error.code or error.status})", False,
                 f"{advice} The cloud said: {error}")


def _product(ctx: Context) -> Iterator[Check]:
    products = ctx.clouds.genesys.authorization.get_authorization_products().entities or []
    names = sorted(p.id for p in products)
    yield Check("BYOC feature", '"byoc" among the authorised products', ", ".join(names) or "no products", "byoc" in names,
                "Ask Genesys to add BYOC Cloud to the org's subscription: without it a trunk has no BYOC Carrier type.")
    telephony = ctx.clouds.genesys.telephony
    offered = [m.id for m in pages(telephony.get_telephony_providers_edges_trunkbasesettings_availablemetabases, type="EXTERNAL")]
    yield Check("Trunk type", f"Generic BYOC Carrier ({BYOC_METABASE})",
                "offered" if BYOC_METABASE in offered else ", ".join(offered) or "none offered", BYOC_METABASE in offered,
                "The org's license lacks BYOC: in Telephony – Trunks, a new trunk must offer the type BYOC Carrier.")


def _edges(ctx: Context) -> Iterator[Check]:
    edges = [e for e in pages(ctx.clouds.genesys.telephony.get_telephony_providers_edges) if alive(e) and not e.physical_edge]
    yield Check("Virtual edges", "at least 2", str(len(edges)), len(edges) >= 2,
                "They are made with the org: open a case with Genesys Cloud Care.")
    for edge in edges:
        lacking = [what for what, ok in (
            ("no edge group", edge.edge_group), ("no site", edge.site),
            (f"state {edge.state}", edge.state == "active"), (str(edge.online_status).lower(), edge.online_status == "ONLINE"),
        ) if not ok]
        place = f"group {edge.edge_group.name if edge.edge_group else '–'}, site {edge.site.name if edge.site else '–'}"
        yield Check(f"Edge {edge.name}", "active, online, in an edge group and a site",
                    f"{', '.join(lacking) or 'active, online'}; {place}", not lacking,
                    "See Telephony – Edges; a virtual edge that stays offline is for Genesys Cloud Care.")


def _edge_groups(ctx: Context) -> Iterator[Check]:
    groups = [g.name for g in pages(ctx.clouds.genesys.telephony.get_telephony_providers_edges_edgegroups) if alive(g)]
    yield Check("Edge groups", 'at least 1, by default "PureCloud Voice - AWS"', ", ".join(groups) or "none", bool(groups),
                "It is made with the org: open a case with Genesys Cloud Care.")


def _locations(ctx: Context) -> Iterator[Check]:
    names = [entry.name for entry in pages(ctx.clouds.genesys.locations.get_locations) if alive(entry)]
    yield Check("Locations", 'at least 1, by default "Default PCV Location"', _some(names), bool(names),
                "It is made with the org: add a location under Directory – Locations.")


def _sites(ctx: Context) -> Iterator[Check]:
    wanted = ctx.params.edge_site
    names = [s.name for s in pages(ctx.clouds.genesys.telephony.get_telephony_providers_edges_sites) if alive(s)]
    yield Check("Sites", f'"{wanted}"', _some(names), wanted in names,
                "Its virtual edges carry the calls. If your org names it otherwise, set edge_site in the params.")


def _contact(ctx: Context) -> Iterator[Check]:
    email = ctx.params.site_contact
    try:
        found, passed = location.person(ctx, email).name, True
    except CheckFailed:
        found, passed = "nobody", False
    yield Check("Site contact", f"a person with e-mail {email}", found, passed,
                "Add the person under Directory – People, or mend site_contact.")


def _numbers(ctx: Context) -> Iterator[Check]:
    trunks: list[Any] = ctx.clouds.twilio.trunking.trunks.list(page_size=1, limit=1)
    yield Check("Twilio account", "credentials accepted", f"accepted, {'has' if trunks else 'no'} SIP trunks", True)
    for number in ctx.params.phone_numbers:
        try:
            found = trunk_number.purchased(ctx, number)
            yield Check(f"Number {number}", "purchased from Twilio", f"{found.friendly_name}, purchased", True)
        except CheckFailed:
            yield Check(f"Number {number}", "purchased from Twilio", "not in the account", False,
                        "Buy it in the Twilio Console, or mend phone_numbers.")


def _some(names: list[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(sorted(names)[:most]) or "none") + more
