"""Practice clouds of the tests' own: in a temporary folder, stopped at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import byoc_helpers.clouds.genesys  # noqa: F401 - before a test imports the SDK itself, which would watch the whole home folder

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test may touch the developer's own practice clouds, nor a live one."""
    for name in [n for n in os.environ if n.startswith("BYOC_")]:
        del os.environ[name]
    os.environ["BYOC_SANDBOX_HOME"] = str(tmp_path_factory.mktemp("sandbox"))
    yield
    from byoc_helpers import sandbox

    sandbox.stop()


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return ROOT


@pytest.fixture
def demo(root: Path) -> Path:
    return root / "params" / "demo.yaml"
