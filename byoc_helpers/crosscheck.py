"""Both clouds held against each other: does each end of the trunk say what the other end needs?

`read(ctx)` reads each cloud once into `Facts`; `judge(facts)` applies every rule to them, a row a rule, and calls nobody.
A chapter's own plan compares one cloud with the params; here the two clouds are compared, so that a setting somebody
changed on one side is found by what it contradicts on the other.

A row fails where calls fail or a stranger gets in; it is a warning where calls still pass and somebody should know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from typing import Any, TypeVar

import phonenumbers

from .dialplan import Dialplan, simulate
from .exceptions import CheckFailed, NotFound, NotYet, ParamsError, Refused
from .params import Params
from .precheck import Check
from .regions import edges, termination_host, twilio_signalling
from .resources import (
    byoc_trunk,
    call_route,
    credential_list,
    did_pool,
    ip_acl,
    sip_trunk,
    site,
    trunk_number,
)
from .resources.base import Context, Desired
from .resources.location import person
from .simulate import read_dialplan

T = TypeVar("T")
REALM = "sip.twilio.com"
CODECS = ("audio/pcmu", "audio/pcma")  # those every Twilio account has; others are in limited availability
DTMF = "RTP Events"


@dataclass(frozen=True)
class OriginationUrl:
    """Where Twilio sends calls: lowest `priority` number first, calls of equal ones shared by `weight`."""

    url: str
    enabled: bool
    priority: int
    weight: int

    @property
    def host(self) -> str:
        return sip_trunk.sip_host(self.url)

    @property
    def transport(self) -> str:
        """"udp", "tcp" or "tls"; "" where the URL does not say."""
        said = re.search(r";transport=(\w+)", self.url.lower())
        return said[1] if said else ""

    @property
    def port(self) -> int | None:
        said = re.match(r"sips?:(?:[^@]*@)?[^:;?]+:(\d+)", self.url.lower())
        return int(said[1]) if said else None


@dataclass(frozen=True)
class TwilioTrunk:
    """Twilio's end. `addresses` and `users` are those of all attached lists; None: no list of that kind is attached."""

    sid: str
    domain: str
    secure: bool
    urls: tuple[OriginationUrl, ...]
    addresses: tuple[str, ...] | None
    users: tuple[str, ...] | None

    @property
    def hosts(self) -> frozenset[str]:
        """Names that the trunk answers to: its domain, and the localised one of each edge."""
        label = self.domain.removesuffix(".pstn.twilio.com")
        return frozenset({self.domain} | {termination_host(label, name) for e in edges() for name in (e.edge, e.legacy)})


@dataclass(frozen=True)
class ByocTrunk:
    """Genesys Cloud's end: `settings` by property, and its lines, one an edge, as (edge, in service)."""

    settings: Mapping[str, Any]
    inbound_site: str
    lines: tuple[tuple[str, bool], ...]
    troubles: tuple[str, ...] = ()

    def get(self, key: str, default: Any = None) -> Any:
        return self.settings.get(key, default)


@dataclass(frozen=True)
class Number:
    """One number as each side has it. `trunk`: SID of its Twilio trunk; `owned`: it is in the Twilio account."""

    owned: bool
    trunk: str = ""
    in_pool: bool = False
    owner: str = ""
    owner_type: str = ""


@dataclass(frozen=True)
class Facts:
    """All that the rules look at. An object that does not exist is None."""

    params: Params
    twilio: TwilioTrunk | None
    genesys: ByocTrunk | None
    site: bool
    dialplan: Dialplan | None
    numbers: Mapping[str, Number]
    caller: bool
    signalling: tuple[str, ...]
    signalling_complete: bool
    wanted_owners: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------- reading


