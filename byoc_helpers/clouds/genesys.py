"""A session with one Genesys Cloud org: the official SDK's typed calls over our transport."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from .. import handover
from ..exceptions import CloudError, Refused, Unauthorized
from ..regions import Region
from ..secrets import Secret, redact, remember, remember_basic
from .transport import Reply, Transport


class _NoObserver:
    """Watches nothing, and ends the thread that would: `SystemExit` does that without a word."""

    def start(self) -> None:
        raise SystemExit

    def schedule(self, *_: Any, **__: Any) -> None:
        pass

    def unschedule_all(self) -> None:
        pass


def _unwatched() -> None:
    """Import the official SDK, which would start a thread that watches every folder under the user's home, for changes of a settings
    file that has no say here: thousands of watches, which each process would pay for and forks must not inherit."""
    import watchdog.observers

    names = vars(watchdog.observers)
    observer, names["Observer"] = names["Observer"], _NoObserver
    try:
        import PureCloudPlatformClientV2  # noqa: F401
    finally:
        names["Observer"] = observer


_unwatched()

import PureCloudPlatformClientV2 as sdk
from PureCloudPlatformClientV2.abstract_http_client import AbstractHttpClient

PAGE_SIZE = 100
AGAIN_AFTER = 5.0  # seconds after a login that failed: who asks meanwhile hears the same, instead of waiting a deadline of its own


def describe(text: str) -> tuple[str, str, str]:
    """(code, message, correlation id) of an error body, platform or OAuth."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "", "the answer was not JSON (a proxy in between?)", ""
    if not isinstance(body, dict):
        return "", "", ""
    if "error" in body and "message" not in body:
        return str(body["error"]), str(body.get("description") or body.get("error_description") or body["error"]), ""
    listed = body.get("details")
    details = "; ".join(f"{d.get('fieldName')}: {d.get('errorCode')}" for d in listed if isinstance(d, dict)) if isinstance(listed, list) else ""
    message = str(body.get("message") or "")
    return str(body.get("code") or ""), f"{message} ({details})" if details else message, str(body.get("contextId") or "")


class _Answer:
    """What the SDK expects of its HTTP client."""

    def __init__(self, reply: Reply):
        self.status, self.data, self.reason, self._headers = reply.status, reply.text, "", reply.headers

    def getheaders(self) -> Any:
        return self._headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        value = self._headers.get(name, default)
        # The SDK compares Content-Type literally and would not parse "application/json; charset=utf-8".
        return value.partition(";")[0] if value and name == "Content-Type" else value


class _Http(AbstractHttpClient):
    def __init__(self, session: GenesysCloud):
        super().__init__()
        self._session = session

    def request(self, http_request_options: Any) -> _Answer:
        o = http_request_options
        if o.method.upper() != "GET" and (newer := next(_newer(o.body), None)):
            raise Refused(f"{newer}: the cloud has a value there that this version of Genesys' SDK does not know, and writing the object would "
                          "lose it. Nothing was changed. Update PureCloudPlatformClientV2, or make the change in the admin UI.")
        return _Answer(self._session.request(o.method, o.url, query=o.query_params, headers=o.headers, json=o.body or None))


def _newer(value: Any, path: str = "") -> Iterator[str]:
    """Where in a body the SDK put its word for an enumeration's value that is newer than itself."""
    if value == "outdated_sdk_version":
        yield path
    elif isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _newer(one, f"{path}.{key}".lstrip("."))


class _Client(sdk.ApiClient):
    """The SDK's client without its memory: `last_response` would keep what was sent and answered."""

    last_response = property(lambda self: None, lambda self, value: None)


