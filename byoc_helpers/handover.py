"""One token for all chapters of a run: each kernel leaves it to the next, in memory that has no name and is in no file.

The engine makes that memory for a run (`memory`), the nursery gives it to each kernel (`inherit`); a notebook run by
hand has none, and logs in by itself.
"""

from __future__ import annotations

import contextlib
import json
import os

MOST = 65536  # bytes

_fd: int | None = None


def memory() -> int:
    """New memory to hand a token over in, as a file descriptor; the caller closes it."""
    return os.memfd_create("token", os.MFD_CLOEXEC)


def inherit(fd: int) -> None:
    """From now on this process finds its token in `fd`, and leaves it there."""
    global _fd
    os.set_inheritable(fd, False)
    _fd = fd


def left(whose: str = "", fd: int | None = None) -> str:
    """The token left for this client, or for whichever if none is named; "" if there is none."""
    fd = _fd if fd is None else fd
    try:
        client, token = json.loads(os.pread(fd, MOST, 0)) if fd is not None else ("", "")
    except (OSError, TypeError, ValueError):
        return ""
    return token if not whose or client == whose else ""


def leave(whose: str, token: str) -> None:
    """Leave a token for the next kernel of this run, instead of what was left before."""
    if _fd is not None:
        with contextlib.suppress(OSError):  # then the next one logs in by itself
            os.ftruncate(_fd, 0)
            os.pwrite(_fd, json.dumps([whose, token]).encode(), 0)
