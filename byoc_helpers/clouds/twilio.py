"""A session with one Twilio account: the official SDK's typed calls over our transport."""

from __future__ import annotations

import json
import logging
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from ..exceptions import CloudError
from ..secrets import Secret, remember_basic
from .transport import Transport

_quiet = logging.getLogger("byoc_helpers.twilio")


def describe(text: str) -> tuple[str, str, str]:
    """(code, message, "") of a Twilio error body, e.g. ("21248", "Trunk Domain already taken", "")."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "", "the answer was not JSON (a proxy in between?)", ""
    if not isinstance(body, dict):
        return "", "", ""
    return str(body.get("code") or ""), str(body.get("message") or body.get("title") or ""), ""


class _Http(HttpClient):
    """The SDK's seam. It does not keep the last request, which would hold the SIP password."""

    def __init__(self, transport: Transport):
        super().__init__(_quiet, False, None)
        self._transport = transport

    def request(self, method, uri, params=None, data=None, headers=None, auth=None, timeout=None, allow_redirects=False):
        reply = self._transport.send(method, uri, query=_plain(params), headers=headers, form=_plain(data), auth=auth)
        if method.upper() == "GET" and not _MARKS & _keys(reply.text):
            raise CloudError(f"Twilio answered GET {urlsplit(uri).path} with something that is neither a list nor an object of its own "
                             "(a proxy in between?). Run again.", cloud="Twilio")
        return Response(reply.status, reply.text, reply.headers)


_MARKS = {"meta", "uri", "url"}  # every page and every object of Twilio's has one of them


def _keys(text: str) -> set[str]:
    said = json.loads(text)
    return set(said) if isinstance(said, dict) else set()


def _plain(values: Any) -> dict[str, Any] | None:
    if not values:
        return None
    return {k: str(v).lower() if isinstance(v, bool) else v for k, v in values.items() if v is not None}


class TwilioAccount:
    """One account.

    Args:
        account_sid: "AC…"; fills the paths.
        user: "SK…" of an API key, or the account SID itself.
        password: the key's secret, or the auth token.
        sandbox: base URL of the practice clouds, or None for the real one.
    """

    name = "Twilio"

    def __init__(self, account_sid: str, user: str, password: Secret, sandbox: str | None = None):
        remember_basic(user, password.reveal())
        self.account_sid = account_sid
        self.transport = Transport(self.name, r"([a-z0-9-]+\.)*twilio\.com", describe, sandbox)
        # TWILIO_EDGE and TWILIO_REGION rewrite host names: right for the real cloud, nonsense for loopback.
        environment = {"BYOC": "sandbox"} if sandbox else None
        self.client = Client(user, password.reveal(), account_sid, environment=environment, http_client=_Http(self.transport))

    @cached_property
    def trunking(self) -> Any:
        """`/v1` of trunking.twilio.com."""
        return self.client.trunking.v1

    @cached_property
    def sip(self) -> Any:
        """`/SIP` of the account on api.twilio.com."""
        return self.client.api.v2010.accounts(self.account_sid).sip

    @property
    def numbers(self) -> Any:
        """The account's purchased phone numbers."""
        return self.client.api.v2010.accounts(self.account_sid).incoming_phone_numbers

    @property
    def calls(self) -> Any:
        """Calls placed by the account itself."""
        return self.client.api.v2010.accounts(self.account_sid).calls

    @property
    def pricing(self) -> Any:
        """`/v2` of pricing.twilio.com: what calls cost this account."""
        return self.client.pricing.v2

    @property
    def verified_callers(self) -> Any:
        """Numbers of others that the account has verified it may show."""
        return self.client.api.v2010.accounts(self.account_sid).outgoing_caller_ids
