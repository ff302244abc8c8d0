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
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from . import connections, faults, tenants
from .console import Console
from .controls import Controls
from .core import Core, Tenant
from .genesys import api as genesys
from .http import Reply, Request
from .store import Store
from .twilio import api as twilio

MAX_BODY = 10_000_000
RECENT = 500
CLOUD_PATHS = ("/api/v2/", "/oauth/", "/2010-04-01/", "/v1/")
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
        self.console = Console(core, lambda: list(self.recent))
        self.last_used = time.monotonic()
        self._waiting: dict[tuple[str, str], int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        if request is None:
            await _send(send, scope, Reply.json({"error": "The body is too large."}, 413))
        elif self.core.faults and request.path.startswith(CLOUD_PATHS):
            await self._faulty(request, scope, send)
        else:
            await _send(send, scope, self.answer(request))

    async def _faulty(self, request: Request, scope: Scope, send: Send) -> None:
        """Answer as the rules for faults say (see `faults`)."""
        cloud = _cloud(request)
        tenant = tenants.whose(self.core, request)
        fault = self.core.faults.strike(request, cloud, tenant.name if tenant else "")
        with self._under_way(request, cloud, tenant):
            if fault.delay:
                await asyncio.sleep(fault.delay)
            if fault.is_("revoke") and tenant:
                token = request.headers.get("authorization", "").partition(" ")[2].strip()
                self.core.revoke_tokens(tenant.name, token)
            if fault.carried_out:
                reply = self.answer(request)
            else:
                self.last_used, reply = time.monotonic(), Reply(0)
                self._record(request, reply, tenant, 0.0)
        if fault.is_("status") and fault.rule:
            reply = faults.reply(fault.rule, cloud, self.core.correlation_id(tenant, request))
        if fault.rule:
            sent = 0 if fault.is_("reset") else reply.status
            self.recent[-1] |= {"fault": fault.rule.kind, "sent": sent}
        if fault.is_("reset"):
            await connections.reset(scope)
        elif fault.is_("truncate"):
            await _send(send, scope, reply, cut=True)
            await connections.close(scope)
        else:
            await _send(send, scope, reply)

    @contextlib.contextmanager
    def _under_way(self, request: Request, cloud: str, tenant: Tenant | None) -> Iterator[None]:
        """Count the requests of one account that wait at the same time: what Twilio limits."""
        key = (cloud, tenant.tail if tenant else "")
        self._waiting[key] = request.concurrent = self._waiting.get(key, 0) + 1
        try:
            yield
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]

    def answer(self, request: Request) -> Reply:
        """The reply to any request, whichever of the three it is for."""
        if self.console.serves(request.path):
            return self.console.handle(request)
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
                "cloud": _cloud(request),
                "method": request.method,
                "path": request.path,
                "status": reply.status,
                "ms": round(seconds * 1000, 2),
            }
        )


def _cloud(request: Request) -> str:
    return "twilio" if request.path.startswith(("/2010", "/v1")) else "genesys"


async def _send(send: Send, scope: Scope, reply: Reply, *, cut: bool = False) -> None:
    """Send a reply, or (`cut`) its head and half its body."""
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
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send(
        {"type": "http.response.body", "body": body[: len(body) // 2] if cut else body, "more_body": cut}
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
    os.umask(0o077)  # the store and its log hold the key to the controls
    with contextlib.suppress(OSError):
        home.chmod(0o700)
        (home / "sandbox.sqlite3").chmod(0o600)
    store = Store(home / "sandbox.sqlite3")
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
            http=connections.Protocol,
            proxy_headers=False,
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
