"""What a site would do with a dialled number: the admin UI's Simulate Call, reproduced from plain data.

`simulate(number, dialplan)` tries the site's number plans in order, takes the first that matches, matches the
rewritten number again while it changes, then looks for the route of its classification, the route's trunks and
the edges. Pure functions: nothing is read and nothing is called.

Sources: Genesys Cloud help, "Number plan information" (match types, digit counts, repeated normalisation) and
"Outbound routes"; the guide, "Simulate Call".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import phonenumbers

ROUNDS = 10  # a number is normalised again while it changes, at most this often
LONGEST = 256  # characters: nobody dials more, and a regex on longer text may take for ever
INTERNAL = frozenset({"Extension"})

Outcome = Literal["matched", "passed over", "again", "stopped"]


@dataclass(frozen=True)
class NumberPlan:
    """One number plan, as the API has it; `numbers` are (start, end) pairs, `digit_length` (shortest, longest)."""

    name: str
    match_type: str
    classification: str
    priority: int = 0
    match: str | None = None
    normalized_format: str | None = None
    numbers: tuple[tuple[str, str], ...] = ()
    digit_length: tuple[int, int] | None = None
    active: bool = True


@dataclass(frozen=True)
class Route:
    """An outbound route: the classifications it carries and its trunks by name, in order."""

    name: str
    enabled: bool
    classifications: tuple[str, ...]
    trunks: tuple[str, ...]
    distribution: str = "SEQUENTIAL"


@dataclass(frozen=True)
class TrunkState:
    """An external trunk: `in_service` is None while no edge reports it; `edges` are those it is in service on."""

    name: str
    enabled: bool
    in_service: bool | None
    edges: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialplan:
    """All that decides about a call of one site. `country` is its ISO code, e.g. "FR"."""

    site: str
    country: str
    plans: tuple[NumberPlan, ...]
    routes: tuple[Route, ...]
    trunks: tuple[TrunkState, ...]

    @property
    def country_code(self) -> str:
        """Calling code of the site's country, "33" for FR; "" for a country without one."""
        code = phonenumbers.country_code_for_region(self.country)
        return str(code) if code else ""


@dataclass(frozen=True)
class Step:
    """One thing that was tried: a number plan, a route or a trunk; how it ended, and why in a sentence."""

    kind: str
    name: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Simulation:
    """The decision about one number. `ok`: it would be sent to a trunk. `verdict`: what that means, what to do."""

    dialled: str
    normalized: str | None
    plan: str | None
    classification: str | None
    route: str | None
    trunks: tuple[str, ...]
    edges: tuple[str, ...]
    steps: tuple[Step, ...]
    ok: bool
    verdict: str


def plan_from_mapping(data: Mapping[str, Any]) -> NumberPlan:
    """A `NumberPlan` from the API's JSON (camelCase keys)."""
    length = data.get("digitLength") or {}
    return NumberPlan(
        name=data.get("name") or "", match_type=data.get("matchType") or "", classification=data.get("classification") or "",
        priority=data.get("priority") or 0, match=data.get("match"), normalized_format=data.get("normalizedFormat"),
        numbers=tuple((str(n.get("start") or ""), str(n.get("end") or n.get("start") or "")) for n in data.get("numbers") or ()),
        digit_length=_length(length.get("start"), length.get("end")), active=data.get("state") in (None, "active"),
    )


def _length(start: Any, end: Any) -> tuple[int, int] | None:
    if not str(start or "").isdecimal():  # "²" is a digit to isdigit, but no number to int
        return None
    return int(start), int(end) if str(end or "").isdecimal() else int(start)


# ---------------------------------------------------------------- matching one plan
# A matcher returns (normalised number, reason), or (None, reason) when it passes the number over.

Match = tuple[str | None, str]


