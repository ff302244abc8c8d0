"""Is somebody at the notebook? What asks, waits to be pressed or updates in place is for people only.

A run without people was told beforehand, in its environment, what it would have asked for.
"""

from __future__ import annotations

import sys

LIVE_VARIABLE = "BYOC_LIVE"  # "yes", set by `byoc run --live`: the second word a live run needs
DESTROY_VARIABLE = "BYOC_DESTROY"  # the partner's name, set by `byoc destroy --yes`: the word a teardown needs
PLAN_VARIABLE = "BYOC_PLAN"  # SHA-256 and path of the plan that `byoc apply` carries out


def somebody_is_there() -> bool:
    """Can whoever runs this cell answer? JupyterLab says so with each request; papermill, nbclient and nbval say no."""
    # Where nobody imported IPython there is no kernel; importing it here would cost half a second, and threads could meet half an import.
    shell = getattr(sys.modules.get("IPython.core.interactiveshell"), "InteractiveShell", None)
    kernel = getattr(shell.instance(), "kernel", None) if shell is not None and shell.initialized() else None
    return bool(kernel and kernel.get_parent("shell").get("content", {}).get("allow_stdin"))
