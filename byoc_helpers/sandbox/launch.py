"""Finding the running sandbox, or starting it: what notebooks and the command line use.

Needs nothing but the standard library, platformdirs and filelock until a server has to be started.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ..environment import finding, python_path
from ..exceptions import SandboxError

HOME, URL, KEY, FIXED, IDLE = (
    "BYOC_SANDBOX_HOME",
    "BYOC_SANDBOX_URL",
    "BYOC_SANDBOX_KEY",
    "BYOC_SANDBOX_FIXED",
    "BYOC_SANDBOX_IDLE",
)
START_SECONDS = 30.0
IDLE_SECONDS = 1800.0


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: `url` ("http://127.0.0.1:40123"), the control `key`, its process id (0: not known)."""

    url: str
    key: str
    pid: int

    def __repr__(self) -> str:
        return f"Sandbox({self.url!r}, pid={self.pid})"

    def prepare(
        self,
        tenant: str,
        scenario: str | None = None,
        region: str | None = None,
        country: str | None = None,
        language: str | None = None,
        numbers: Sequence[str] = (),
        people: Sequence[Mapping[str, str]] = (),
        flows: Sequence[str] = (),
    ) -> dict[str, str]:
        """Make a practice customer, or add what it lacks; asking twice changes nothing.

        `region` is an AWS name, `country` an ISO code, `numbers` E.164 (owned by the Twilio account), `people`
        `{"name", "email"}`, `flows` names of published inbound call flows. Region, country and language count
        when the tenant is new; a scenario can be changed at any time. Returns `client_id`, `client_secret`,
        `account_sid`, `auth_token`, `api_key_sid`, `api_key_secret`.

        Raises:
            SandboxError: it can't be done; the message says why.
        """
        wanted = {
            "scenario": scenario, "region": region, "country": country, "language": language,
            "numbers": list(numbers), "people": [dict(p) for p in people], "flows": list(flows),
        }  # fmt: skip
        return self.control("PUT", f"/_sandbox/tenants/{quote(tenant, safe='')}", wanted)

    def configure(self, tenant: str, **settings: Any) -> dict[str, Any]:
        """Change a tenant's settings: scenario, seconds, limits, missing permissions (see `controls`)."""
        return self.control("PATCH", f"/_sandbox/tenants/{quote(tenant, safe='')}", settings)

    def mend(self, tenant: str) -> str:
        """Have somebody put right what the tenant's scenario spoilt. Returns what was done, as a sentence."""
        return self.control("POST", f"/_sandbox/tenants/{quote(tenant, safe='')}/mend")["done"]

    def scenarios(self) -> list[dict[str, str]]:
        """The situations to choose from: name, title, lesson, chapter, hint, mended."""
        return self.control("GET", "/_sandbox/scenarios")["scenarios"]

    def faults(self, rules: Sequence[Mapping[str, Any]], tenant: str = "", seed: int = 0) -> None:
        """Replace the script of faults (see `faults`), of all tenants or of one."""
        query = f"?tenant={quote(tenant, safe='')}" if tenant else ""
        self.control("PUT", f"/_sandbox/faults{query}", {"seed": seed, "rules": [dict(r) for r in rules]})

    def control(self, method: str, path: str, body: Any = None, timeout: float = 10.0) -> Any:
        """One call of the controls (see `controls`).

        Raises:
            SandboxError: no answer, or a refusal, with its sentence.
        """
        place = urlsplit(self.url)
        link = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=timeout)
        try:
            text = None if body is None else json.dumps(body)
            link.request(method, path, text, {"X-Sandbox-Key": self.key, "Content-Type": "application/json"})
            answer = link.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise SandboxError(f"The sandbox at {self.url} does not answer: {error}.") from error
        finally:
            link.close()
        found = json.loads(data) if data else None
        if answer.status >= 400:
            raise SandboxError(
                found["error"] if isinstance(found, dict) and "error" in found else f"HTTP {answer.status}"
            )
        return found


def home_dir() -> Path:
    """Where this project's sandbox keeps its state."""
    if given := os.environ.get(HOME):
        return Path(given).expanduser().resolve()
    import platformdirs

    root = Path(__file__).resolve().parents[2]
    short = hashlib.sha256(str(root).encode()).hexdigest()[:10]
    return Path(platformdirs.user_state_dir("byoc-runbook", appauthor=False)) / (
        short + ("-fixed" if _fixed() else "")
    )


