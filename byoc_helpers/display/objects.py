"""An outcome of the plan as tables: a row a setting, and a row an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..checkpoints import Statement
from ..dialplan import Simulation
from ..precheck import Check
from ..reconcile import Change, Outcome
from ..resources.base import AtLeast
from ..teardown import Removal
from .tables import MARKS, Table, text


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """What the cloud returned for each object: the guide's name, the property, the value, what was done."""
    several = len(outcomes) > 1 or any(o.effects for o in outcomes)
    rows = [row for outcome in outcomes for row in _rows(outcome, several)]
    kinds = list(dict.fromkeys(f"{o.kind.SIDE}: {_title(o)}" for o in outcomes))
    columns = ["Setting in the guide", "Property", "Value in the cloud", "Result"]
    if several:
        columns.insert(0, "Object")
    return Table(columns, rows, "; ".join(kinds), {"objects": [summary(o) for o in outcomes]})


def _title(outcome: Outcome) -> str:
    kind = outcome.kind.KIND.removeprefix(outcome.kind.SIDE).strip()
    return f"{kind} {outcome.want.name}"


def _rows(outcome: Outcome, several: bool) -> Iterable[list[str]]:
    changed = {d.key: d.old for d in outcome.differences}
    settings = {s.key: s.label for s in outcome.kind.SETTINGS}
    lead = [outcome.want.name] if several else []
    yield [*lead, "Name", "id", f"{outcome.found.name} ({outcome.found.id})", MARKS[outcome.action]]
    for key, label in {**settings, **{k: k for k in outcome.want.fields if k not in settings}}.items():
        if key in outcome.want.write_only:
            sent = outcome.action != "unchanged"
            yield [*lead, label, key, "write-only", "set" if sent else "cannot be compared"]
        elif key in outcome.want.absent:
            yield [*lead, label, key, "–", "not offered by this org"]
        elif key in outcome.found.fields or key in outcome.want.fields:
            value = outcome.found.fields.get(key)
            yield [*lead, label, key, text(value) + _strangers(outcome, key), _done(outcome, key, changed)]
    if outcome.note:
        yield [*lead, "Note", "", outcome.note, ""]
    for name, before, after in outcome.effects:  # what else was changed on the way
        yield [name, "Name", "id", name, _affected(after)]
        yield [name, "Classifications", "classifications", after or "–", f"~ was {before}"]


def _affected(after: str) -> str:
    return MARKS["updated"] if after else "- deleted"


def _strangers(outcome: Outcome, key: str) -> str:
    """What a shared list holds beyond the params: shown and left alone."""
    wanted, held = outcome.want.fields.get(key), outcome.found.fields.get(key)
    if not isinstance(wanted, AtLeast) or not wanted:
        return ""
    extra = [text(v) for v in held or () if v not in wanted]
    return f"\nnot from the params, left alone: {', '.join(extra)}" if extra else ""


def _done(outcome: Outcome, key: str, changed: dict[str, object]) -> str:
    if key not in outcome.want.fields:
        return "as the cloud has it"
    if outcome.action == "created":
        return "set"
    if key not in changed:
        return "= unchanged"
    return "+ added" if changed[key] is None else f"~ was {text(changed[key])}"


def summary(outcome: Outcome) -> dict[str, object]:
    """One object for machines: `kind`, `name`, `id`, `action`, `changed` keys, and `others` that were changed on the way."""
    return {"kind": outcome.kind.KIND, "name": outcome.want.name, "id": outcome.found.id, "action": outcome.action,
            "changed": [d.key for d in outcome.differences] if outcome.action == "updated" else [],
            "others": [{"name": name, "old": before, "new": after} for name, before, after in outcome.effects]}


def recap_table(outcomes: Sequence[Outcome], caption: str) -> Table:
    """The chapter in one table: a row an object, what was done to it."""
    rows = [row for o in outcomes for row in ([o.kind.KIND, o.want.name, o.found.id, MARKS[o.action]],
                                              *([o.kind.KIND, name, "–", _affected(after)] for name, _, after in o.effects))]
    counts = {a: sum(o.action == a for o in outcomes) for a in ("created", "updated", "unchanged")}
    others = [after for o in outcomes for _, _, after in o.effects]
    counts["updated"] += sum(bool(after) for after in others)
    if deleted := sum(not after for after in others):
        counts["deleted"] = deleted
    said = ", ".join(f"{n} {a}" for a, n in counts.items() if n) or "nothing to do"
    return Table(["Object", "Name", "Id", "Result"], rows, f"{caption}: {said}", {"recap": counts})


def plan_table(changes: Sequence[Change]) -> Table:
    """What applying would do: a row a setting that would change, a row an object that would not."""
    rows = [row for change in changes for row in _planned(change)]
    counts = plan_counts(changes)
    caption = plan_line(counts)
    recap = {"to add": counts["create"], "to change": counts["update"], "to destroy": counts["delete"], "unchanged": counts["unchanged"]}
    return Table(["Object", "Name", "Setting", "In the cloud now", "By the guide and the params", "Plan"], rows, caption, {"plan": counts, "recap": recap})


def plan_line(counts: Mapping[str, int]) -> str:
    """The last line of a plan, as operators know it."""
    line = f"Plan: {counts['create']} to add, {counts['update']} to change, {counts['delete']} to destroy"
    return line + (f"; {counts['refused']} would be refused" if counts["refused"] else "")


def plan_counts(changes: Sequence[Change]) -> dict[str, int]:
    """How many objects would be created, updated, left unchanged, and refused."""
    counts = {a: sum(c.action == a and not c.refused for c in changes) for a in ("create", "update", "unchanged")}
    others = [after for c in changes for _, _, after in c.effects]
    counts["update"] += sum(bool(after) for after in others)
    return {**counts, "delete": sum(not after for after in others), "refused": sum(bool(c.refused) for c in changes)}


