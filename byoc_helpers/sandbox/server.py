"""The server process: one loopback address for both clouds and the controls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .controls import Controls
from .core import Core, Tenant
from .genesys import api as genesys
from .http import Reply, Request
from .store import Store
from .twilio import api as twilio

MAX_BODY = 10_000_000
RECENT = 500
NOWHERE = (
    "This is the practice sandbox. It serves /api/v2, /oauth/token, /2010-04-01, /v1/Trunks and /_sandbox."
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class App:
    """The ASGI application. Requests are answered one after another, so each sees the whole of the one before."""

    def __init__(self, core: Core, key: str, stop: Callable[[], None] = lambda: None):
        self.core = core
        self.recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self.controls = Controls(core, key, lambda: list(self.recent), stop)
        self.last_used = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        reply = self.answer(request) if request else Reply.json({"error": "The body is too large."}, 413)
        headers = {"content-length": str(len(reply.body)), **reply.headers}
        if reply.status == 204:
            headers.pop("content-length")
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    def answer(self, request: Request) -> Reply:
        """The reply to any request, whichever of the three it is for."""
        self.last_used, began = time.monotonic(), time.perf_counter()
        path, tenant = request.path, None
        if path.startswith(("/api/v2/", "/oauth/")):
            reply, tenant = genesys.handle(self.core, request)
        elif path.startswith(("/2010-04-01/", "/v1/")):
            reply, tenant = twilio.handle(self.core, request)
        elif path.startswith("/_sandbox"):
            return self.controls.handle(request)
        else:
            return Reply.json({"error": NOWHERE}, 404)
        self._record(request, reply, tenant, time.perf_counter() - began)
        return reply

    def _record(self, request: Request, reply: Reply, tenant: Tenant | None, seconds: float) -> None:
        self.recent.append(
            {
                "time": time.time(),
                "tenant": tenant.name if tenant else "",
                "cloud": "twilio" if request.path.startswith(("/2010", "/v1")) else "genesys",
                "method": request.method,
                "path": request.path,
                "status": reply.status,
                "ms": round(seconds * 1000, 2),
            }
        )


async def _read(scope: Scope, receive: Receive) -> Request | None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            return None
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers, body)


def serve(
    home: Path, *, port: int = 0, idle: float = 1800, fixed: bool = False, foreground: bool = False
) -> int:
    """Run until stopped, or until nobody called for `idle` seconds (0: never). Returns an exit code.

    Writes `server.json` (url, key, pid) for others to find it. One server a home: a second one leaves at once.
    """
    import uvicorn
    from filelock import FileLock, Timeout

    home.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    lock = FileLock(home / "server.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("A sandbox already runs for this home.", file=sys.stderr)
        return 3
    store = Store(home / "sandbox.sqlite3")
    with contextlib.suppress(OSError):
        (home / "sandbox.sqlite3").chmod(0o600)
    core = Core(store, fixed=fixed)
    key = store.meta("control_key", secrets.token_urlsafe(24))
    listener = _listen(port or _last_port(home))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(
            lambda *a: None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=75,
        )
    )

    def stop() -> None:
        server.should_exit = True

    app = App(core, key, stop)
    server.config.app = app
    _announce(home, {"url": url, "key": key, "pid": os.getpid(), "fixed": fixed})
    if foreground:
        print(f"Practice clouds on {url} (state in {home}); Ctrl-C stops them.", flush=True)

    async def run() -> None:
        watcher = asyncio.create_task(_watch(app, idle, stop))
        await server.serve(sockets=[listener])
        watcher.cancel()

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        pass
    finally:
        (home / "server.json").unlink(missing_ok=True)
        store.close()
        lock.release()
    return 0


async def _watch(app: App, idle: float, stop: Callable[[], None]) -> None:
    while idle > 0:
        await asyncio.sleep(min(idle / 4, 15))
        if time.monotonic() - app.last_used > idle:
            stop()


def _listen(port: int) -> socket.socket:
    """A listening loopback socket: this port, or any free one when it is taken."""
    for wanted in (port, 0):
        # asyncio switches Nagle off (40 ms an answer) only on sockets that say they are TCP.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted))
        except OSError:
            listener.close()
            continue
        listener.listen(2048)
        return listener
    raise OSError("No loopback port is free.")


def _last_port(home: Path) -> int:
    try:
        return int((home / "port").read_text())
    except (OSError, ValueError):
        return 0


def _announce(home: Path, facts: dict[str, Any]) -> None:
    """Write `server.json` in one step, readable by its owner only."""
    (home / "port").write_text(facts["url"].rpartition(":")[2])
    draft = home / f"server.json.{os.getpid()}"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file)
    draft.replace(home / "server.json")