def read(ctx: Context) -> Facts:
    """Both clouds as they are now; what does not exist is None, never an error.

    Raises:
        CloudError: a cloud could not be read.
    """
    p, notes = ctx.params, dict[str, str]()

    def attempt(what: str, get: Callable[[], T]) -> T | None:
        try:
            return get()
        except (NotYet, CheckFailed, Refused, ParamsError) as error:
            notes[what] = str(error)
            return None

    ctx.ahead(lambda: _twilio_trunk(ctx), lambda: _byoc_trunk(ctx), lambda: read_dialplan(ctx), *(partial(_number, ctx, n) for n in p.phone_numbers),
              *(partial(_owner, ctx, a) for a in p.assignments))
    home = attempt("site", lambda: ctx.require(site))
    signalling = attempt("signalling", lambda: tuple(ctx.clouds.signalling_addresses())) or ()
    owners = {a.number: attempt(f"owner of {a.number}", partial(_owner, ctx, a)) or "" for a in p.assignments}
    caller = p.calling_address
    base = attempt("BYOC trunk", lambda: _byoc_trunk(ctx))
    if base is not None:
        caller = base.get("trunk_outboundIdentity_callingAddress") or caller
    return Facts(
        params=p, twilio=attempt("Twilio trunk", lambda: _twilio_trunk(ctx)), genesys=base, site=home is not None,
        dialplan=attempt("dial plan", lambda: read_dialplan(ctx)) if home else None,
        numbers={n: _number(ctx, n) for n in p.phone_numbers}, caller=_may_call_as(ctx, caller), signalling=signalling,
        signalling_complete=bool(p.signalling_addresses) or p.target == "sandbox", wanted_owners=owners, notes=notes,
    )


def _twilio_trunk(ctx: Context) -> TwilioTrunk | None:
    trunk = next((t for t in sip_trunk.read(ctx) if (t.domain_name or "").lower() == ctx.params.termination_uri.lower()), None)
    if trunk is None:
        return None
    ctx.ahead(lambda: sip_trunk.attached(ctx, trunk, "ip_access_control_lists"), lambda: sip_trunk.attached(ctx, trunk, "credentials_lists"),
              lambda: sip_trunk.urls(ctx, trunk))
    acls, credentials = sip_trunk.attached(ctx, trunk, "ip_access_control_lists"), sip_trunk.attached(ctx, trunk, "credentials_lists")
    ctx.ahead(*(partial(ip_acl.addresses, ctx, a.sid) for a in acls), *(partial(credential_list.users, ctx, c.sid) for c in credentials))
    return TwilioTrunk(
        trunk.sid, (trunk.domain_name or "").lower(), bool(trunk.secure),
        tuple(OriginationUrl(u.sip_url, bool(u.enabled), u.priority, u.weight) for u in sip_trunk.urls(ctx, trunk)),
        tuple(address for a in acls for address in ip_acl.addresses(ctx, a.sid)) if acls else None,
        tuple(user for c in credentials for user in credential_list.users(ctx, c.sid)) if credentials else None,
    )


def _byoc_trunk(ctx: Context) -> ByocTrunk | None:
    found = byoc_trunk.find(ctx, Desired(ctx.params.trunk_name, {}))
    if found is None:
        return None
    home, lines = found.raw.inbound_site, byoc_trunk.lines(ctx, found.id)
    where = ""
    if home is not None:
        try:
            own = ctx.require(site)
            where = own.name if home.id == own.id else home.name or home.id
        except NotYet:
            where = home.name or home.id
    return ByocTrunk(found.fields, where, tuple((t.edge.name or t.edge.id if t.edge else t.name, bool(t.in_service)) for t in lines),
                     tuple(sorted(byoc_trunk.troubles(lines))))


def _number(ctx: Context, number: str) -> Number:
    try:
        owned = trunk_number.purchased(ctx, number)
    except CheckFailed:
        owned = None
    did = did_pool.did(ctx, number)
    return Number(owned is not None, (owned.trunk_sid or "") if owned else "", did is not None and did.did_pool is not None,
                  did.owner.id if did and did.owner else "", (did.owner_type or "") if did else "")


def _owner(ctx: Context, wanted: Any) -> str:
    """Id of who should answer a number."""
    if wanted.person:
        return str(person(ctx, wanted.person).id)
    found = call_route.by_name(ctx, wanted.call_route)
    if found is None:
        raise NotYet(f'there is no inbound call route "{wanted.call_route}"')
    return str(found.id)


def _may_call_as(ctx: Context, number: str) -> bool:
    """Does the Twilio account own this number, or has it verified that it may show it?"""
    try:
        trunk_number.purchased(ctx, number)
        return True
    except CheckFailed:
        pass
    try:
        return any(c.phone_number == number for c in ctx.clouds.twilio.verified_callers.list(phone_number=number, page_size=50))
    except NotFound:  # the practice clouds verify nobody
        return False


# ---------------------------------------------------------------- judging