def _planned(change: Change) -> Iterable[list[str]]:
    lead = [change.kind.KIND, change.want.name]
    labels = {s.key: s.label for s in change.kind.SETTINGS}
    if change.refused:
        yield [*lead, "", "", change.refused, "✘ refused"]
        return
    if change.action == "unchanged":
        secret = ", ".join(change.want.write_only)
        yield [*lead, "", "", f"{secret}: cannot be compared" if secret else "", MARKS["unchanged"]]
        return
    for difference in change.differences:
        yield [*lead, labels.get(difference.key, difference.key), text(difference.old), text(difference.new), MARKS[change.action]]
    for key in change.want.write_only:
        yield [*lead, labels.get(key, key), "write-only", "would be set", MARKS[change.action]]
    for name, before, after in change.effects:
        yield [change.kind.KIND, name, "Classifications", before, after or "–", MARKS["update"] if after else "- delete"]
    yield [*lead, "id", change.found.id if change.found else "known after apply", "", MARKS[change.action]]
    if change.waits_for:
        yield [*lead, "", "", f"compared after apply. {change.waits_for}", MARKS[change.action]]


def change_lines(changes: Sequence[Change]) -> list[str]:
    """Each change in a line, for a question: what is done to which object, and to which others on the way. No values of secrets."""
    lines = []
    for c in changes:
        labels = {s.key: s.label for s in c.kind.SETTINGS}
        settings = [labels.get(d.key, d.key) for d in c.differences] + [labels.get(key, key) for key in c.want.write_only]
        about = c.refused or (f"{len(settings)} setting{'s' * (len(settings) != 1)}" if c.action == "create" else ", ".join(settings))
        lines.append(f'{"✘ would be refused" if c.refused else MARKS[c.action]}: {c.kind.KIND} "{c.want.name}" ({about})')
        lines += [f'{MARKS["update"] if after else "- delete"}: {c.kind.KIND} "{name}" ({before} → {after or "nothing"})' for name, before, after in c.effects]
    return lines


_REMOVALS = {"delete": ("- delete", "- deleted"), "take out": ("- take out", "- taken out"), "restore": ("~ restore", "~ restored"),
             "leave": ("= leave", "= left")}


def removal_lines(removals: Sequence[Removal]) -> list[str]:
    """What a teardown would do, for a terminal however narrow: a line an object, and the sum."""
    lines = []
    for r in removals:
        mark, what = ("✘ can’t be read", r.obstacle) if r.obstacle else (_REMOVALS[r.plan.action][False], r.plan.what)
        lines.append(f'  {mark}: {r.kind.KIND} "{r.found.name}"' + (f": {what}" if what else ""))
    return [*lines, removal_table(removals, tried=False).caption]


def removal_table(removals: Sequence[Removal], tried: bool) -> Table:
    """What a teardown would do (`tried` false) or did, in its order: a row an object."""
    rows = [[r.kind.KIND, r.found.name, r.found.id or "–", "✘ still there" if r.obstacle else _REMOVALS[r.plan.action][tried],
             r.obstacle or r.plan.what] for r in removals]
    gone = [r.plan.action for r in removals if r.plan.action != "leave" and not r.obstacle]
    counts = {"removed" if tried else "to remove": sum(action != "restore" for action in gone),
              **({"restored" if tried else "to restore": gone.count("restore")} if "restore" in gone else {}),
              "left": sum(r.plan.action == "leave" for r in removals), "still there": sum(bool(r.obstacle) for r in removals)}
    said = ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "nothing to remove"
    caption = f"Teardown: {said}" if tried else f"Plan: 0 to add, 0 to change, {counts['to remove']} to destroy; {counts['left']} left"
    return Table(["Object", "Name", "Id", "Teardown" if tried else "Plan", "Note"], rows, caption, {"recap": counts})


def check_table(checks: Sequence[Check]) -> Table:
    """A row a check: expected, found, pass or fail, and for a fail what to do."""
    rows = [[c.name, c.expected, c.found, "! warning" if c.warning else MARKS[c.passed], c.remedy if c.warning or not c.passed else ""] for c in checks]
    passed = sum(c.passed for c in checks)
    return Table(["Check", "Expected", "Found", "Result", "What to do"], rows, f"{passed} of {len(checks)} checks passed",
                 {"recap": {"passed": passed, "failed": len(checks) - passed}})


def statement_table(statements: Sequence[Statement], caption: str) -> Table:
    """A checkpoint: a row a statement, whether it holds, and for one that does not what to do."""
    rows = [[s.says, s.found, "✔ yes" if s.holds else "✘ not yet", s.remedy] for s in statements]
    held = sum(s.holds for s in statements)
    return Table(["You should now see", "Found", "So?", "If not"], rows, f"{caption}: {held} of {len(statements)} hold",
                 {"checkpoint": {"hold": held, "do not hold": len(statements) - held}})


def simulation_table(simulations: Sequence[Simulation]) -> Table:
    """A row a number: what the site would do with it."""
    rows = [[s.dialled, text(s.normalized), text(s.plan), text(s.classification), text(s.route), text(s.trunks),
             text(s.edges), MARKS[True] if s.ok else "✘ no call", s.verdict] for s in simulations]
    columns = ["Dialled", "Normalised", "Number plan", "Classification", "Outbound route", "Trunks", "Edges", "Result", "Verdict"]
    return Table(columns, rows, "Simulated calls", {"recap": {"simulated": len(simulations), "to a trunk": sum(s.ok for s in simulations)}})
