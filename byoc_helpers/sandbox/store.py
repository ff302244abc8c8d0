"""Where the practice clouds keep their objects: one SQLite file, one writer, each change committed before it is answered.

An object is a row: tenant, kind ("sites", "tw.trunks"), id, the parent it hangs under, a name to find it by,
and its body as JSON. Body keys that begin with "_" are ours and never reach a client.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .http import encode

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tenants (
    name TEXT PRIMARY KEY, tail TEXT UNIQUE NOT NULL, ticks INTEGER NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS logins (
    login TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, salt BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    hash TEXT PRIMARY KEY, tenant TEXT NOT NULL, login TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL,
    seq INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, hidden_until REAL NOT NULL DEFAULT 0,
    body TEXT NOT NULL, PRIMARY KEY (tenant, kind, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_seq ON objects (tenant, kind, parent, seq) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS by_kind_seq ON objects (tenant, kind, seq) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS by_name ON objects (tenant, kind, name, seq) WHERE deleted = 0;
CREATE INDEX IF NOT EXISTS by_hidden ON objects (tenant, kind, hidden_until) WHERE deleted = 0 AND hidden_until > 0;
CREATE TABLE IF NOT EXISTS counts (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (tenant, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS serials (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (tenant, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    scope TEXT NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL, owner TEXT NOT NULL, until REAL,
    PRIMARY KEY (scope, name)) WITHOUT ROWID;
"""

# Without statistics SQLite prefers the primary key, and reads the whole kind to find one name.
BY_NAME = "INDEXED BY by_name"
LAST = "\U0010ffff"
COLUMNS = "tenant, kind, id, parent, name, seq, hidden_until, body"


@dataclass(slots=True)
class Row:
    """One stored object. Change `body` (and `name`), then hand it to `Store.save`."""

    tenant: str
    kind: str
    id: str
    parent: str = ""
    name: str = ""
    seq: int = 0
    hidden_until: float = 0.0
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class Claim:
    """A name that is unique across tenants; `until` (epoch seconds) is set once its owner was deleted."""

    scope: str
    name: str
    tenant: str
    owner: str
    until: float | None


def fold(name: str) -> str:
    """The form names are compared in: case does not count."""
    return name.casefold()


