"""What processes tell each other: how fast a client may call, and one token for all chapters of a run."""

import os
import subprocess
import sys
import time
import uuid

import pytest

from byoc_helpers import handover, machine
from byoc_helpers.exceptions import Refused
from byoc_helpers.machine import Pace


@pytest.fixture
def slept(monkeypatch):
    """The pauses asked for, which are not made."""
    pauses = []
    monkeypatch.setattr(machine.time, "sleep", pauses.append)
    return pauses


@pytest.fixture
def client():
    name = f"test/{uuid.uuid4()}"
    yield name
    machine.shared(f"pace/{name}").unlink(missing_ok=True)


def counted(count, allowed=300, reset=30):
    return {"inin-ratelimit-count": str(count), "inin-ratelimit-allowed": str(allowed), "inin-ratelimit-reset": str(reset)}


def test_what_one_process_is_told_another_heeds(client, slept):
    told = f"from byoc_helpers.machine import Pace; Pace({client!r}).heard(429, {{}}, 30.0)"
    subprocess.run([sys.executable, "-c", told], check=True)
    assert 20 < Pace(client).wait(90) <= 31 and len(slept) == 1
    assert Pace(client + "other").wait(90) == 0 and len(slept) == 1


@pytest.mark.parametrize(("status", "headers", "retry_after", "waits"), [
    (200, counted(269), None, False), (200, counted(270), None, True), (201, counted(300), None, True), (200, {}, None, False),
    (429, {}, 20.0, True), (429, {}, None, False), (503, {}, 20.0, False), (200, counted("many"), None, False), (200, counted(0, 0), None, False),
])
def test_only_a_limit_reached_or_near_makes_anybody_wait(client, slept, status, headers, retry_after, waits):
    Pace(client).heard(status, headers, retry_after)
    assert bool(Pace(client).wait(90)) is waits and bool(slept) is waits


def test_a_longer_wait_is_kept_and_one_beyond_the_deadline_is_left_to_the_cloud(client, slept):
    pace = Pace(client)
    pace.heard(429, {}, 60.0)
    pace.heard(429, {}, 5.0)
    assert pace.wait(90) > 50
    pace.heard(429, {}, 3e9)
    assert 50 < pace.wait(90) <= 61, "an absurd wait is kept to what a limit by the minute can mean"
    assert pace.wait(10) == 0 and len(slept) == 2
    os.utime(machine.shared(f"pace/{client}"), (4e9, 4e9))
    assert pace.wait(90) == 0, "the clock was set back"
    pace.heard(429, {}, 5.0)
    assert 4 < pace.wait(90) <= 6


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files here")
@pytest.mark.parametrize("planted", ["file", "link", "open folder"])
def test_without_a_place_to_share_each_process_goes_by_itself(slept, monkeypatch, tmp_path, planted):
    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: str(tmp_path))
    place = tmp_path / f"byoc-locks-{os.getuid()}"
    if planted == "file":
        place.touch()
    elif planted == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(Refused, match="Remove"):
        machine.shared("anything")
    pace = Pace("anybody")
    pace.heard(429, {}, 30.0)
    assert pace.wait(90) == 0 and not slept


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory without a name here")
def test_a_token_is_left_for_the_same_client_only(monkeypatch):
    monkeypatch.setattr(handover, "_fd", None)
    handover.leave("org/a", "nobody keeps this")
    assert handover.left("org/a") == ""
    fd = handover.memory()
    try:
        handover.inherit(fd)
        assert handover.left("org/a") == ""
        handover.leave("org/a", "a rather long token")
        handover.leave("org/a", "a token")
        assert (handover.left("org/a"), handover.left("org/b"), handover.left(fd=fd)) == ("a token", "", "a token")
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)
    assert handover.left("org/a") == ""


def test_the_pause_is_over_when_it_is_over(client):
    Pace(client).heard(429, {}, 0.2)
    began = time.time()
    Pace(client).wait(90)
    assert time.time() - began >= 0.1 and Pace(client).wait(90) == 0
