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
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from .exceptions import NoSuchSecret, SecretError

MASK = "********"
SCHEMES = ("env", "file", "keyring", "practice")
FEW = 512  # beginnings of secrets that are looked for one after the other; more of them are looked up at each character
SHORTEST = 8  # characters: masking what is shorter would tear other words to pieces
_REFERENCE = re.compile(r"(env):([A-Za-z_]\w*)|(file|keyring|practice):(\S.*)")

_lock = threading.Lock()
_known: dict[str, set[str]] = {}  # each spelling of each secret, by its first SHORTEST characters


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
    if not _REFERENCE.fullmatch(text):
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
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise SecretError(f"{key}: this is not a secret reference. Write env:NAME, file:PATH or keyring:SERVICE/USER.")
    scheme, rest = filter(None, match.groups())
    value = {"env": _env, "file": _whole if whole else _file, "keyring": _keyring, "practice": practice_value}[scheme](rest, key)
    if not value:
        raise SecretError(f"{key}: {reference} is there but empty. Put the secret in it.")
    if len(value) < SHORTEST:
        raise SecretError(f"{key}: {reference} holds fewer than {SHORTEST} characters, which could not be kept out of the records. "
                          "Choose a longer secret.")
    return Secret(value)


def learn(references: Iterable[str]) -> None:
    """Mask what these point to from now on, before anybody asks for it; not the keychain, which may ask a person."""
    for reference in references:
        if reference.startswith(("env:", "file:")):
            with contextlib.suppress(SecretError):
                resolve(reference, key="")


def _env(name: str, key: str) -> str:
    if name not in os.environ:
        raise NoSuchSecret(f"{key}: environment variable {name} is not set. Set it before you start, e.g. "
                           f"`read -rs {name} && export {name}`, which keeps it out of the shell's history.")
    value = os.environ[name].strip("\r\n")  # mounted secrets often end in a line break
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SecretError(f"{key}: environment variable {name} is not UTF-8 text. Set it again.") from None
    return value


def _file(name: str, key: str) -> str:
    lines = _whole(name, key).splitlines()
    return lines[0].strip() if lines else ""


def _whole(name: str, key: str) -> str:
    path = Path(name).expanduser()
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise NoSuchSecret(f"{key}: there is no file {name}. Make it a text file with the secret on its first line.") from None
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
        raise NoSuchSecret(f"{key}: the keychain has no entry {service} / {user}. "
                          f"Add it with `keyring set {service} {user}`.")
    return value


def store(reference: str, secret: Secret, *, key: str) -> None:
    """Put a secret where a keyring: reference points to, and see that it is kept there.

    Raises:
        SecretError: it is another kind of reference, or the keychain refuses, keeps nothing, or is a plain file.
    """
    service, user = _entry(reference, key)
    import keyring
    from keyring.errors import KeyringError

    backend = keyring.get_keyring()
    plain = [type(b).__name__ for b in (backend, *getattr(backend, "backends", ())) if "Plaintext" in type(b).__name__]
    if plain:
        raise SecretError(f"{key}: the keychain here is {plain[0]}, a file that anybody can read. The runbook writes no secret to a file: "
                          "install a keychain, or keep the secret in env: or file: yourself.")
    try:
        keyring.set_password(service, user, secret.reveal())
        kept = keyring.get_password(service, user)
    except KeyringError as error:
        raise SecretError(f"{key}: the keychain could not be written ({type(error).__name__}). Unlock it, or install one.") from None
    if kept != secret.reveal():
        raise SecretError(f"{key}: the keychain here ({type(backend).__module__}) does not keep what it is given. Install one, or use env: or file:.")


def writable(reference: str, *, key: str) -> None:
    """Can `store` be asked to write there? Looks at the reference alone.

    Raises:
        SecretError: it is no keyring: reference.
    """
    _entry(reference, key)


