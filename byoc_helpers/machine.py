"""What all runs of one user on one machine share: who is at work on a partner, and when a client may call again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .exceptions import Refused
from .params import Params

LONGEST = 60.0  # seconds that all wait; a limit is by the minute, and who is told to wait longer is told so again
NEARLY = 0.9  # of what a client may call a minute: the rest is for those that are under way


@contextlib.contextmanager
def alone(params: Params, seconds: float) -> Iterator[float]:
    """Between looking whether an object exists and making it, no other run may do the same for this partner.

    Raises:
        Refused: another run is at it, and has not ended within `seconds`.
    """
    from filelock import FileLock, Timeout

    whose = f"{params.target}/{params.region.aws}/{params.slug}"  # what every chapter knows
    began = time.monotonic()
    try:
        with FileLock(shared(whose), timeout=seconds, mode=0o600):
            yield time.monotonic() - began
    except Timeout:
        raise Refused(f"Another run for {params.partner} is changing the same objects, and has not ended within {seconds:.0f} "
                      "seconds. Nothing was changed. Wait for its end, then run this chapter again.") from None


def shared(what: str) -> Path:
    """A file that stands for `what` in every process of this user, in a folder of the user's own."""
    whose = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")  # a user may have no name in a container
    folder = Path(tempfile.gettempdir()) / f"byoc-locks-{whose}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        is_ = folder.stat(follow_symlinks=False)
    except OSError as error:
        raise Refused(f"{folder} can't be made ({error.strerror}), so runs can't be kept from disturbing each other. Remove what is there, "
                      "or set TMPDIR.") from None
    if not stat.S_ISDIR(is_.st_mode) or (hasattr(os, "getuid") and (is_.st_uid != os.getuid() or is_.st_mode & 0o022)):
        raise Refused(f"{folder} is not a folder of yours alone, so runs can't be kept from disturbing each other. Remove it, or set TMPDIR.")
    return folder / hashlib.sha256(what.encode()).hexdigest()[:32]


class Pace:
    """How fast one client may call, as the cloud says with its answers: what one process is told, all heed.

    A file's time of change is the moment from which the client may call again. Nothing is counted here: the cloud
    does, and knows of other programs' calls, too.

    Args:
        client: whose limit it is, e.g. an OAuth client's id.
    """

    def __init__(self, client: str):
        try:
            self._file: Path | None = shared(f"pace/{client}")
        except Refused:
            self._file = None  # each process is told by itself then

    def wait(self, most: float) -> float:
        """Wait until the client may call, unless that takes more than `most` seconds: then let the cloud say so. Returns the seconds waited."""
        left = self._from() - time.time()
        if not 0 < left <= most:
            return 0.0
        pause = left + random.uniform(0, min(1.0, left))  # not all at the same moment
        time.sleep(pause)
        return pause

    def heard(self, status: int, headers: Mapping[str, str], retry_after: float | None) -> None:
        """Heed an answer: refused for being too many, or nearly so (`inin-ratelimit-count`, `-allowed`, `-reset` in seconds)."""
        if status == 429:
            hold = retry_after or 0.0
        else:
            try:
                count, allowed, reset = (float(headers[f"inin-ratelimit-{name}"]) for name in ("count", "allowed", "reset"))
            except (KeyError, ValueError):
                return
            hold = reset if allowed > 0 and count >= NEARLY * allowed else 0.0
        until = time.time() + min(hold, LONGEST)
        if self._file is not None and hold > 0 and until > self._from():
            with contextlib.suppress(OSError):
                self._file.touch(mode=0o600)
                os.utime(self._file, (until, until))

    def _from(self) -> float:
        try:
            since = self._file.stat(follow_symlinks=False).st_mtime if self._file is not None else 0.0
        except OSError:
            return 0.0
        return since if since <= time.time() + LONGEST else 0.0  # the clock was set back