@dataclass(frozen=True)
class Finding:
    """What one rule says: `passed` with `warning` is a pass somebody should read."""

    expected: str
    found: str
    passed: bool
    remedy: str = ""
    warning: bool = False


@dataclass(frozen=True)
class Rule:
    """`needs` are the objects it compares; without them it fails with the chapter to run."""

    name: str
    needs: tuple[str, ...]
    judge: Callable[[Facts], Finding]


def judge(facts: Facts) -> list[Check]:
    """Every rule, a row each, in the order a call meets them: inbound, outbound, both, then numbers and routes."""
    return [_row(rule, facts) for rule in RULES]


def _row(rule: Rule, facts: Facts) -> Check:
    p = facts.params
    objects: dict[str, tuple[Any, str, str]] = {
        "twilio": (facts.twilio, f"the Twilio trunk {p.termination_uri}", "03"),
        "genesys": (facts.genesys, f'the BYOC trunk "{p.trunk_name}"', "04"),
        "site": (facts.site, f'the site "{p.site_name}"', "02"),
    }
    for need in rule.needs:
        there, what, chapter = objects[need]
        if not there:
            why = facts.notes.get({"twilio": "Twilio trunk", "genesys": "BYOC trunk"}.get(need, need), "")
            return Check(rule.name, what, f"it does not exist{f' ({why})' if why else ''}", False, f"Run chapter {chapter}.")
    f = rule.judge(facts)
    return Check(rule.name, f.expected, f.found, f.passed, f.remedy if not f.passed or f.warning else "", f.warning and f.passed)


def _ends(facts: Facts) -> tuple[TwilioTrunk, ByocTrunk]:
    assert facts.twilio is not None and facts.genesys is not None  # the rule's `needs`
    return facts.twilio, facts.genesys


def _both(twilio: str, genesys: str) -> str:
    return f"Twilio: {twilio}; Genesys Cloud: {genesys}"


def _list(values: Iterable[Any]) -> str:
    return ", ".join(str(v) for v in values) or "none"


def _fqdn(facts: Facts) -> str:
    """Where the BYOC trunk really listens: its own identifier in the region's domain."""
    p, (_, genesys) = facts.params, _ends(facts)
    return f"{genesys.get('trunk_sip_termination_uri') or '–'}.{p.byoc_domain or p.region.byoc_domain}".lower()


def _our_urls(facts: Facts) -> list[OriginationUrl]:
    return [u for u in _ends(facts)[0].urls if u.host == _fqdn(facts)]


def _inbound_address(facts: Facts) -> Finding:
    twilio, _ = _ends(facts)
    return Finding(f"an origination URL to {_fqdn(facts)}", _both(_list(u.url for u in twilio.urls), _fqdn(facts)), bool(_our_urls(facts)),
                   "Calls from the phone network do not reach this trunk. Run chapters 03 and 04 with the same identifier; "
                   "take an old URL off the Twilio trunk.")


def _url_enabled(facts: Facts) -> Finding:
    urls = _our_urls(facts) or list(_ends(facts)[0].urls)
    said = _list(f"{u.url} {'enabled' if u.enabled else 'disabled'}" for u in urls)
    return Finding("the origination URL is enabled", f"Twilio: {said}", not urls or any(u.enabled for u in urls),
                   "Run chapter 03, which enables it: Twilio has nowhere to send calls (error 32010).")


def _other_urls(facts: Facts) -> Finding:
    ours, others = _our_urls(facts), [u for u in _ends(facts)[0].urls if u.enabled and u.host != _fqdn(facts)]
    best = min((u.priority for u in ours), default=None)
    # Twilio tries lower numbers first and shares equal ones: such a URL takes calls away. A later one is a fallback.
    takes = [u for u in others if best is not None and u.priority <= best]
    said = _list(f"{u.url} (priority {u.priority})" for u in others)
    return Finding("no other URL takes calls", f"Twilio: {said}; ours has priority {best if best is not None else '–'}", not takes,
                   "Twilio sends calls there, too. Remove it in the Console (Elastic SIP Trunking – Trunks – Origination), or give "
                   "it a higher priority number if it is meant as a fallback.", warning=bool(others))


