"""Redaction in the kernel: nothing that leaves a notebook's process holds a secret we know.

All of a kernel's messages (streams, displays, results, errors, widget state, replies) leave through one
function, `Session.send`; it is replaced once. Works by hand in JupyterLab, under plain papermill and in batches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .secrets import redact, unfinished


def guard_kernel() -> bool:
    """Mask known secrets in everything this kernel sends from now on. False outside a kernel."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    kernel = getattr(get_ipython(), "kernel", None)
    session = getattr(kernel, "session", None)
    if session is None:
        return False
    if not isinstance(session.send, _Guard):
        session.send = _Guard(session.send)
    return True


class _Guard:
    """`Session.send`, with known secrets masked.

    Text is streamed in pieces, and a secret may lie across two: what may be the beginning of one is held back until the
    next piece, or until anything else is sent.
    """

    def __init__(self, send: Callable[..., Any]):
        self._send, self._lock = send, threading.RLock()
        self._held: dict[str, tuple[str, Callable[[str], Any]]] = {}  # by stream: the text, and how to send it

    def __call__(self, stream: Any, msg_or_type: Any, content: Any = None, *args: Any, **kwargs: Any) -> Any:
        def pass_on(said: Any) -> Any:
            if isinstance(msg_or_type, dict):
                return self._send(stream, {**msg_or_type, "content": said}, content, *args, **kwargs)
            return self._send(stream, msg_or_type, said, *args, **kwargs)

        whole = isinstance(msg_or_type, dict)
        kind, said = (msg_or_type.get("msg_type"), msg_or_type.get("content")) if whole else (msg_or_type, content)
        with self._lock:
            if kind == "stream" and isinstance(said, dict):
                return self._streamed(str(said.get("name")), str(said.get("text")), lambda text: pass_on({**said, "text": text}))
            for name in tuple(self._held):
                text, send = self._held.pop(name)
                send(text)
            return pass_on(redact(said))

    def _streamed(self, name: str, text: str, send: Callable[[str], Any]) -> Any:
        text = redact(self._held.pop(name, ("", send))[0] + text)
        held = unfinished(text)
        if held:
            self._held[name] = text[-held:], send
        said = text[:-held] if held else text
        return send(said) if said else None