def _fixed() -> bool:
    return os.environ.get(FIXED, "").lower() in ("1", "true", "yes")


def ensure_running(home: Path | str | None = None) -> Sandbox:
    """The running sandbox of this home, started if need be.

    Raises:
        SandboxError: it can't be started or reached; the message says where its log is.
    """
    if os.environ.get(URL):
        given = Sandbox(os.environ[URL].rstrip("/"), os.environ.get(KEY, ""), 0)
        if urlsplit(given.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise SandboxError(f"{URL} is {given.url}, which is not on this machine: what is sent to the practice clouds is not encrypted.")
        given.control("GET", "/_sandbox/health")
        return given
    place = Path(home) if home else home_dir()
    if found := find(place):
        return found
    from filelock import FileLock

    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / "start.lock", timeout=START_SECONDS * 2):
        return find(place) or _start(place)


def find(home: Path, *, any_mode: bool = False) -> Sandbox | None:
    """The sandbox that answers for this home, if any; a stale `server.json` counts for nothing.

    Raises:
        SandboxError: one runs in the other mode (fixed or ordinary), unless `any_mode`.
    """
    try:
        facts = json.loads((home / "server.json").read_text())
        box = Sandbox(facts["url"], facts["key"], facts["pid"])
        health = box.control("GET", "/_sandbox/health", timeout=3.0)
    except (OSError, ValueError, KeyError, TypeError, SandboxError):
        return None
    if not isinstance(health, dict) or health.get("pid") != box.pid:
        return None
    if not any_mode and bool(health.get("fixed")) != _fixed():
        mode = "fixed" if health.get("fixed") else "ordinary"
        raise SandboxError(
            f"The sandbox of {home} runs in {mode} mode. Stop it (byoc sandbox stop) or unset {FIXED}."
        )
    return box


def _start(home: Path) -> Sandbox:
    env = finding(os.environ) | {"PYTHONPATH": python_path(os.environ)}
    command = [sys.executable, "-m", "byoc_helpers.sandbox", "serve", "--port", "0", "--home", str(home)]
    command += ["--idle", os.environ.get(IDLE, str(IDLE_SECONDS)), *(["--fixed"] if _fixed() else [])]
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = (
            subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        )
        options = {"creationflags": flags}
    with open(home / "server.log", "ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=True,
            cwd=str(home),
            env=env,
            **options,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if box := find(home):
            # Not ours to wait for: it outlives us, and Popen would warn about that when it is collected.
            process.returncode = 0
            return box
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise SandboxError(f"The practice clouds did not start; {home / 'server.log'} says why.")


def status(home: Path | str | None = None) -> dict[str, Any]:
    """`running`, and when so `url`, `pid`, `fixed` and the tenants' names; always `home`."""
    place = Path(home) if home else home_dir()
    box = find(place, any_mode=True)
    if box is None:
        return {"running": False, "home": str(place)}
    tenants = [t["name"] for t in box.control("GET", "/_sandbox/tenants")["tenants"]]
    return {"running": True, "home": str(place), "url": box.url, "pid": box.pid, "tenants": tenants}


def stop(home: Path | str | None = None, timeout: float = 10.0) -> bool:
    """Stop the sandbox; its state stays. Returns whether one ran.

    Raises:
        SandboxError: it still answers after `timeout` seconds.
    """
    place = Path(home) if home else home_dir()
    box = find(place, any_mode=True)
    if box is None:
        return False
    box.control("POST", "/_sandbox/stop")
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not (place / "server.json").exists():
            return True
        time.sleep(0.02)
    raise SandboxError(f"The sandbox (process {box.pid}) did not stop within {timeout:.0f} seconds.")


def reset(home: Path | str | None = None) -> None:
    """Empty all tenants of the sandbox, running or not."""
    place = Path(home) if home else home_dir()
    if box := find(place, any_mode=True):
        box.control("POST", "/_sandbox/reset")
        return
    for name in ("sandbox.sqlite3", "sandbox.sqlite3-wal", "sandbox.sqlite3-shm"):
        (place / name).unlink(missing_ok=True)
