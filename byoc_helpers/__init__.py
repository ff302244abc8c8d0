"""Helpers of the BYOC runbook: connect a Genesys Cloud org to the phone network through Twilio."""

from typing import TYPE_CHECKING, Any

from .exceptions import RunbookError

if TYPE_CHECKING:
    from .display.form import open_form
    from .runbook import Runbook, open_chapter

__all__ = ["Runbook", "RunbookError", "open_chapter", "open_form"]


def __getattr__(name: str) -> Any:
    # The SDKs behind these take two seconds to import: the practice clouds and `byoc params` do without.
    if name in ("Runbook", "open_chapter"):
        from . import runbook

        return getattr(runbook, name)
    if name == "open_form":
        from .display.form import open_form

        return open_form
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