def _url_transport(facts: Facts) -> Finding:
    twilio, genesys = _ends(facts)
    protocol, urls = str(genesys.get(byoc_trunk.PROTOCOL) or "udp").lower(), _our_urls(facts)
    right = 5061 if protocol == "tls" else 5060

    def agrees(url: OriginationUrl) -> bool:
        # A secure Twilio trunk uses TLS and port 5061 whatever its URLs leave out.
        transport = url.transport or ("tls" if twilio.secure and protocol == "tls" else "udp")
        return transport == protocol and (url.port or (5061 if transport == "tls" else 5060)) == right

    return Finding(f"origination over {protocol}, port {right}", _both(_list(u.url for u in urls), f"protocol {protocol}"),
                   all(agrees(u) for u in urls), "Set protocol and secure in the params and run chapters 03 and 04.")


def _outbound_address(facts: Facts) -> Finding:
    twilio, genesys = _ends(facts)
    servers, p = tuple(genesys.get("trunk_transport_serverProxyList") or ()), facts.params
    label, allowed = twilio.domain.removesuffix(".pstn.twilio.com"), twilio.hosts
    asked = {termination_host(label, n).lower() for n in p.twilio_edges}
    wrong = [s for s in servers if (host := s.partition(":")[0].lower()) not in allowed or (asked and host not in asked)]
    meant = [s for s in wrong if s in p.sip_servers]
    where = f" at {_list(p.twilio_edges)}" if asked else ""
    return Finding(f"SIP servers are hosts of {twilio.domain}{where}", _both(twilio.domain, _list(servers)),
                   bool(servers) and len(meant) == len(wrong),
                   f"{_list(wrong)}: not a termination host of this trunk. Mend sip_servers, twilio_edges or termination_domain, and run "
                   "chapter 04.", warning=bool(meant))


def _server_port(facts: Facts) -> Finding:
    _, genesys = _ends(facts)
    protocol, servers = str(genesys.get(byoc_trunk.PROTOCOL) or "udp").lower(), genesys.get("trunk_transport_serverProxyList") or ()
    right = "5061" if protocol == "tls" else "5060"
    wrong = [s for s in servers if (s.partition(":")[2] or right) != right]
    return Finding(f"port {right} for {protocol}", _both("UDP and TCP 5060, TLS 5061", _list(servers)), not wrong,
                   "Twilio does not listen there. Mend sip_port or sip_servers, and run chapter 04.")


def _digest_user(facts: Facts) -> Finding:
    twilio, genesys = _ends(facts)
    user = genesys.get("trunk_sip_authentication_credentials_username") or ""
    held = "no credential list is attached" if twilio.users is None else _list(twilio.users)
    return Finding("the same digest user on both sides", _both(held, user or "none"), bool(user) and user in (twilio.users or ()),
                   "Run chapter 03, then 04: they set user and password on both sides.")


def _digest_realm(facts: Facts) -> Finding:
    realm = facts.genesys.get("trunk_sip_authentication_credentials_realm") if facts.genesys else None
    return Finding(REALM, _both(f"{REALM}, for every account", realm or "none"), realm == REALM, "Run chapter 04, which sets it.")


def uncovered(wanted: Iterable[str], held: Iterable[str]) -> list[str]:
    """Those of `wanted` that no network of `held` holds."""
    networks = [ip_network(h, strict=False) for h in held]
    return [w for w in wanted if not any(_within(w, n) for n in networks)]


def _within(inner: str, outer: Any) -> bool:
    network = ip_network(inner, strict=False)
    return network.version == outer.version and network.subnet_of(outer)


def _acl_covers(facts: Facts) -> Finding:
    held, wanted = _ends_twilio(facts).addresses, facts.signalling
    said = "no IP access control list is attached" if held is None else _list(held)
    if not wanted:
        return Finding("the region's signalling addresses", _both(said, "addresses not known"), False,
                       facts.notes.get("signalling", "List them as signalling_addresses."))
    lacking = uncovered(wanted, held or ())
    return Finding("every signalling address of the region", _both(said, _list(wanted)), not lacking,
                   f"Twilio refuses calls from {_list(lacking)}. Run chapter 03, which adds them.")


