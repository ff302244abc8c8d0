"""A run's record proves itself: `manifest.json`, an in-toto statement, names every file with its SHA-256.

It is there from the first moment with the status "running", so that a record that broke off says so, and is rewritten after
each chapter. At the end `manifest.json.sha256` (as `sha256sum -c` reads it) guards it against accidents, and with a key
`manifest.dsse.json`, a DSSE envelope signed with Ed25519 that the checksum file names, too, against forgery.

The predicate: `status` (running, passed, failed, interrupted), `partner`, `target`, `mode`, `scenario`, `started` and `finished`
(UTC, ISO 8601), `params` (secrets as references), `plan` (the approved plan's `sha256`), `versions`, `platform`, `commit` (`sha`;
`changed`: the sources had been edited), `chapters` (each `chapter`, `title`, `status`, `seconds`, `recap`, `message`, `notebook`),
`message`, `note`.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..exceptions import RecordError, SecretError
from ..params import Params
from ..secrets import Secret, redact, resolve

MANIFEST, SUM, ENVELOPE = "manifest.json", "manifest.json.sha256", "manifest.dsse.json"
PREDICATE, PAYLOAD = "urn:byoc-runbook:record:v1", "application/vnd.in-toto+json"
_OURS = (MANIFEST, SUM, ENVELOPE)
_FOLDER = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")  # how the folder of a record begins
START_WITHIN, CLOCK = 60.0, 5.0  # seconds from the making of a record's folder to the run's start; what a clock may be set back by between
_PACKAGES = ("byoc-runbook", "papermill", "nbclient", "ipykernel", "PureCloudPlatformClientV2", "twilio", "httpx", "pydantic", "phonenumbers")
_ROOT = Path(__file__).resolve().parents[2]


class Record:
    """The record of one run, as it grows.

    Args:
        folder: the record's own, new folder.
        params: the partner's, as used.
        mode: "apply", "plan" or "destroy".
        plan: the approved plan's SHA-256, if one is carried out.
        sign: reference to the signing key (env:, file: or keyring:): an Ed25519 private key in PEM.

    Raises:
        SecretError: the key can't be read or is none; nothing was written.
        OSError: the folder can't be written.
    """

    def __init__(self, folder: Path, params: Params, *, mode: str, plan: str = "", sign: str = ""):
        started = _now()  # before the keychain may ask somebody for the key
        self._folder, self._key = folder, signer(sign) if sign else None
        self._sums: dict[str, tuple[tuple[int, int], str]] = {}
        self._said: dict[str, Any] = {
            "status": "running", "partner": params.partner, "target": params.target, "mode": mode, "scenario": params.scenario,
            "started": started, "finished": None, "params": redact(params.model_dump(mode="json")), "plan": {"sha256": plan} if plan else None,
            "versions": versions(), "platform": f"{platform.system()} {platform.machine()}", "commit": commit(), "chapters": [],
            "message": "", "note": "",
        }
        self._write()

    @property
    def predicate(self) -> Mapping[str, Any]:
        """What the manifest says so far."""
        return self._said

    def chapter(self, result: Mapping[str, Any]) -> None:
        """A chapter ended: its files belong to the record from now on."""
        self._said["chapters"].append(redact(dict(result)))
        self._write()

    def ending(self, status: str, message: str = "", note: str = "") -> Mapping[str, Any]:
        """What the finished manifest will say, for a report that is part of the record; `finish` writes it."""
        self._said |= {"status": status, "finished": _now(), "message": redact(message), "note": redact(note)}
        return self._said

    def finish(self) -> None:
        """Write the finished manifest with all files of the folder, its checksum and, with a key, the signed envelope."""
        whole = {MANIFEST: self._write()}
        if self._key:
            whole[ENVELOPE] = _envelope(whole[MANIFEST], self._key)
            _put(self._folder / ENVELOPE, whole[ENVELOPE])
        _put(self._folder / SUM, "".join(f"{_sha256(data)}  {name}\n" for name, data in whole.items()).encode())

    def _write(self) -> bytes:
        from google.protobuf.json_format import ParseDict
        from in_toto_attestation.v1.statement import STATEMENT_TYPE_URI, Statement
        from in_toto_attestation.v1.statement_pb2 import Statement as Message

        files = [f for f in sorted(self._folder.iterdir()) if f.is_file() and f.name not in _OURS and not f.name.startswith(".")]
        statement = {"_type": STATEMENT_TYPE_URI, "subject": [{"name": f.name, "digest": {"sha256": self._sum(f)}} for f in files],
                     "predicateType": PREDICATE, "predicate": self._said}
        checked = Statement.copy_from_pb(ParseDict(statement, Message()))
        if files:
            checked.validate()
        data = json.dumps(statement, indent=1, ensure_ascii=False).encode() + b"\n"
        _put(self._folder / MANIFEST, data)
        return data

    def _sum(self, file: Path) -> str:
        state = (file.stat().st_size, file.stat().st_mtime_ns)
        if self._sums.get(file.name, (None, ""))[0] != state:
            self._sums[file.name] = (state, _sha256(file.read_bytes()))
        return self._sums[file.name][1]


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _put(path: Path, data: bytes) -> None:
    """The whole file or none."""
    partial = path.with_name(f".{path.name}.tmp")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


@functools.cache
def versions() -> dict[str, str]:
    """Python's version and those of the packages that a run's result depends on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@functools.cache
