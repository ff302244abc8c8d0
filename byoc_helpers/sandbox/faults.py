"""What can go wrong between a client and the clouds, on purpose: rules that match requests, and what they do.

    PUT /_sandbox/faults?tenant=paris   {"seed": 1, "rules": [
        {"kind": "reset", "after": true, "method": "POST", "path": "/v1/Trunks", "nth": 1}]}

| key | means |
|---|---|
| `kind` | `delay` (`seconds`), `status` (`status`, `retry_after`), `reset` the connection, `truncate` the body, `revoke` the token |
| `after` | true: the request is carried out and its answer lost; false, the default: it is not carried out |
| `tenant`, `cloud`, `method`, `path` | which requests; all of them where a key is left out; `path` may hold `*` and `?` |
| `nth`, `every`, `first`, `probability` | which of those: the nth, every nth, the first n, by chance; all where none is given |

The first rule that fires decides, but for delays, which add up. Each rule counts the requests it matches; chance
comes from the seed, the rule and that count, so that the same requests meet the same faults again. Rules live in
memory, those of a scenario as long as its tenant is in it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from .http import Reply, Request

STATUSES = (429, 500, 502, 503)
KINDS = ("delay", "status", "reset", "truncate", "revoke")
CLOUDS = ("genesys", "twilio")
MAX_DELAY = 120.0

BAD_GATEWAY = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n"
GENESYS = {
    429: ("too.many.requests", "Rate limit exceeded the maximum. Retry the request in [{wait}] seconds"),
    500: (
        "internal.server.error",
        "The server encountered an unexpected condition which prevented it from fulfilling the request.",
    ),
    503: (
        "service.unavailable",
        "Service Unavailable - The server is currently unavailable (because it is overloaded or down for maintenance).",
    ),
}
TWILIO = {
    429: (20429, "Too Many Requests"),
    500: (20500, "An internal server error has occurred"),
    503: (20503, "Service is unavailable"),
}


class BadRule(Exception):
    """A rule that makes no sense; the message says why."""


@dataclass(slots=True)
class Rule:
    """One line of a script of faults (see the table above)."""

    kind: str
    tenant: str = ""
    cloud: str = ""
    method: str = ""
    path: str = "*"
    after: bool = False
    status: int = 0
    seconds: float = 0.0
    retry_after: float | None = None
    nth: int = 0
    every: int = 0
    first: int = 0
    probability: float | None = None
    seed: str = ""
    matched: int = 0
    fired: int = 0

    def fires(self, request: Request, cloud: str, tenant: str) -> bool:
        """Whether the rule strikes this request; counts it if it is one of the rule's."""
        if self.tenant not in ("", tenant) or self.cloud not in ("", cloud):
            return False
        if self.method not in ("", request.method) or not fnmatchcase(request.path, self.path):
            return False
        self.matched += 1
        n = self.matched
        told = (
            (self.nth, n == self.nth),
            (self.every, self.every and n % self.every == 0),
            (self.first, n <= self.first),
        )
        hit = all(yes for wanted, yes in told if wanted)
        if hit and self.probability is not None:
            hit = random.Random(f"{self.seed}|{n}").random() < self.probability
        self.fired += bool(hit)
        return bool(hit)


@dataclass(slots=True)
class Fault:
    """What happens to one request: seconds of delay, and the rule that decides how it ends, if any."""

    delay: float = 0.0
    rule: Rule | None = None

    @property
    def carried_out(self) -> bool:
        """Whether the cloud does what the request asks."""
        return self.rule is None or self.rule.kind in ("truncate", "revoke") or self.rule.after

    def is_(self, kind: str) -> bool:
        return self.rule is not None and self.rule.kind == kind


