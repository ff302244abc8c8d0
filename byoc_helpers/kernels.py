"""Kernels forked from a process that has imported everything already: ready in a tenth of the time.

`fork_kernel(manager)` lets a jupyter_client kernel manager start its kernel so; a kernelspec can ask for it with
`"metadata": {"kernel_provisioner": {"provisioner_name": "byoc-fork"}}`. The process they are forked from (the
nursery: `python -m byoc_helpers.kernels`) is started once, when first needed, holds none of the caller's environment
but what finding Python and files takes, opens no connection and starts no thread, and ends with the caller. Each
kernel is a fresh process with an environment, a folder and connections of its own: nothing of one reaches another.
Where forking isn't offered (Windows), or the kernel is not this very Python, a plain kernel is started instead, with
the same results.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from . import environment, handover
from .secrets import redact, remember


def available() -> bool:
    """Can kernels be forked here?"""
    return hasattr(os, "fork") and hasattr(socket, "send_fds") and hasattr(os, "memfd_create")


def fork_kernel(manager: Any, token: int | None = None) -> None:
    """Let this kernel manager fork its kernel, where that is possible; otherwise leave it as it is.

    `token`: memory that the kernel shares with the others of its run (`handover`).
    """
    spec = manager.kernel_spec
    if not available() or "ipykernel_launcher" not in spec.argv or "kernel_provisioner" in spec.metadata:
        return
    if Path(manager.format_kernel_cmd()[0]) != Path(sys.executable):
        return
    manager.kernel_id = str(uuid.uuid4())
    manager.provisioner = ForkProvisioner(kernel_id=manager.kernel_id, kernel_spec=spec, parent=manager)
    manager.provisioner.token = token
    manager.client_class = f"{__name__}.Client"
    manager.transport = "ipc"  # no ports to run out of, nor for two managers to choose at once
    manager.connection_file = str(manager.provisioner.folder / "kernel.json")


def warm_up() -> None:
    """Start the nursery now, so that its imports go on while the caller does something else."""
    if available():
        _nursery()


class Client(AsyncKernelClient):
    """Ready when the kernel has answered on both channels, without the fixed 0.4 s the base class spends."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        ends = time.monotonic() + (timeout or float("inf"))
        while time.monotonic() < ends:
            asked = self.kernel_info()
            with contextlib.suppress(queue.Empty, TimeoutError):
                self._handle_kernel_info_reply(await self._async_recv_reply(asked, timeout=1))
                while True:
                    message = await self.get_iopub_msg(timeout=0.2)
                    if message["parent_header"].get("msg_id") == asked and message["content"].get("execution_state") == "idle":
                        return
            if not await self.is_alive():
                raise RuntimeError("The kernel died before it answered. Its last words are on standard error.")
        raise RuntimeError(f"The kernel did not answer within {timeout:.0f} seconds.")


class ForkProvisioner(LocalProvisioner):
    """Starts the kernel in a fork of the nursery; everything else is the local provisioner's."""

    token: int | None = None

    def __init__(self, **traits: Any):
        super().__init__(**traits)
        self.folder = _nursery().new_folder()
        self._words = os.fdopen(os.memfd_create("stderr"), "r+b")  # in memory: no unmasked word reaches a disk

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        arguments = cmd[cmd.index("ipykernel_launcher") + 1:]
        child = _nursery().fork(arguments, kwargs.get("env") or dict(os.environ), kwargs.get("cwd") or os.getcwd(),
                                [fd for fd in (self._words.fileno(), self.token) if fd is not None])
        self.process: Any = child
        self.pid, self.pgid = child.pid, child.pid
        return self.connection_info

    async def wait(self) -> int | None:
        while (code := await self.poll()) is None:
            await asyncio.sleep(0.002)
        self.process = None
        return code

    async def kill(self, restart: bool = False) -> None:
        await super().kill(restart)
        await self.wait()

    async def cleanup(self, restart: bool = False) -> None:
        await super().cleanup(restart)
        if not restart:
            if not self._words.closed:
                self._words.seek(0)  # what a library or a dying kernel wrote past the notebook
                if self.token is not None and (token := handover.left(fd=self.token)):
                    remember(token)  # which the kernel alone knew to be secret
                sys.stderr.write(_fit(self._words.read()))
                self._words.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def forks(manager: Any) -> bool:
    """Will this kernel manager fork its kernel?"""
    return isinstance(manager.provisioner, ForkProvisioner)


