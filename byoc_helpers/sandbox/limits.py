"""How often a client may ask. Off unless a tenant's settings say so, since practice is not meant to wait.

| setting | real value | what happens above it |
|---|---|---|
| `requests_per_minute` | 300 for one OAuth token | Genesys Cloud: 429 `too.many.requests`, `Retry-After` |
| `logins_per_minute` | not published | token endpoint: 429 |
| `twilio_concurrent` | by account, not published | Twilio: 429, code 20429 |
| `twilio_per_second` | by endpoint, not published | Twilio: 429, code 20429 |
| `limit_window` | 60 seconds | how long the minute of the first two is |

Sources: the vendor's own API error table (go client) for code and text, its platform guide for the three
`inin-ratelimit-…` headers, Twilio's error page 20429 for "not processed, safe to retry" and
`Twilio-Concurrent-Requests`. Counters live in memory: a restarted server starts anew.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW = 60.0
REMEMBERED = 10_000


@dataclass(slots=True)
class Window:
    """A run of seconds that starts with the first request in it, and how many came."""

    began: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands after a request: how many so far, how many allowed, seconds until the count restarts."""

    count: int
    allowed: int
    reset: int
    window: int

    @property
    def over(self) -> bool:
        return self.count > self.allowed

    @property
    def headers(self) -> dict[str, str]:
        """The three headers Genesys Cloud sends with every answer, and `Retry-After` with a refusal."""
        seen = {
            "inin-ratelimit-count": str(self.count),
            "inin-ratelimit-allowed": str(self.allowed),
            "inin-ratelimit-reset": str(self.reset),
        }
        return {**seen, "retry-after": str(self.reset)} if self.over else seen


class Limits:
    """The counters of one server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._windows: dict[tuple[str, str], Window] = {}

    def count(self, what: str, who: str, allowed: int, seconds: float = WINDOW) -> Standing:
        """Count one request of `who` for `what`."""
        now = self._clock()
        held = self._windows.get((what, who))
        if held is None or now - held.began >= seconds:
            if len(self._windows) > REMEMBERED:
                self._windows = {k: w for k, w in self._windows.items() if now - w.began < WINDOW}
            held = self._windows[what, who] = Window(now)
        held.count += 1
        reset = max(1, math.ceil(held.began + seconds - now))
        return Standing(held.count, allowed, reset, math.ceil(seconds))
