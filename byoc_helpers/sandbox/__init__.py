"""Practice clouds: one loopback server that stands in for Genesys Cloud and Twilio, over real HTTP.

    box = ensure_running()
    keys = box.prepare(tenant="paris-office", country="FR", numbers=["+33123456789"])

Any published client of the two APIs works against `box.url` with those keys.
"""

from .launch import Sandbox, ensure_running, home_dir, reset, status, stop

__all__ = ["Sandbox", "ensure_running", "home_dir", "reset", "status", "stop"]