class GenesysCloud:
    """One org, one token.

    Args:
        region: where the org lives.
        client_id, client_secret: an OAuth client of the grant type Client Credentials.
        sandbox: base URL of the practice clouds, or None for the real one.
    """

    name = "Genesys Cloud"

    def __init__(self, region: Region, client_id: str, client_secret: Secret, sandbox: str | None = None):
        self.region = region
        self._id, self._secret = client_id, client_secret
        remember_basic(client_id, client_secret.reveal())
        self._lock = threading.Lock()
        self._token, self._logins = "", 0
        self._whose = f"{sandbox or region.aws}/{client_id}"
        self._refusal: CloudError | None = None
        self._refused = 0.0
        domain = region.environment.replace(".", r"\.")
        self.transport = Transport(self.name, rf"(api|login)\.{domain}", describe, sandbox, client=self._whose)
        # The SDK reads a settings file in the user's home, which could log bodies: it has no say here.
        settings = sdk.Configuration()
        settings.live_reload_config = False
        settings.logger.log_level = sdk.logger.LogLevel.LNone
        client = _Client(host=f"https://{region.api_host}")
        client.gateway_configuration = None
        client.set_http_client(_Http(self))
        self._client = client

    def request(self, method: str, url: str, *, query: Any, headers: dict[str, str], json: Any) -> Reply:
        """One call with the org's token, which is renewed once if the cloud says it has ended."""
        token = self.token()
        for last in (False, True):
            try:
                sent = {**headers, "Authorization": f"Bearer {token}"}
                return self.transport.send(method, url, query=query, headers=sent, json=json)
            except Unauthorized:
                if last:
                    raise
                token = self.token(instead_of=token)
        raise AssertionError("unreachable")

    def token(self, instead_of: str | None = None) -> str:
        """The access token: the one held, or left by the chapter before; asks for a new one if there is none, or if `instead_of` is it.

        Raises:
            CloudError: the OAuth client is wrong, disabled, or of another region.
        """
        came = self._logins
        with self._lock:
            if not self._token and (left := handover.left(self._whose)):
                remember(left)
                self._token = left
            if self._token and self._token != instead_of:
                return self._token
            if self._refusal and (self._logins != came or time.monotonic() - self._refused < AGAIN_AFTER):  # while this one waited, or just now
                raise self._refusal
            self._logins += 1
            self._refusal = None
            try:
                reply = self.transport.send(
                    "POST", f"https://login.{self.region.environment}/oauth/token",
                    form={"grant_type": "client_credentials"}, auth=(self._id, self._secret.reveal()),
                )
            except CloudError as error:
                if error.status in (400, 401):
                    self._refusal = Unauthorized(
                        redact(f"Genesys Cloud did not accept OAuth client {self._id} in {self.region.aws} ({error.code}). Check "
                               "genesys_client_id, its secret, that the client is enabled with grant type Client "
                               "Credentials, and that genesys_region is the org's own."),
                        cloud=self.name, status=error.status, code=error.code,
                        correlation_id=error.correlation_id, call=error.call,
                    )
                else:
                    self._refusal = error
                self._refused = time.monotonic()
                raise self._refusal from None
            try:
                token = json.loads(reply.text)["access_token"]
                assert isinstance(token, str) and token
            except (ValueError, KeyError, TypeError, AssertionError):
                raise CloudError("Genesys Cloud gave no access token where one was due (a proxy in between?).", cloud=self.name) from None
            remember(token)
            self._token = token
            handover.leave(self._whose, token)
            return token

    @cached_property
    def telephony(self) -> sdk.TelephonyProvidersEdgeApi:
        return sdk.TelephonyProvidersEdgeApi(self._client)

    @cached_property
    def locations(self) -> sdk.LocationsApi:
        return sdk.LocationsApi(self._client)

    @cached_property
    def users(self) -> sdk.UsersApi:
        return sdk.UsersApi(self._client)

    @cached_property
    def architect(self) -> sdk.ArchitectApi:
        return sdk.ArchitectApi(self._client)

    @cached_property
    def authorization(self) -> sdk.AuthorizationApi:
        return sdk.AuthorizationApi(self._client)


def pages(method: Callable[..., Any], *args: Any, **filters: Any) -> Iterator[Any]:
    """Every entity of a paged listing, page after page, to the last."""
    number = 1
    while True:
        page = method(*args, page_number=number, page_size=PAGE_SIZE, **filters)
        if page.entities is None and page.total is None and page.page_number is None:
            raise CloudError(f"Genesys Cloud answered {method.__name__} without a list where one was due (a proxy in between?).", cloud="Genesys Cloud")
        yield from page.entities or []
        if number >= (page.page_count or 1):
            return
        number += 1


def alive(entity: Any) -> bool:
    """False for an entity that is deleted already: deletion is soft."""
    return getattr(entity, "state", None) != "deleted"


def named(method: Callable[..., Any], name: str, *args: Any, **filters: Any) -> Any | None:
    """The one living entity of exactly this name, from a listing with a name filter; None if there is none.

    Raises:
        Refused: two have it, or one has it but for capitals: which is meant can't be told.
    """
    near = [e for e in pages(method, *args, name=name, **filters) if (e.name or "").casefold() == name.casefold() and alive(e)]
    found = [e for e in near if e.name == name]
    if len(found) > 1:
        raise Refused(f'Two objects are named "{name}" ({", ".join(e.id for e in found)}). Rename one of them, then run again.')
    if near and not found:
        raise Refused(f'"{name}" exists as "{near[0].name}". Write it the same way in the params, or choose another name.')
    return found[0] if found else None
