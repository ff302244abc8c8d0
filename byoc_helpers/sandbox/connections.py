"""The connections of the running server, so that a fault can end one the hard way.

ASGI has no message for "break the connection": the protocol keeps each transport under the client's address,
which the scope of a request names.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# SO_LINGER, on with no time: closing sends RST instead of FIN.
AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
GONE_SECONDS = 2.0

_open: dict[tuple[str, int], asyncio.Transport] = {}


class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP protocol, which also notes whose connection is which."""

    transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        _open[transport.get_extra_info("peername")] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        _open.pop(self.transport.get_extra_info("peername"), None)
        super().connection_lost(exc)


async def reset(scope: dict[str, Any]) -> None:
    """Break the connection of a request: its client sees a reset."""
    transport = _of(scope)
    if transport is None:
        return
    with contextlib.suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    transport.abort()
    await _gone(scope)


async def close(scope: dict[str, Any]) -> None:
    """End the connection of a request after what was sent so far."""
    if transport := _of(scope):
        transport.close()
        await _gone(scope)


def _of(scope: dict[str, Any]) -> asyncio.Transport | None:
    return _open.get(tuple(scope.get("client") or ()))


async def _gone(scope: dict[str, Any]) -> None:
    """Return once the server has noticed, so that it does not miss an answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GONE_SECONDS):
            while _of(scope):
                await asyncio.sleep(0.001)