def _acl_strangers(facts: Facts) -> Finding:
    twilio = _ends_twilio(facts)
    strangers = uncovered(twilio.addresses or (), facts.signalling)
    # With a credential list a call must pass both, so an address alone opens nothing; without one it is the only lock.
    alone = bool(strangers) and not twilio.users
    if not facts.signalling_complete:
        note = "DNS need not give all of Genesys' addresses, so strangers can't be told for sure: list signalling_addresses."
        return Finding("nobody else's address", f"Twilio: not from DNS: {_list(strangers)}", True, note, warning=bool(strangers))
    return Finding("nobody else's address", f"Twilio: not Genesys': {_list(strangers)}", not alone,
                   f"{_list(strangers)}: whoever is there may {'call at your cost' if alone else 'try passwords'}. If nobody meant it, take it out of the "
                   "IP access control list (Console: Elastic SIP Trunking – Authentication).", warning=bool(strangers))


def _ends_twilio(facts: Facts) -> TwilioTrunk:
    assert facts.twilio is not None  # the rule's `needs`
    return facts.twilio


def _edges_used(facts: Facts) -> list[str]:
    """Twilio's ranges that calls may come from: all, unless every URL of ours names its edge."""
    named_edges = [m[2] if (m := re.search(r";(edge|region)=([a-z0-9-]+)", u.url.lower())) else "" for u in _our_urls(facts)]
    known = {name: e.signalling for e in edges() for name in (e.edge, e.legacy)}
    if named_edges and all(n in known for n in named_edges):
        return list(dict.fromkeys(known[n] for n in named_edges))
    return list(twilio_signalling())


def _access_covers(facts: Facts) -> Finding:
    held, wanted = _ends(facts)[1].get(byoc_trunk.ACCESS) or (), _edges_used(facts)
    lacking = uncovered(wanted, held)
    return Finding("every Twilio range that calls come from", _both(_list(wanted), _list(held)), not lacking,
                   f"Genesys Cloud refuses calls from {_list(lacking)}. Add them to sip_access, or empty it, and run chapter 04.")


def _access_strangers(facts: Facts) -> Finding:
    held = _ends(facts)[1].get(byoc_trunk.ACCESS) or ()
    strangers = uncovered(held, (*twilio_signalling(), *facts.params.sip_access))
    # Genesys Cloud asks the far end for no password: this list is the only lock.
    return Finding("nobody else's address", f"Genesys Cloud: not Twilio's: {_list(strangers)}", not strangers,
                   f"Whoever is at {_list(strangers)} may send calls into the org. Take it out under Telephony – Trunks, SIP Access "
                   "Control; if it is meant, list it in sip_access.")


def _secure(facts: Facts) -> Finding:
    twilio, genesys = _ends(facts)
    protocol = str(genesys.get(byoc_trunk.PROTOCOL) or "udp").lower()
    suites = genesys.get(byoc_trunk.SRTP) or ()
    srtp = not (twilio.secure and byoc_trunk.SRTP in genesys.settings) or byoc_trunk.TWILIO_SRTP in suites
    said = _both("secure (TLS and SRTP)" if twilio.secure else "not secure",
                 f"protocol {protocol}" + (f", SRTP {_list(suites)}" if protocol == "tls" else ""))
    return Finding("TLS and SRTP on both sides or on neither", said, twilio.secure == (protocol == "tls") and srtp,
                   "Set secure in the params and run chapters 03 and 04, which switch both sides.")


def _codec(facts: Facts) -> Finding:
    held = facts.genesys.get("trunk_media_codec") or () if facts.genesys else ()
    return Finding("a codec in common", _both(_list(CODECS), _list(held)), any(c in CODECS for c in held),
                   "Add audio/pcmu or audio/pcma to codecs and run chapter 04.")


def _dtmf(facts: Facts) -> Finding:
    assert facts.genesys is not None
    method, payload = facts.genesys.get("trunk_media_dtmf_method"), facts.genesys.get("trunk_media_dtmf_payload")
    return Finding("DTMF as RTP events on both sides", _both("RTP events (RFC 4733)", f"{method}, payload {payload}"), method == DTMF,
                   f'Keys pressed would be lost in menus. Set dtmf_method: "{DTMF}" and run chapter 04.')


def _plus(facts: Facts) -> Finding:
    assert facts.genesys is not None
    keys = {"calling": "trunk_outboundIdentity_callingAddress_omitPlusPrefix", "called": "trunk_outboundIdentity_calledAddress_omitPlusPrefix"}
    on = [what for what, key in keys.items() if facts.genesys.get(key)]
    return Finding("numbers keep their plus", _both("wants E.164 with the plus", f"omitted in: {_list(on)}"), not on,
                   "Twilio answers 400 Bad Request. Run chapter 04, which switches Address Omit + Prefix off.")