@contextlib.contextmanager
def words_passed_on() -> Iterator[int]:
    """A file descriptor for what a plain kernel, started in the block, says past its notebook: it goes to standard error as it may be seen,
    line by line until the kernel and its children have ended. A pipe of ours: jupyter_client would close its own under the reader.
    """
    read, write = os.pipe()

    def listen() -> None:
        with os.fdopen(read, "rb") as stream:
            for line in stream:
                sys.stderr.write(_fit(line))

    threading.Thread(target=listen, name="words of a kernel", daemon=True).start()
    try:
        yield write
    finally:
        os.close(write)


def _fit(words: bytes) -> str:
    """A kernel's words as others may see them."""
    from .display.tables import visible

    return visible(re.sub(r"(?i)\b(bearer|basic) +[\w.~+/=-]{8,}", r"\1 ********", redact(words.decode("utf-8", "replace"))))


class _Child:
    """A forked process, as far as a provisioner needs one: it lives as long as the connection to it is open."""

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self.pid = int(self._line())
        connection.setblocking(False)
        self.returncode: int | None = None

    def _line(self) -> bytes:
        read = piece = b""
        while not read.endswith(b"\n"):
            with contextlib.suppress(ConnectionError):
                piece = self._connection.recv(64)
            if not piece:
                raise RuntimeError("The process that kernels are forked from has gone: its last words are on standard error.")
            read += piece
        return read

    def poll(self) -> int | None:
        """None while it lives, then minus the signal it was ended by, as far as that is known."""
        if self.returncode is None:
            with contextlib.suppress(BlockingIOError):
                if not self._connection.recv(64):
                    self.returncode = -signal.SIGKILL
                    self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _Nursery:
    """The caller's end: starts the process, and asks it for children."""

    def __init__(self) -> None:
        # A socket's path may have 107 characters: the user's own folder may be longer than that.
        self.folder = Path(tempfile.mkdtemp(prefix="byoc-"))
        self.owner = os.getpid()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / "nursery"))
        listener.listen(128)
        kept = environment.finding(os.environ)
        # This very package, and nothing that lies in the folder somebody happens to be in (-P).
        kept["PYTHONPATH"] = environment.python_path(os.environ)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-X", "frozen_modules=off", "-m", "byoc_helpers.kernels", str(listener.fileno()), str(self.folder)],
            env=kept | {"MALLOC_ARENA_MAX": "2"}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=(listener.fileno(),), start_new_session=True)
        listener.close()
        atexit.register(self.close)

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    def fork(self, arguments: list[str], environment: dict[str, str], folder: str, fds: list[int]) -> _Child:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.folder / "nursery"))
        request = json.dumps([arguments, environment, folder]).encode()
        socket.send_fds(connection, [len(request).to_bytes(8, "big")], fds)
        connection.sendall(request)
        return _Child(connection)

    def close(self) -> None:
        if os.getpid() == self.owner:
            self.process.kill()
            self.process.wait()
            shutil.rmtree(self.folder, ignore_errors=True)


_lock = threading.Lock()
_nurseries: dict[int, _Nursery] = {}


def _nursery() -> _Nursery:
    with _lock:
        found = _nurseries.get(os.getpid())
        if found is None or found.process.poll() is not None:
            found = _nurseries[os.getpid()] = _Nursery()
        return found


# ---------------------------------------------------------------- the nursery's end


class _Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    max_children = 100_000

    def service_actions(self) -> None:
        super().service_actions()
        if select.select([0], [], [], 0)[0]:  # the caller closed its end, or died
            raise SystemExit

    def handle_error(self, request: Any, client_address: Any) -> None:
        traceback.print_exc()


class _Become(socketserver.BaseRequestHandler):
    """Runs in the child: read what to become, and become it."""

    def handle(self) -> None:
        head, fds, _, _ = socket.recv_fds(self.request, 8, 2)
        with self.request.makefile("rb") as stream:
            arguments, environment, folder = json.loads(stream.read(int.from_bytes(head, "big")))
        listener: Any = self.server
        listener.socket.close()
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(fds[0], 2)
        os.close(fds[0])
        for fd in fds[1:]:
            handover.inherit(fd)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        self.request.sendall(b"%d\n" % os.getpid())
        threading.Thread(target=_end_with, args=(self.request,), daemon=True).start()
        sys.argv = ["ipykernel_launcher", *arguments]
        from .warm import Application

        Application.launch_instance(argv=arguments)


def _end_with(connection: socket.socket) -> None:
    """Whoever asked for this kernel closed the connection or died: so does the kernel."""
    connection.recv(1)
    os._exit(0)


def _serve(listener: int, folder: str) -> None:
    from . import warm  # noqa: F401 - what the children find imported

    server: Any = _Server("", _Become, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=listener)
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
