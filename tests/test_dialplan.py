"""The site's decision about a number, in full for four countries, and what must hold for any number."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byoc_helpers.dialplan import (
    ROUNDS,
    Dialplan,
    NumberPlan,
    Route,
    TrunkState,
    clean,
    is_phone_number,
    plan_from_mapping,
    simulate,
)

EMERGENCY = {"FR": ("15", "17", "18", "112"), "US": ("911",), "IT": ("112", "118"), "JP": ("110", "119")}


def site(country: str = "FR", **changes) -> Dialplan:
    plans = (
        NumberPlan("Emergency", "numberList", "Emergency", 0, numbers=tuple((n, n) for n in EMERGENCY[country])),
        NumberPlan("Extension", "digitLength", "Extension", 1, digit_length=(4, 6)),
        NumberPlan("National", "intraCountryCode", "National", 2),
        NumberPlan("International", "interCountryCode", "International", 3),
        NumberPlan("Network", "regex", "Network", 4, r"^([^@\:]+@)([^@ ]+)?$", "sip:$1$2"),
    )
    plan = Dialplan("Office", country, plans, (Route("Twilio Route", True, ("National", "International"), ("Twilio",)),),
                    (TrunkState("Twilio", True, True, ("edge 1", "edge 2")),))
    return dataclasses.replace(plan, **changes)


@pytest.mark.parametrize(("country", "dialled", "normalized", "plan", "ok"), [
    ("FR", "0123456789", "+33123456789", "National", True),
    ("FR", "01 23 45 67 89", "+33123456789", "National", True),
    ("FR", "+33123456789", "+33123456789", "National", True),
    ("FR", "33123456789", "+33123456789", "National", True),
    ("FR", "+14155550123", "+14155550123", "International", True),
    ("FR", "112", "112", "Emergency", False),
    ("FR", "1234", "1234", "Extension", False),
    ("FR", "hello@sip.example.com", "sip:hello@sip.example.com", "Network", False),
    ("FR", "hello", None, None, False),
    ("FR", "", None, None, False),
    ("FR", "9" * 300, None, None, False),
    ("US", "4155550123", "+14155550123", "National", True),
    ("US", "(415) 555-0123", "+14155550123", "National", True),
    ("US", "14155550123", "+14155550123", "National", True),
    ("US", "+33123456789", "+33123456789", "International", True),
    ("US", "911", "911", "Emergency", False),
    ("IT", "0612345678", "+390612345678", "National", True),
    ("IT", "+390612345678", "+390612345678", "National", True),
    ("JP", "0312345678", "+81312345678", "National", True),
    ("JP", "+14155550123", "+14155550123", "International", True),
])
def test_numbers(country, dialled, normalized, plan, ok):
    result = simulate(dialled, site(country))
    assert (result.normalized, result.plan, result.ok) == (normalized, plan, ok)
    if ok:
        assert (result.route, result.trunks, result.edges) == ("Twilio Route", ("Twilio",), ("edge 1", "edge 2"))


def test_every_candidate_has_its_reason():
    steps = [(s.kind, s.name, s.outcome, s.reason) for s in simulate("+14155550123", site()).steps]
    assert steps == [
        ("number plan", "Emergency", "passed over", "+14155550123 is not in its list of 4"),
        ("number plan", "Extension", "passed over", "+14155550123 is not digits only"),
        ("number plan", "National", "passed over", "+14155550123 is not of the site's own country code +33"),
        ("number plan", "International", "matched", "is of country code +1"),
        ("outbound route", "Twilio Route", "matched", "it is enabled and carries International"),
        ("trunk", "Twilio", "matched", "it is in service on 2 edges"),
    ]


@pytest.mark.parametrize(("changes", "said"), [
    ({"routes": ()}, "No route of Office carries National"),
    ({"routes": (Route("R", False, ("National",), ("Twilio",)),)}, 'The route "R" carries National but is disabled'),
    ({"routes": (Route("R", True, ("National",), ()),)}, 'The route "R" has no trunk'),
    ({"trunks": (TrunkState("Twilio", True, False),)}, 'No trunk of the route "Twilio Route" is in service'),
    ({"trunks": ()}, "is in service"),
    ({"plans": ()}, "No number plan of Office matches"),
])
def test_a_call_that_fails_says_what_to_mend(changes, said):
    result = simulate("0123456789", site(**changes))
    assert not result.ok and said in result.verdict


@pytest.mark.parametrize(("plan", "dialled", "normalized"), [
    (NumberPlan("x", "regex", "C", match=r"^7(\d{3})$", normalized_format="+492211234$1"), "7123", "+492211234123"),
    (NumberPlan("x", "regex", "C", match=r"^9(\d+)$", normalized_format="$1$7"), "91", "1"),
    (NumberPlan("x", "regex", "C", match="^" + "(.)" * 11 + "$", normalized_format="$11$10"), "12345678901", "10"),
    (NumberPlan("x", "regex", "C", match="^(?<area>0[1-5])(.*)$", normalized_format="$1"), "0123456789", "01"),
    (NumberPlan("x", "regex", "C", match=r"^\d+$"), "\u0661\u0662\u0663", None),
    (NumberPlan("x", "regex", "C", match="^(5)$", normalized_format="$3"), "5", None),
    (NumberPlan("x", "regex", "C"), "1", None),
    (NumberPlan("x", "regex", "C", match="("), "1", None),
    (NumberPlan("x", "numberList", "C", numbers=(("3900", "3999"),)), "3950", "3950"),
    (NumberPlan("x", "numberList", "C", numbers=(("3900", "3999"),)), "39500", None),
    (NumberPlan("x", "e164NumberList", "C", numbers=(("+33100000000", "+33199999999"),)), "+33123456789", "+33123456789"),
    (NumberPlan("x", "e164NumberList", "C", numbers=(("+33100000000", "+33199999999"),)), "0123456789", None),
    (NumberPlan("x", "interCountryCode", "C", numbers=(("44", "44"),)), "+442071234567", "+442071234567"),
    (NumberPlan("x", "interCountryCode", "C", numbers=(("44", "44"),)), "+14155550123", None),
    (NumberPlan("x", "somethingNew", "C"), "1", None),
    (NumberPlan("x", "digitLength", "C", digit_length=(3, 3), active=False), "123", None),
])
def test_each_match_type(plan, dialled, normalized):
    assert simulate(dialled, site(plans=(plan,))).normalized == normalized


def test_a_rewritten_number_is_matched_again():
    nine = NumberPlan("Outside line", "regex", "National", -1, r"^9(0\d{9})$", "$1")
    result = simulate("90123456789", site(plans=(nine, *site().plans)))
    assert (result.normalized, result.plan) == ("+33123456789", "National")
    assert [s.name for s in result.steps if s.outcome == "again"] == ["0123456789", "+33123456789"]


@pytest.mark.parametrize(("number", "expected"), [
    ("0123456789", True), ("+14155550123", True), ("01 23 45 67 89", True), ("112", False), ("3900", False), ("1234", False), ("hello", False), ("", False),
])
def test_what_is_a_phone_number_by_its_form(number, expected):
    assert is_phone_number(number, "FR") is expected


def test_a_plan_that_takes_another_ones_numbers_is_named():
    local = NumberPlan("Local calls", "digitLength", "Local", -1, digit_length=(10, 10))
    verdict = simulate("0123456789", site(plans=(local, *site().plans))).verdict
    assert verdict == ('No route of Office carries Local: add it to a route\'s classifications. "National" further down matches too '
                       'and has a route, but "Local calls" comes first: remove that one or move it down.')


def test_plans_that_rewrite_in_a_circle_are_told():
    plans = (NumberPlan("a", "regex", "C", 0, "^1$", "2"), NumberPlan("b", "regex", "C", 1, "^2$", "1"))
    assert any("circle" in s.reason for s in simulate("1", site(plans=plans)).steps)


@pytest.mark.parametrize(("plan", "dialled", "said"), [
    (NumberPlan("x", "regex", "C", match="1{99999999999}"), "1", "is not a regular expression"),
    (NumberPlan("x", "regex", "C", match="(" * 2000 + "1" + ")" * 2000), "1", "is not a regular expression"),
    (NumberPlan("x", "regex", "C", match=r"^(\d+)+$"), "1" * 40 + "x", "repeats too much to be tried on 41 characters"),
    (NumberPlan("x", "regex", "C", match="^(1|11)+$"), "1" * 60 + "x", "repeats too much to be tried on 61 characters"),
    (NumberPlan("x", "regex", "C", match=".*.*.*.*.*="), "1" * 200, "repeats too much to be tried on 200 characters"),
    (NumberPlan("x", "regex", "C", match="^(.*)$", normalized_format="$1" * 300), "1", "makes 300 characters of 1"),
])
def test_a_pattern_that_can_not_be_run_is_told_and_passed_over(plan, dialled, said):
    result = simulate(dialled, site(plans=(plan,)))
    assert result.plan is None and [s.outcome for s in result.steps] == ["passed over"] and said in result.steps[0].reason


@pytest.mark.parametrize("dialled", ["+33123456789", "+123456789012345"])
def test_nested_repetitions_are_tried_on_any_phone_number(dialled):
    plan = NumberPlan("x", "regex", "C", match=r"^\+(\d+)+$")
    assert simulate(dialled, site(plans=(plan,))).plan == "x"


@pytest.mark.parametrize("start", ["²", "four", "", None])
def test_a_digit_length_that_is_none_is_left_out(start):
    assert plan_from_mapping({"digitLength": {"start": start, "end": "6"}}).digit_length is None


def test_a_plan_from_the_api():
    assert plan_from_mapping({"name": "N", "matchType": "digitLength", "classification": "C", "priority": 3, "state": "active",
                              "digitLength": {"start": "4", "end": "6"}, "numbers": [{"start": "1"}]}) == NumberPlan(
        "N", "digitLength", "C", 3, None, None, (("1", "1"),), (4, 6))


numbers = st.one_of(st.text(max_size=40), st.from_regex(r"\+?[0-9]{1,17}", fullmatch=True))
countries = st.sampled_from(["FR", "US", "IT", "JP"])


@given(numbers, countries)
def test_any_text_gets_a_decision(number, country):
    result = simulate(number, site(country))
    assert result == simulate(number, site(country))
    assert result.verdict and result.dialled == number
    assert result.ok == bool(result.trunks)
    assert sum(s.outcome == "again" for s in result.steps) <= ROUNDS


@given(numbers, countries)
def test_national_and_international_end_in_e164(number, country):
    result = simulate(number, site(country))
    if result.plan in ("National", "International"):
        assert re.fullmatch(r"\+[1-9][0-9]{5,15}", result.normalized or "")


@given(numbers, countries)
def test_a_normalised_number_stays(number, country):
    first = simulate(number, site(country))
    if first.ok and len(first.normalized or "") > 10:  # shorter ones are no E.164 that could stay
        assert simulate(first.normalized or "", site(country)).normalized == first.normalized


@given(numbers, countries)
def test_a_plan_behind_the_others_takes_nothing_from_them(number, country):
    before = simulate(number, site(country))
    catch_all = NumberPlan("Rest", "regex", "Rest", 99, ".*")
    after = simulate(number, site(country, plans=(*site(country).plans, catch_all)))
    if before.plan is not None and not any(s.outcome == "again" for s in before.steps):
        assert after.plan == before.plan


tokens = ["1", r"\d", ".", "[0-9]", "(", ")", "*", "+", "?", "{2}", "{1,}", "|", "^", "$", r"\+", "(?<n>", "\\", "["]


@pytest.mark.filterwarnings("ignore:Possible")  # Python would read some character classes another way
@given(numbers, st.lists(st.sampled_from(tokens), max_size=9).map("".join), st.none() | st.text("+0123$", max_size=12))
def test_any_pattern_gets_a_decision(number, pattern, form):
    plans = (NumberPlan("x", "regex", "National", 0, pattern, form), *site().plans)
    result = simulate(number, site(plans=plans))
    assert result == simulate(number, site(plans=plans))
    assert result.plan is None or result.normalized


@given(numbers, st.permutations(range(5)))
def test_the_first_match_in_priority_order_wins(number, order):
    plans = site().plans
    result = simulate(number, site(plans=tuple(plans[i] for i in order)))
    assert result == simulate(number, site())
    tried = [s for s in result.steps if s.kind == "number plan"]
    first = next((n for n, s in enumerate(tried) if s.outcome == "matched"), len(tried) - 1)
    assert [s.name for s in tried[:first + 1]] == [p.name for p in plans][:first + 1]


@given(st.from_regex(r"[0-9 ().\-/]{1,20}", fullmatch=True))
def test_cleaning_keeps_the_digits(number):
    assert clean(number) == re.sub(r"\D", "", number)
