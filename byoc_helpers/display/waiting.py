"""A line that says what is being waited for, and is renewed in its place: for people only, so that a run's output stays the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .. import presence

Tell = Callable[[str], None]


@contextmanager
def waiting(what: str, seconds: float) -> Iterator[Tell]:
    """Within it, call the function given with how far things are, as often as you look; `seconds` is the most it may take."""
    if not presence.somebody_is_there():
        yield lambda said: None
        return
    from IPython.display import display

    began, last = time.monotonic(), ""
    line = display({"text/plain": f"… {what}"}, raw=True, display_id=True)

    def show(mark: str, said: str) -> None:
        if line is not None:  # outside IPython there is no place to renew
            line.update({"text/plain": f"{mark} {what}{f': {said}' if said else ''} ({time.monotonic() - began:.0f} s of at most {seconds:.0f})"}, raw=True)

    def tell(said: str) -> None:
        nonlocal last
        last = said
        show("…", said)

    try:
        yield tell
    except BaseException:
        show("✘", last)
        raise
    show("✔", last)