def commit() -> dict[str, Any] | None:
    """The runbook's git commit, and whether its sources were edited since; None without a repository."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != _ROOT:
            return None
        return {"sha": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "--", "byoc_helpers", "notebooks"))}
    except (OSError, subprocess.SubprocessError):
        return None


# ---------------------------------------------------------------- keys


def signer(reference: str) -> Any:
    """The signing key behind a reference.

    Raises:
        SecretError: it is not there, or no Ed25519 private key in PEM.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    try:
        key = load_pem_private_key(resolve(reference, key="--sign", whole=True).reveal().encode(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretError(f"--sign: {reference} holds no Ed25519 private key in PEM without a passphrase. Make one with `byoc key new`, or "
                          "`openssl genpkey -algorithm ed25519`.")
    return CryptoSigner(key)


def new_key() -> tuple[Secret, bytes]:
    """A new Ed25519 key: the private half in PEM, and the public one for those who verify."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Secret(private.decode()), public


def public_key(path: Path) -> Any:
    """The public key in a PEM file, to verify with.

    Raises:
        RecordError: it can't be read, or is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey

    try:
        return SSlibKey.from_crypto(load_pem_public_key(path.read_bytes()))
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        reason = getattr(error, "strerror", None) or "it holds no public key in PEM"
        raise RecordError(f"--key {path}: {reason}. Name the file that `byoc key new` wrote, or that "
                          "`openssl pkey -pubout` makes from the private key.") from None


def _envelope(data: bytes, key: Any) -> bytes:
    from securesystemslib.dsse import Envelope

    envelope = Envelope(data, PAYLOAD, {})
    envelope.sign(key)
    return _canonical(envelope)


def _canonical(envelope: Any) -> bytes:
    return json.dumps(envelope.to_dict(), indent=1, sort_keys=True).encode() + b"\n"


# ---------------------------------------------------------------- verifying


@dataclass(frozen=True)
class Verdict:
    """Is a record whole and untouched? A sentence for each thing that is not; `signed` says what the signature is worth."""

    record: Path
    status: str
    findings: tuple[str, ...]
    signed: str

    @property
    def whole(self) -> bool:
        return not self.findings


def records(path: Path) -> list[Path]:
    """The records at or under a path: a record itself, a partner's folder, or the folder of all.

    Raises:
        RecordError: there is none.
    """
    if (path / MANIFEST).exists() or _FOLDER.match(path.resolve().name):
        return [path]
    found = [f for pattern in ("*", "*/*") for f in sorted(path.glob(pattern)) if f.is_dir() and (_FOLDER.match(f.name) or (f / MANIFEST).exists())]
    if not found:
        raise RecordError(f"There is no record at {path}. Name a record, a partner's folder, or the folder of all records.")
    return found


def verify(folder: Path, key: Any = None, partner: bool = False) -> Verdict:
    """Hold a record against its manifest.

    Args:
        folder: the record.
        key: from `public_key`; without it a signature is not checked.
        partner: the record lies in the folder of its partner, and must be that one's.
    """
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError:
        return Verdict(folder, "unknown", (f"{MANIFEST} is missing or can't be read: the record can't be judged.",), "")
    statement = _parse(data)
    predicate = statement.get("predicate")
    status = str(predicate.get("status")) if isinstance(predicate, dict) else "unknown"
    if status == "running":
        return Verdict(folder, status, ("The run broke off: the record is incomplete. What exists in the clouds is found by the next run.", *_links(folder),
                                        *_place(folder, predicate, partner), *(_checksum(folder, data) if (folder / SUM).exists() else ()),
                                        *_files(folder, statement)), "")
    enveloped, signed = _signature(folder, data, key)
    findings = (*_links(folder), *_place(folder, predicate, partner), *_checksum(folder, data), *enveloped, *_files(folder, statement))
    return Verdict(folder, status, tuple(dict.fromkeys(findings)), signed)


def _parse(data: bytes) -> dict[str, Any]:
    try:
        statement = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return statement if isinstance(statement, dict) else {}


def _checksum(folder: Path, data: bytes) -> Iterator[str]:
    try:
        kept = (folder / SUM).read_bytes()
    except OSError:
        yield f"{SUM} is missing."
        return
    lines = re.fullmatch(rb"([0-9a-f]{64})  manifest\.json\n(?:([0-9a-f]{64})  manifest\.dsse\.json\n)?", kept)
    if not lines:
        yield f"{SUM} was changed."
        return
    if lines[1] != _sha256(data).encode():
        yield f"{MANIFEST} was changed, or {SUM} was: they don't belong together."
    envelope = folder / ENVELOPE
    if lines[2] and not envelope.is_file():
        yield f"{ENVELOPE} is missing: the record was signed."
    elif envelope.is_file() and (not lines[2] or lines[2] != _sha256(envelope.read_bytes()).encode()):
        yield f"{ENVELOPE} was changed, or {SUM} was: they don't belong together."


def _links(folder: Path) -> Iterator[str]:
    """The record's own files, where they are not plain files of this folder."""
    for name in _OURS:
        if (folder / name).is_symlink():
            yield f"{name} is not a plain file."


def _place(folder: Path, said: Any, partner: bool) -> Iterator[str]:
    """Does the record stand where it was made? A copy elsewhere could pass for the record of another run, or of another partner."""
    if not isinstance(said, dict):
        return
    stamp, started = _FOLDER.match(folder.name), str(said.get("started"))
    if stamp:
        made = dt.datetime.strptime(stamp[0], "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=dt.UTC)
        try:
            late = (dt.datetime.fromisoformat(started) - made).total_seconds()
        except (ValueError, TypeError):
            late = -START_WITHIN
        if not -CLOCK <= late <= START_WITHIN:
            yield f"The folder is named {folder.name}, but the run it holds began at {started}: it was renamed, or copied over another one."
    home = folder.resolve().parent.name
    if partner and (slug := _slug(said)) and home != slug:
        yield f"The folder lies in {home}, but the run it holds is of {said.get('partner')}: it was moved, or copied."


def _slug(said: Mapping[str, Any]) -> str:
    return Params.model_construct(partner=said["partner"]).slug if isinstance(said.get("partner"), str) else ""


def _signature(folder: Path, data: bytes, key: Any) -> tuple[list[str], str]:
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import FormatError, VerificationError

    try:
        raw = (folder / ENVELOPE).read_bytes()
    except OSError:
        if key is not None:
            return [f"{ENVELOPE} is missing: the record is not signed, or its signature was removed."], "not signed"
        return [], "not signed: shows accidents, not forgery"
    try:
        envelope = Envelope.from_dict(json.loads(raw))
        whole = _canonical(envelope) == raw
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError):
        return [f"{ENVELOPE} was changed: it is no signed envelope."], "not valid"
    if not whole or envelope.payload_type != PAYLOAD or len(envelope.signatures) != 1:
        return [f"{ENVELOPE} was changed."], "not valid"
    if envelope.payload != data:
        return [f"{MANIFEST} was changed, or {ENVELOPE} was: they don't belong together."], "not valid"
    if key is None:
        return [], "signed, but the signature was not checked: give the public key with --key"
    (kept,) = envelope.signatures
    if kept != key.keyid:
        return [f"{ENVELOPE} was signed with another key ({kept[:16]}…, not {key.keyid[:16]}…), or was changed."], "not valid"
    try:
        envelope.verify([key], 1)
    except VerificationError:
        return [f"{ENVELOPE} was changed: the signature does not hold."], "not valid"
    return [], f"signed with the key {key.keyid[:16]}…"


def _files(folder: Path, statement: Mapping[str, Any]) -> Iterator[str]:
    """Each file that is missing, changed, or not of the record."""
    subjects = statement.get("subject", [])
    named: dict[str, str] = {}
    try:
        named = {subject["name"]: subject["digest"]["sha256"] for subject in subjects}
    except (TypeError, KeyError):
        yield f"{MANIFEST} was changed: it is no statement about files."
    if statement.get("predicateType") != PREDICATE:
        yield f"{MANIFEST} was changed: it is no record's manifest."
    for name, expected in sorted(named.items(), key=str):
        if not isinstance(name, str) or not name or Path(name).name != name or name in _OURS or name in (".", ".."):
            yield f"{MANIFEST} names {name!r}, which can't be a file of the record."
            continue
        file = folder / name
        if file.is_symlink() or not file.is_file():
            yield f"{name} is missing." if not os.path.lexists(file) else f"{name} is not a plain file."
        elif _sha256(file.read_bytes()) != expected:
            yield f"{name} was changed."
    for extra in _extra(folder, named):
        yield f"{extra.name} is not of the record."


def _extra(folder: Path, named: Iterable[str]) -> list[Path]:
    return [f for f in sorted(folder.iterdir()) if f.name not in {*named, *_OURS}]