def _regex(number: str, plan: NumberPlan, site: Dialplan) -> Match:
    if not plan.match:
        return None, "it has no pattern"
    try:  # Python writes (?P<name>…) where the platform's dialect writes (?<name>…)
        pattern = re.compile(re.sub(r"(?<!\\)\(\?<(?=[A-Za-z_])", "(?P<", plan.match), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        return None, f"its pattern {plan.match} is not a regular expression ({error})"
    if _endless(plan.match, number):
        return None, f"its pattern {plan.match} repeats too much to be tried on {len(number)} characters"
    found = pattern.search(number)
    if found is None:
        return None, f"{number} does not fit the pattern {plan.match}"
    if not plan.normalized_format:
        return number, f"fits the pattern {plan.match}"
    groups = (found.group(0), *(g or "" for g in found.groups()))
    digit = r"\d\d?" if len(groups) > 10 else r"\d"
    result = re.sub(rf"\$({digit})", lambda m: _group(m[1], groups), plan.normalized_format, flags=re.ASCII)
    if not 0 < len(result) <= LONGEST:
        return None, f"its format {plan.normalized_format} makes {len(result)} characters of {number}, outside 1 to {LONGEST}"
    return result, f"fits the pattern {plan.match}"


def _group(digits: str, groups: tuple[str, ...]) -> str:
    """Text of `$digits`; `$12` with fewer than twelve groups is `$1` and a 2, and an unknown group is empty."""
    if int(digits) < len(groups):
        return groups[int(digits)]
    return groups[int(digits[0])] + digits[1:] if len(digits) == 2 else ""


def _endless(pattern: str, number: str) -> bool:
    """Might backtracking take for ever? A rough upper bound; no E.164 number is long enough for nested repetitions."""
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", pattern, flags=re.DOTALL).replace("(?", "(")
    if re.search(r"[*+?}|].*\)[*+{]", bare, re.DOTALL):
        return len(number) > 18
    variable, optional = len(re.findall(r"[*+]|,\d*\}", bare)), bare.count("?")
    return len(number) ** variable * 2 ** optional > 10_000_000


def _number_list(number: str, plan: NumberPlan, site: Dialplan) -> Match:
    digits = number.lstrip("+")
    for start, end in plan.numbers:
        low, high = start.lstrip("+"), end.lstrip("+")
        if number in (start, end):
            return number, f"{number} is in the list"
        same_form = number.startswith("+") == start.startswith("+")
        if same_form and low.isdecimal() and high.isdecimal() and digits.isdecimal() and len(low) == len(digits) == len(high) \
                and int(low) <= int(digits) <= int(high):
            return number, f"{number} is between {start} and {end}"
    return None, f"{number} is not in its list of {len(plan.numbers)}"


def _e164_list(number: str, plan: NumberPlan, site: Dialplan) -> Match:
    if not _is_e164(number):
        return None, f"{number} is not in E.164 form"
    return _number_list(number, plan, site)


def _digit_length(number: str, plan: NumberPlan, site: Dialplan) -> Match:
    low, high = plan.digit_length or (0, 0)
    if not _digits_only(number):
        return None, f"{number} is not digits only"
    if low <= len(number) <= high:
        return number, f"has {len(number)} digits, within {low} to {high}"
    return None, f"has {len(number)} digits, outside {low} to {high}"


def _intra(number: str, plan: NumberPlan, site: Dialplan) -> Match:
    code = site.country_code
    if not code:
        return None, f"the site's country {site.country} has no calling code"
    if number.startswith("+"):
        if not _is_e164(number):
            return None, f"{number} is not a plus and 10 to 15 digits"
        if _code_of(number) != code:
            return None, f"{number} is not of the site's own country code +{code}"
        return number, f"is of the site's own country code +{code}, with 10 to 15 digits"
    if not _digits_only(number):
        return None, f"{number} is not digits only"
    if number.startswith(code) and 10 <= len(number) <= 15 and _possible("+" + number):
        return "+" + number, f"begins with the site's own country code {code}"
    low, high = plan.digit_length or (7, 10)
    if not low <= len(number) <= high:
        return None, f"has {len(number)} digits; national numbers here have {low} to {high}"
    return _national(number, site), f"has {len(number)} digits, a national number of {site.country} (+{code})"


def _inter(number: str, plan: NumberPlan, site: Dialplan) -> Match:
    if not _is_e164(number):
        number_e164 = "+" + number if _digits_only(number) and 10 <= len(number) <= 15 and _possible("+" + number) else ""
    else:
        number_e164 = number
    if not number_e164:
        return None, f"{number} is not a country code and number of 10 to 15 digits"
    code = _code_of(number_e164)
    listed = {start.lstrip("+") for start, _ in plan.numbers}
    if listed and code not in listed:
        return None, f"country code +{code} is not in its list"
    if not listed and code == site.country_code:
        return None, f"+{code} is the site's own country code"
    return number_e164, f"is of country code +{code}"


_MATCHERS: dict[str, Callable[[str, NumberPlan, Dialplan], Match]] = {
    "regex": _regex, "numberList": _number_list, "e164NumberList": _e164_list, "digitLength": _digit_length,
    "intraCountryCode": _intra, "interCountryCode": _inter,
}


def _digits_only(number: str) -> bool:
    return number.isascii() and number.isdigit()


def _is_e164(number: str) -> bool:
    return bool(re.fullmatch(r"\+[1-9][0-9]{9,14}", number))


def _code_of(number: str) -> str:
    """Calling code an E.164 number begins with; calling codes are prefix-free."""
    digits = number.lstrip("+")
    return next((digits[:n] for n in (1, 2, 3) if int(digits[:n] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")


def _possible(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def _national(number: str, site: Dialplan) -> str:
    """E.164 of a national number, with or without its trunk prefix (France's 0; Italy's 0 belongs to the number)."""
    try:
        parsed = phonenumbers.parse(number, site.country)
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return f"+{site.country_code}{number}"


# ---------------------------------------------------------------- the decision


def clean(number: str) -> str:
    """A number as dialled without the characters that only help the eye: spaces, hyphens, brackets, dots, slashes."""
    text = number.strip()
    if re.fullmatch(r"\+?[0-9\s().\-/\u00a0\u202f]+", text):
        return re.sub(r"[^+0-9]", "", text)
    return text


def is_phone_number(number: str, country: str) -> bool:
    """Could this, dialled in `country` (ISO code), be somebody's national or international number?"""
    digits = clean(number)[:LONGEST]
    if len(digits) < 7:  # emergency and service numbers, extensions
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(digits, country))
    except phonenumbers.NumberParseException:
        return False


def simulate(number: str, dialplan: Dialplan) -> Simulation:
    """What the site would do with a number, dialled as text; never raises.

    Returns:
        The decision, with every candidate that was passed over and why.
    """
    steps: list[Step] = []
    dialled, current = number, clean(number)
    if not current or len(current) > LONGEST:
        why = "nothing was dialled" if not current else f"more than {LONGEST} characters"
        return Simulation(dialled, None, None, None, None, (), (), (Step("number", dialled[:40], "stopped", why),), False,
                          f"Not a number: {why}.")
    chosen: NumberPlan | None = None
    seen = {current}
    for _ in range(ROUNDS):
        plan, result = _first_match(current, dialplan, steps)
        if plan is None:
            break
        chosen = plan
        if result == current:
            break
        if result in seen:
            steps.append(Step("number plan", plan.name, "stopped", f"{result} was there before: the plans rewrite in a circle"))
            current = result
            break
        steps.append(Step("number", result, "again", f"{plan.name} rewrote {current}, so all plans are tried again"))
        seen.add(result)
        current = result
    else:
        steps.append(Step("number", current, "stopped", f"rewritten {ROUNDS} times and still changing"))
    if chosen is None:
        return Simulation(dialled, None, None, None, None, (), (), tuple(steps), False,
                          f"No number plan of {dialplan.site} matches {current}: the call is refused. If it should work, add a plan.")
    return _routed(dialled, current, chosen, dialplan, steps)


def _first_match(number: str, dialplan: Dialplan, steps: list[Step]) -> tuple[NumberPlan | None, str]:
    for plan in sorted(dialplan.plans, key=lambda p: p.priority):
        matcher = _MATCHERS.get(plan.match_type)
        if not plan.active:
            result, why = None, "it is not active"
        elif matcher is None:
            result, why = None, f"its match type {plan.match_type} is not known here"
        else:
            result, why = matcher(number, plan, dialplan)
        steps.append(Step("number plan", plan.name, "passed over" if result is None else "matched", why))
        if result is not None:
            return plan, result
    return None, number


def _shadowed(number: str, plan: NumberPlan, dialplan: Dialplan) -> str:
    """A sentence if a plan further down matches as well and its classification has a route."""
    carried = {c for route in dialplan.routes if route.enabled for c in route.classifications}
    ordered = sorted(dialplan.plans, key=lambda p: p.priority)
    for other in ordered[ordered.index(plan) + 1:]:
        matcher = _MATCHERS.get(other.match_type)
        if other.active and other.classification in carried and matcher and matcher(number, other, dialplan)[0] is not None:
            return (f' "{other.name}" further down matches too and has a route, but "{plan.name}" comes first: '
                    "remove that one or move it down.")
    return ""


def _routed(dialled: str, number: str, plan: NumberPlan, dialplan: Dialplan, steps: list[Step]) -> Simulation:
    wanted = plan.classification

    def end(ok: bool, verdict: str, route: str | None = None, trunks: tuple[str, ...] = (), edges: tuple[str, ...] = ()) -> Simulation:
        return Simulation(dialled, number, plan.name, wanted, route, trunks, edges, tuple(steps), ok, verdict)

    route: Route | None = None
    disabled: Route | None = None
    for candidate in dialplan.routes:
        if wanted not in candidate.classifications:
            steps.append(Step("outbound route", candidate.name, "passed over", f"it does not carry {wanted}"))
        elif not candidate.enabled:
            disabled = candidate
            steps.append(Step("outbound route", candidate.name, "passed over", f"it carries {wanted} but is disabled"))
        else:
            steps.append(Step("outbound route", candidate.name, "matched", f"it is enabled and carries {wanted}"))
            route = candidate
            break
    if route is None:
        if wanted in INTERNAL:
            return end(False, f"An internal number ({wanted}): it stays in the org and needs no trunk.")
        if disabled:
            return end(False, f'The route "{disabled.name}" carries {wanted} but is disabled: enable it, or move {wanted} to another.')
        return end(False, f"No route of {dialplan.site} carries {wanted}: add it to a route's classifications."
                   + _shadowed(clean(dialled), plan, dialplan))
    states = {t.name: t for t in dialplan.trunks}
    usable: list[TrunkState] = []
    for name in route.trunks:
        state = states.get(name)
        if state is None:
            steps.append(Step("trunk", name, "passed over", "no edge has taken it up"))
        elif not state.enabled:
            steps.append(Step("trunk", name, "passed over", "it is disabled"))
        elif not state.in_service:
            steps.append(Step("trunk", name, "passed over", "it is not in service"))
        else:
            steps.append(Step("trunk", name, "matched", f"it is in service on {len(state.edges)} edges"))
            usable.append(state)
    if not route.trunks:
        return end(False, f'The route "{route.name}" has no trunk: add one under External Trunks.', route.name)
    if not usable:
        return end(False, f'No trunk of the route "{route.name}" is in service ({", ".join(route.trunks)}): see chapter 04.', route.name)
    names = tuple(t.name for t in usable)
    edges = tuple(dict.fromkeys(e for t in usable for e in t.edges))
    order = "in this order" if route.distribution == "SEQUENTIAL" else "in random order"
    tried = f"tried {order}: {', '.join(names)}" if len(names) > 1 else names[0]
    return end(True, f"Sent as {number} to {tried}.", route.name, names, edges)
