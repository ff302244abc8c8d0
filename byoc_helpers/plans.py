"""Saved plans: what a run would change, in a file that a second person can read and approve.

`byoc plan FILE --out PLAN` writes one, `byoc apply --plan PLAN` does exactly that and no more. The file holds the params
it was made from (references to secrets, never secrets) and every change, setting by setting; its SHA-256 names it.
Before the run the plan is made again and must be the same; during the run each write is held against it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .chapters import CHAPTERS
from .exceptions import ParamsError, Refused
from .params import Params, validate
from .partners import Partner
from .presence import PLAN_VARIABLE
from .reconcile import Change, Difference
from .runbook import Runbook
from .secrets import redact

FORMAT = "byoc-runbook plan 1"


def make(params: Params) -> list[Change]:
    """What every chapter would change for these params; changes nothing.

    Raises:
        CloudError: a cloud could not be read.
    """
    planned = []
    for chapter in CHAPTERS:
        book = Runbook(chapter, params.model_copy(update={"mode": "plan"}))
        for kind in chapter.kinds:
            book.apply(kind)
        planned += book.planned
    return planned


def plain(change: Change) -> dict[str, Any]:
    """A change as JSON: kind, name, action, id, settings with old and new value, write-only settings, effects."""
    return {
        "kind": change.kind.KIND, "name": change.want.name, "action": "refused" if change.refused else change.action,
        "id": change.found.id if change.found else None, "refused": change.refused, "waits_for": change.waits_for,
        "settings": [{"key": d.key, "old": _json(d.old), "new": _json(d.new)} for d in change.differences],
        "write_only": sorted(change.want.write_only) if change.action != "unchanged" else [],
        "effects": [{"name": name, "old": old, "new": new} for name, old, new in change.effects],
    }


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value


def save(path: Path, planned: Iterable[tuple[Partner, Iterable[Change]]]) -> str:
    """Write a plan file; returns its SHA-256.

    Raises:
        ParamsError: it can't be written there.
    """
    content = redact({"format": FORMAT, "partners": [
        {"source": partner.source, "params": dict(partner.raw), "changes": [plain(c) for c in changes]} for partner, changes in planned]})
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
    try:
        if path.is_file() and FORMAT not in path.read_bytes()[:200].decode("utf-8", "replace"):
            raise ParamsError(f"{path} exists, and is no plan: it is not written over. Choose another name.")
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ParamsError(f"The plan can't be written to {path} ({error.strerror}).") from None
    return hashlib.sha256(text.encode()).hexdigest()


def load(path: Path) -> tuple[str, list[tuple[Partner, list[dict[str, Any]]]]]:
    """A plan file's SHA-256, and its partners with their changes as `plain` gives them.

    Raises:
        ParamsError: it can't be read, or is no plan.
    """
    try:
        text = path.read_text("utf-8")
        content = json.loads(text)
    except (OSError, ValueError) as error:
        raise ParamsError(f"{path}: this plan can't be read ({error}). Make one with `byoc plan FILE --out {path}`.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ParamsError(f"{path}: this is not a plan of this version ({FORMAT}). Make it again with `byoc plan FILE --out {path}`.")
    try:
        partners = [(Partner(p["source"], validate(p["params"], source=f"{path}: {p['source']}"), p["params"]), p["changes"])
                    for p in content["partners"]]
    except (KeyError, TypeError):
        raise ParamsError(f"{path}: this plan was changed, or cut off. Make it again with `byoc plan FILE --out {path}`.") from None
    return hashlib.sha256(text.encode()).hexdigest(), partners


def moved(approved: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is otherwise than when the plan was made: a sentence an object; empty if nothing."""
    old = {(c["kind"], c["name"]): c for c in approved}
    new = {(c["kind"], c["name"]): c for c in now}
    return [f'{kind} "{name}": {_told(old.get((kind, name)))} when the plan was made, {_told(new.get((kind, name)))} now.'
            for kind, name in dict.fromkeys([*old, *new]) if not _still(old.get((kind, name)), new.get((kind, name)))]


def _still(approved: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> bool:
    if approved is None or now is None:
        return False
    if approved["waits_for"]:  # its parent may be there by now, and it be compared
        wanted = {s["key"]: s["new"] for s in approved["settings"]}
        return all(wanted.get(s["key"]) == s["new"] for s in now["settings"]) and not now["refused"]
    return approved == now or now["action"] == "unchanged"  # done already: a run that broke off can be ended


def _told(change: Mapping[str, Any] | None) -> str:
    if change is None:
        return "not part of the run"
    settings = ", ".join(f"{s['key']} {s['old']} → {s['new']}" for s in change["settings"]) if change["action"] == "update" else ""
    effects = ", ".join(f"{e['name']} {e['old']} → {e['new'] or 'deleted'}" for e in change["effects"])
    what = "would be created" if change["action"] == "create" else change["action"]
    return "; ".join(filter(None, [what, settings, effects, change["refused"]]))


class Approved:
    """One partner's part of an approved plan: says no to every write that is not in it."""

    def __init__(self, changes: Iterable[Mapping[str, Any]]):
        self._changes = {(c["kind"], c["name"]): c for c in changes}

    @classmethod
    def of_environment(cls, params: Params) -> Approved | None:
        """The plan that `byoc apply` is carrying out, for this partner; None: this is no such run.

        Raises:
            Refused: the file is not the one that was approved.
        """
        digest, _, path = os.environ.get(PLAN_VARIABLE, "").partition(":")
        if not digest:
            return None
        found, partners = load(Path(path))
        if found != digest:
            raise Refused(f"The plan {path} has been changed since it was approved: its SHA-256 is {found}, not {digest}. Nothing was written.")
        return cls(next((changes for partner, changes in partners if partner.params.slug == params.slug), []))

    def __call__(self, change: Change) -> None:
        """Raises:
            Refused: the plan doesn't hold this change.
        """
        planned = self._changes.get((change.kind.KIND, change.want.name))
        if planned is None or not (self._covers(planned, change.differences) and self._same_effects(planned, change)):
            keys = ", ".join(f"{d.key} {d.old} → {d.new}" for d in change.differences)
            raise Refused(f'The approved plan does not hold this change of the {change.kind.KIND} "{change.want.name}": {change.action} '
                          f"{keys}. Nothing of it was written. Make a new plan and have it approved.")

    @staticmethod
    def _covers(planned: Mapping[str, Any], differences: Iterable[Difference]) -> bool:
        settings = {s["key"]: s for s in planned["settings"]}
        if planned["action"] not in ("create", "update"):
            return False
        for d in differences:
            setting = settings.get(d.key)
            if setting is None or setting["new"] != json.loads(json.dumps(_json(d.new), default=str)):
                return False
            # Of an object that did not exist, or could not be compared, the plan knows no old value.
            if planned["action"] == "update" and setting["old"] != json.loads(json.dumps(_json(d.old), default=str)):
                return False
        return True

    @staticmethod
    def _same_effects(planned: Mapping[str, Any], change: Change) -> bool:
        return bool(planned["waits_for"]) or all(effect in planned["effects"] for effect in plain(change)["effects"])
