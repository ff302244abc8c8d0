"""What a chapter should have left behind: statements that anybody can look up in the admin UI, held against the clouds.

Each statement says where an admin sees it, what was found, and what to do where it does not hold. Nothing here raises
for what is missing or wrong: that is what a checkpoint is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import chapters, dialplan
from .display.tables import text
from .exceptions import NotYet
from .params import Params
from .precheck import Check
from .reconcile import Change, Difference, Outcome, preview, same
from .resources import byoc_trunk, did_pool, location, number_plans, outbound_route, site
from .resources.base import Context
from .teardown import Removal


@dataclass(frozen=True)
class Statement:
    """`says` what should now be so, and where to see it; `remedy` is what to do if it does not hold."""

    says: str
    found: str
    holds: bool
    remedy: str = ""


class Look:
    """A chapter's objects as they are now.

    `outcomes` are objects that were read back a moment ago, with nothing written since; they are not read again.
    """

    def __init__(self, ctx: Context, outcomes: Iterable[Outcome] = ()):
        self.ctx = ctx
        self._known: dict[str, list[Change]] = {}
        for o in outcomes:
            differences = tuple(Difference(k, o.found.fields.get(k), v) for k, v in o.want.fields.items() if not same(o.found.fields.get(k), v))
            self._known.setdefault(chapters.key(o.kind), []).append(Change(o.kind, o.want, o.found, differences))

    @property
    def params(self) -> Params:
        return self.ctx.params

    def changes(self, kind: str) -> list[Change]:
        """Every object of a kind that the params ask for, compared with them."""
        if kind not in self._known:
            self._known[kind] = preview(self.ctx, chapters.kind(kind))
        return self._known[kind]

    def as_wanted(self, says: str, kind: str, keys: Sequence[str] = (), hint: str = "") -> Statement:
        """Do all objects of a kind exist, and are these fields of theirs as wanted?"""
        labels = {s.key: s.label for s in chapters.kind(kind).SETTINGS}
        wrong, seen = [], []
        for change in self.changes(kind):
            if change.refused or change.found is None:
                wrong.append(change.refused or f"no {change.kind.KIND} {change.want.name}")
                continue
            differing = {d.key: d.old for d in change.differences if d.key in keys}
            wrong += [f"{labels.get(key, key)}: {text(old)}" for key, old in differing.items()]
            held = [(labels.get(key, key), text(change.found.fields.get(key))) for key in keys if key in change.want.fields]
            seen += [f"{label}: {value}" if len(held) > 1 else value for label, value in held] or [change.found.name]
        remedy = f'Run the cell run.apply("{kind}") again.' + (f" {hint}" if hint else "")
        return Statement(says, "; ".join(dict.fromkeys(wrong or seen)) or "nothing asked for in the params", not wrong, remedy if wrong else "")


def statements(number: str, look: Look) -> list[Statement]:
    """Every statement of a making chapter ("02", "03", "04", "05" or "07"), in the guide's order.

    Raises:
        CloudError: a cloud could not be read.
    """
    return list(_CHAPTERS[number](look))


def _tried(says: str, look: Callable[[], tuple[bool, str]], remedy: str) -> Statement:
    try:
        holds, found = look()
    except NotYet as error:
        holds, found = False, str(error)
    return Statement(says, found, holds, "" if holds else remedy)


def _location_site(look: Look) -> Iterator[Statement]:
    p = look.params
    yield look.as_wanted(f'Directory – Locations: "{p.location_name}" is in {p.city}, {p.country}', "location", ("street1", "city", "state", "zipcode", "country"))

    def verified() -> tuple[bool, str]:
        (change,) = look.changes("location")
        entity = location.read(look.ctx, change.found.id) if change.found else None
        details = entity.address_verification_details if entity else None
        return bool(entity and entity.address_verified), f"verification: {details.status if details else 'none'}" if entity else "no such location"

    yield _tried("A green check on Address Verified", verified, "Mend street, city, postal_code and country so that they name a real place, and run this chapter again.")
    yield look.as_wanted("It is available for use on sites: it has the emergency number, and a site contact", "location", ("emergency_number", "contact"))
    yield look.as_wanted(f'Telephony – Sites: "{p.site_name}" belongs to that location', "site", ("location", "time_zone"))
    yield look.as_wanted(f'Its Phone Edge Assignments: Use these Sites, primary and secondary "{p.edge_site}"', "site", ("primary_sites", "secondary_sites", "media_model"),
                         "The media model can't be changed later: choose another site_name.")

    def defaults() -> tuple[bool, str]:
        plans = number_plans.read(look.ctx, look.ctx.require(site).id)
        return number_plans.complete(plans), f"{len(plans)} number plans: {', '.join(p.name for p in plans)}"

    yield _tried("Its Number Plans hold National and International", defaults, "Run the cell run.wait_site_defaults() again in a minute.")
    if p.number_plans:
        yield look.as_wanted("Your own number plans are among them", "number_plans", tuple(plan.name for plan in p.number_plans))


def _twilio(look: Look) -> Iterator[Statement]:
    p = look.params
    yield look.as_wanted(f'Authentication – IP Access Control Lists: "{p.ip_acl_name}" lets Genesys Cloud\'s signalling addresses in', "ip_acl", ("addresses",),
                         "Without signalling_addresses a live run asks DNS, which need not tell all of them.")
    yield look.as_wanted(f'Authentication – Credential Lists: "{p.credential_list_name}" knows {p.digest_username}', "credential_list", ("users",))
    yield look.as_wanted(f"Trunks – Termination: the URI is {p.termination_uri}", "sip_trunk", ("domain_name",))
    yield look.as_wanted("Trunks – Termination: both lists are attached, so a call must pass both", "sip_trunk", ("ip_acls", "credential_lists"))
    yield look.as_wanted(f"Trunks – General: Secure Trunking is {'on' if p.secure else 'off'}", "sip_trunk", ("secure",), "Chapter 04 must have the same.")
    yield look.as_wanted(f"Trunks – Origination: {p.origination_url}, enabled", "origination_url", ("sip_url", "enabled"))
    yield look.as_wanted(f"Trunks – Numbers: {', '.join(p.phone_numbers)}", "trunk_number", ("trunk",))


def _byoc_trunk(look: Look) -> Iterator[Statement]:
    p, t = look.params, byoc_trunk
    again = "Somebody changed it, or this is another trunk of the same name."
    for says, keys in (
        (f'Telephony – Trunks: "{p.trunk_name}", Trunk State In-Service', (t.ENABLED,)),
        (f"Inbound / Termination: {p.inbound_fqdn}", ("trunk_sip_termination_uri",)),
        (f"Outbound: SIP servers {', '.join(p.servers)}, protocol {p.transport}", ("trunk_transport_serverProxyList", t.PROTOCOL)),
        (f"Digest Authentication: realm sip.twilio.com, user {p.digest_username}", ("trunk_sip_authentication_credentials_realm", t.USER)),
        (f"Calling: every call shows {p.calling_address}", ("trunk_outboundIdentity_callingAddress", t.OVERRIDE, t.PRIORITY)),
        ("SIP Access Control: Twilio's signalling ranges", (t.ACCESS,)),
        ("Identity – Outbound: both Address Omit + Prefix are Disabled", ("trunk_outboundIdentity_callingAddress_omitPlusPrefix", "trunk_outboundIdentity_calledAddress_omitPlusPrefix")),
        ("Media: codecs, and DTMF as RTP events", ("trunk_media_codec", "trunk_media_dtmf_method", "trunk_media_dtmf_payload")),
    ):
        yield look.as_wanted(says, "byoc_trunk", keys, again)

    def in_service() -> tuple[bool, str]:
        (change,) = look.changes("byoc_trunk")
        lines = byoc_trunk.lines(look.ctx, change.found.id) if change.found else []
        up = sum(bool(line.in_service) for line in lines)
        return bool(lines) and up == len(lines), f"{up} of {len(lines)} lines in service" if lines else "no edge has taken it up"

    yield _tried("In service on every edge", in_service, "Run the cell run.wait_in_service() again: it names what the far end answers.")


def _outbound_route(look: Look) -> Iterator[Statement]:
    p = look.params
    yield look.as_wanted(f'Telephony – Sites – "{p.site_name}" – Outbound Routes: "{p.route_name}", State Enabled', "outbound_route", ("enabled",))
    yield look.as_wanted(f'Its External Trunks hold "{p.trunk_name}"', "outbound_route", ("trunks",))

    def carried() -> tuple[bool, str]:
        routes = outbound_route.read(look.ctx, look.ctx.require(site).id)
        where = {c: [r.name for r in routes if c in (r.classification_types or ())] for c in p.classifications}
        return all(names == [p.route_name] for names in where.values()), "; ".join(f"{c}: {text(names)}" for c, names in where.items())

    yield _tried(f"{', '.join(p.classifications)} stand in that route and in no other", carried,
                 'Run the cell run.apply("outbound_route") again; default_route says what becomes of the default route.')

    def plans() -> tuple[bool, str]:
        known = {plan.classification for plan in number_plans.read(look.ctx, look.ctx.require(site).id)}
        lacking = [c for c in p.classifications if c not in known]
        return not lacking, f"no number plan gives {', '.join(lacking)}" if lacking else ", ".join(p.classifications)

    yield _tried("Each of them is given by a number plan of the site", plans, "Mend classifications: write them as the site's number plans do (chapter 02).")


def _did_numbers(look: Look) -> Iterator[Statement]:
    p = look.params
    yield look.as_wanted(f"Telephony – DID Numbers: {', '.join(p.phone_numbers)} are known to the org", "did_pool", ("start", "end"))
    for kind, says in (("call_route", "Routing – Call Routing: each inbound call route has its numbers and its flow"), ("person_number", "Directory – People: each person has the number")):
        if look.changes(kind):
            yield look.as_wanted(says, kind, ("dnis", "flow", "person"), "A number has one owner: take it away there first.")

    def answered() -> tuple[bool, str]:
        owners = {n: did.owner if (did := did_pool.did(look.ctx, n)) else None for n in p.phone_numbers}
        return all(owners.values()), "; ".join(f"{n}: {o.name or o.id if o else 'nobody'}" for n, o in owners.items())

    yield _tried("Every number is answered by somebody", answered, "Add the number to assignments and run this chapter again: one without an owner rings nowhere.")


_CHAPTERS: dict[str, Callable[[Look], Iterator[Statement]]] = {
    "02": _location_site, "03": _twilio, "04": _byoc_trunk, "05": _outbound_route, "07": _did_numbers,
}


# ---------------------------------------------------------------- chapters that only read


def of_checks(checks: Sequence[Check], groups: Iterable[tuple[str, tuple[str, ...]]], before: str) -> list[Statement]:
    """Many checks in a few statements: each says something about the checks whose names begin with one of its words.

    `before` is the cell to run when there are no checks yet.
    """
    said = []
    for says, starts in groups:
        mine = [c for c in checks if c.name.startswith(starts)]
        failed = [c for c in mine if not c.passed]
        found = "; ".join(f"{c.name}: {c.found}" for c in failed) or f"{len(mine)} of {len(mine)} pass"
        remedy = " ".join(dict.fromkeys(c.remedy for c in failed)) if mine else f"Run the cell {before} first."
        said.append(Statement(says, found if mine else "not looked at yet", bool(mine) and not failed, remedy))
    return said


PRECHECK = (
    ("The org may have a BYOC trunk", ("BYOC feature", "Trunk type", "Permission: Products")),
    ("At least two virtual edges are active and online, in a group and a site", ("Virtual edges", "Edge", "Permission: Telephony")),
    ("A location and the edges' site are there", ("Locations", "Sites", "Permission: Locations")),
    ("The site contact is a person of the org", ("Site contact", "Permission: People")),
    ("The Twilio account lets us in and owns the numbers", ("Twilio account", "Number", "Permission: Twilio")),
)
CROSS_CHECK = (
    ("A call from the phone network reaches the org", ("Inbound",)),
    ("A call from the site reaches Twilio, and Twilio takes it", ("Outbound",)),
    ("Both ends speak the same way: transport, codec, DTMF; the trunk is in service", ("Both",)),
    ("Every number is on the trunk, in a pool, and answered by who should", ("Numbers",)),
    ("National and international calls leave through the trunk", ("Routes",)),
)


def of_simulations(simulations: Sequence[dialplan.Simulation], country: str) -> list[Statement]:
    """What simulated calls say of a site in this country (ISO code): calls that must leave, their form, and emergency calls."""
    again = "Run the cell run.simulate() first."
    real = [s for s in simulations if dialplan.is_phone_number(s.dialled, country)]
    stuck = [s for s in real if not s.ok]
    said = [Statement("National and international numbers leave through a trunk",
                      "; ".join(f"{s.dialled}: {s.verdict}" for s in stuck) or f"{len(real)} of {len(real)} do", bool(real) and not stuck,
                      ("The table of steps names the rule: mend it in chapter 02 (number plans), 04 (trunk) or 05 (route)." if stuck else again) if stuck or not real else "")]
    bare = [s for s in real if s.ok and not (s.normalized or "").startswith("+")]
    said.append(Statement("They leave in E.164, with the plus that Twilio insists on", "; ".join(f"{s.dialled} as {s.normalized}" for s in bare) or
                          ", ".join(dict.fromkeys(s.normalized or "" for s in real if s.ok)) or "none leaves", bool(real) and not bare and not stuck,
                          "Look at the normalised format of their number plan (chapter 02)." if bare else "See the row above." if stuck or not real else ""))
    return said


def nothing_left(removals: Sequence[Removal]) -> Statement:
    """The statement of a teardown, from what was listed or tried."""
    there = [f'{r.kind.KIND} "{r.want.name}"' + (f": {r.obstacle}" if r.obstacle else "") for r in removals if r.plan.action != "leave" and not r.done]
    left = sum(r.plan.action == "leave" for r in removals)
    return Statement("Neither cloud holds anything that the runbook made for this partner", "; ".join(there) or "nothing" + (f"; {left} objects that are not ours to remove stay" if left else ""),
                     not there, "Run the cell run.remove(); free first what uses them." if there else "")
