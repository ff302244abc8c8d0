"""Secrets are references in params (`env:NAME`), resolved late, and masked wherever text leaves the process.

| reference | where the value comes from |
|---|---|
| `env:NAME` | environment variable NAME |
| `file:PATH` | first line of a file |
| `keyring:SERVICE/USER` | the operating system's keychain |
| `practice:NAME` | a made-up value for the practice clouds only, always the same for NAME |
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .exceptions import SecretError

MASK = "********"
SCHEMES = ("env", "file", "keyring", "practice")
_REFERENCE = re.compile(r"^(env|file|keyring|practice):(\S.*)$")

_known: set[str] = set()
_pattern: re.Pattern[str] | None = None


class Secret:
    """A value that shows itself only when asked by name: `repr`, `str` and formatting give the mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str):
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self):
        raise TypeError("a Secret is not pickled: pass its reference instead")


def check_reference(text: str) -> str:
    """Return `text` if it has the form of a secret reference.

    Raises:
        ValueError: it does not; the message never repeats the text, which may be the secret itself.
    """
    if not _REFERENCE.match(text):
        raise ValueError(
            "must be a reference to a secret, never the secret itself: "
            "env:NAME, file:PATH, keyring:SERVICE/USER or, for the practice clouds, practice:NAME."
        )
    return text


def resolve(reference: str, *, key: str, whole: bool = False) -> Secret:
    """The secret behind a reference. `key` is the parameter it stands in, for the message; `whole`: all lines of a file.

    Raises:
        SecretError: nothing is there; the sentence names the key, the reference and how to mend it.
    """
    match = _REFERENCE.match(reference)
    if not match:
        raise SecretError(f"{key}: this is not a secret reference. Write env:NAME, file:PATH or keyring:SERVICE/USER.")
    scheme, rest = match.groups()
    value = {"env": _env, "file": _whole if whole else _file, "keyring": _keyring, "practice": practice_value}[scheme](rest, key)
    if not value:
        raise SecretError(f"{key}: {reference} is there but empty. Put the secret in it.")
    return Secret(value)


def _env(name: str, key: str) -> str:
    if name not in os.environ:
        raise SecretError(f"{key}: environment variable {name} is not set. Set it before you start, e.g. "
                          f"`read -rs {name} && export {name}`, which keeps it out of the shell's history.")
    return os.environ[name]


def _file(name: str, key: str) -> str:
    lines = _whole(name, key).splitlines()
    return lines[0].strip() if lines else ""


def _whole(name: str, key: str) -> str:
    path = Path(name).expanduser()
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SecretError(f"{key}: file {name} can't be read ({reason}). "
                          "Make it a text file with the secret on its first line.") from None


def _keyring(name: str, key: str) -> str:
    service, _, user = name.rpartition("/")
    if not service or not user:
        raise SecretError(f"{key}: keyring:{name} lacks a part. Write keyring:SERVICE/USER.")
    import keyring
    from keyring.errors import KeyringError

    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise SecretError(f"{key}: the keychain could not be opened ({type(error).__name__}). "
                          "Unlock it, or use env: or file: on a machine without one.") from None
    if value is None:
        raise SecretError(f"{key}: the keychain has no entry {service} / {user}. "
                          f"Add it with `keyring set {service} {user}`.")
    return value


def store(reference: str, secret: Secret, *, key: str) -> None:
    """Put a secret where a keyring: reference points to.

    Raises:
        SecretError: it is another kind of reference, or the keychain refuses.
    """
    scheme, _, rest = reference.partition(":")
    service, _, user = rest.rpartition("/")
    if scheme != "keyring" or not service or not user:
        raise SecretError(f"{key}: {reference} is not the keychain's. Only keyring:SERVICE/USER can be written; the runbook writes "
                          "no secret to a file.")
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(service, user, secret.reveal())
    except KeyringError as error:
        raise SecretError(f"{key}: the keychain could not be written ({type(error).__name__}). Unlock it, or install one.") from None


def forget(reference: str) -> None:
    """Remove what a keyring: reference points to; nothing there is fine."""
    import keyring
    from keyring.errors import KeyringError

    service, _, user = reference.partition(":")[2].rpartition("/")
    with contextlib.suppress(KeyringError):
        keyring.delete_password(service, user)


def practice_value(name: str, key: str = "") -> str:
    """A password that meets both clouds' rules (16 characters, both cases, digits), made from its name."""
    digest = hashlib.sha256(f"byoc practice secret {name}".encode()).digest()
    return "Pr" + base64.b32encode(digest).decode()[:12].lower() + "7Q"


def remember(value: str) -> None:
    """Mask this value, as it is and as URLs, HTML, JSON and `repr` write it, in everything shown from now on."""
    global _pattern
    if len(value) < 4:
        return
    _known.update({value, quote(value, safe=""), html.escape(value), html.escape(value, quote=False), repr(value)[1:-1],
                   json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]})
    _pattern = re.compile("|".join(re.escape(v) for v in sorted(_known, key=len, reverse=True)))


def remember_basic(user: str, password: str) -> None:
    """Mask the Basic-authorization form of a user and password too."""
    remember(base64.b64encode(f"{user}:{password}".encode()).decode())


def redact(value: Any) -> Any:
    """`value` with every known secret replaced by the mask; walks dicts, lists and tuples."""
    if _pattern is None:
        return value
    if isinstance(value, str):
        return _pattern.sub(MASK, value)
    if isinstance(value, dict):
        return {redact(k): redact(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(redact(v) for v in value)
    return value