def _caller_id(facts: Facts) -> Finding:
    assert facts.genesys is not None
    number = facts.genesys.get("trunk_outboundIdentity_callingAddress") or ""
    return Finding("a number the Twilio account owns or has verified", _both("owned or verified" if facts.caller and number else "not in the account", number or "none"),
                   facts.caller and bool(number),
                   "Twilio refuses calls that show another number. Mend caller_id and run chapter 04, or verify the number (Console: Phone "
                   "Numbers – Verified Caller IDs).")


def _caller_id_always(facts: Facts) -> Finding:
    assert facts.genesys is not None
    order, method = facts.genesys.get(byoc_trunk.PRIORITY), facts.genesys.get(byoc_trunk.OVERRIDE)
    offered = order is not None or method is not None
    right = order[:1] == ("Trunk",) if order else method == "Always"
    return Finding("every call shows the trunk's number", f"Genesys Cloud: {_list(order) if order else method or 'not offered by this org'}",
                   right or not offered, "Calls would show numbers that Twilio may refuse. Run chapter 04.")


def _inbound_site(facts: Facts) -> Finding:
    assert facts.genesys is not None
    return Finding(f'"{facts.params.site_name}"', f"Genesys Cloud: {facts.genesys.inbound_site or 'none'}",
                   facts.genesys.inbound_site == facts.params.site_name,
                   "Another site's number plans would read incoming numbers. Run chapter 04.")


def _in_service(facts: Facts) -> Finding:
    assert facts.genesys is not None
    lines, enabled = facts.genesys.lines, facts.genesys.get(byoc_trunk.ENABLED)
    down = [edge for edge, up in lines if not up]
    said = "no edge has taken it up" if not lines else _list(f"{edge} {'in service' if up else 'out of service'}" for edge, up in sorted(lines))
    answers = _list(facts.genesys.troubles)
    return Finding("in service on every edge", _both(answers if facts.genesys.troubles else "no complaint", f"{'enabled' if enabled else 'disabled'}; {said}"),
                   bool(enabled) and bool(lines) and not down,
                   "Run chapter 04, which waits for it and names what the far end answers.")


def _on_trunk(facts: Facts) -> Finding:
    twilio = _ends_twilio(facts)
    wrong = [f"{n} ({'on another trunk' if held.trunk else 'on no trunk' if held.owned else 'not in the account'})"
             for n, held in facts.numbers.items() if held.trunk != twilio.sid]
    return Finding(f"{_list(facts.numbers)} on {twilio.domain}", f"Twilio: {f'not so: {_list(wrong)}' if wrong else 'all'}", not wrong,
                   "Run chapter 03, which puts them on the trunk; with adopt: true also those of another one.")


def _in_pool(facts: Facts) -> Finding:
    wrong = [n for n, held in facts.numbers.items() if not held.in_pool]
    return Finding(f"{_list(facts.numbers)} in a DID pool", f"Genesys Cloud: {f'in none: {_list(wrong)}' if wrong else 'all'}", not wrong,
                   "Run chapter 07: Genesys Cloud does not know the number, so calls to it are refused.")


def _assigned(facts: Facts) -> Finding:
    wanted = {a.number: a.person or a.call_route for a in facts.params.assignments}
    wrong = {n: facts.notes.get(f"owner of {n}") or ("assigned to nobody" if not held.owner else "assigned to somebody else")
             for n, who in wanted.items() if (held := facts.numbers.get(n)) is not None
             and (not held.owner or held.owner != facts.wanted_owners.get(n))}
    silent = [n for n, held in facts.numbers.items() if n not in wanted and not held.owner]
    said = _list([f"{n}: {why}" for n, why in wrong.items()] + [f"{n}: nobody answers" for n in silent])
    return Finding(_list(f"{n} to {who}" for n, who in wanted.items()), f"Genesys Cloud: {said if wrong or silent else 'as wanted'}", not wrong,
                   "Run chapter 07; where somebody else has the number, take it away there first." if wrong else
                   "A number without an owner rings nowhere: add it to assignments and run chapter 07.", warning=bool(silent))