class Store:
    """The SQLite file. Not for threads: the server calls it from its one event loop."""

    def __init__(self, path: Path | str):
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        # WAL + NORMAL: a commit is in the operating system's hands before the answer leaves, so a killed
        # process loses nothing; only a power cut could lose the last moments.
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.execute("PRAGMA busy_timeout=5000")
        self.db.executescript(SCHEMA)
        # A file from before there were counts gets them now.
        self.db.execute(
            "INSERT OR IGNORE INTO counts SELECT tenant, kind, COUNT(*) FROM objects WHERE deleted = 0 "
            "AND NOT EXISTS (SELECT 1 FROM counts) GROUP BY tenant, kind"
        )

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction: committed when the block ends, undone when it raises. May be nested."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def meta(self, key: str, default: str) -> str:
        """The value of a setting of this file; `default` is stored the first time."""
        with self.write():
            self.db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, default))
            return self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0]

    def wipe(self, tenant: str | None = None) -> None:
        """Forget a tenant, or all of them."""
        with self.write():
            for table, column in (
                ("tenants", "name"),
                ("logins", "tenant"),
                ("tokens", "tenant"),
                ("objects", "tenant"),
                ("serials", "tenant"),
                ("counts", "tenant"),
                ("claims", "tenant"),
            ):
                if tenant is None:
                    self.db.execute(f"DELETE FROM {table}")
                else:
                    self.db.execute(f"DELETE FROM {table} WHERE {column} = ?", (tenant,))

    def serial(self, tenant: str, kind: str) -> int:
        """The next number of this kind in this tenant: 1, 2, 3…"""
        return self.db.execute(
            "INSERT INTO serials VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n",
            (tenant, kind),
        ).fetchone()[0]

    def add(self, row: Row) -> Row:
        row.seq = self.serial(row.tenant, f"{row.kind}#seq")
        self.db.execute(
            f"INSERT OR REPLACE INTO objects ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row.tenant, row.kind, row.id, row.parent, fold(row.name), row.seq, row.hidden_until, _dump(row)),
        )
        self.db.execute(
            "INSERT INTO counts VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1", (row.tenant, row.kind)
        )
        return row

    def save(self, row: Row) -> Row:
        self.db.execute(
            "UPDATE objects SET parent = ?, name = ?, hidden_until = ?, body = ? WHERE tenant = ? AND kind = ? AND id = ?",
            (row.parent, fold(row.name), row.hidden_until, _dump(row), row.tenant, row.kind, row.id),
        )
        return row

    def remove(self, row: Row) -> None:
        """Soft delete: the row stays in the file, no query finds it again."""
        gone = self.db.execute(
            "UPDATE objects SET deleted = 1 WHERE tenant = ? AND kind = ? AND id = ? AND deleted = 0",
            (row.tenant, row.kind, row.id),
        ).rowcount
        self.db.execute(
            "UPDATE counts SET n = n - ? WHERE tenant = ? AND kind = ?", (gone, row.tenant, row.kind)
        )

    def seq_of(self, tenant: str, kind: str, id: str) -> int | None:
        """Where an object stands in its kind, deleted or not: what page tokens are made of."""
        found = self.db.execute(
            "SELECT seq FROM objects WHERE tenant = ? AND kind = ? AND id = ?", (tenant, kind, id)
        ).fetchone()
        return found[0] if found else None

    def get(self, tenant: str, kind: str, id: str, parent: str | None = None) -> Row | None:
        found = self.db.execute(
            f"SELECT {COLUMNS} FROM objects WHERE tenant = ? AND kind = ? AND id = ? AND deleted = 0",
            (tenant, kind, id),
        ).fetchone()
        if found is None or found[6] > time.time() or (parent is not None and found[3] != parent):
            return None
        return _row(found)

    def named(self, tenant: str, kind: str, name: str, parent: str | None = None) -> Row | None:
        """The object of that name, hidden or not (a name is taken before its object can be seen)."""
        for found in self.db.execute(
            f"SELECT {COLUMNS} FROM objects {BY_NAME} WHERE tenant = ? AND kind = ? AND name = ? AND deleted = 0",
            (tenant, kind, fold(name)),
        ):
            if parent is None or found[3] == parent:
                return _row(found)
        return None

    def rows(
        self,
        tenant: str,
        kind: str,
        *,
        parent: str | None = None,
        where: str = "",
        args: tuple = (),
        order: str = "seq",
        limit: int = -1,
        offset: int = 0,
        hidden: bool = False,
    ) -> list[Row]:
        """Live objects of a kind. `where` is an SQL condition on the columns, with `args`; never user text."""
        sql, values = _select(COLUMNS, tenant, kind, parent, where, args, hidden)
        found = self.db.execute(f"{sql} ORDER BY {order} LIMIT ? OFFSET ?", (*values, limit, offset))
        return [_row(r) for r in found]

    def count(
        self,
        tenant: str,
        kind: str,
        *,
        parent: str | None = None,
        where: str = "",
        args: tuple = (),
        hidden: bool = False,
    ) -> int:
        if parent is None and not where:
            return self._all(tenant, kind) - (0 if hidden else self._hidden(tenant, kind))
        sql, values = _select("COUNT(*)", tenant, kind, parent, where, args, hidden)
        return self.db.execute(sql, values).fetchone()[0]

    def _all(self, tenant: str, kind: str) -> int:
        found = self.db.execute(
            "SELECT n FROM counts WHERE tenant = ? AND kind = ?", (tenant, kind)
        ).fetchone()
        return found[0] if found else 0

    def _hidden(self, tenant: str, kind: str) -> int:
        # "> 0" is what lets SQLite use the index of the few rows that were ever hidden.
        return self.db.execute(
            "SELECT COUNT(*) FROM objects WHERE tenant = ? AND kind = ? AND deleted = 0 AND hidden_until > 0 "
            "AND hidden_until > ?",
            (tenant, kind, time.time()),
        ).fetchone()[0]

    def claim_of(self, scope: str, name: str) -> Claim | None:
        """Who holds a cross-tenant name. A reservation that has run out counts as free."""
        found = self.db.execute(
            "SELECT * FROM claims WHERE scope = ? AND name = ?", (scope, fold(name))
        ).fetchone()
        if found is None or (found[4] is not None and found[4] <= time.time()):
            return None
        return Claim(*found)

    def claim(self, scope: str, name: str, tenant: str, owner: str) -> None:
        self.db.execute(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, NULL)", (scope, fold(name), tenant, owner)
        )

    def release(self, scope: str, name: str, keep_for: float = 0.0) -> None:
        """Give a name up, at once or after `keep_for` seconds."""
        if keep_for > 0:
            self.db.execute(
                "UPDATE claims SET until = ? WHERE scope = ? AND name = ?",
                (time.time() + keep_for, scope, fold(name)),
            )
        else:
            self.db.execute("DELETE FROM claims WHERE scope = ? AND name = ?", (scope, fold(name)))


def name_like(pattern: str, *, contains: bool = False) -> tuple[str, tuple[str, ...]]:
    """An SQL condition, and its arguments, on `name`: `*` stands for anything, everything else for itself.

    What comes before the first `*` is looked up in the index. `contains`: the pattern may match anywhere in it.
    """
    folded = fold(pattern)
    if contains:
        folded = f"*{folded}*"
    head, star, _ = folded.partition("*")
    if not star:
        return "name = ?", (folded,)
    escaped = re.sub(r"([\\%_])", r"\\\1", folded).replace("*", "%")
    condition, args = "name LIKE ? ESCAPE '\\'", (escaped,)
    if not head:
        return condition, args
    return f"name >= ? AND name < ? AND {condition}", (head, head + LAST, *args)


def _dump(row: Row) -> str:
    return encode(row.body)


def _row(found: tuple) -> Row:
    tenant, kind, id, parent, name, seq, hidden_until, body = found
    return Row(tenant, kind, id, parent, name, seq, hidden_until, json.loads(body))


def _select(
    what: str, tenant: str, kind: str, parent: str | None, where: str, args: tuple, hidden: bool
) -> tuple[str, tuple]:
    index = BY_NAME if where.startswith(("name = ", "name >= ")) else ""
    sql = f"SELECT {what} FROM objects {index} WHERE tenant = ? AND kind = ? AND deleted = 0"
    values: tuple = (tenant, kind)
    if parent is not None:
        sql, values = f"{sql} AND parent = ?", (*values, parent)
    if not hidden:
        sql, values = f"{sql} AND hidden_until <= ?", (*values, time.time())
    if where:
        sql, values = f"{sql} AND ({where})", (*values, *args)
    return sql, values
