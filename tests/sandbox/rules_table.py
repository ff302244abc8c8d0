"""The table of RULES.md, read: what the practice clouds answer when they refuse, and which test proves it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from PureCloudPlatformClientV2.rest import ApiException
from twilio.base.exceptions import TwilioException, TwilioRestException

import byoc_helpers.sandbox

FILE = Path(byoc_helpers.sandbox.__file__).with_name("RULES.md")
REFUSAL = re.compile(r"`([45][0-9]{2}) (\S+) (.+)`")
NAMES = re.compile(r"`(test_[^`]+)`")
ANY = "…"


@dataclass(frozen=True)
class Answer:
    """A refusal: HTTP status, the cloud's code, its sentence; in the table `…` stands for what differs each time."""

    status: int
    code: str
    text: str

    def covers(self, other: Answer) -> bool:
        pattern = ".+".join(re.escape(part) for part in self.text.split(ANY))
        same = (self.status, self.code) == (other.status, other.code)
        return same and re.fullmatch(pattern, other.text, re.DOTALL) is not None


@dataclass(frozen=True)
class Rule:
    """One row. `answer` is None for a rule that refuses nothing (something comes late, something is not seen)."""

    rule: str
    cloud: str
    answer: Answer | None
    source: str
    tests: tuple[str, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """Every row of every table with the five columns."""
    found = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split(" | ")]
        if len(cells) != 5 or not NAMES.search(cells[4]):
            continue
        hit = REFUSAL.fullmatch(cells[2])
        answer = Answer(int(hit[1]), hit[2], hit[3]) if hit else None
        found.append(Rule(cells[0], cells[1], answer, cells[3], tuple(NAMES.findall(cells[4]))))
    return tuple(found)


def answer_of(test: str) -> Answer:
    """What the row of this test says is answered."""
    hits = [r.answer for r in rules() if test in r.tests and r.answer]
    assert len(hits) == 1, f"RULES.md has {len(hits)} refusals with the test {test}"
    return hits[0]


def listed(answer: Answer) -> bool:
    """Whether some row says that this may be answered."""
    return any(r.answer and r.answer.covers(answer) for r in rules())


def said(error: Exception) -> Answer:
    """What a cloud answered, from any of the clients' errors; checks that the body is one of that cloud's."""
    if isinstance(error, ApiException):
        return read(error.status, error.body)
    if isinstance(error, TwilioRestException):
        return Answer(error.status, str(error.code), error.msg.partition(": ")[2])
    if isinstance(error, TwilioException):
        return read(error.args[1].status_code, error.args[1].text)
    if isinstance(error, httpx.HTTPStatusError):
        return read(error.response.status_code, error.response.text)
    raise error


def read(status: int, text: str) -> Answer:
    """A refusal's body, of either cloud or of the token endpoint."""
    body: dict[str, Any] = json.loads(text)
    if "error" in body:
        assert body["description"] == body["error_description"]
        return Answer(status, body["error"], body["description"])
    assert body["status"] == status
    assert ("more_info" in body) != ("contextId" in body)
    return Answer(status, str(body["code"]), body["message"])
