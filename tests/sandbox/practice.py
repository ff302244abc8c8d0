"""A practice customer with both official SDKs pointed at the sandbox, and small helpers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import PureCloudPlatformClientV2 as gc
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from byoc_helpers.sandbox import Sandbox

NUMBER = "+33123456789"


class StrictClient(gc.ApiClient):
    """The SDK's client, but a field or a word its models don't know is an error."""

    def _ApiClient__deserialize_model(self, data: Any, klass: Any) -> Any:
        unknown = set(data) - set(klass().attribute_map.values())
        assert not unknown, f"{klass.__name__} has no {unknown}"
        made = super()._ApiClient__deserialize_model(data, klass)
        odd = [k for k in made.attribute_map if str(getattr(made, k)) == "outdated_sdk_version"]
        assert not odd, f"{klass.__name__}: unknown word in {odd}"
        return made


class Loopback(TwilioHttpClient):
    """Connects to the sandbox but says the genuine Host, so that links are the genuine ones."""

    def __init__(self, url: str):
        super().__init__(timeout=10)
        self.netloc = urlsplit(url).netloc
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, headers: Any = None, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        genuine = {**(headers or {}), "Host": parts.netloc}
        there = urlunsplit(("http", self.netloc, parts.path, parts.query, ""))
        return super().request(method, there, *args, headers=genuine, **kwargs)


class Customer:
    """A tenant with both SDKs logged in."""

    def __init__(self, box: Sandbox, name: str, **wanted: Any):
        wanted = {"country": "FR", "numbers": [NUMBER], "flows": ["Main Menu"]} | wanted
        wanted.setdefault("people", [{"name": "Jerome Martin", "email": "jerome@example.com"}])
        self.box, self.name = box, name
        self.keys = box.prepare(tenant=name, **wanted)
        self.client = StrictClient(host=box.url)
        self.client.get_client_credentials_token(self.keys["client_id"], self.keys["client_secret"])
        self.telephony = gc.TelephonyProvidersEdgeApi(self.client)
        self.locations = gc.LocationsApi(self.client)
        self.architect = gc.ArchitectApi(self.client)
        self.users = gc.UsersApi(self.client)
        self.twilio = Client(
            self.keys["api_key_sid"],
            self.keys["api_key_secret"],
            self.keys["account_sid"],
            http_client=Loopback(box.url),
        )
        self.trunking = self.twilio.trunking.v1
        self.sip = self.twilio.api.v2010.account.sip

    def place(self, name: str = "Paris", number: str = "+33140000000") -> gc.LocationDefinition:
        body = {
            "name": name,
            "emergencyNumber": {"number": number, "type": "default"},
            "address": {"street1": "10 rue de la Paix", "city": "Paris", "zipcode": "75002", "country": "FR"},
        }
        return self.locations.post_locations(body)

    def verification(self, location: str) -> str:
        """How far the check of a location's address is: it is in the answer on request only."""
        seen = self.locations.get_location(location, expand=["addressVerificationDetails"])
        return seen.address_verification_details.status

    def site(self, name: str = "Paris Office", location: str | None = None) -> gc.Site:
        voice = self.telephony.get_telephony_providers_edges_sites(name="PureCloud Voice*").entities[0].id
        body = {
            "name": name,
            "location": {"id": location or self.place().id},
            "primarySites": [{"id": voice}],
            "secondarySites": [{"id": voice}],
            "mediaModel": "Cloud",
        }
        return self.telephony.post_telephony_providers_edges_sites(body)

    def trunk_body(
        self, name: str = "Twilio", identifier: str = "twilioABC", **properties: Any
    ) -> dict[str, Any]:
        template = self.telephony.get_telephony_providers_edges_trunkbasesettings_template(
            "external_sip_pcv_byoc_carrier.json"
        )
        body = self.client.sanitize_for_serialization(template)
        values = {
            "trunk_sip_termination_uri": identifier,
            "trunk_transport_serverProxyList": ["purecloudABC.pstn.twilio.com:5060"],
            **properties,
        }
        for key, value in values.items():
            body["properties"][key]["value"]["instance"] = value
        return {**body, "name": name}

    def trunk(self, *args: Any, **properties: Any) -> gc.TrunkBase:
        return self.telephony.post_telephony_providers_edges_trunkbasesettings(
            self.trunk_body(*args, **properties)
        )


def eventually(check: Callable[[], Any], seconds: float = 5.0) -> Any:
    """The first true answer of `check`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def refused(error: Exception) -> tuple[int, str]:
    """Status and text of a Genesys refusal."""
    import json

    return error.status, json.loads(error.body)["message"]  # type: ignore[attr-defined]


def kill(box: Sandbox) -> None:
    """End a server as a crash would."""
    os.kill(box.pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(box.pid, 0)
