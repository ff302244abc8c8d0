"""Genesys Cloud regions and Twilio edges, read from the data files that name their sources."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True)
class Region:
    """A Genesys Cloud region.

    `aws` is its AWS name ("eu-west-1"), `environment` its host without "api." ("mypurecloud.ie"),
    `byoc_domain` the suffix of a BYOC trunk's inbound FQDN there.
    """

    aws: str
    title: str
    environment: str
    byoc_domain: str
    dcv_domain: str
    practice_signalling: tuple[str, ...]

    @property
    def api_host(self) -> str:
        return f"api.{self.environment}"


@dataclass(frozen=True)
class Edge:
    """A Twilio edge location: `edge` ("dublin"), the older `legacy` name ("ie1"), its `signalling` CIDR."""

    edge: str
    legacy: str
    signalling: str


@cache
def data_file(name: str) -> Any:
    """Parsed content of one of the package's own YAML data files."""
    return yaml.safe_load(files("byoc_helpers").joinpath("data", name).read_text("utf-8"))


@cache
def regions() -> tuple[Region, ...]:
    """Every known Genesys Cloud region."""
    rows = data_file("genesys_regions.yaml")["regions"]
    return tuple(Region(**{**r, "practice_signalling": tuple(r["practice_signalling"])}) for r in rows)


@cache
def edges() -> tuple[Edge, ...]:
    """Every Twilio edge location with a public SIP trunking address range."""
    return tuple(Edge(**row) for row in data_file("twilio_edges.yaml")["edges"])


def find_region(name: str) -> Region:
    """Region by AWS name ("eu-west-1") or host ("mypurecloud.ie", "api.mypurecloud.ie", "apps.…").

    Raises:
        ValueError: unknown name; the message lists the nearest ones.
    """
    key = name.strip().lower().removeprefix("https://").rstrip("/")
    for prefix in ("api.", "apps.", "login.", "developer."):
        key = key.removeprefix(prefix)
    for region in regions():
        if key in (region.aws, region.environment):
            return region
    known = [r.aws for r in regions()] + [r.environment for r in regions()]
    near = get_close_matches(key, known, n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    raise ValueError(
        f'"{name}" is not a Genesys Cloud region.{hint} Write the AWS name (eu-west-1) or the host '
        "(mypurecloud.ie); regions are listed in byoc_helpers/data/genesys_regions.yaml."
    )


def find_edge(name: str) -> Edge:
    """Twilio edge by today's name ("dublin") or the older region name ("ie1").

    Raises:
        ValueError: unknown name; the message lists them all.
    """
    for edge in edges():
        if name.strip().lower() in (edge.edge, edge.legacy):
            return edge
    names = ", ".join(f"{e.edge} ({e.legacy})" for e in edges())
    raise ValueError(f'"{name}" is not a Twilio edge location. Known ones: {names}.')


def termination_host(label: str, edge: str | None = None) -> str:
    """Host that Genesys sends calls to: `<label>.pstn.twilio.com`, or the localized one of an edge.

    Each edge is written in the form its name was given in: "ie1" gives the guide's
    `purecloudABC.pstn.ie1.twilio.com`, "dublin" today's `purecloudABC.pstn.dublin.twilio.com`.
    """
    if edge is None:
        return f"{label}.pstn.twilio.com"
    find_edge(edge)
    return f"{label}.pstn.{edge.strip().lower()}.twilio.com"


def twilio_signalling() -> tuple[str, ...]:
    """Twilio's signalling CIDRs, every edge: calls may come from any of them."""
    return tuple(edge.signalling for edge in edges())
