"""Reads the partners of a batch: params files, folders of them, and CSV files with a row a partner.

Everything is checked before anything is called, each file for itself and all together: two partners can't have the
same name, number, identifier or termination domain.

A CSV file's header names parameters; an empty cell takes the default. Lists are separated by semicolons; lists of
objects (assignments, number_plans) are written as in YAML. What all partners share can stand in a YAML file of the
same name beside it: `partners.csv` and `partners.common.yaml`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from .exceptions import ParamsError, RunbookError
from .params import SECRET_KEYS, Params, digest_password, read_yaml, shown_path, validate
from .secrets import redact, remember_basic, resolve


@dataclass(frozen=True)
class Partner:
    """One partner of a batch: where its params stand, as checked, and as written (for papermill)."""

    source: str
    params: Params
    raw: Mapping[str, Any]

    @property
    def variables(self) -> frozenset[str]:
        """Environment variables that hold this partner's secrets."""
        references = (getattr(self.params, key) or "" for key in sorted(SECRET_KEYS))
        return frozenset(r.removeprefix("env:") for r in references if r.startswith("env:"))

    def resolve(self) -> None:
        """Find this partner's secrets, which masks them in this process from now on; nothing is called.

        Raises:
            SecretError: one isn't there.
            ParamsError: the digest password is too weak; or a parameter holds a secret itself.
        """
        params = self.params
        digest_password(params)
        if params.target == "live":
            remember_basic(params.genesys_client_id, resolve(params.genesys_client_secret, key="genesys_client_secret").reveal())
            remember_basic(params.twilio_api_key_sid or params.twilio_account_sid, resolve(params.twilio_api_key_secret, key="twilio_api_key_secret").reveal())
        told = [key for key, value in params.model_dump(mode="json").items() if redact(value) != value]
        if told:
            raise ParamsError([f"{key}: it holds a secret, which would stand in every record. Take it out; parameters hold references only."
                               for key in told])


def load_all(paths: Iterable[str | Path], live: bool = False, secrets_here: bool = True) -> list[Partner]:
    """Every partner's checked params, with their secrets resolvable.

    Args:
        paths: YAML or CSV files, or folders whose *.yaml and *.csv files are meant.
        live: the second word for partners with target: live.
        secrets_here: false if the runs take place on other machines, which have the secrets: then each run checks its own.

    Raises:
        ParamsError: the problems of all of them together.
    """
    problems: list[str] = []
    loaded: list[Partner] = []
    for source, read in _sources(paths):
        try:
            raw = read()
            partner = Partner(source, validate(raw, source=source), raw)
            if secrets_here:
                partner.resolve()
        except RunbookError as error:
            name = Path(source.partition(",")[0]).name
            problems += [line if name in line else f"{source}: {line}" for line in str(error).splitlines()]
            continue
        if partner.params.target == "live" and not live:
            problems.append(f"{source}: target is live. Add --live to say that the real clouds are meant.")
        loaded.append(partner)
    problems += _shared(loaded)
    if problems:
        raise ParamsError(problems)
    return loaded


def _shared(partners: list[Partner]) -> Iterator[str]:
    """What two partners of one batch can't both have."""
    seen: dict[tuple[str, str, str], Partner] = {}
    for partner in partners:
        p = partner.params
        cloud = f"{p.target} {p.region.aws}"
        holdings = [("partner", "", p.slug, p.partner), ("identifier", cloud, p.identifier.lower(), p.identifier),
                    ("termination_domain", p.target, p.termination_domain.lower(), p.termination_domain),
                    *(("phone_numbers", p.target, n, n) for n in p.phone_numbers)]
        for key, where, value, shown in holdings:
            first = seen.setdefault((key, where, value), partner)
            if first is not partner:
                why = "A partner has one file" if key == "partner" else "Two partners can't share it"
                yield f'{partner.source}: {key} "{shown}" is also in {first.source}. {why}.'


def _sources(paths: Iterable[str | Path]) -> Iterator[tuple[str, Any]]:
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(f for f in (*path.glob("*.yaml"), *path.glob("*.csv")) if not f.name.endswith(".common.yaml")) if path.is_dir() else [path]
    if not files:
        raise ParamsError("There is no params file. Name one, e.g. params/demo.yaml.")
    for file in files:
        if file.suffix.lower() == ".csv":
            yield from _rows(file)
        else:
            yield shown_path(file), lambda file=file: read_yaml(file)


def _rows(file: Path) -> Iterator[tuple[str, Any]]:
    common = file.with_suffix(".common.yaml")
    try:
        text = file.read_text("utf-8-sig")
        shared = read_yaml(common) if common.exists() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{shown_path(file)} can't be read: {error}. Save it as CSV in UTF-8.") from None
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ParamsError(f"{shown_path(file)}, line {reader.line_num}: this is not CSV ({error}). Check its quotes.") from None
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    if "partner" not in header:
        raise ParamsError(f"{shown_path(file)}: the first line must name the parameters, and partner among them. It is: {first[:200]}")
    if len(set(header)) < len(header):
        raise ParamsError(f"{shown_path(file)}: the first line names a parameter twice: {first[:200]}")
    for number, row in rows[1:]:
        source = f"{shown_path(file)}, line {number}"
        yield source, lambda source=source, row=row: shared | _values(source, header, row)


def _values(source: str, header: list[str], row: list[str]) -> dict[str, Any]:
    if len(row) > len(header):
        raise ParamsError(f"{source}: the line has {len(row)} cells, the first line {len(header)}. Put quotes around a cell that "
                          "holds the separator.")
    return {key: _value(source, key, cell.strip()) for key, cell in zip(header, row, strict=False) if key and cell.strip()}


def _value(source: str, key: str, cell: str) -> Any:
    field = Params.model_fields.get(key)
    kind = field.annotation if field else str
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            try:
                return yaml.load(cell, Loader=yaml.BaseLoader)
            except yaml.YAMLError:
                raise ParamsError(f'{source}: {key} is not YAML. Write e.g. [{{number: "+33…", person: "a@example.com"}}].') from None
        return [part.strip() for part in cell.split(";") if part.strip()]
    if kind is bool and cell.lower() in ("true", "false", "yes", "no"):
        return cell.lower() in ("true", "yes")
    if kind is int and cell.isdecimal():
        return int(cell)
    return cell
