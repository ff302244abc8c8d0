"""What both practice clouds stand on: tenants, practice credentials, ids, the clock, lateness.

**Practice credentials.** A Genesys OAuth client id is `00000000-` and 24 hex digits in UUID form, a Twilio
account SID `AC00000000` and the same 24 digits, an API key SID `SK00000000` and the same 24 digits: one tail,
one tenant. `prepare` derives them from the tenant's name. A client that comes with a tail nobody prepared gets
a tenant of its own at its first login, and the secret it offered (at least 8 characters) is remembered as a
salted hash. Anything else is refused, so a real credential typed by mistake opens nothing and is not kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .faults import Script
from .http import Request
from .limits import Limits
from .scenarios import TRACES, scenario_of
from .store import Row, Store

FIXED_START = datetime(2026, 1, 15, 9, tzinfo=UTC).timestamp()
FIXED_KEY = "practice clouds, fixed mode"
LATE_SECONDS = 0.3
DEFAULTS: dict[str, Any] = {
    "scenario": "healthy",
    "region": "eu-west-1",
    "country": "FR",
    "language": "en-US",
}
LOGIN_FORM = re.compile(
    r"(?:AC|SK)00000000([0-9a-f]{24})|00000000-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Tenant:
    """One practice customer: a Genesys org and a Twilio account.

    `tail` is the 24 hex digits its credentials share, `settings` what `prepare` was given (scenario, region, country, language…).
    """

    name: str
    tail: str
    settings: dict[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        """A setting: the tenant's own, else its scenario's, else `default`."""
        if self.settings.get(key) is not None:
            return self.settings[key]
        if self.settings.get("mended"):
            return default
        return scenario_of(self.settings["scenario"]).settings.get(key, default)

    @property
    def client_id(self) -> str:
        t = self.tail
        return f"00000000-{t[:4]}-{t[4:8]}-{t[8:12]}-{t[12:]}"

    @property
    def account_sid(self) -> str:
        return f"AC00000000{self.tail}"

    @property
    def key_sid(self) -> str:
        return f"SK00000000{self.tail}"


@dataclass(slots=True)
class Context:
    """One request on its way through a handler: who asks, what, and the tenant's time (epoch seconds)."""

    core: Core
    request: Request
    tenant: Tenant
    login: str = ""
    stamp: float = 0.0
    memo: dict[str, Any] = field(default_factory=dict)
    keep: dict[str, Any] = field(default_factory=dict)  # settings to change even if the request is refused

    @property
    def store(self) -> Store:
        return self.core.store

    def new(
        self,
        kind: str,
        id: str,
        body: dict[str, Any],
        *,
        name: str = "",
        parent: str = "",
        late: bool = False,
    ) -> Row:
        """Store a new object. `late`: no reader sees it until the tenant's late seconds have passed."""
        hidden = self.due() if late else 0.0
        return self.store.add(Row(self.tenant.name, kind, id, parent, name, 0, hidden, body))

    def due(self) -> float:
        """When something that takes a while will have happened: real time, never the fixed clock."""
        return time.time() + float(self.tenant.get("late_seconds", self.core.late_seconds))

    def uuid(self, kind: str) -> str:
        return str(uuid.UUID(hex=self.core.hex32(self.tenant.name, kind), version=4))

    def sid(self, prefix: str) -> str:
        return prefix + self.core.hex32(self.tenant.name, prefix)


