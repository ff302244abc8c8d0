"""Redaction in the kernel: nothing that leaves a notebook's process holds a secret we know.

All of a kernel's messages (streams, displays, results, errors, widget state, replies) leave through one
function, `Session.send`; it is wrapped once. Works by hand in JupyterLab, under plain papermill and in batches.
"""

from __future__ import annotations

from typing import Any

from .secrets import redact


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
    if getattr(session, "_byoc_guarded", False):
        return True
    send = session.send

    def guarded(stream: Any, msg_or_type: Any, content: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(msg_or_type, dict) and "content" in msg_or_type:
            msg_or_type = {**msg_or_type, "content": redact(msg_or_type["content"])}
        return send(stream, msg_or_type, redact(content), *args, **kwargs)

    session.send = guarded
    session._byoc_guarded = True
    return True
