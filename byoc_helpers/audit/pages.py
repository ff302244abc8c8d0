"""What the report and the index have in common: rendering, and reading what a manifest says.

A page is one file that loads nothing. Its Content-Security-Policy names its style sheet and its script by their hashes, so
that markup which got in by mistake could neither run nor call out. Every value is escaped; characters that a reader can't
see, and which could make a text say something else, are shown as �.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..display.tables import visible
from ..exceptions import RecordError
from .manifest import MANIFEST, PREDICATE

_TEMPLATES = Path(__file__).parent / "templates"

# A status is told by a sign and a word; the colour only adds to them.
SIGNS = {"passed": "✔", "failed": "✘", "interrupted": "◼", "running": "…", "unreadable": "?", "not run": "·"}
WORDS = {"running": "broke off"}
TARGETS = {"live": "LIVE CLOUDS", "sandbox": "Practice clouds"}
MODES = {"apply": "apply", "plan": "plan only", "destroy": "teardown"}


def predicate(path: Path) -> Mapping[str, Any]:
    """What a record's manifest says of the run.

    Args:
        path: the manifest.

    Raises:
        RecordError: it is missing, is no JSON, or no record's manifest.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RecordError(f"The record can't be read: {MANIFEST}: {error.strerror}. Name the folder of a run, "
                          "e.g. outputs/acme/2026-11-24T03-31-57Z.") from None
    return said_by(raw)


def said_by(raw: bytes) -> Mapping[str, Any]:
    """The predicate of a manifest's bytes.

    Raises:
        RecordError: they are no JSON, or no record's manifest.
    """
    try:
        statement = json.loads(raw)
        if statement["predicateType"] != PREDICATE or not isinstance(statement["predicate"], dict):
            raise ValueError("no record's manifest")
        return statement["predicate"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RecordError(f"The record can't be read: its {MANIFEST} was changed, or cut off. `byoc verify` says more.") from None


def moment(value: Any) -> dt.datetime | None:
    """A time as the manifest, the journal and papermill write it, in UTC; None if it is none."""
    try:
        found = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def clock(value: dt.datetime | None) -> str:
    """A time for people, e.g. "2026-11-24 03:31:57"."""
    return value.strftime("%Y-%m-%d %H:%M:%S") if value else "–"


def took(seconds: float | None) -> str:
    """A duration for people: "0.61 s", "12.3 s", "2 min 05 s", "1 h 02 min"."""
    if seconds is None or not 0 <= seconds < 1e9:
        return "–"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    return f"{minutes} min {round(seconds) % 60:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def render(template: str, script: str = "", **values: Any) -> str:
    """A page from a template of this package. `script`: the file of its script, if it has one."""
    style, code = _source("style.css"), _source(script) if script else ""
    policy = [f"default-src 'none'; style-src '{_hash(style)}'; img-src data:; base-uri 'none'; form-action 'none'"]
    if code:
        policy.append(f"script-src '{_hash(code)}'")
    from markupsafe import Markup

    page = _environment().get_template(template)
    return page.render(policy="; ".join(policy), style=Markup(style), script=Markup(code), **values)


@functools.cache
def _source(name: str) -> str:
    return "\n" + (_TEMPLATES / name).read_text("utf-8")


def _hash(said: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
                       finalize=visible)
    made.globals |= {"signs": SIGNS, "words": WORDS, "targets": TARGETS, "modes": MODES}
    made.filters |= {"took": took, "clock": clock}
    return made