class Core:
    """State that outlives a request. One per server."""

    def __init__(self, store: Store, *, fixed: bool = False, late_seconds: float | None = None):
        self.store, self.fixed = store, fixed
        self.late_seconds = (
            float(os.environ.get("BYOC_SANDBOX_LATE", LATE_SECONDS)) if late_seconds is None else late_seconds
        )
        self._credential_key = (
            FIXED_KEY if fixed else store.meta("credential_key", secrets.token_hex(32))
        ).encode()
        self._pepper = store.meta("pepper", secrets.token_hex(32)).encode()
        self._good: dict[tuple[str, bytes], str] = {}
        self.limits = Limits()
        self.faults = Script()
        self._tenants: dict[str, Tenant] = {}

    # ids and time

    def hex32(self, tenant: str, kind: str) -> str:
        """32 hex digits for a new object: random, or in fixed mode derived from tenant, kind and serial."""
        serial = self.store.serial(tenant, kind)
        if not self.fixed:
            return secrets.token_hex(16)
        return hashlib.sha256(f"{tenant}|{kind}|{serial}".encode()).hexdigest()[:32]

    def tick(self, tenant: Tenant) -> float:
        """The time of a write. Must run inside its transaction: an undone write leaves the clock alone."""
        if not self.fixed:
            return float(int(time.time()))
        ticks = self.store.db.execute(
            "UPDATE tenants SET ticks = ticks + 1 WHERE name = ? RETURNING ticks", (tenant.name,)
        ).fetchone()[0]
        return FIXED_START + ticks - 1

    def correlation_id(self, tenant: Tenant | None, request: Request) -> str:
        """A Genesys correlation id; in fixed mode the same for the same request after the same writes."""
        if not self.fixed:
            return str(uuid.uuid4())
        ticks = 0
        if tenant:
            row = self.store.db.execute("SELECT ticks FROM tenants WHERE name = ?", (tenant.name,)).fetchone()
            ticks = row[0] if row else 0
        seed = (
            f"{tenant.name if tenant else ''}|{ticks}|{request.method}|{request.path}|{request.query_string}"
        )
        return str(uuid.UUID(hex=hashlib.sha256(seed.encode()).hexdigest()[:32], version=4))

    # tenants

    def tenant(self, name: str) -> Tenant | None:
        if name not in self._tenants:
            found = self.store.db.execute("SELECT * FROM tenants WHERE name = ?", (name,)).fetchone()
            if found is None:
                return None
            self._tenants[name] = tenant = Tenant(found[0], found[1], json.loads(found[3]))
            self._script(tenant)
        return self._tenants[name]

    def tenant_of_tail(self, tail: str) -> Tenant | None:
        found = self.store.db.execute("SELECT name FROM tenants WHERE tail = ?", (tail,)).fetchone()
        return self.tenant(found[0]) if found else None

    def tenants(self) -> list[Tenant]:
        names = [r[0] for r in self.store.db.execute("SELECT name FROM tenants ORDER BY name")]
        return [t for t in map(self.tenant, names) if t]

    def add_tenant(self, name: str, tail: str, settings: dict[str, Any]) -> Tenant:
        tenant = Tenant(name, tail, {**DEFAULTS, **settings})
        self.store.db.execute(
            "INSERT INTO tenants VALUES (?, ?, 0, ?)", (name, tail, json.dumps(tenant.settings))
        )
        return tenant

    def change_settings(self, tenant: Tenant, changes: dict[str, Any]) -> None:
        tenant.settings = {**tenant.settings, **changes}
        self.store.db.execute(
            "UPDATE tenants SET settings = ? WHERE name = ?", (json.dumps(tenant.settings), tenant.name)
        )

    def choose_scenario(self, tenant: Tenant, scenario: str) -> None:
        """Put a tenant into a scenario, as if it had not been in it before."""
        self.change_settings(tenant, {"scenario": scenario, **dict.fromkeys(TRACES)})
        self._script(tenant)

    def _script(self, tenant: Tenant) -> None:
        name = tenant.settings["scenario"]
        self.faults.of_scenario(tenant.name, name, scenario_of(name).faults)

    def forget_cached(self) -> None:
        """After a wipe or a rollback that touched tenants."""
        self._tenants.clear()
        self.faults.scenario.clear()
        self._good.clear()

    # credentials

    def derived(self, what: str, name: str, size: int = 32) -> str:
        """A practice credential of a prepared tenant, derived so that it need not be stored."""
        return hmac.new(self._credential_key, f"{what}|{name}".encode(), "sha256").hexdigest()[:size]

    def remember_login(self, login: str, tenant: str, kind: str, secret: str) -> None:
        salt = secrets.token_bytes(16)
        self.store.db.execute(
            "INSERT OR REPLACE INTO logins VALUES (?, ?, ?, ?, ?)",
            (login, tenant, kind, salt, _slow(secret, salt)),
        )

    def known_login(self, login: str) -> bool:
        return self.store.db.execute("SELECT 1 FROM logins WHERE login = ?", (login,)).fetchone() is not None

    def check_login(self, login: str, secret: str) -> Tenant | None:
        """The tenant of a login whose secret is right, else None."""
        fast = (login, hmac.digest(self._pepper, secret.encode(), "sha256"))
        if fast not in self._good:
            found = self.store.db.execute(
                "SELECT tenant, salt, hash FROM logins WHERE login = ?", (login,)
            ).fetchone()
            if found is None or not hmac.compare_digest(_slow(secret, found[1]), found[2]):
                return None
            self._good[fast] = found[0]
        return self.tenant(self._good[fast])

    def seal(self, user: str, realm: str, password: str) -> str:
        """What is kept of a digest password: equal for equal credentials, useless without this home's own salt."""
        salt = hashlib.sha256(self._pepper + f"|{user}|{realm}".encode()).digest()
        return _slow(password, salt).hex()

    def issue_token(self, tenant: Tenant, login: str, seconds: float) -> str:
        token = secrets.token_urlsafe(48)
        self.store.db.execute("DELETE FROM tokens WHERE expires < ?", (time.time() - 86400,))
        self.store.db.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?)",
            (_fast(token), tenant.name, login, time.time() + seconds),
        )
        return token

    def check_token(self, token: str) -> tuple[Tenant, str] | None:
        """Tenant and client id of a bearer token that is known and not expired."""
        found = self.store.db.execute(
            "SELECT tenant, login, expires FROM tokens WHERE hash = ?", (_fast(token),)
        ).fetchone()
        if found is None or found[2] <= time.time():
            return None
        tenant = self.tenant(found[0])
        return (tenant, found[1]) if tenant else None

    def revoke_tokens(self, tenant: str, token: str | None = None) -> int:
        """Revoke one token, or all of a tenant. Returns how many there were."""
        sql, args = "DELETE FROM tokens WHERE tenant = ?", [tenant]
        if token is not None:
            sql, args = sql + " AND hash = ?", [tenant, _fast(token)]
        return self.store.db.execute(sql, args).rowcount


def practice_tail(login: str) -> str | None:
    """The 24 hex digits of a login in practice form, else None."""
    hit = LOGIN_FORM.fullmatch(login)
    return "".join(g for g in hit.groups() if g).lower() if hit else None


def _slow(secret: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, 20_000)


def _fast(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def iso(stamp: float, millis: bool = True) -> str:
    """`2026-01-15T09:00:00.000Z` (Genesys) or without the milliseconds (Twilio's v1 APIs)."""
    text = datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{int(stamp % 1 * 1000):03d}Z" if millis else f"{text}Z"
