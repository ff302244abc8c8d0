"""Is somebody at the notebook? What asks, waits to be pressed or updates in place is for people only."""

from __future__ import annotations

import sys


def somebody_is_there() -> bool:
    """Can whoever runs this cell answer? JupyterLab says so with each request; papermill, nbclient and nbval say no."""
    if "IPython" not in sys.modules:  # no kernel, then; importing it would cost a command line half a second
        return False
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return bool(kernel and kernel.get_parent("shell").get("content", {}).get("allow_stdin"))
