"""Sessions with both clouds, made when first used; live, or on the practice clouds."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..exceptions import ParamsError, Refused
from ..params import Params
from ..presence import LIVE_VARIABLE
from ..regions import regions
from ..secrets import Secret, resolve

if TYPE_CHECKING:
    from .genesys import GenesysCloud
    from .twilio import TwilioAccount


class Clouds:
    """Both clouds for one partner's params. Nothing is called before a session is asked for.

    Raises (when asked):
        SecretError: a reference can't be resolved.
        Refused: target is live and nobody confirmed it.
    """

    def __init__(self, params: Params):
        self.params = params
        self._lock = threading.RLock()  # several threads may be the first to ask

    @property
    def genesys(self) -> GenesysCloud:
        """The partner's org."""
        with self._lock:
            return self._genesys

    @property
    def twilio(self) -> TwilioAccount:
        """The partner's account."""
        with self._lock:
            return self._twilio

    @cached_property
    def _practice(self) -> Mapping[str, Any] | None:
        """Credentials and address of the practice clouds, started if none run; None on live."""
        if self.params.target == "live":
            if os.environ.get(LIVE_VARIABLE) != "yes":
                raise Refused(
                    "target is live, and a live run needs a second word: `byoc run FILE --live`, or by hand "
                    f"`export {LIVE_VARIABLE}=yes` before JupyterLab starts. Nothing was called."
                )
            return None
        from ..sandbox import ensure_running

        p, box = self.params, ensure_running()
        people = [p.site_contact] if hasattr(p, "site_contact") else []
        people += [a.person for a in p.assignments if a.person]
        made = box.prepare(
            tenant=p.slug,
            scenario=p.scenario,
            region=p.region.aws,
            country=getattr(p, "country", "US"),
            language=p.language or "en-US",
            numbers=list(getattr(p, "phone_numbers", [])),
            people=[{"name": _name(e), "email": e} for e in dict.fromkeys(people)],
            flows=list(dict.fromkeys(a.flow for a in p.assignments if a.flow)),
        )
        return {"url": box.url, **made}

    @cached_property
    def _genesys(self) -> GenesysCloud:
        from .genesys import GenesysCloud

        p, practice = self.params, self._practice
        if practice:
            return GenesysCloud(p.region, practice["client_id"], Secret(practice["client_secret"]), practice["url"])
        _given(p, "genesys_client_id", "genesys_client_secret")
        return GenesysCloud(p.region, p.genesys_client_id, resolve(p.genesys_client_secret, key="genesys_client_secret"))

    @cached_property
    def _twilio(self) -> TwilioAccount:
        from .twilio import TwilioAccount

        p, practice = self.params, self._practice
        if practice:
            secret = Secret(practice["api_key_secret"])
            return TwilioAccount(practice["account_sid"], practice["api_key_sid"], secret, practice["url"])
        _given(p, "twilio_account_sid", "twilio_api_key_secret")
        secret = resolve(p.twilio_api_key_secret, key="twilio_api_key_secret")
        return TwilioAccount(p.twilio_account_sid, p.twilio_api_key_sid or p.twilio_account_sid, secret)

    def signalling_addresses(self) -> list[str]:
        """CIDRs that Genesys' BYOC SIP traffic comes from, for Twilio's IP access control list.

        The params' own list first. Without one: the documentation addresses of the practice region (or of all), or
        on live what DNS gives for the trunk's FQDN, which need not be all of them.

        Raises:
            ParamsError: live, none given, and DNS knows none or all regions' are wanted.
        """
        p = self.params
        if p.signalling_addresses:
            return list(p.signalling_addresses)
        if p.target == "sandbox":
            wanted = regions() if p.signalling_scope == "all" else (p.region,)
            return [address for region in wanted for address in region.practice_signalling]
        if p.signalling_scope == "all":
            raise ParamsError("signalling_addresses: there is no service that tells the addresses of all regions. List them, as "
                              'Genesys publishes them on "BYOC Cloud public SIP IP addresses", or set signalling_scope: region.')
        import socket

        try:
            found = {str(item[4][0]) for item in socket.getaddrinfo(p.inbound_fqdn, 5060, socket.AF_INET)}
        except OSError:
            found = set()
        if not found:
            raise ParamsError(
                f"signalling_addresses: {p.inbound_fqdn} does not resolve, so the region's addresses are not known. List "
                'them, as Genesys publishes them on "BYOC Cloud public SIP IP addresses".'
            )
        return sorted(f"{address}/32" for address in found)


def _given(params: Params, *keys: str) -> None:
    missing = [key for key in keys if not getattr(params, key)]
    if missing:
        raise ParamsError([f"{key}: target is live, so this is needed." for key in missing])


def _name(email: str) -> str:
    return " ".join(part.capitalize() for part in email.partition("@")[0].replace("_", ".").split(".") if part)