def _entry(reference: str, key: str) -> tuple[str, str]:
    scheme, _, rest = reference.partition(":")
    service, _, user = rest.rpartition("/")
    if scheme != "keyring" or not service or not user:
        shown = f"{reference} is not the keychain's. " if _REFERENCE.fullmatch(reference) else ""
        raise SecretError(f"{key}: {shown}Only keyring:SERVICE/USER can be written; the runbook writes no secret to a file. On a machine without a keychain make it "
                          "with a tool of its own, e.g. `openssl genpkey -algorithm ed25519 -out key.pem` or `openssl rand -base64 18`, in a file that only you "
                          "can read, and refer to that as file:PATH.")
    return service, user


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
    """Mask this value in everything shown from now on: as it is, line by line, and as URLs, HTML, JSON, Base64 and Python write it."""
    wholes = {value, value.strip(), *(line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST)}
    forms = {v for v in wholes if len(v) >= SHORTEST}
    forms |= {encoded(v.encode("utf-8", "replace")).decode().rstrip("=") for v in forms for encoded in (base64.b64encode, base64.urlsafe_b64encode)}
    for _ in range(2):  # JSON in HTML, a URL in JSON, …
        forms |= {spelt(form) for form in forms for spelt in _SPELLINGS}
    with _lock:
        for form in forms:
            _known.setdefault(form[:SHORTEST], set()).add(form)


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    quote, lambda v: quote(v, safe=""), quote_plus, lambda v: re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quote(v, safe="")),
    html.escape, lambda v: html.escape(v, quote=False), lambda v: v.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
    lambda v: html.escape(v).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"), lambda v: v.replace("/", r"\/"), lambda v: v.replace('"', '""'),
    lambda v: repr(v)[1:-1], lambda v: ascii(v)[1:-1], lambda v: repr(v.encode("utf-8", "replace"))[2:-1],
    lambda v: json.dumps(v)[1:-1], lambda v: json.dumps(v, ensure_ascii=False)[1:-1],
)


def remember_basic(user: str, password: str) -> None:
    """Mask the Basic-authorization form of a user and password too."""
    for encoding in ("utf-8", "latin-1"):
        with contextlib.suppress(UnicodeEncodeError):
            remember(base64.b64encode(f"{user}:{password}".encode(encoding)).decode())


def redact(value: Any) -> Any:
    """`value` with every known secret replaced by the mask; walks dicts, lists and tuples."""
    if not _known:
        return value
    if isinstance(value, str):
        return _mask(value)
    if isinstance(value, dict):
        return {redact(k): redact(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        masked = [redact(v) for v in value]
        return type(value)(*masked) if hasattr(value, "_fields") else type(value)(masked)
    return value


def unfinished(text: str) -> int:
    """How many characters at the end of `text` may be the beginning of a known secret."""
    with _lock:
        forms = [form for same in _known.values() for form in same]
    return max((n for form in forms for n in range(min(len(form) - 1, len(text)), 0, -1) if text.endswith(form[:n])), default=0)


def _mask(text: str) -> str:
    pieces, done = [], 0
    for start, end in _merged(_places(text)):
        pieces += [text[done:start], MASK]
        done = end
    return "".join([*pieces, text[done:]]) if pieces else text


def _places(text: str) -> list[tuple[int, int]]:
    """Where known secrets begin and end. A process that knows those of a thousand partners looks as fast as one that knows a hundred."""
    if len(text) < SHORTEST:
        return []
    with _lock:
        heads = tuple(_known) if len(_known) <= min(FEW, len(text)) else ()
    if heads:
        starts = [match.start() for head in heads if head in text for match in re.finditer(f"(?={re.escape(head)})", text)]
    else:
        starts = [i for i in range(len(text) - SHORTEST + 1) if text[i:i + SHORTEST] in _known]
    with _lock:
        return [(i, i + len(form)) for i in starts for form in _known[text[i:i + SHORTEST]] if text.startswith(form, i)]


def _merged(places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The places in order, those that overlap or touch as one."""
    start = end = -1
    for begins, ends in sorted(places):
        if begins > end >= 0:
            yield start, end
            start = begins
        start, end = start if end >= 0 else begins, max(end, ends)
    if end >= 0:
        yield start, end
