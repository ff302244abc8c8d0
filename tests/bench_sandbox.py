"""How fast the practice clouds are: `python tests/bench_sandbox.py [seconds a row]` prints a table (Markdown).

One server process, a few client processes with one kept connection each. Every figure stands beside that of a bare
uvicorn application that answers a constant, measured in the same minute on the same machine. Ratios hold elsewhere,
absolute figures do not. Run it when nothing else does.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from byoc_helpers.sandbox import Sandbox, launch
from byoc_helpers.sandbox.core import Core
from byoc_helpers.sandbox.genesys import entities
from byoc_helpers.sandbox.genesys.org import IVRS
from byoc_helpers.sandbox.store import Store
from byoc_helpers.sandbox.tenants import context, prepare
from byoc_helpers.sandbox.twilio import numbers

CLIENTS = 3
SIZES = 10, 10_000
EDGES = "/api/v2/telephony/providers/edges"
BARE = """
import asyncio, json, sys, uvicorn
from byoc_helpers.sandbox.server import _listen
body = json.dumps({"id": "x" * 36, "name": "constant", "filler": "y" * 600}).encode()
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
listener = _listen(0)
print(listener.getsockname()[1], flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", server_header=False))
asyncio.run(server.serve(sockets=[listener]))
"""

Make = Callable[[int], bytes]


def fill(home: Path) -> dict[int, dict[str, str]]:
    """A tenant for each size, with so many call routes and Twilio numbers; its credentials and one id of each."""
    home.mkdir(parents=True, exist_ok=True)
    store = Store(home / "sandbox.sqlite3")
    core, out = Core(store), {}
    for size in SIZES:
        keys = prepare(core, f"holds-{size}", {})
        tenant = core.tenant(f"holds-{size}")
        assert tenant
        ctx = context(core, tenant)
        with store.write():
            ctx.stamp = core.tick(tenant)
            for n in range(size):
                route = entities.create(ctx, IVRS, {"name": f"Route {n:05d}", "dnis": []})
                number = numbers.own(ctx, f"+331{n:08d}")
        out[size] = {**keys, "route": route.id, "number": number.id}
    store.close()
    return out


def client(port: int, make: Make, seconds: float, start: object, results: object) -> None:
    """One connection: send, read to the end, again."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        exchange(link, make(0))
        start.wait()  # type: ignore[attr-defined]
        done, until, waits = 0, time.perf_counter() + seconds, []
        while (now := time.perf_counter()) < until:
            done += 1
            exchange(link, make(done))
            waits.append(time.perf_counter() - now)
    results.put((done, sorted(waits)[int(len(waits) * 0.99)]))  # type: ignore[attr-defined]


def exchange(link: socket.socket, request: bytes) -> bytes:
    link.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")), data[:600]
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += link.recv(65536)
    return body


def rate(port: int, make: Make, seconds: float, clients: int = CLIENTS) -> tuple[float, float]:
    """Requests a second of all clients together, and the slowest hundredth's time in ms."""
    fork = multiprocessing.get_context("fork")
    start, results = fork.Barrier(clients), fork.Queue()
    crew = [fork.Process(target=client, args=(port, make, seconds, start, results)) for _ in range(clients)]
    for one in crew:
        one.start()
    found = [results.get(timeout=seconds + 30) for _ in crew]
    for one in crew:
        one.join()
    return sum(n for n, _ in found) / seconds, max(p for _, p in found) * 1000


def plain(method: str, path: str, auth: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {auth}\r\n"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def bearer(port: int, keys: dict[str, str]) -> str:
    form = b"grant_type=client_credentials"
    with socket.create_connection(("127.0.0.1", port)) as link:
        ask = plain("POST", "/oauth/token", basic(keys["client_id"], keys["client_secret"]), form, "application/x-www-form-urlencoded")  # fmt: skip
        return f"Bearer {json.loads(exchange(link, ask))['access_token']}"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def requests(keys: dict[str, str], token: str) -> dict[str, Make]:
    """The kinds of request measured."""
    account = basic(keys["api_key_sid"], keys["api_key_secret"])
    twilio = f"/2010-04-01/Accounts/{keys['account_sid']}"
    ivrs = "/api/v2/architect/ivrs"

    def fixed(method: str, path: str, auth: str) -> Make:
        return lambda n: plain(method, path, auth)

    def post(n: int) -> bytes:
        name = f"group {os.getpid()} {n} {time.perf_counter_ns()}"
        return plain("POST", f"{EDGES}/edgegroups", token, json.dumps({"name": name}).encode())

    def buy(n: int) -> bytes:
        form = f"FriendlyName=list-{os.getpid()}-{n}-{time.perf_counter_ns() % 10**12}"
        number = f"PhoneNumber=%2B44{(os.getpid() % 10_000) * 10**6 + n}{time.perf_counter_ns() % 100:02d}"
        return plain("POST", f"{twilio}/IncomingPhoneNumbers.json", account, f"{number}&{form}".encode(), "application/x-www-form-urlencoded")  # fmt: skip

    return {
        "Genesys: GET one call route": fixed("GET", f"{ivrs}/{keys['route']}", token),
        "Genesys: list call routes, page of 10": fixed("GET", f"{ivrs}?pageSize=10", token),
        "Genesys: filter by exact name": fixed("GET", f"{ivrs}?name=Route+00007", token),
        "Genesys: filter by name, Route 0000*": fixed("GET", f"{ivrs}?name=Route+0000*", token),
        "Genesys: POST an edge group": post,
        "Twilio: GET one number": fixed("GET", f"{twilio}/IncomingPhoneNumbers/{keys['number']}.json", account),
        "Twilio: list numbers, page of 10": fixed("GET", f"{twilio}/IncomingPhoneNumbers.json?PageSize=10", account),
        "Twilio: filter by PhoneNumber": fixed("GET", f"{twilio}/IncomingPhoneNumbers.json?PhoneNumber=%2B33100000007", account),
        "Twilio: POST, buy a number": buy,
    }  # fmt: skip


@contextmanager
def bare() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def cold_starts(home: Path, times: int = 5) -> list[float]:
    """Seconds from nothing to the first answer, the server's process started anew each time."""
    out = []
    for _ in range(times):
        launch.stop(home)
        began = time.perf_counter()
        launch.ensure_running(home)
        out.append(time.perf_counter() - began)
    return sorted(out)


def memory(box: Sandbox) -> str:
    """Resident memory in MB, where /proc tells."""
    status = Path(f"/proc/{box.pid}/status")
    if not status.exists():
        return "not known"
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
    return f"{int(line.split()[1]) / 1024:.0f} MB"


def main(seconds: float) -> None:
    os.environ[launch.IDLE] = "0"
    os.environ.pop(launch.URL, None)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, ",
        end="",
    )
    print(f"load before {load:.1f}, {CLIENTS} clients, {seconds:g} s a row.\n")
    with tempfile.TemporaryDirectory() as folder, bare() as yardstick:
        home = Path(folder)
        starts = cold_starts(home / "empty")
        empty = memory(launch.ensure_running(home / "empty"))
        launch.stop(home / "empty")
        tenants = fill(home / "full")
        box = launch.ensure_running(home / "full")
        port = urlsplit(box.url).port or 0
        try:
            constant, slow = rate(yardstick, lambda n: plain("GET", "/", "x"), seconds)
            print(f"| request | with {SIZES[0]} stored: requests/s | p99 ms | of bare uvicorn | with {SIZES[1]:,}: requests/s | p99 ms | ratio |")  # fmt: skip
            print("|---|---|---|---|---|---|---|")
            print(f"| bare uvicorn, a constant | {constant:,.0f} | {slow:.1f} | 1.00 | | | |")
            few, many = (requests(tenants[s], bearer(port, tenants[s])) for s in SIZES)
            for name in few:
                a, slow_a = rate(port, few[name], seconds)
                b, slow_b = rate(port, many[name], seconds)
                print(
                    f"| {name} | {a:,.0f} | {slow_a:.1f} | {a / constant:.2f} | {b:,.0f} | {slow_b:.1f} | {b / a:.2f} |",
                    flush=True,
                )
            print(
                f"\nStart to first answer: median {starts[len(starts) // 2]:.2f} s, slowest {starts[-1]:.2f} s."
            )
            print(f"Memory (RSS): {empty} empty, {memory(box)} after all of this.")
        finally:
            launch.stop(home / "full")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
