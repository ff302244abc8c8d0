"""Sandboxes in temporary homes, and tenants of a test's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from practice import Customer

from byoc_helpers.sandbox import Sandbox, ensure_running, launch

names = itertools.count(1)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes in homes of the test's own and stops them after it."""
    homes = []

    def started(home: Path, *, fixed: bool = False) -> Sandbox:
        monkeypatch.setenv(launch.FIXED, "1" if fixed else "")
        monkeypatch.setenv(launch.IDLE, "120")
        monkeypatch.delenv(launch.URL, raising=False)
        homes.append(home)
        return ensure_running(home)

    yield started
    for home in homes:
        launch.stop(home)


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests that bring a tenant of their own."""
    home = tmp_path_factory.mktemp("sandbox")
    patch = pytest.MonkeyPatch()
    patch.setenv("BYOC_SANDBOX_LATE", "0.15")
    patch.setenv(launch.IDLE, "300")
    patch.delenv(launch.URL, raising=False)
    patch.delenv(launch.FIXED, raising=False)
    yield ensure_running(home)
    launch.stop(home)
    patch.undo()


@pytest.fixture
def customer(box: Sandbox) -> Customer:
    """A fresh tenant in a region no other test uses, so that its identifiers are its own."""
    return Customer(box, f"customer-{next(names)}")


@pytest.fixture
def make(box: Sandbox) -> Callable[..., Customer]:
    return lambda **wanted: Customer(box, f"customer-{next(names)}", **wanted)