def _routed(facts: Facts) -> Finding:
    p, routes = facts.params, facts.dialplan.routes if facts.dialplan else ()
    lacking = [c for c in p.classifications if not any(c in r.classifications and p.trunk_name in r.trunks for r in routes)]
    said = _list(f"{r.name}: {_list(r.classifications)} to {_list(r.trunks)}" for r in routes)
    return Finding(f'{_list(p.classifications)} routed to "{p.trunk_name}"', f"Genesys Cloud: {said}", not lacking,
                   f"{_list(lacking)}: no route leads to this trunk. Run chapter 05.")


def _route_enabled(facts: Facts) -> Finding:
    p, routes = facts.params, facts.dialplan.routes if facts.dialplan else ()
    ours = [r for r in routes if p.trunk_name in r.trunks and set(r.classifications) & set(p.classifications)]
    said = _list(f"{r.name} {'enabled' if r.enabled else 'disabled'}" for r in ours)
    return Finding("the route is enabled", f"Genesys Cloud: {said}", bool(ours) and all(r.enabled for r in ours), "Run chapter 05, which enables it.")


def sample(country: str, kind: str) -> tuple[str, str]:
    """A well-formed number of nobody in particular: (as dialled in `country`, E.164). `kind` "National" or "International"."""
    own = phonenumbers.country_code_for_region(country)
    home = country if kind == "National" else next(c for c in ("US", "GB") if phonenumbers.country_code_for_region(c) != own)
    number = phonenumbers.example_number_for_type(home, phonenumbers.PhoneNumberType.FIXED_LINE) or phonenumbers.example_number(home)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else ""
    return (phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL) if number and kind == "National" else e164), e164


def _sample(kind: str) -> Callable[[Facts], Finding]:
    def rule(facts: Facts) -> Finding:
        p = facts.params
        if kind not in p.classifications:
            return Finding("not asked for", f"{kind} is not among classifications", True)
        if facts.dialplan is None:
            return Finding("the site's dial plan", facts.notes.get("dial plan", "it can't be read"), False, "Run chapter 02.")
        dialled, e164 = sample(facts.dialplan.country, kind)
        said = simulate(dialled, facts.dialplan)
        return Finding(f'{dialled} leaves as {e164} through "{p.trunk_name}"', f"Genesys Cloud: {said.verdict}",
                       said.ok and p.trunk_name in said.trunks and said.normalized == e164,
                       "If a row above about the trunk or the routes fails, mend that first. Chapter 06 shows every rule that was tried.")

    return rule


TRUNKS, TWILIO, GENESYS, SITE = ("twilio", "genesys"), ("twilio",), ("genesys",), ("site",)
RULES: tuple[Rule, ...] = (
    Rule("Inbound: address", TRUNKS, _inbound_address),
    Rule("Inbound: origination URL enabled", TRUNKS, _url_enabled),
    Rule("Inbound: other origination URLs", TRUNKS, _other_urls),
    Rule("Inbound: port and transport", TRUNKS, _url_transport),
    Rule("Inbound: SIP access control lets Twilio in", TRUNKS, _access_covers),
    Rule("Inbound: SIP access control keeps others out", TRUNKS, _access_strangers),
    Rule("Inbound: site", GENESYS, _inbound_site),
    Rule("Outbound: address", TRUNKS, _outbound_address),
    Rule("Outbound: port", TRUNKS, _server_port),
    Rule("Outbound: IP access control list lets Genesys Cloud in", TWILIO, _acl_covers),
    Rule("Outbound: IP access control list keeps others out", TWILIO, _acl_strangers),
    Rule("Outbound: digest user", TRUNKS, _digest_user),
    Rule("Outbound: digest realm", GENESYS, _digest_realm),
    Rule("Outbound: caller id", GENESYS, _caller_id),
    Rule("Outbound: caller id always shown", GENESYS, _caller_id_always),
    Rule("Outbound: numbers with their plus", GENESYS, _plus),
    Rule("Both: secure trunking", TRUNKS, _secure),
    Rule("Both: codec", GENESYS, _codec),
    Rule("Both: DTMF", GENESYS, _dtmf),
    Rule("Both: trunk in service", GENESYS, _in_service),
    Rule("Numbers: on the Twilio trunk", TWILIO, _on_trunk),
    Rule("Numbers: in a DID pool", (), _in_pool),
    Rule("Numbers: assigned", (), _assigned),
    Rule("Routes: classifications", SITE, _routed),
    Rule("Routes: enabled", SITE, _route_enabled),
    Rule("Routes: a national number", SITE, _sample("National")),
    Rule("Routes: an international number", SITE, _sample("International")),
)
