"""The one wire: both SDKs' HTTP goes through `Transport.send`.

It keeps connections, bounds every call in time, repeats what is safe to repeat (backoff with jitter,
`Retry-After` honoured), writes the journal, and turns every failure into a redacted `CloudError`.
A request that may have been carried out is never repeated here: it ends in `OutcomeUnknown`, and who
asked looks the object up before deciding.
"""

from __future__ import annotations

import email.utils
import functools
import itertools
import json
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from .. import journal
from ..exceptions import CloudError, Conflict, Forbidden, NotFound, OutcomeUnknown, Unauthorized
from ..machine import Pace
from ..secrets import redact
from .deadline import Client, until

# Retries are in the journal; a notebook's stderr stays empty.
stamina.instrumentation.set_on_retry_hooks([])

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0
DEADLINE = 90.0  # one call, all its attempts and waits; what comes before is its client's pace, which may take as long
WAIT, LONGEST_WAIT = 0.2, 10.0  # before the first repetition, doubled each time; a longer one only if the cloud asks for it
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_PROXY_REFUSED = re.compile(r"\b(403|407)\b")  # forbidden, or who are you? A busy one is asked again
_BY_STATUS: dict[int, type[CloudError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}


@dataclass(frozen=True)
class Reply:
    """An answer: `status`, `headers` (names in lower case), `text`."""

    status: int
    headers: Mapping[str, str]
    text: str


class _Again(Exception):
    """An answer that may be asked for again, after `wait` seconds where the cloud said so."""

    def __init__(self, reply: Reply, wait: float | None):
        self.reply, self.wait = reply, wait
        super().__init__(reply.status)


@functools.cache
def trusted() -> ssl.SSLContext:
    """The certificates to trust and how: reading them takes longer than a call, so it is done once a process."""
    return httpx.create_ssl_context()


class Transport:
    """HTTP for one cloud.

    Args:
        cloud: its name in messages and journal.
        hosts: a pattern of the host names that may be called; anything else is refused.
        describe: reads the cloud's error body: text → (code, message, correlation id).
        sandbox: base URL of the practice clouds; every call goes there, under its genuine Host.
        client: whose limit the calls count towards, where the cloud counts them by client.
    """

    def __init__(
        self,
        cloud: str,
        hosts: str,
        describe: Callable[[str], tuple[str, str, str]],
        sandbox: str | None = None,
        deadline: float = DEADLINE,
        client: str = "",
    ):
        self.cloud, self.deadline = cloud, deadline
        self._pace = Pace(f"{cloud}/{client}") if client else None
        self._hosts, self._describe = re.compile(hosts), describe
        self._sandbox = urlsplit(sandbox) if sandbox else None
        # Proxies and the like from the environment are meant for the Internet, not for loopback.
        try:
            self._client = Client(
                timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT), trust_env=sandbox is None, verify=trusted()
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise CloudError(f"{cloud}: the proxy that the environment names (HTTPS_PROXY, ALL_PROXY) can't be used ({type(error).__name__}). "
                             "Its address must begin with http:// or https://.", cloud=cloud) from None

    def close(self) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
    ) -> Reply:
        """Carry out one request and return the answer, which is a 2xx, of JSON or empty. A redirect is not followed: it is an error.

        Raises:
            CloudError: by status (see exceptions.py); `OutcomeUnknown` when a writing request got no answer
                or a 5xx, so that it may have been carried out.
        """
        request = self._request(method.upper(), url, query, headers, form, json, auth)
        reads = not journal.writes({"method": request.method, "path": request.url.path})
        repeatable = reads or request.method == "DELETE"
        if self._pace:
            self._pace.wait(self.deadline)
        request.extensions["ends"] = ends = time.monotonic() + self.deadline
        tried, lost = itertools.count(1), False
        attempts = stamina.retry_context(on=lambda error: self._pause(error, repeatable, ends, next(tried)), attempts=None, timeout=self.deadline)
        try:
            for attempt in attempts:
                with attempt:
                    try:
                        reply = self._once(request, attempt.num)
                    except NotFound:
                        if lost and request.method == "DELETE":  # it was there before: the answer that was lost said so
                            return Reply(204, {}, "")
                        raise
                    except (_Again, httpx.TransportError) as error:
                        lost |= not (isinstance(error, _NOT_SENT) or (isinstance(error, _Again) and error.reply.status == 429))
                        raise
                    if reply.status >= 300 or not _is_answer(reply, request.method):
                        raise self._error(request, reply, repeatable)
                    return reply
        except _Again as last:
            raise self._error(request, last.reply, repeatable) from None
        except httpx.HTTPError as error:
            raise self._no_answer(request, error, repeatable) from None
        raise AssertionError("unreachable")

    def _no_answer(self, request: httpx.Request, error: httpx.HTTPError, repeatable: bool) -> CloudError:
        call = f"{request.method} {request.url.path}"
        if distrusted := _distrusted(error):
            return CloudError(
                f"{self.cloud}: the certificate of {request.url.host} is not trusted ({distrusted}), so nothing was sent. If a proxy opens "
                "TLS here, let SSL_CERT_FILE name its certificate.", cloud=self.cloud, call=call)
        if isinstance(error, httpx.ProxyError):
            return CloudError(redact(f"{self.cloud} could not be reached for {call}: the proxy refused ({error}). Check HTTPS_PROXY and its "
                                     "user and password; nothing was sent."), cloud=self.cloud, call=call)
        if isinstance(error, _NOT_SENT):
            return CloudError(
                f"{self.cloud} could not be reached for {call} ({type(error).__name__}) in {self.deadline:.0f} s. "
                "Check the network, the proxy settings and the region, then run again.", cloud=self.cloud, call=call)
        kind = CloudError if repeatable else OutcomeUnknown
        return kind(
            f"{self.cloud} gave no answer to {call} ({type(error).__name__}); "
            + ("run again." if repeatable else "it may have been carried out. Run again: what exists is found first."),
            cloud=self.cloud, call=call)

    def _request(self, method, url, query, headers, form, json, auth) -> httpx.Request:
        parts = urlsplit(url)
        host = parts.hostname or ""
        loopback = self._sandbox is not None and host == self._sandbox.hostname
        if not loopback and not (self._hosts.fullmatch(host) and parts.scheme == "https"):
            raise CloudError(f"{self.cloud}: refusing to call {parts.scheme}://{host}, which is not https to one of its hosts.", cloud=self.cloud)
        sent = {k: v for k, v in (headers or {}).items() if v is not None}
        if self._sandbox is not None:
            url = parts._replace(scheme=self._sandbox.scheme, netloc=self._sandbox.netloc).geturl()
            sent["Host"] = host if not loopback else self._sandbox.netloc
        if form is not None:
            sent = {k: v for k, v in sent.items() if k.lower() != "content-type"}
        request = self._client.build_request(
            method, url, params=dict(query) if query else None, headers=sent, data=dict(form) if form else None, json=json
        )
        if auth:
            request = next(httpx.BasicAuth(*auth).sync_auth_flow(request))
        return request

    def _once(self, request: httpx.Request, attempt: int) -> Reply:
        began = time.monotonic()
        ends = max(request.extensions["ends"], began + min(READ_TIMEOUT, self.deadline))  # the last attempt gets its time, too
        reply, problem = None, None
        try:
            with until(ends):
                response = self._client.send(request)
            reply = Reply(response.status_code, response.headers, response.content.decode("utf-8", "replace"))
        except httpx.HTTPError as error:
            problem = error
            raise
        finally:
            journal.record(
                cloud=self.cloud, method=request.method, path=request.url.path,
                query=sorted(request.url.params), status=reply.status if reply else 0,
                ms=round((time.monotonic() - began) * 1000), attempt=attempt,
                correlation_id=(reply.headers.get("inin-correlation-id") or reply.headers.get("twilio-request-id") or "")
                if reply else "",
                error=type(problem).__name__ if problem else "",
            )
        wait = _seconds(reply.headers.get("retry-after"))
        if self._pace:
            self._pace.heard(reply.status, reply.headers, wait)
        if reply.status in (408, 429) or reply.status >= 500:
            raise _Again(reply, wait)
        if reply.status >= 400:
            raise self._error(request, reply, True)
        return reply

    @staticmethod
    def _pause(error: Exception, repeatable: bool, ends: float, tried: int) -> float | bool:
        """Seconds until the request is sent again, longer each time and never the same for two; False: it is not."""
        asked = 0.0
        if isinstance(error, _Again):
            if not (repeatable or error.reply.status == 429):
                return False
            asked = error.wait or 0.0
        elif _PROXY_REFUSED.search(str(error) if isinstance(error, httpx.ProxyError) else "") or _distrusted(error) or not (
                isinstance(error, _NOT_SENT) or (repeatable and isinstance(error, httpx.TransportError))):
            return False
        pause = max(asked, min(WAIT * 2 ** (tried - 1), LONGEST_WAIT)) * random.uniform(1.0, 1.3)
        return pause if pause < ends - time.monotonic() else False

    def _error(self, request: httpx.Request, reply: Reply, repeatable: bool) -> CloudError:
        code, message, correlation = redact(self._describe(reply.text))
        correlation = reply.headers.get("inin-correlation-id") or reply.headers.get("twilio-request-id") or correlation
        call = f"{request.method} {request.url.path}"
        kind = _BY_STATUS.get(reply.status, CloudError)
        if kind is NotFound and not isinstance(_parsed(reply.text), dict):
            kind = CloudError  # a gateway's page: the cloud has not said that there is no such thing
        if not repeatable and (reply.status == 408 or not 400 <= reply.status < 500):
            kind = OutcomeUnknown
        mark = " ".join(str(v) for v in (reply.status, code) if v)
        tail = f" Reference for support: {correlation}." if correlation else ""
        said = message.strip().rstrip(".") or "no reason given"
        return kind(
            redact(f"{self.cloud} answered {mark} to {call}: {said}.{tail}"),
            cloud=self.cloud, status=reply.status, code=code, correlation_id=correlation, call=call,
            retry_after=_seconds(reply.headers.get("retry-after")) or 0.0,
        )


def _parsed(text: str) -> Any:
    """JSON as Python has it; `...` for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ...


def _is_answer(reply: Reply, method: str) -> bool:
    """Is this an object or a list; or nothing, where something was deleted? A page of a proxy must not pass for "there is none"."""
    if not reply.text.strip():
        return method == "DELETE"
    said = _parsed(reply.text)
    return isinstance(said, (dict, list)) or (method == "DELETE" and said is not ...)


def _distrusted(error: BaseException | None) -> str:
    """What is wrong with the far end's certificate, if that is what went wrong."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return "" if error is None else error.verify_message


def _seconds(value: str | None) -> float | None:
    """A Retry-After header, seconds or a date, in seconds from now; nonsense counts as absent."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
