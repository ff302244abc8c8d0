"""Plan and apply against a cloud of a few lines that can lose answers and be changed by others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from byoc_helpers import reconcile
from byoc_helpers.exceptions import CloudError, Conflict, DeadlineExceeded, OutcomeUnknown, Refused
from byoc_helpers.resources.base import AtLeast, Context, Desired, Found, Setting


class FakeKind:
    """A kind whose cloud is a dict; `trouble` is raised by the next writes, before or after they are carried out."""

    KIND, SIDE, CHAPTER = "thing", "Nowhere", "00"
    SETTINGS: tuple[Setting, ...] = ()
    HINTS = ((r"taken", "Choose another name."),)

    def __init__(self, **held: Any):
        self.held: dict[str, Any] | None = held or None
        self.marked: bool | None = True
        self.writes: list[str] = []
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.meanwhile: dict[str, Any] = {}

    def desired(self, ctx):
        return []

    def find(self, ctx, want):
        return None if self.held is None else Found("1", want.name, dict(self.held), self.marked)

    def _write(self, what, fields):
        if self.before:
            self.held = {**(self.held or {}), **self.meanwhile} if self.meanwhile else self.held
            raise self.before.pop(0)
        self.writes.append(what)
        self.held = {**(self.held or {}), **{k: tuple(v) if isinstance(v, AtLeast) else v for k, v in fields.items()}}
        if self.after:
            raise self.after.pop(0)

    def create(self, ctx, want):
        self._write("create", want.fields)

    def update(self, ctx, want, found, changed):
        self._write("update", {k: want.fields[k] for k in changed})


@pytest.fixture
def ctx(monkeypatch):
    monkeypatch.setattr(reconcile, "LOST_WITHIN", 0.2)
    monkeypatch.setattr(reconcile, "TAKEN_WITHIN", 0.0)
    return Context(SimpleNamespace(partner="A", adopt=False), None)  # type: ignore[arg-type]


WANT = Desired("x", {"a": 1, "b": ("p", "q")})


def test_create_update_unchanged(ctx):
    kind = FakeKind()
    assert reconcile.apply(ctx, kind, WANT).action == "created"
    assert reconcile.apply(ctx, kind, WANT).action == "unchanged"
    kind.held["a"] = 2
    done = reconcile.apply(ctx, kind, WANT)
    assert done.action == "updated" and [(d.key, d.old, d.new) for d in done.differences] == [("a", 2, 1)]
    assert kind.writes == ["create", "update"]


def test_what_shows_late_is_waited_for_and_not_made_twice(ctx):
    kind = FakeKind()
    looks = iter([None] * 4)
    find = kind.find
    kind.find = lambda ctx, want: next(looks, find(ctx, want))
    assert reconcile.apply(ctx, kind, WANT).action == "created"
    assert kind.writes == ["create"]


def test_what_was_created_and_never_shows_is_not_made_twice(ctx, monkeypatch):
    monkeypatch.setattr(reconcile, "VISIBLE_WITHIN", 0.05)
    kind = FakeKind()
    kind.find = lambda ctx, want: None
    with pytest.raises(DeadlineExceeded, match="was created and does not show yet"):
        reconcile.apply(ctx, kind, WANT)
    assert kind.writes == ["create"]


def test_a_conflict_on_creation_is_told_as_it_is(ctx):
    kind = FakeKind()
    kind.before = [Conflict("the name is taken", status=409, code="general.conflict")]
    with pytest.raises(Conflict, match="the name is taken Choose another name"):
        reconcile.apply(ctx, kind, WANT)


def test_planning_changes_nothing(ctx):
    kind = FakeKind(a=2, b=("p", "q"))
    assert reconcile.plan(ctx, kind, WANT).action == "update"
    assert kind.writes == [] and kind.held == {"a": 2, "b": ("p", "q")}


def test_a_lost_answer_is_looked_up_and_nothing_is_doubled(ctx):
    kind = FakeKind()
    kind.after = [OutcomeUnknown("lost")]
    assert reconcile.apply(ctx, kind, WANT).action == "created"
    assert kind.writes == ["create"]


def test_a_request_that_never_arrived_is_sent_again(ctx):
    kind = FakeKind()
    kind.before = [OutcomeUnknown("lost"), OutcomeUnknown("lost")]
    assert reconcile.apply(ctx, kind, WANT).action == "created"
    assert kind.writes == ["create"]


def test_a_stale_version_is_read_again(ctx):
    kind = FakeKind(a=2, b=("p", "q"))
    kind.before = [Conflict("version")]
    assert reconcile.apply(ctx, kind, WANT).action == "updated"


def test_somebody_else_changing_the_same_object_is_told(ctx):
    kind = FakeKind(a=2, b=("p", "q"))
    kind.before, kind.meanwhile = [Conflict("version")], {"b": ("z",)}
    with pytest.raises(Refused, match="being changed by somebody else"):
        reconcile.apply(ctx, kind, WANT)
    assert kind.writes == []


def test_what_we_did_not_make_is_not_changed_unasked(ctx):
    kind = FakeKind(a=2, b=("p", "q"))
    kind.marked = False
    with pytest.raises(Refused, match="was not made by this runbook, and differs in a"):
        reconcile.apply(ctx, kind, WANT)
    assert kind.writes == []
    ctx.params.adopt = True
    assert reconcile.apply(ctx, kind, WANT).action == "updated"


def test_what_we_did_not_make_may_be_right_already(ctx):
    kind = FakeKind(a=1, b=("p", "q"))
    kind.marked = False
    assert reconcile.apply(ctx, kind, WANT).action == "unchanged"


def test_what_was_written_but_does_not_show_is_said(ctx, monkeypatch):
    monkeypatch.setattr(reconcile, "VISIBLE_WITHIN", 0.05)
    kind = FakeKind(a=2, b=("p", "q"))
    kind._write = lambda what, fields: kind.writes.append(what)
    done = reconcile.apply(ctx, kind, WANT)
    assert (done.action, done.note, kind.writes) == ("updated", "written, not yet visible: a", ["update"])


def test_an_error_gets_its_hint(ctx):
    kind = FakeKind()
    kind.before = [CloudError("the name is taken", status=400, code="21248")]
    with pytest.raises(CloudError, match="the name is taken Choose another name") as error:
        reconcile.apply(ctx, kind, WANT)
    assert error.value.code == "21248"


def test_lost_answers_are_a_matter_of_time_not_of_number(ctx):
    kind = FakeKind()
    kind.before = [OutcomeUnknown("lost", retry_after=0.01)] * 6
    assert reconcile.apply(ctx, kind, WANT).action == "created"


def test_what_the_cloud_would_double_is_not_made_again_at_once(ctx):
    """Slow is not lost: the first request may be on its way still."""
    kind = FakeKind()
    kind.UNIQUE, kind.before = False, [OutcomeUnknown("lost")]
    with pytest.raises(DeadlineExceeded, match=r"may be on its way.*Run this chapter again in a minute"):
        reconcile.apply(ctx, kind, WANT)
    assert kind.writes == []


@pytest.mark.parametrize("error", [CloudError("Twilio answered 400 21248 to POST /v1/Trunks: Domain taken.", status=400, code="21248"),
                                   CloudError("Genesys Cloud answered 400 bad.request: that name already exists.", status=400, code="bad.request")])
def test_somebody_faster_made_it(ctx, error):
    kind = FakeKind()
    kind.before, kind.meanwhile = [error], {"a": 1, "b": ("p", "q")}
    assert reconcile.apply(ctx, kind, WANT).action == "created"
    assert kind.writes == []


def test_endless_trouble_ends_in_a_sentence(ctx, monkeypatch):
    monkeypatch.setattr(reconcile, "PATIENCE", 0.5)
    kind = FakeKind()
    kind.before = [OutcomeUnknown("lost")] * 10
    with pytest.raises(Refused, match="Run again later"):
        reconcile.apply(ctx, kind, WANT)


@pytest.mark.parametrize(("old", "new", "expected"), [
    (("a", "b", "c"), AtLeast(["b"]), True), (("a",), AtLeast(["b"]), False), (None, AtLeast(["b"]), False),
    (["a", "b"], ("a", "b"), True), (("b", "a"), ("a", "b"), False), (None, "", True), ("", None, True), (1, True, True), (0, "", False),
])
def test_same(old, new, expected):
    assert reconcile.same(old, new) is expected


def test_polling_ends_with_the_sentence():
    with pytest.raises(DeadlineExceeded, match="not yet"):
        reconcile.poll(lambda: None, "not yet", 0.05, every=0.01)
    answers = iter([None, None, "there"])
    assert reconcile.poll(lambda: next(answers), "", 5, every=0.01) == "there"
