"""What a run needs: one model, one YAML file a partner, errors as sentences.

`load(path)` reads a file, `validate(values)` checks values that came another way (a notebook's parameters
cell). Both raise `ParamsError` with one sentence a problem, naming the file and the key, before any cloud
is called. `schema()` is the JSON Schema that editors use (params/schema.json).

To add a parameter: add a field with a description to `Params`, name it in the chapters that use it
(chapters.py) and in their parameters cells, and run `make notebooks` for the schema.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import phonenumbers
import pycountry
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticUndefined

from .exceptions import ParamsError
from .regions import Region, find_edge, find_region, regions, termination_host, twilio_signalling
from .secrets import Secret, check_reference, resolve

LARGEST = 100_000  # characters of a params file
DEMO = Path(__file__).resolve().parent.parent / "params" / "demo.yaml"  # the example that stands in the committed notebooks
BYOC_METABASE = "external_sip_pcv_byoc_carrier.json"
SECRET_KEYS = frozenset({"digest_password", "genesys_client_secret", "twilio_api_key_secret"})
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")  # names that Windows keeps for itself
# Where somebody may paste a secret by mistake: their values are never repeated in a message.
_UNREPEATED = SECRET_KEYS | {"genesys_client_id", "twilio_account_sid", "twilio_api_key_sid"}
_NOT_A_SECRET = "must be a reference to a secret in quotes, such as \"env:NAME\", never the secret itself."


# ---------------------------------------------------------------- kinds of value


def _e164(value: str) -> str:
    if not value.startswith("+"):
        raise ValueError(f'"{value}" must be in E.164 form: a plus sign, the country code, the number, '
                         'e.g. "+33123456789".')
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(f'"{value}" is not a phone number ({error.args[0].rstrip(".")}). '
                         'Write it in E.164, e.g. "+33123456789".') from None
    if not phonenumbers.is_possible_number(number):
        reason = phonenumbers.is_possible_number_with_reason(number)
        why = {phonenumbers.ValidationResult.TOO_SHORT: "too short",
               phonenumbers.ValidationResult.TOO_LONG: "too long",
               phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "no such country code"}.get(reason, "wrong length")
        raise ValueError(f'"{value}" can\'t be a phone number: {why} for country code {number.country_code}. '
                         "Check its digits.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _country(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", value) or pycountry.countries.get(alpha_2=value.upper()) is None:
        raise ValueError(f'"{value}" is not a two-letter ISO 3166 country code. Write e.g. "FR", "US" or "NO" in quotes.')
    return value.upper()


def _region(value: str) -> str:
    find_region(value)
    return value


def _edge(value: str) -> str:
    find_edge(value)
    return value.strip().lower()


def _cidr(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=True)
    except ValueError as error:
        raise ValueError(f'"{value}" is not an IPv4 address or CIDR block ({error}). '
                         'Write e.g. "203.0.113.7" or "203.0.113.0/30".') from None
    if network.version != 4:
        raise ValueError(f'"{value}" is IPv6; both clouds\' lists take IPv4 only.')
    if network.prefixlen == 0:
        raise ValueError(f'"{value}" would let the whole Internet in. List the addresses that are meant.')
    return str(network)


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", value):
        raise ValueError(f'"{value}" has characters that a SIP host name can\'t have. Use letters, digits and '
                         "hyphens only, 1 to 63 of them, beginning and ending with a letter or digit.")
    return value


def _domain_label(value: str) -> str:
    if value.lower().endswith(".twilio.com"):
        raise ValueError(f'"{value}": write only the first part, "{value.split(".")[0]}"; '
                         "the runbook adds .pstn.twilio.com.")
    return _identifier(value)


def _host_port(value: str) -> str:
    host, _, port = value.partition(":")
    labels = host.split(".")
    if not all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", part) for part in labels) or len(labels) < 2:
        raise ValueError(f'"{value}" is not a host name or IPv4 address. Write e.g. "purecloudABC.pstn.twilio.com:5060".')
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f'"{value}" has a wrong port. Ports go from 1 to 65535.')
    return value


def _host(value: str) -> str:
    if ":" in value:
        raise ValueError(f'"{value}" has a port; give the domain alone.')
    return _host_port(value)


def _time_zone(value: str) -> str:
    if value not in time_zones():
        near = get_close_matches(value, time_zones(), n=2)
        raise ValueError(f'"{value}" is not an IANA time zone.{_did_you_mean(near)} Write e.g. "Europe/Paris".')
    return value


@functools.cache
def time_zones() -> frozenset[str]:
    """The names of the IANA time zones; looking them up reads hundreds of files."""
    return frozenset(zoneinfo.available_timezones())


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+", value):
        raise ValueError(f'"{value}" is not an e-mail address.')
    return value


def _line(value: str) -> str:
    if not value.strip() or any(unicodedata.category(c) == "Cc" for c in value):
        raise ValueError("must be one line of text, not empty.")
    return value.strip()


def _optional(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda value: check(value) if value else value)


E164 = Annotated[StrictStr, AfterValidator(_e164)]
Cidr = Annotated[StrictStr, AfterValidator(_cidr)]
Line = Annotated[StrictStr, AfterValidator(_line)]
SecretRef = Annotated[StrictStr, AfterValidator(check_reference)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomPlan(_Strict):
    """A number plan of your own, added to the site's default ones (guide: Site, "customized Number Plans")."""

    name: Line = Field(description="Name of the plan")
    match_type: Literal["regex", "numberList", "digitLength", "intraCountryCode", "interCountryCode", "e164NumberList"] = Field(
        description="How numbers are matched")
    classification: Line = Field(description="Classification given to matching numbers, e.g. National")
    match: StrictStr = Field("", description="regex: the pattern")
    normalized_format: StrictStr = Field("", description="regex: the result, with $1 for a group, e.g. +$1")
    numbers: list[StrictStr] = Field([], description="Lists: numbers, ranges as 100-199; interCountryCode: country codes")
    digit_length: StrictStr = Field("", description='digitLength and intraCountryCode: how many digits, e.g. "4-6"')