@dataclass(slots=True)
class Script:
    """All rules of one server, those set by hand before those of scenarios."""

    rules: list[Rule] = field(default_factory=list)
    scenario: dict[str, list[Rule]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rules or self.scenario)

    def replace(self, given: Any, seed: Any = 0, tenant: str = "") -> None:
        """Set the rules, those of one tenant or all.

        Raises:
            BadRule: nothing was changed.
        """
        if not isinstance(given, list):
            raise BadRule("rules must be a list of objects.")
        made = [read_rule(rule, f"{seed}|{n}", f"rules[{n}]", tenant) for n, rule in enumerate(given)]
        self.clear(tenant)
        self.rules += made

    def clear(self, tenant: str = "") -> None:
        self.rules = [r for r in self.rules if tenant and r.tenant != tenant]

    def listed(self, tenant: str = "") -> list[dict[str, Any]]:
        every = [*self.rules, *(r for rules in self.scenario.values() for r in rules)]
        return [
            {f.name: getattr(r, f.name) for f in fields(r) if getattr(r, f.name) != f.default}
            | {"matched": r.matched, "fired": r.fired}
            for r in every
            if tenant in ("", r.tenant)
        ]

    def of_scenario(self, tenant: str, scenario: str, given: Iterable[Mapping[str, Any]]) -> None:
        """The rules that come with a tenant's scenario, none for most."""
        self.scenario.pop(tenant, None)
        if made := [
            read_rule(dict(rule), f"{scenario}|{n}", scenario, tenant) for n, rule in enumerate(given)
        ]:
            self.scenario[tenant] = made

    def strike(self, request: Request, cloud: str, tenant: str) -> Fault:
        """What happens to this request."""
        fault = Fault()
        for rule in (*self.rules, *self.scenario.get(tenant, ())):
            if (fault.rule is None or rule.kind == "delay") and rule.fires(request, cloud, tenant):
                if rule.kind == "delay":
                    fault.delay += rule.seconds
                else:
                    fault.rule = rule
        return fault


def read_rule(data: Any, seed: str, where: str, tenant: str = "") -> Rule:
    """A rule from JSON, checked.

    Raises:
        BadRule: with a sentence.
    """
    if not isinstance(data, dict):
        raise BadRule(f"{where} must be an object.")
    known = [f.name for f in fields(Rule) if f.name not in ("seed", "matched", "fired")]
    if unknown := sorted(set(data) - set(known)):
        raise BadRule(f"{where}: unknown {', '.join(unknown)}. Known: {', '.join(known)}.")
    for key, allowed in (("kind", KINDS), ("cloud", ("", *CLOUDS)), ("status", (0, *STATUSES))):
        if data.get(key, allowed[0] if key != "kind" else None) not in allowed:
            raise BadRule(f"{where}: {key} must be one of {', '.join(str(a) for a in allowed if a)}.")
    if tenant and data.get("tenant", tenant) != tenant:
        raise BadRule(f'{where}: tenant must be "{tenant}" or left out.')
    for key in ("tenant", "method", "path"):
        if not isinstance(data.get(key, ""), str):
            raise BadRule(f"{where}: {key} must be a string.")
    if not isinstance(data.get("after", False), bool):
        raise BadRule(f"{where}: after must be true or false.")
    limits = {
        "seconds": MAX_DELAY, "retry_after": 3600, "probability": 1, "nth": 10**9, "every": 10**9, "first": 10**9,
    }  # fmt: skip
    for key, most in limits.items():
        value = data.get(key)
        whole = key in ("nth", "every", "first")
        if value is not None and (
            isinstance(value, bool)
            or not isinstance(value, int if whole else int | float)
            or not 0 <= value <= most
        ):
            raise BadRule(f"{where}: {key} must be a {'whole ' if whole else ''}number from 0 to {most:g}.")
    if data["kind"] == "status" and not data.get("status"):
        raise BadRule(f"{where}: status is missing, one of {', '.join(map(str, STATUSES))}.")
    if data["kind"] == "delay" and not data.get("seconds"):
        raise BadRule(f"{where}: seconds is missing.")
    values = {k: v for k, v in data.items() if v is not None}
    return Rule(
        **{
            **values,
            "method": values.get("method", "").upper(),
            "tenant": values.get("tenant", tenant),
            "seed": seed,
        }
    )


def reply(rule: Rule, cloud: str, id: str) -> Reply:
    """The answer of a `status` rule, in the cloud's own shape; 502 comes from a gateway in between, so in HTML."""
    headers = {} if rule.retry_after is None else {"retry-after": f"{rule.retry_after:g}"}
    if rule.status == 502:
        return Reply(502, BAD_GATEWAY, {"content-type": "text/html", **headers})
    if cloud == "twilio":
        code, text = TWILIO[rule.status]
        body = {
            "code": code,
            "message": text,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": rule.status,
        }
        return Reply.json(body, rule.status, **headers)
    word, text = GENESYS[rule.status]
    wait = 1 if rule.retry_after is None else rule.retry_after
    body = {
        "message": text.format(wait=f"{wait:g}"), "code": word, "status": rule.status, "contextId": id,
        "details": [], "errors": [],
    }  # fmt: skip
    return Reply.json(body, rule.status, **{"inin-correlation-id": id, **headers})
