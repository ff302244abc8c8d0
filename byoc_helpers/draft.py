"""A params file in the making: what is right so far, what is wrong where, what follows, and its text.

Nothing here knows of widgets: the form (display/form.py) shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_origin

import phonenumbers
import pycountry
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .chapters import CHAPTERS, TEARDOWN, Chapter
from .clouds import Clouds
from .display.tables import text
from .exceptions import ParamsError
from .params import Params, plain, validate

_SOURCE = "form"  # what validate calls the source here; cut off again, as a sentence stands beside its field
_PLACE = re.compile(rf"^{_SOURCE}: (\w+)(?:\[(\d+)\])?(?:\.(\w+))?")
_NOT_ASKED = {"params_file"}

Place = tuple[str, int | None, str]  # key, row of a list of models, key in that row


def sections() -> list[tuple[Chapter, list[str]]]:
    """Every parameter once, under the first chapter that uses it."""
    seen = set(_NOT_ASKED)
    grouped = []
    for chapter in (*CHAPTERS, TEARDOWN):
        own = [name for name in chapter.fields if name not in seen]
        seen.update(own)
        grouped.append((chapter, own))
    return [(chapter, own) for chapter, own in grouped if own]


def check(values: Mapping[str, Any]) -> tuple[Params, dict[Place, list[str]]]:
    """What is right so far, and the sentences for the rest, by the place they belong to.

    The params hold only what is right; asking them for anything else raises AttributeError.
    """
    problems: dict[Place, list[str]] = {}
    good, only = dict(values), None
    while True:
        try:
            params = validate(good, source=_SOURCE, only=only)
        except ParamsError as error:
            wrong = [_place(sentence) for sentence in error.problems]
            for place, sentence in zip(wrong, error.problems, strict=True):
                said = problems.setdefault(place, [])
                said += [s for s in (sentence.removeprefix(f"{_SOURCE}: "),) if s not in said]
            left_out = {key for key, _, _ in wrong} & set(good)
            if only is not None and not left_out:  # a live target asks again for what is not there
                left_out = {"target"} & set(good)
                if not left_out:
                    raise
            good = {key: value for key, value in good.items() if key not in left_out}
            only = list(good)
        else:
            target = values.get("target", "sandbox")
            return params.model_copy(update={"target": target} if target == "live" else {}), problems


def _place(sentence: str) -> Place:
    match = _PLACE.match(sentence)
    key, row, inner = match.groups() if match else ("partner", None, None)
    field = Params.model_fields.get(key)
    return key, int(row) if row and field and inner_model(field) else None, inner or ""


def _signalling(params: Params) -> list[str]:
    if params.target == "live" and not params.signalling_addresses:
        return ["looked up by name when chapter 03 runs; list them in signalling_addresses to be sure"]
    return Clouds(params).signalling_addresses()


# What follows from the choices: chapter, name, meaning, how.
FOLLOWS: tuple[tuple[str, str, str, Callable[[Params], Any]], ...] = (
    ("01_precheck", "Output folder", "where a run's record goes", lambda p: f"outputs/{p.slug}"),
    ("01_precheck", "API host", "Genesys Cloud is asked here", lambda p: p.region.api_host),
    ("03_twilio", "Termination URI", "Genesys Cloud sends calls to Twilio here", lambda p: p.termination_uri),
    ("03_twilio", "Inbound FQDN", "the trunk's name on the Genesys Cloud side", lambda p: p.inbound_fqdn),
    ("03_twilio", "Origination URL", "Twilio sends calls to Genesys Cloud here", lambda p: p.origination_url),
    ("03_twilio", "IP access control list", "Genesys Cloud's addresses, let in by Twilio", _signalling),
    ("04_byoc_trunk", "SIP servers", "where the trunk's calls go, in this order", lambda p: p.servers),
    ("04_byoc_trunk", "SIP access control", "Twilio's addresses, let in by Genesys Cloud", lambda p: p.access_list),
    ("04_byoc_trunk", "Calling address", "the number that called parties see", lambda p: p.calling_address),
)


def follows(params: Params, chapter: str = "") -> list[list[str]]:
    """Rows of name, value and meaning of what follows from the params; of one chapter, or of all."""
    rows = []
    for where, name, meaning, how in FOLLOWS:
        if chapter in ("", where):
            try:
                value = how(params)
            except AttributeError:  # what it follows from is not there yet, or wrong
                value = None
            rows.append([name, text(value), meaning])
    return rows


def to_yaml(params: Params) -> str:
    """A params file's text: every parameter, also where it is at its default, each with its meaning.

    All of them, because plain papermill takes one that a file leaves out from the notebook, where the example's stands.
    """
    lines = ["# yaml-language-server: $schema=schema.json", "# Made by the form of notebooks/00_start_here.ipynb. Keep the quotes."]
    for chapter, names in sections():
        lines += ["", f"# {chapter.number} {chapter.title}"]
        for name in names:
            meaning, value = Params.model_fields[name].description, plain(params, name)
            if value and isinstance(value, list) and isinstance(value[0], dict):
                lines.append(f"{name}:  # {meaning}")
                for item in value:
                    pairs = [f"{k}: {_written(v)}" for k, v in item.items()]
                    lines += [f"  {'-' if i == 0 else ' '} {pair}" for i, pair in enumerate(pairs)]
            else:
                lines.append(f"{name}: {_written(value)}  # {meaning}")
    return "\n".join(lines) + "\n"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf")).strip()


def country_of(number: str) -> str:
    """Name of the country (or the countries' common code) a number in E.164 belongs to; "" if it is none."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return ""
    country = pycountry.countries.get(alpha_2=phonenumbers.region_code_for_number(parsed) or "")
    if country is None:
        return f"country code {parsed.country_code}" if phonenumbers.is_possible_number(parsed) else ""
    return getattr(country, "common_name", country.name)


def inner_model(field: FieldInfo) -> type[BaseModel] | None:
    args = get_args(field.annotation)
    return args[0] if get_origin(field.annotation) is list and isinstance(args[0], type) and issubclass(args[0], BaseModel) else None


def fits(field: FieldInfo, value: Any) -> bool:
    """Is this a value of the field's kind, right or wrong? What is not can't be shown in a control of that kind."""
    model, annotation = inner_model(field), field.annotation
    if model:
        return isinstance(value, list) and all(
            isinstance(row, dict) and all(k in model.model_fields and fits(model.model_fields[k], v) for k, v in row.items()) for row in value)
    if get_origin(annotation) is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if annotation in (bool, int):
        return type(value) is annotation
    return isinstance(value, str)