class Assignment(_Strict):
    """Who answers a number: a person, or an inbound call route (IVR) that runs a flow."""

    number: E164 = Field(description="One of phone_numbers, in E.164")
    person: Annotated[StrictStr, _optional(_email)] = Field("", description="E-mail of the person the number rings")
    call_route: StrictStr = Field("", description="Name of the inbound call route (IVR) the number reaches")
    flow: StrictStr = Field("", description="Inbound call flow that route runs in open hours")


# ---------------------------------------------------------------- the model


class Params(_Strict):
    """Everything one partner's run needs. Every telephony value is quoted text."""

    params_file: StrictStr = Field("", description="Params file to take the values from, e.g. params/acme.yaml")
    partner: Line = Field(description="Partner's name; also names the output folder")
    target: Literal["sandbox", "live"] = Field("sandbox", description="sandbox (practice clouds) or live")
    scenario: Line = Field("healthy", description="Practice clouds only: which situation to practise on")
    mode: Literal["apply", "plan"] = Field("apply", description="apply, or plan: show what would change and change nothing")
    adopt: StrictBool = Field(False, description="Take over objects of these names that the runbook did not make")

    genesys_region: Annotated[StrictStr, AfterValidator(_region)] = Field(
        description="Genesys Cloud region, AWS name or host")
    genesys_client_id: StrictStr = Field("", pattern=r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$", description="OAuth client id (live only)")
    genesys_client_secret: Annotated[StrictStr, _optional(check_reference)] = Field(
        "", description="Reference to the OAuth client secret (live only)")
    byoc_domain: Annotated[StrictStr, _optional(_host)] = Field(
        "", description="Suffix of the trunk's FQDN; empty takes the region's")

    location_name: Line = Field(description="Name of the location")
    street: Line = Field(description="Street and house number")
    city: Line = Field(description="City")
    state: StrictStr = Field("", description="State or province, where addresses have one")
    postal_code: Line = Field(description="Postal code, quoted")
    country: Annotated[StrictStr, AfterValidator(_country)] = Field(description="ISO country code, quoted")
    emergency_number: E164 = Field(description="Emergency callback number of the location, E.164")
    site_contact: Annotated[StrictStr, AfterValidator(_email)] = Field(description="E-mail of the site contact")
    site_name: Line = Field(description="Name of the site")
    edge_site: Line = Field("PureCloud Voice - AWS", description="Site whose virtual edges serve this one")
    time_zone: Annotated[StrictStr, AfterValidator(_time_zone)] = Field(description="IANA time zone of the site")
    number_plans: list[CustomPlan] = Field([], description="Customized number plans to add to the default ones")

    twilio_account_sid: StrictStr = Field("", pattern=r"^(AC[0-9a-fA-F]{32})?$", description="Twilio account SID (live only)")
    twilio_api_key_sid: StrictStr = Field("", pattern=r"^(SK[0-9a-fA-F]{32})?$",
                                          description="Twilio API key SID; empty uses the auth token")
    twilio_api_key_secret: Annotated[StrictStr, _optional(check_reference)] = Field(
        "", description="Reference to the API key's secret, or to the auth token (live only)")
    ip_acl_name: Line = Field(description="Name of the IP access control list")
    signalling_addresses: list[Cidr] = Field([], description="Genesys BYOC public SIP addresses; empty looks them up")
    signalling_scope: Literal["region", "all"] = Field("region", description="Without a list: addresses of the org's region, or of all")
    credential_list_name: Line = Field(description="Name of the credential list")
    digest_username: Annotated[StrictStr, Field(pattern=r"^[!-~]{1,32}$")] = Field(description="Digest user name")
    digest_password: SecretRef = Field(description="Reference to the digest password")
    twilio_trunk_name: Annotated[Line, Field(max_length=64)] = Field(description="Friendly name of the Twilio trunk")
    termination_domain: Annotated[StrictStr, AfterValidator(_domain_label)] = Field(
        description="First part of the termination URI, before .pstn.twilio.com")
    phone_numbers: Annotated[list[E164], Field(min_length=1)] = Field(description="Numbers purchased from Twilio, E.164")

    trunk_name: Line = Field(description="Name of the external trunk")
    identifier: Annotated[StrictStr, AfterValidator(_identifier)] = Field(
        description="Inbound SIP termination identifier, unique in the region")
    sip_servers: list[Annotated[StrictStr, AfterValidator(_host_port)]] = Field(
        [], description="SIP servers as host or host:port; empty derives them")
    twilio_edges: list[Annotated[StrictStr, AfterValidator(_edge)]] = Field(
        [], description="Localized termination hosts to use; empty uses the global one")
    sip_port: Annotated[StrictInt, Field(ge=1, le=65535)] = Field(5060, description="Port of the derived SIP servers; secure makes 5060 into 5061")
    protocol: Literal["udp", "tcp"] = Field("udp", description="SIP transport; secure uses TLS instead")
    secure: StrictBool = Field(False, description="TLS and SRTP on both sides; both support it, but Twilio does not list the pair as qualified")
    caller_id: Annotated[StrictStr, _optional(_e164)] = Field("", description="Calling address; empty takes the first number")
    caller_name: Annotated[StrictStr, Field(pattern=r"^[\S ]{0,40}$")] = Field("", description="Calling name shown to the called party")
    sip_access: list[Cidr] = Field([], description="SIP access control; empty takes Twilio's signalling CIDRs")
    codecs: Annotated[list[Literal["audio/pcmu", "audio/pcma", "audio/opus", "audio/g729"]], Field(min_length=1)] = Field(
        ["audio/pcmu", "audio/pcma"], description="Preferred codecs, best first")
    dtmf_method: Line = Field("RTP Events", description="DTMF method")
    dtmf_payload: Annotated[StrictInt, Field(ge=96, le=127)] = Field(101, description="DTMF payload type")
    language: Annotated[StrictStr, Field(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")] = Field(
        "", description="Language tag of the trunk; empty keeps the template's")

    route_name: Line = Field(description="Name of the outbound route")
    classifications: Annotated[list[Line], Field(min_length=1)] = Field(
        ["National", "International"], description="Classifications the route carries")
    default_route: Literal["move", "delete", "keep"] = Field(
        "move", description="When the default route holds them: move, delete or keep")

    keep_domain: StrictBool = Field(False, description="Teardown empties the Twilio trunk and leaves it, so that its domain stays yours")
    probe: StrictBool = Field(False, description="Cross-check on live: also ask DNS, certificates and both ends' SIP")
    test_call_from: Annotated[StrictStr, _optional(_e164)] = Field(
        "", description="Cross-check on live: place one priced test call to the first number, showing this one; empty places none")
    test_numbers: list[StrictStr] = Field([], description="Numbers to simulate, as a person would dial them")

    assignments: list[Assignment] = Field([], description="Who answers each number")

    # ------------------------------------------------------------ what follows from the choices

    @property
    def slug(self) -> str:
        """Folder name of the partner: ASCII letters, digits and hyphens, never empty, never a path."""
        plain = unicodedata.normalize("NFKD", self.partner).encode("ascii", "ignore").decode().lower()
        plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
        whole = bool(re.fullmatch(r"[A-Za-z0-9 _-]+", self.partner)) and 0 < len(plain) <= 48 and not _DEVICE.fullmatch(plain)
        tail = "" if whole else "-" + hashlib.sha256(self.partner.encode()).hexdigest()[:8]
        return (plain[:48] or "partner") + tail

    @property
    def region(self) -> Region:
        return find_region(self.genesys_region)

    @property
    def termination_uri(self) -> str:
        """Twilio's side: where Genesys sends calls, e.g. `purecloudABC.pstn.twilio.com`."""
        return termination_host(self.termination_domain)

    @property
    def inbound_fqdn(self) -> str:
        """Genesys' side: where Twilio sends calls, e.g. `twilioABC.byoc.mypurecloud.ie`."""
        return f"{self.identifier}.{self.byoc_domain or self.region.byoc_domain}"

    @property
    def transport(self) -> str:
        """SIP transport of both directions: "udp", "tcp" or "tls"."""
        return "tls" if self.secure else self.protocol

    @property
    def origination_url(self) -> str:
        """Where Twilio sends calls, with port and transport where they are not SIP's own defaults, 5060 and UDP."""
        return f"sip:{self.inbound_fqdn}" + {"udp": "", "tcp": ";transport=tcp", "tls": ":5061;transport=tls"}[self.transport]

    @property
    def servers(self) -> list[str]:
        """SIP servers or proxies of the BYOC trunk, `host:port` each, in order of preference."""
        if self.sip_servers:
            return list(self.sip_servers)
        hosts = [termination_host(self.termination_domain, edge) for edge in self.twilio_edges]
        port = 5061 if self.secure and self.sip_port == 5060 else self.sip_port
        return [f"{host}:{port}" for host in hosts or [self.termination_uri]]

    @property
    def access_list(self) -> list[str]:
        return list(self.sip_access) or list(twilio_signalling())

    @property
    def calling_address(self) -> str:
        return self.caller_id or self.phone_numbers[0]


def digest_password(params: Params) -> Secret:
    """The resolved digest password, checked against Twilio's policy.

    Raises:
        SecretError: the reference can't be resolved.
        ParamsError: the password is too weak; the sentence does not repeat it.
    """
    secret = resolve(params.digest_password, key="digest_password")
    problem = password_problem(secret.reveal())
    if problem:
        raise ParamsError(f"digest_password: the password behind {params.digest_password} is too weak for Twilio. "
                          f"{problem} Choose another and store it there.")
    return secret


def password_problem(value: str) -> str:
    """What a digest password lacks for Twilio, as a sentence that does not repeat it; empty if nothing."""
    lacking = [what for what, ok in (
        ("at least 12 characters", len(value) >= 12),
        ("a capital letter", re.search(r"[A-Z]", value)),
        ("a small letter", re.search(r"[a-z]", value)),
        ("a digit", re.search(r"[0-9]", value)),
    ) if not ok]
    return f"It lacks {', '.join(lacking)}." if lacking else ""


# ---------------------------------------------------------------- reading a file


def load(path: str | Path) -> Params:
    """The checked params of a YAML file.

    Raises:
        ParamsError: unreadable, not YAML, a key twice, unknown or missing, a wrong value, or text that YAML
            would turn into something else (an unquoted phone number, postal code, or country NO).
    """
    return validate(read_yaml(path), source=shown_path(path))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Raw values of a params file, refusing unquoted text that plain YAML would change.

    Raises:
        ParamsError: as `load`, but for the values' own rules.
    """
    shown = shown_path(path)
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ParamsError(f"{shown}: this file can't be read ({reason}). Check its name and permissions.") from None
    if len(text) > LARGEST:
        raise ParamsError(f"{shown}: this file has {len(text):,} characters, and no partner's params have so many. Start from params/demo.yaml.")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            raise ParamsError(f"{shown}: this file is empty. Start from params/demo.yaml.")
        if not isinstance(root, yaml.MappingNode):
            raise ParamsError(f"{shown}: a params file is a list of `key: value` lines. Start from params/demo.yaml.")
        problems = list(_unquoted(root, Params, shown))
        if problems:
            raise ParamsError(problems)
        values = loader.construct_document(root)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that no calendar has
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = re.sub(r"""\s*['"].*""", "", getattr(error, "problem", None) or "") or "it can't be parsed"  # what it quotes may be a secret
        raise ParamsError(f"{shown}{where}: this is not valid YAML ({problem}). "
                          "Check indentation, colons and quotes there.") from None
    if "params_file" in values:
        raise ParamsError(f"{shown}: params_file is for a notebook's parameters cell; a params file can't name another. Remove the line.")
    return values


class _Loader(yaml.SafeLoader):
    """Without aliases: no params need them, and a few lines of them can stand for more than a memory holds."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, "a value may not begin with * here: put it in quotes", event.start_mark)
        return super().compose_node(parent, index)


def find_file(name: str) -> Path:
    """The params file a notebook names: from its own folder, else from the project's, so that "params/acme.yaml" does anywhere."""
    here = Path(name).expanduser()
    return here if here.exists() else DEMO.parent.parent / here


def _unquoted(node: yaml.MappingNode, model: type[BaseModel], where: str) -> Iterable[str]:
    """Sentences for keys given twice, and for plain scalars that YAML turns into numbers, dates or booleans."""
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in seen:
            yield f"{where}, line {line}: {key} is given twice (first on line {seen[key]}). Keep one."
        seen[key] = line
        field = model.model_fields.get(key)
        if field is None:
            continue
        inner = next((m for m in (CustomPlan, Assignment) if m.__name__ in str(field.annotation)), None)
        nodes = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
        for item in nodes:
            if inner and isinstance(item, yaml.MappingNode):
                yield from _unquoted(item, inner, where)
            elif isinstance(item, yaml.ScalarNode) and _wants_text(field.annotation):
                tag = item.tag.rpartition(":")[2]
                if tag not in ("str", "null"):
                    kind = {"int": "a number", "float": "a number", "bool": "true or false",
                            "timestamp": "a date"}.get(tag, f"a {tag}")
                    if key in _UNREPEATED:
                        yield f"{where}, line {item.start_mark.line + 1}: {key} {_NOT_A_SECRET if key in SECRET_KEYS else 'must be quoted text.'}"
                        continue
                    yield (f"{where}, line {item.start_mark.line + 1}: {key} is {item.value} without quotes, which YAML "
                           f'reads as {kind} and changes. Quote it: "{item.value}".')


def _wants_text(annotation: Any) -> bool:
    return "int" not in str(annotation).lower() and "bool" not in str(annotation).lower()


def shown_path(path: str | Path) -> str:
    """Path as messages show it: relative to the working folder where it lies under it."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return Path(path).name


# ---------------------------------------------------------------- checking values


def validate(values: Mapping[str, Any], *, source: str, only: Iterable[str] | None = None) -> Params:
    """Checked params from plain values.

    Args:
        values: what the file or the notebook holds.
        source: what to call it in messages ("params/acme.yaml", "the parameters of 04_byoc_trunk").
        only: the fields a chapter uses; others may be absent, and asking for them raises AttributeError.

    Raises:
        ParamsError: with one sentence a problem.
    """
    problems: list[str] = []
    data: Mapping[str, Any] = values
    try:
        params = Params.model_validate(dict(values))
    except ValidationError as error:
        needed = set(Params.model_fields if only is None else only)
        for item in error.errors():
            if item["type"] == "missing" and len(item["loc"]) == 1 and item["loc"][0] not in needed:
                continue
            problems.append(_sentence(item, source))
        if problems:
            raise ParamsError(problems) from None
        params = _partial(data)
    problems += [f"{source}: {text}" for text in _cross_checks(params)]
    if problems:
        raise ParamsError(problems)
    return params


def _partial(values: Mapping[str, Any]) -> Params:
    """A Params of the given fields only: each was found valid, the rest keep their defaults or stay unset."""
    checked = _model_of(tuple(values)).model_validate(dict(values))
    return Params.model_construct(**{n: getattr(checked, n) for n in values})


@functools.cache
def _model_of(names: tuple[str, ...]) -> type[_Strict]:
    fields: dict[str, Any] = {n: (Params.model_fields[n].annotation, Params.model_fields[n]) for n in names}
    return create_model("Partial", __base__=_Strict, **fields)


def _cross_checks(params: Params) -> Iterable[str]:
    """Sentences for values that are right alone and wrong together."""
    given = {n: getattr(params, n) for n in Params.model_fields if hasattr(params, n)}
    if given.get("target") == "sandbox" and given.get("scenario"):
        from .sandbox.scenarios import DRILLS, SCENARIOS

        if given["scenario"] not in {**SCENARIOS, **DRILLS}:
            near = get_close_matches(given["scenario"], SCENARIOS, n=2)
            yield f'scenario: there is no "{given["scenario"]}".{_did_you_mean(near)} `byoc sandbox scenarios` lists them.'
    numbers = given.get("phone_numbers")
    if numbers is not None:
        for number in sorted({n for n in numbers if numbers.count(n) > 1}):
            yield f"phone_numbers: {number} is listed twice. Keep one."
    for index, plan in enumerate(given.get("number_plans", [])):
        yield from (f"number_plans[{index}].{text}" for text in _plan_problems(plan))
    seen: set[str] = set()
    for index, item in enumerate(given.get("assignments", [])):
        where = f"assignments[{index}]"
        if bool(item.person) == bool(item.call_route):
            yield f"{where}: give either person (an e-mail) or call_route (a name), one of the two."
        if item.call_route and not item.flow:
            yield f"{where}.flow: name the inbound call flow that {item.call_route} runs in open hours."
        if item.number in seen:
            yield f"{where}.number: {item.number} is assigned twice. A number has one owner."
        if numbers is not None and item.number not in numbers:
            yield f"{where}.number: {item.number} is not among phone_numbers. Add it there, or mend it here."
        seen.add(item.number)
    if given.get("secure"):
        if given.get("protocol") == "tcp":
            yield "protocol: secure trunking always uses TLS, so tcp contradicts secure: true. Remove the line."
        for index, server in enumerate(given.get("sip_servers", [])):
            if not server.partition(":")[2] or server.endswith(":5060"):
                yield f'sip_servers[{index}]: "{server}" has not the port of TLS. Write "{server.partition(":")[0]}:5061".'
    if given.get("target") == "live":
        yield from _live_problems(given)


def _plan_problems(plan: CustomPlan) -> Iterable[str]:
    if plan.match_type == "regex":
        if not plan.match:
            yield "match: a regex plan needs its pattern."
        try:
            re.compile(plan.match)
        except re.error as error:
            yield f"match: {plan.match} is not a regular expression ({error})."
    if plan.match_type in ("numberList", "e164NumberList") and not plan.numbers:
        yield f"numbers: a {plan.match_type} plan needs at least one number or range."
    for number in plan.numbers:
        if not re.fullmatch(r"\+?\d{1,15}(-\+?\d{1,15})?", number):
            yield f'numbers: "{number}" is neither a number nor a range such as 100-199.'
    if plan.match_type == "digitLength" and not re.fullmatch(r"\d{1,2}-\d{1,2}", plan.digit_length):
        yield 'digit_length: write the shortest and longest length, e.g. "4-6".'


def _live_problems(given: Mapping[str, Any]) -> Iterable[str]:
    for key in ("genesys_client_id", "genesys_client_secret", "twilio_account_sid", "twilio_api_key_secret"):
        if key in given and not given[key]:
            yield f"{key}: target is live, so this is needed ({Params.model_fields[key].description})."
    for key in sorted(SECRET_KEYS):
        if str(given.get(key, "")).startswith("practice:"):
            yield f"{key}: practice: secrets are for the practice clouds; a live target needs env:, file: or keyring:."


def warnings(params: Params) -> list[str]:
    """What is allowed but unusual: numbers that no country has in use (+1 555 …), a caller id of somebody else's."""
    own = getattr(params, "phone_numbers", [])
    numbers = [(key, n) for key in ("emergency_number", "caller_id") if (n := getattr(params, key, ""))] + [("phone_numbers", n) for n in own]
    said = [f"{key}: {n} is possible, but not a number that its country has in use. Check it."
            for key, n in numbers if not phonenumbers.is_valid_number(phonenumbers.parse(n, None))]
    caller = getattr(params, "caller_id", "")
    if caller and own and caller not in own:
        said.append(f"caller_id: {caller} is not among phone_numbers. It must be a verified caller ID of the Twilio account, "
                    "or every outbound call is refused.")
    return said


def _did_you_mean(near: Iterable[str]) -> str:
    near = list(near)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _sentence(item: Any, source: str) -> str:
    """One pydantic error as a sentence; never repeats a value that may be a secret."""
    loc = item["loc"]
    path = "".join(f"[{p}]" if isinstance(p, int) else (f".{p}" if i else p) for i, p in enumerate(loc)) or "params"
    where, kind, value = f"{source}: {path}", item["type"], item.get("input")
    field = Params.model_fields.get(str(loc[0])) if loc else None
    secret = bool(loc) and str(loc[0]) in _UNREPEATED
    if kind == "missing":
        return f"{where} is missing. Add it: {field.description if field and len(loc) == 1 else 'it is needed'}."
    if kind == "extra_forbidden":
        models: dict[str, type[BaseModel]] = {"number_plans": CustomPlan, "assignments": Assignment}
        siblings = models.get(str(loc[0]), Params)
        near = get_close_matches(str(loc[-1]), siblings.model_fields, n=2)
        return f"{where} is not a parameter of the runbook.{_did_you_mean(near)} Mend the name or remove the line."
    if kind == "string_type":
        if isinstance(value, (bool, int, float)) and not secret:
            return (f"{where} is {value}, which is not text: an unquoted value was changed on its way here "
                    f'(a plus sign or zeros may be gone). Quote it in the file: {loc[0]}: "…".')
        return f"{where} must be quoted text, not {type(value).__name__}."
    if kind == "value_error":
        return f"{where}: {item['ctx']['error']}"
    if kind == "literal_error":
        near = get_close_matches(str(value), [e.strip("'") for e in re.split(r", | or ", item["ctx"]["expected"])])
        return f"{where} is {value!r}; it must be {item['ctx']['expected']}.{_did_you_mean(near)}"
    shown = "" if secret else f" ({value!r})"
    return f"{where}{shown}: {item['msg'][0].lower()}{item['msg'][1:]}. {field.description if field else ''}".rstrip() + "."


# ---------------------------------------------------------------- for editors and documents


def schema() -> dict[str, Any]:
    """JSON Schema of a params file, with region and time-zone free text left to the loader."""
    result = Params.model_json_schema()
    del result["properties"]["params_file"]
    result["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    result["properties"]["genesys_region"]["examples"] = [r.aws for r in regions()]
    return result


def plain(params: Params, name: str) -> Any:
    """A parameter as a notebook's cell holds it: text, numbers, lists, dicts without what is at its default."""
    value = getattr(params, name)
    return [v.model_dump(exclude_defaults=True) if isinstance(v, BaseModel) else v for v in value] if isinstance(value, list) else value


def default(name: str) -> Any:
    """A field's default, or None where it has none."""
    value = Params.model_fields[name].default
    return None if value is PydanticUndefined else value
