"""Whatever breaks, and wherever: run again, and both clouds are as after an undisturbed run.

The run is cut off, or disturbed, at each of its calls in turn. An ordinary test run takes every third call that
changes something, and a sample of the fault matrix; `make survive` (BYOC_TEST_FULL=1) takes every call and every fault.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import time

import pytest
from orgs import ALL, chapter, differences, do, partner_maker, snapshot

from byoc_helpers import journal, sandbox
from byoc_helpers.clouds.transport import Transport
from byoc_helpers.exceptions import RecordError, Refused, RunbookError
from byoc_helpers.machine import alone

FULL = bool(os.environ.get("BYOC_TEST_FULL"))
SHARDS = 8 if FULL else 4
FAULTS = {
    "reset before": {"kind": "reset"}, "reset after": {"kind": "reset", "after": True},
    "500 before": {"kind": "status", "status": 500}, "500 after": {"kind": "status", "status": 500, "after": True},
    "502 after": {"kind": "status", "status": 502, "after": True}, "503 before": {"kind": "status", "status": 503},
    "429": {"kind": "status", "status": 429, "retry_after": 0.05}, "truncated": {"kind": "truncate", "after": True},
    "token revoked": {"kind": "revoke"}, "slow": {"kind": "delay", "seconds": 0.3},
}
SAMPLE = 8


def plain(state, params):
    """A partner's state without what is the partner's own, to compare with another partner's."""
    text = repr(sorted(state.items()))
    return text.replace(params.partner, "P").replace(params.identifier, "i").replace(params.termination_domain, "d")


def build(params):
    do(params, *ALL)


def destroy(params):
    os.environ["BYOC_DESTROY"] = params.partner
    run = chapter("99", params)
    run.remove()
    run.require_removed()


def calls_of(work, params):
    """(method, endpoint) of each call, in order; logging in is none of the run's."""
    seen = len(journal.calls)
    work(params)
    return [(c["method"], journal.endpoint(c)) for c in journal.calls[seen:] if "oauth" not in c["path"]]


def writing(method, endpoint):
    return method != "GET" and not endpoint.endswith("/search")


@pytest.fixture(scope="module")
def undisturbed():
    """An undisturbed run: its calls, those of its teardown, and the state between."""
    params = partner_maker("Whole")()
    built = calls_of(build, params)
    state = plain(snapshot(params), params)
    return built, calls_of(destroy, params), state


def killed(work, params, call):
    """Run `work` in a process of its own, which is killed at its nth call (from 1): "before" or "after" it was carried out."""
    number, when = call
    child = os.fork()
    if child == 0:
        counter, once = itertools.count(1), Transport._once

        def last(self, request, attempt):
            here = "oauth" not in request.url.path and next(counter) == number
            if here and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            reply = once(self, request, attempt)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return reply

        Transport._once = last
        try:
            work(params)
        finally:
            os._exit(0)  # waiting took fewer calls than in the undisturbed run
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def points(calls):
    """Where to cut: before and after every call; ordinarily at the start, and after every third write."""
    every = [(n, when) for n in range(1, len(calls) + 1) for when in ("before", "after")]
    return every if FULL else [(1, "before"), *[(n, "after") for n, call in enumerate(calls, 1) if writing(*call)][::3]]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_each_call_and_run_again(shard, undisturbed, record_property):
    calls, _, whole = undisturbed
    wrong, tried = {}, 0
    for point in points(calls)[shard::SHARDS]:
        params = partner_maker("Kill")()
        tried += killed(build, params, point)
        build(params)
        state = plain(snapshot(params), params)
        if state != whole:
            wrong[point, calls[point[0] - 1]] = (state, whole)
    record_property("points", tried)
    print(f"killed at {tried} points")
    assert not wrong
    assert tried


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_teardown_killed_at_each_call_and_run_again(shard, undisturbed):
    _, calls, _ = undisturbed
    wrong, tried = {}, 0
    for point in points(calls)[shard::SHARDS]:
        params = partner_maker("Fell")()
        before = snapshot(params)
        build(params)
        tried += killed(destroy, params, point)
        destroy(params)
        left = differences(before, snapshot(params))
        if left:
            wrong[point, calls[point[0] - 1]] = left
    print(f"killed at {tried} points")
    assert not wrong
    assert tried


def matrix(calls):
    every = list(itertools.product(FAULTS, range(1, len(calls) + 1)))
    return every if FULL else random.Random(7).sample([(f, n) for f, n in every if writing(*calls[n - 1])], SAMPLE)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_fault_at_each_call(shard, undisturbed):
    """The run ends right, or with a sentence; run again, everything is as if nothing had been."""
    calls, _, whole = undisturbed
    box, wrong, ended, said = sandbox.ensure_running(), {}, 0, 0
    for fault, number in matrix(calls)[shard::SHARDS]:
        params = partner_maker("Fault")()
        box.faults([{**FAULTS[fault], "nth": number}], tenant=params.slug)  # logins count, too: each call has its turn
        try:
            build(params)
            ended += 1
        except RunbookError as error:
            assert str(error).endswith((".", ":")) and "Traceback" not in str(error)
            said += 1
        box.faults([], tenant=params.slug)
        build(params)
        state = plain(snapshot(params), params)
        if state != whole:
            wrong[fault, calls[number - 1]] = (state, whole)
    print(f"{ended} ended right, {said} with a sentence")
    assert not wrong


def test_storms_are_ridden_out(undisturbed):
    """Every fifth call 429, every seventh 503, a slow one now and then: the run takes longer, and ends right."""
    params = partner_maker("Storm")()
    box = sandbox.ensure_running()
    box.faults([{"kind": "status", "status": 429, "retry_after": 0.05, "every": 5}, {"kind": "status", "status": 503, "every": 7, "method": "GET"},
                {"kind": "delay", "seconds": 0.05, "every": 3}], tenant=params.slug)
    build(params)
    box.faults([], tenant=params.slug)
    assert plain(snapshot(params), params) == undisturbed[2]


def test_two_runs_of_a_partner_at_once(undisturbed):
    """From two processes: one waits for the other at each object, and nothing is doubled."""
    params = partner_maker("Twins")()
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                build(params)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert plain(snapshot(params), params) == undisturbed[2]


def test_a_second_run_says_so_when_the_first_does_not_end(monkeypatch):
    params = partner_maker("Queue")()
    first, second = chapter("02", params), chapter("02", params)
    monkeypatch.setattr("byoc_helpers.runbook.WAIT", {"sandbox": 0.1})
    with alone(first.params, 0.1), pytest.raises(Refused, match=r"Another run for Queue .* Nothing was changed. Wait for its end"):
        second.apply("location")


def test_a_full_disk_ends_the_run_with_a_sentence(monkeypatch, undisturbed):
    params = partner_maker("Full")()
    monkeypatch.setenv("BYOC_JOURNAL", "/dev/full")
    with pytest.raises(RecordError, match=r"journal can't be written .No space left on device.*Make room"):
        build(params)
    monkeypatch.delenv("BYOC_JOURNAL")
    build(params)
    assert plain(snapshot(params), params) == undisturbed[2]


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_wrong_by_a_year_changes_nothing(days, monkeypatch, undisturbed):
    params, real = partner_maker("Skewed")(), time.time
    monkeypatch.setattr(time, "time", lambda: real() + days * 86400)
    build(params)
    assert plain(snapshot(params), params) == undisturbed[2]
