"""Every API call, one JSON line each, redacted: what an auditor and the vendors' support ask for.

A line: `at` (UTC, ISO 8601), `cloud`, `method`, `path`, `query` (its names only), `status` (0: no answer),
`ms`, `attempt`, `correlation_id`, `error`. Written to the file named by BYOC_JOURNAL, where that is set.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import threading
from collections.abc import Mapping
from typing import Any

from .exceptions import RecordError
from .secrets import redact

_ID = re.compile(r"(?<=/)(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Z]{2}[0-9a-f]{32})(?=[/.]|$)")

_lock = threading.Lock()
calls: list[dict[str, Any]] = []


def record(**entry: Any) -> None:
    """Append one call to this process's list and to the journal file, if there is one.

    Raises:
        RecordError: the file can't be written.
    """
    line = redact({"at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), **entry})
    with _lock:
        calls.append(line)
        path = os.environ.get("BYOC_JOURNAL")
        if not path:
            return
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise RecordError(f"The journal can't be written ({error.strerror}), so the run stops here. Make room, or choose another "
                              "folder with --out, then run again: what exists is found.") from None


def endpoint(line: dict[str, Any]) -> str:
    """A call without its ids, e.g. `GET /api/v2/telephony/providers/edges/sites/{id}`."""
    return f"{line['method']} {_ID.sub('{id}', line['path'])}"


def writes(line: Mapping[str, Any]) -> bool:
    """Does a call of this `method` and `path` ask for a change? Logging in and searching don't, though they are POSTs."""
    return line["method"] not in ("GET", "HEAD") and not line["path"].endswith(("/search", "/oauth/token"))
