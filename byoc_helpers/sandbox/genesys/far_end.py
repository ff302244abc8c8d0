"""What the far end of a BYOC trunk answers: how a line comes to be in service, or not.

The two practice clouds know each other: where a trunk's server list names the domain of a Twilio trunk of the same
tenant, both must be secure or neither, and digest user, realm and password must be those of one of that trunk's
credential lists. Other servers are taken to be in order. The real platform sends OPTIONS, which Twilio does not challenge: there a wrong password shows in the
first call only, as does a trunk that is secure on one side. Here it shows at once, so that a trainee meets it without calling anybody.
"""

from __future__ import annotations

import re
from typing import Any

from ..core import Context
from ..store import Row

SILENT = ("408", "Request Timeout")
UNLIKE = ("488", "Not Acceptable Here")
REFUSED = ("407", "Proxy Authentication Required")
LOCALIZED = re.compile(r"\.pstn\.[a-z0-9-]+\.twilio\.com$")


def answer(ctx: Context, base: Row, proxy: str) -> dict[str, Any] | None:
    """The error (model TrunkErrorInfo) one server of a trunk base answers with; None when all is well."""
    key = f"far:{base.id}:{proxy}"
    if key not in ctx.memo:
        fault = SILENT if ctx.tenant.get("trunks_out") else _refusal(ctx, base, proxy)
        ctx.memo[key] = fault and _error(fault, _host(proxy))
    return ctx.memo[key]


def _host(proxy: str) -> str:
    return proxy.partition(":")[0].lower()


def _error(fault: tuple[str, str], host: str) -> dict[str, Any]:
    code, text = fault
    return {"text": text, "code": code, "details": {"code": code, "message": text, "hostname": host}}


def _refusal(ctx: Context, base: Row, proxy: str) -> tuple[str, str] | None:
    from ..twilio import sip, trunks

    host = _host(proxy)
    if not host.endswith(".twilio.com"):
        return None
    domain = LOCALIZED.sub(trunks.SUFFIX, host)
    trunk = ctx.store.named(ctx.tenant.name, trunks.TRUNKS, domain)
    if trunk is None:
        return None
    tls = base.body["_instances"].get("trunk_transport_protocolVariant") == "tls"
    if tls and proxy.partition(":")[2] == "5060":
        return SILENT
    if tls != bool(trunk.body["secure"]):
        return UNLIKE
    lists = ctx.store.rows(ctx.tenant.name, sip.ON_TRUNK[sip.CREDENTIAL_LISTS], parent=trunk.id)
    if not lists:
        return None
    secret = base.body["_secret"]
    for entry in lists if secret else ():
        held = ctx.store.named(ctx.tenant.name, sip.CREDENTIALS, secret["user"], entry.body["sid"])
        # The seal holds user, realm and password in one.
        if held and held.body["_sealed"] == secret["sealed"]:
            return None
    return REFUSED
