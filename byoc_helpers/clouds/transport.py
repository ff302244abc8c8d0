"""The one wire: both SDKs' HTTP goes through `Transport.send`.

It keeps connections, bounds every call in time, repeats what is safe to repeat (backoff with jitter,
`Retry-After` honoured), writes the journal, and turns every failure into a redacted `CloudError`.
A request that may have been carried out is never repeated here: it ends in `OutcomeUnknown`, and who
asked looks the object up before deciding.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from .. import journal
from ..exceptions import CloudError, Conflict, Forbidden, NotFound, OutcomeUnknown, Unauthorized
from ..secrets import redact

# Retries are in the journal; a notebook's stderr stays empty.
stamina.instrumentation.set_on_retry_hooks([])

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0
DEADLINE = 90.0  # one call, all its attempts and waits
WAIT = 0.2  # before the first repetition, and at least before any other
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

# POSTs that only read: repeating them is harmless.
_READING_POST = re.compile(r"(/search|/oauth/token)$")
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
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
    """

    def __init__(
        self,
        cloud: str,
        hosts: str,
        describe: Callable[[str], tuple[str, str, str]],
        sandbox: str | None = None,
        deadline: float = DEADLINE,
    ):
        self.cloud, self.deadline = cloud, deadline
        self._hosts, self._describe = re.compile(hosts), describe
        self._sandbox = urlsplit(sandbox) if sandbox else None
        # Proxies and the like from the environment are meant for the Internet, not for loopback.
        self._client = httpx.Client(
            timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT), trust_env=sandbox is None, verify=trusted()
        )

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
        repeatable = method.upper() in ("GET", "HEAD", "DELETE") or bool(_READING_POST.search(request.url.path))
        request.extensions["ends"] = ends = time.monotonic() + self.deadline
        attempts = stamina.retry_context(
            on=lambda error: self._again(error, repeatable, ends),
            attempts=None, timeout=self.deadline, wait_initial=WAIT, wait_max=10.0, wait_jitter=0.3,
        )
        try:
            for attempt in attempts:
                with attempt:
                    reply = self._once(request, attempt.num)
                    if reply.status >= 300 or not _is_json(reply):
                        raise self._error(request, reply, repeatable)
                    return reply
        except _Again as last:
            raise self._error(request, last.reply, repeatable) from None
        except httpx.HTTPError as error:
            call = f"{request.method} {request.url.path}"
            if isinstance(error, _NOT_SENT):
                raise CloudError(
                    f"{self.cloud} could not be reached for {call} ({type(error).__name__}) in {self.deadline:.0f} s. "
                    "Check the network, the proxy settings and the region, then run again.",
                    cloud=self.cloud, call=call,
                ) from None
            kind = CloudError if repeatable else OutcomeUnknown
            raise kind(
                f"{self.cloud} gave no answer to {call} ({type(error).__name__}); "
                + ("run again." if repeatable else "it may have been carried out. Run again: what exists is found first."),
                cloud=self.cloud, call=call,
            ) from None
        raise AssertionError("unreachable")

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
        reply, problem = None, None
        try:
            with contextlib.closing(self._client.send(request, stream=True)) as response:
                body = b"".join(self._in_time(response, request))
            reply = Reply(response.status_code, response.headers, body.decode(response.encoding or "utf-8", "replace"))
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
        if reply.status == 429 or reply.status >= 500:
            raise _Again(reply, _seconds(reply.headers.get("retry-after")))
        if reply.status >= 400:
            raise self._error(request, reply, True)
        return reply

    @staticmethod
    def _in_time(response: httpx.Response, request: httpx.Request) -> Iterator[bytes]:
        """The body: the client's time-out is for each piece, and drops can go on for ever."""
        for piece in response.iter_bytes():
            if time.monotonic() > request.extensions["ends"]:
                raise httpx.ReadTimeout("the answer did not end", request=request)
            yield piece

    @staticmethod
    def _again(error: Exception, repeatable: bool, ends: float) -> bool | float:
        left = ends - time.monotonic()
        if isinstance(error, _Again):
            if not (repeatable or error.reply.status == 429) or (error.wait or 0) > left:
                return False
            return max(error.wait, WAIT) if error.wait is not None else True
        if isinstance(error, _NOT_SENT):
            return True
        return repeatable and isinstance(error, httpx.TransportError)

    def _error(self, request: httpx.Request, reply: Reply, repeatable: bool) -> CloudError:
        code, message, correlation = self._describe(reply.text)
        correlation = reply.headers.get("inin-correlation-id") or reply.headers.get("twilio-request-id") or correlation
        call = f"{request.method} {request.url.path}"
        kind = _BY_STATUS.get(reply.status, CloudError)
        if not repeatable and not 400 <= reply.status < 500:
            kind = OutcomeUnknown
        mark = " ".join(str(v) for v in (reply.status, code) if v)
        tail = f" Reference for support: {correlation}." if correlation else ""
        said = message.strip().rstrip(".") or "no reason given"
        return kind(
            redact(f"{self.cloud} answered {mark} to {call}: {said}.{tail}"),
            cloud=self.cloud, status=reply.status, code=code, correlation_id=correlation, call=call,
        )


def _is_json(reply: Reply) -> bool:
    if not reply.text or "json" in reply.headers.get("content-type", ""):
        return True
    try:
        json.loads(reply.text)
    except ValueError:
        return False
    return True


def _seconds(value: str | None) -> float | None:
    """A Retry-After header in seconds; dates and nonsense count as absent."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
