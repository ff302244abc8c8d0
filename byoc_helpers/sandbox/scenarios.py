"""The situations a trainee can choose: what each changes, as data.

`settings` are what a tenant in that scenario has unless it was given its own; `lesson` says what to see and how it
is mended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scenario:
    title: str
    lesson: str
    settings: dict[str, Any] = field(default_factory=dict)


SCENARIOS: dict[str, Scenario] = {
    "healthy": Scenario("A healthy org", "Everything is there and works."),
    "no-byoc-product": Scenario(
        "No BYOC product",
        "The org isn't licensed for BYOC, so the trunk type is missing. Ask Genesys to add the product.",
        {"products": ["collaborateFree", "purecloud3", "purecloudVoice"]},
    ),
    "edge-offline": Scenario(
        "One edge offline",
        "One of the two virtual edges is down. Its trunk can't be in service; the platform or its support brings it back.",
        {"edges_offline": [2]},
    ),
    "address-unverifiable": Scenario(
        "The address can't be verified",
        "The address service does not know the address. Correct it until the location says Address Verified.",
        {"address_unverifiable": True},
    ),
    "identifier-taken": Scenario(
        "The termination identifier is taken",
        "Identifiers are unique in a region, across all customers. Choose another.",
        {"identifier_taken": True},
    ),
    "trunk-out-of-service": Scenario(
        "The trunk stays out of service",
        "The far side does not answer. Check the SIP servers, the ports and the access lists on both sides.",
        {"trunks_out": True},
    ),
}
