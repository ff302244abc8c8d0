"""The situations a trainee can choose by name in the params (`scenario:`): what each changes, as data.

`settings` are what a tenant in that scenario has unless it was given its own; `spoils` names what a colleague does
behind the trainee's back, and `mends` what is done when somebody is asked to put it right (both in `colleagues`);
`faults` are rules for the network in between (see `faults`). The rest is for the trainee: `lesson` says what the
scenario shows, `chapter` where it fails (empty: nowhere), `hint` where to look, `mended` how it is put right.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scenario:
    title: str
    lesson: str
    chapter: str = ""
    hint: str = ""
    mended: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    spoils: str = ""
    mends: tuple[str, ...] = ()
    faults: tuple[dict[str, Any], ...] = ()


# What a tenant's settings remember of the scenario it is in.
TRACES = ("spoilt", "mended", "unknown_address", "taken_identifier", "withheld_number")

SCENARIOS: dict[str, Scenario] = {
    "healthy": Scenario("A healthy org", "Everything is there and works."),
    "no-byoc-product": Scenario(
        "No BYOC product",
        "BYOC Cloud is an add-on to the subscription. Without it the org has no trunk type for a carrier, and nobody "
        "in the org can change that: it is sold, not configured.",
        "01",
        "Compare the product list with what the check expects.",
        "Genesys adds the product to the subscription: ask for it to be mended, then run chapter 01 again.",
        {"products": ["collaborateFree", "purecloud3", "purecloudVoice"]},
    ),
    "edge-offline": Scenario(
        "One edge offline",
        "Two virtual edges carry the calls, so that one may fail. With one down calls still work, but nothing is left "
        "to fail over to: find out before you build on it.",
        "01",
        "The check names the edge; the admin interface shows it under Telephony - Edges.",
        "Genesys Cloud Care brings the edge back: ask for it to be mended, then run chapter 01 again.",
        {"edges_offline": [2]},
    ),
    "address-unverifiable": Scenario(
        "The address can't be verified",
        "An emergency call is sent to the address of the location, so an address service checks it. One that it does "
        "not know leaves the location unverified, and no site can use it.",
        "02",
        "Read the address in the sentence as a postman would.",
        "Correct street, city or postal_code in the params and run chapter 02 again; or ask for it to be mended: the "
        "service learns the address.",
        {"address_unknown": True},
        mends=("verify_addresses",),
    ),
    "identifier-taken": Scenario(
        "The termination identifier is taken",
        "The identifier becomes a host name in the region's BYOC domain, so it is unique across all customers of the "
        "region, not only in your org. Put the company's name into it.",
        "04",
        "Another org has it: no search in your own will find it.",
        "Choose another identifier in the params and run chapters 03 and 04 again: Twilio's origination URL holds the "
        "identifier too, and the old one must go from the Twilio trunk, or calls reach a stranger.",
        {"identifier_taken": True},
    ),
    "number-not-purchased": Scenario(
        "A number was not purchased",
        "A number in the params is only a wish until the Twilio account has bought it; the trunk, the caller id and "
        "the DID pool all stand on it.",
        "01",
        "Look at Phone Numbers - Active Numbers in the Twilio Console; a digit may also be wrong in phone_numbers.",
        "Buy the number or ask for it to be mended, or name a number of the account in phone_numbers; then run "
        "chapter 01 again.",
        {"number_withheld": True},
        mends=("buy_numbers",),
    ),
    "wrong-digest-password": Scenario(
        "The digest password differs between the clouds",
        "Twilio challenges every call from Genesys Cloud, and the two hold the password each for itself; neither shows "
        "it again. After a change on one side alone, the far end answers 407 and no line comes into service.",
        "04",
        "Somebody changed the password in Twilio's credential list after chapter 03. No read can show that.",
        "Choose another digest_username in the params and run chapters 03 and 04 again, which sets both sides; or ask "
        "for it to be mended: the colleague sets the old password again.",
        spoils="change_password",
        mends=("restore_password",),
    ),
    "trunk-out-of-service": Scenario(
        "The trunk stays out of service",
        "All settings are as the guide wants them and the lines still do not come up: the far end does not answer at "
        "all. That is the network in between: address, port, protocol or a firewall, on either side.",
        "04",
        "A timeout (408) is silence; a 403 or 407 would be an answer.",
        "The network people open the way: ask for it to be mended, then run chapter 04 again.",
        {"trunks_out": True},
    ),
    "route-without-classification": Scenario(
        "The outbound route lacks a classification",
        "A number plan gives a number its classification, and a route must carry that classification. Somebody took "
        "National out of the route, so national numbers match a plan and then have no way out.",
        "06",
        "Compare the classification in the simulation with the route's list.",
        "Run chapter 05 again: it puts back what the params ask for. Then run chapter 06 again.",
        spoils="take_national",
        mends=("give_national",),
    ),
    "two-plans-match": Scenario(
        "Two number plans match",
        "Number plans are tried in order and the first that matches wins; a better one further down is never asked. "
        "Somebody put a plan in front that matches the same numbers and gives them a classification of its own.",
        "06",
        "The simulation's steps show which plan matched first.",
        'Add "Local" to classifications in the params and run chapter 05 again, or ask for it to be mended: the '
        "colleague takes the plan away. Then run chapter 06 again.",
        spoils="add_plan",
        mends=("drop_plan",),
    ),
    "rough-network": Scenario(
        "A rough network",
        "Answers get lost, arrive late or say 503, and now and then the cloud asks to slow down. Nothing fails: the "
        "runbook looks before it repeats, so that nothing is made twice. The journal tells the story.",
        faults=(
            {"kind": "reset", "after": True, "method": "POST", "path": "/v1/Trunks", "nth": 1},
            {"kind": "reset", "after": True, "method": "POST", "path": "/api/v2/*/sites", "nth": 1},
            {"kind": "status", "status": 503, "method": "GET", "every": 11},
            {"kind": "status", "status": 429, "method": "GET", "every": 17, "retry_after": 0.2},
            {"kind": "delay", "seconds": 0.2, "every": 13},
        ),
    ),
}  # fmt: skip

_COLLEAGUE = {"password": SCENARIOS["wrong-digest-password"], "plan": SCENARIOS["two-plans-match"]}
# The drills' own (see `byoc_helpers.drills`): their names and titles give nothing away, and no list shows them. What a
# drill needs beyond these a colleague did by hand, before the tenant came into its scenario.
DRILLS: dict[str, Scenario] = {
    "drill-1": Scenario("Drill 1", "See the ticket."),
    "drill-2": Scenario("Drill 2", "See the ticket.", "04", spoils=_COLLEAGUE["password"].spoils, mends=_COLLEAGUE["password"].mends),
    "drill-3": Scenario("Drill 3", "See the ticket."),
    "drill-4": Scenario("Drill 4", "See the ticket."),
    "drill-5": Scenario("Drill 5", "See the ticket."),
    "drill-6": Scenario("Drill 6", "See the ticket.", "06", spoils=_COLLEAGUE["plan"].spoils, mends=_COLLEAGUE["plan"].mends),
    "drill-7": Scenario("Drill 7", "See the ticket.", "01", settings=SCENARIOS["edge-offline"].settings),
    "drill-8": Scenario("Drill 8", "See the ticket.", "04", settings=SCENARIOS["trunk-out-of-service"].settings),
    "drill-9": Scenario("Drill 9", "See the ticket."),
    "drill-10": Scenario("Drill 10", "See the ticket."),
}  # fmt: skip


def scenario_of(name: str) -> Scenario:
    """The scenario of this name, a drill's too."""
    return SCENARIOS.get(name) or DRILLS[name]


def listed() -> list[dict[str, Any]]:
    """The table as the controls show it: what a trainee needs, without the machinery."""
    inner = ("settings", "spoils", "mends", "faults")
    return [
        {"name": name, **{k: v for k, v in asdict(s).items() if k not in inner}}
        for name, s in SCENARIOS.items()
    ]
