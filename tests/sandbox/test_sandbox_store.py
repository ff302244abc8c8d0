"""The store answers counts and name filters from indexes, and as a plain scan would."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byoc_helpers.sandbox.store import Row, Store, fold, name_like

ALPHABET = "aB%_\\*.[é"


@pytest.fixture(scope="module")
def store() -> Store:
    return Store(":memory:")


@given(names=st.lists(st.text(ALPHABET, max_size=5), max_size=8), pattern=st.text(ALPHABET, max_size=5))
def test_a_name_filter_finds_what_a_scan_finds(store: Store, names: list[str], pattern: str):
    store.wipe()
    for n, name in enumerate(names):
        store.add(Row("t", "k", str(n), name=name))
    for contains in (False, True):
        where, args = name_like(pattern, contains=contains)
        found = {r.id for r in store.rows("t", "k", where=where, args=args)}
        wanted = ".*".join(map(re.escape, fold(pattern).split("*")))
        matches = re.search if contains else re.fullmatch
        assert found == {str(n) for n, name in enumerate(names) if matches(wanted, fold(name), re.DOTALL)}
        assert store.count("t", "k", where=where, args=args) == len(found)


@given(st.lists(st.tuples(st.sampled_from(["add", "late", "remove"]), st.integers(0, 5))))
def test_the_count_is_the_number_of_rows(store: Store, steps: list[tuple[str, int]]):
    store.wipe()
    for what, n in steps:
        row = Row("t", "k", str(n), hidden_until=time.time() + 60 if what == "late" else 0)
        if what == "remove":
            store.remove(row)
        elif store.seq_of("t", "k", row.id) is None or not _live(store, row.id):
            store.add(row)
    for hidden in (False, True):
        assert store.count("t", "k", hidden=hidden) == len(store.rows("t", "k", hidden=hidden))


def _live(store: Store, id: str) -> bool:
    return any(r.id == id for r in store.rows("t", "k", hidden=True))


def test_an_older_file_gets_its_counts(tmp_path):
    path = tmp_path / "old.sqlite3"
    store = Store(path)
    store.add(Row("t", "k", "1"))
    store.db.execute("DROP TABLE counts")
    store.close()
    again = Store(path)
    assert again.count("t", "k") == 1
    again.close()


@pytest.mark.parametrize("pattern", ["route 7", "route*", "r*7"])
def test_names_are_looked_up_in_the_index(store: Store, pattern: str):
    asked: list[str] = []
    where, args = name_like(pattern)
    store.db.set_trace_callback(asked.append)
    store.rows("t", "k", where=where, args=args)
    store.count("t", "k", where=where, args=args)
    store.named("t", "k", pattern)
    store.db.set_trace_callback(None)
    for sql in asked:
        plan = str(store.db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
        assert "by_name (tenant=? AND kind=? AND name" in plan, sql
    assert len(asked) == 3
