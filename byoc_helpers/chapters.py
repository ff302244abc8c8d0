"""Which objects each chapter owns, in order, and which parameters it uses."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from .resources.base import Kind

COMMON = ("params_file", "partner", "target", "scenario", "mode", "genesys_region")
GENESYS = ("genesys_client_id", "genesys_client_secret")
TWILIO = ("twilio_account_sid", "twilio_api_key_sid", "twilio_api_key_secret")


@dataclass(frozen=True)
class Chapter:
    """One notebook: its file name without the ending, title, the guide's section, kinds made, parameters used."""

    name: str
    title: str
    guide: str
    kinds: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def number(self) -> str:
        return self.name[:2]


_MAKING: tuple[Chapter, ...] = (
    Chapter("01_precheck", "Pre-check", "BYOC Feature & Configuration Pre-Check", (),
            (*COMMON, *GENESYS, *TWILIO, "edge_site", "site_contact", "phone_numbers")),
    Chapter("02_location_site", "Location and site", "BYOC Configuration Pre-Requisites (Location & Site)",
            ("location", "site", "number_plans"),
            (*COMMON, *GENESYS, "adopt", "location_name", "street", "city", "state", "postal_code", "country",
             "emergency_number", "site_contact", "site_name", "edge_site", "time_zone", "number_plans")),
    Chapter("03_twilio", "Twilio", "Twilio",
            ("ip_acl", "credential_list", "sip_trunk", "origination_url", "trunk_number"),
            (*COMMON, *TWILIO, "adopt", "byoc_domain", "identifier", "ip_acl_name", "signalling_addresses", "signalling_scope",
             "credential_list_name", "digest_username", "digest_password", "twilio_trunk_name", "termination_domain",
             "phone_numbers", "protocol", "secure")),
    Chapter("04_byoc_trunk", "BYOC trunk", "BYOC Trunk Configuration for Twilio, 1. Trunk", ("byoc_trunk",),
            (*COMMON, *GENESYS, "adopt", "site_name", "trunk_name", "identifier", "byoc_domain", "termination_domain",
             "sip_servers", "twilio_edges", "sip_port", "protocol", "secure", "digest_username", "digest_password", "phone_numbers",
             "caller_id", "caller_name", "sip_access", "codecs", "dtmf_method", "dtmf_payload", "language")),
    Chapter("05_outbound_route", "Outbound route", "BYOC Trunk Configuration for Twilio, 2. Outbound Route",
            ("outbound_route",),
            (*COMMON, *GENESYS, "adopt", "site_name", "trunk_name", "route_name", "classifications", "default_route")),
    Chapter("06_simulate_call", "Simulate call", "BYOC Trunk Configuration for Twilio, 3. Simulate Call", (),
            (*COMMON, *GENESYS, "site_name", "test_numbers")),
    Chapter("07_did_numbers", "DID numbers", "BYOC Trunk Configuration for Twilio, 4. DID Numbers",
            ("did_pool", "call_route", "person_number"),
            (*COMMON, *GENESYS, "adopt", "phone_numbers", "assignments")),
)
_ALL_FIELDS = tuple(dict.fromkeys(field for chapter in _MAKING for field in chapter.fields))
CHAPTERS: tuple[Chapter, ...] = (
    *_MAKING,
    Chapter("08_cross_check", "Cross-check", "beyond the guide", (), (*_ALL_FIELDS, "probe", "test_call_from")),
)
TEARDOWN = Chapter("99_teardown", "Teardown", "beyond the guide", (), (*_ALL_FIELDS, "keep_domain"))
START = Chapter("00_start_here", "Start here", "", (), ("params_file",))
DRILLS = Chapter("09_drills", "Drills", "", (), ("which_drill", "target"))  # for people: a batch never runs it
NOTEBOOKS = (START, *CHAPTERS, DRILLS, TEARDOWN)


def find_chapter(name: str) -> Chapter:
    """Chapter by file name ("04_byoc_trunk") or number ("04", "4").

    Raises:
        KeyError: there is none.
    """
    for chapter in (*CHAPTERS, TEARDOWN):
        if name in (chapter.name, chapter.number, chapter.number.lstrip("0")):
            return chapter
    raise KeyError(f'There is no chapter "{name}". Chapters: {", ".join(c.name for c in (*CHAPTERS, TEARDOWN))}.')


def kind(name: str) -> Kind:
    """The resource module of this name."""
    return cast(Kind, import_module(f".resources.{name}", __package__))


def key(kind: Kind) -> str:
    """A resource module's name, as `kind` takes it."""
    return str(kind.__name__).rpartition(".")[2]  # type: ignore[attr-defined]
