"""An httpx client whose requests end in time, however slowly the answer comes.

httpx's time-outs are for each address tried and each piece that comes: an answer in drops, header by header, could go on
for ever. Only looking up the name is left to the system, which has its own limits.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx

_own = threading.local()  # a request is carried out by the thread that asks for it


@contextlib.contextmanager
def until(ends: float) -> Iterator[None]:
    """Whatever this thread sends or awaits in the block has time until `ends`, by `time.monotonic`; then it is a time-out of httpx's."""
    before, _own.ends = getattr(_own, "ends", None), ends
    try:
        yield
    finally:
        _own.ends = before


class Client(httpx.Client):
    """httpx's client, its streams bounded by `until`; also those through proxies."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                pool = transport._pool
                pool._network_backend = _Backend(pool._network_backend)


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    ends = getattr(_own, "ends", None)
    if ends is None:
        return timeout
    left = ends - time.monotonic()
    if left <= 0:
        raise late("the call's time is over")
    return left if timeout is None else min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend):
        self._backend = backend

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        try:  # each address in the time that is left: the backend would give each the whole of it
            addresses = dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return _Stream(self._backend.connect_tcp(address, port, _left(timeout, httpcore.ConnectTimeout), *args, **kwargs))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream):
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout)))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
