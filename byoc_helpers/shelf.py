"""Where records are kept: a folder on this machine, or any address that fsspec knows (`s3://bucket/records`).

A run writes its record into a folder here. On a local shelf that is the record itself; elsewhere `put` copies to the
address what is new or has changed, the manifest last, so that what it names is there before it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .exceptions import RecordError

_LAST = ("manifest.json", "manifest.json.sha256", "manifest.dsse.json")


class Shelf:
    """A place for records, laid out `<partner>/<UTC time>/<file>`.

    Args:
        address: a folder, or a URL whose scheme fsspec knows, e.g. "s3://bucket/records". Credentials come from where the
            store's own library looks for them (for S3: AWS_* variables, ~/.aws, the machine's role).
    """

    def __init__(self, address: str | Path):
        self.address = str(address).rstrip("/")
        self.local = "://" not in self.address

    def __reduce__(self) -> tuple[type[Shelf], tuple[str]]:
        return Shelf, (self.address,)

    @functools.cached_property
    def _store(self) -> tuple[Any, str]:
        import fsspec

        scheme, _, rest = self.address.partition("://")
        if ":" in rest.partition("/")[0].rpartition("@")[0]:
            raise RecordError(f"--out {scheme}://…: no password belongs in an address, which stands in records and on the command line. "
                              "Give them where the store's own library looks for them.")
        with self._explained():
            try:
                fs, root = fsspec.core.url_to_fs(self.address, use_listings_cache=False, skip_instance_cache=True)
            except (ImportError, ValueError) as error:
                raise RecordError(f"--out {self.address}: {error}") from None
        return fs, root

    def check(self) -> None:
        """Can the place be reached? Asked before the first partner starts.

        Raises:
            RecordError: it can't; nothing was called yet.
        """
        if self.local:
            return
        fs, root = self._store
        with self._explained():
            fs.ls(root.split("/")[0] if "/" in root else root)

    def where(self, partner: str, record: str = "") -> str:
        """A record's (or a partner's) address, as shown to people."""
        return "/".join(filter(None, [self.address, partner, record]))

    @contextmanager
    def new(self, partner: str) -> Iterator[Path]:
        """A fresh folder for a record of this partner, named by the time; copied off and removed here if the shelf is elsewhere."""
        stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        if self.local:
            home = Path(self.address) / partner
            home.mkdir(parents=True, exist_ok=True)
            yield _fresh(home, stamp)
            return
        staging = Path(tempfile.mkdtemp(prefix="byoc-record-"))
        folder = staging / f"{stamp}-{secrets.token_hex(3)}"  # other machines may begin in the same second
        folder.mkdir()
        try:
            yield folder
        except (KeyboardInterrupt, SystemExit):
            with contextlib.suppress(RecordError):
                self._last_put(partner, folder)
            raise
        except BaseException:
            self._last_put(partner, folder)
            raise
        self._last_put(partner, folder)

    def _last_put(self, partner: str, folder: Path) -> None:
        """Copy what there is; what the store takes not is kept here, for it is the only copy."""
        if folder.exists():
            try:
                self.put(partner, folder)
            except RecordError as error:
                raise RecordError(f"{error} The record, as far as it goes, is kept in {folder}.") from None
        shutil.rmtree(folder.parent)

    def put(self, partner: str, folder: Path) -> None:
        """Copy what is new or has changed since the last time.

        Raises:
            RecordError: the store took it not.
        """
        if self.local:
            return
        fs, root = self._store
        files = sorted((f for f in folder.iterdir() if f.is_file()), key=lambda f: (f.name in _LAST and 1 + _LAST.index(f.name), f.name))
        with self._explained():
            for file in files:
                state = (folder.name, file.name, file.stat().st_size, file.stat().st_mtime_ns)
                if state not in self._sent:
                    fs.pipe_file(f"{root}/{partner}/{folder.name}/{file.name}", file.read_bytes())
                    self._sent.add(state)

    @functools.cached_property
    def _sent(self) -> set[tuple[str, str, int, int]]:
        return set()

    def records(self, partner: str) -> list[str]:
        """The names of a partner's records, newest first."""
        if self.local:
            home = Path(self.address) / partner
            return sorted((f.name for f in home.iterdir() if f.is_dir()), reverse=True) if home.is_dir() else []
        fs, root = self._store
        with self._explained():
            if not fs.exists(f"{root}/{partner}"):
                return []
            return sorted((e["name"].rstrip("/").rsplit("/", 1)[-1] for e in fs.ls(f"{root}/{partner}", detail=True)
                           if e["type"] == "directory"), reverse=True)

    def read(self, partner: str, record: str, ending: str) -> dict[str, bytes]:
        """The files of a record whose names end so, by name."""
        if self.local:
            return {f.name: f.read_bytes() for f in sorted((Path(self.address) / partner / record).glob(f"*{ending}"))}
        fs, root = self._store
        with self._explained():
            return {path.rsplit("/", 1)[-1]: fs.cat_file(path) for path in sorted(fs.glob(f"{root}/{partner}/{record}/*{ending}"))}

    def manifests(self) -> list[tuple[str, bytes]]:
        """Every record's manifest with the record's place, "partner/record", of a shelf that is elsewhere."""
        fs, root = self._store
        with self._explained():
            files = fs.cat(found) if (found := fs.glob(f"{root}/*/*/manifest.json")) else {}
        return [("/".join(path.split("/")[-3:-1]), raw) for path, raw in sorted(files.items())]

    @contextmanager
    def copy_here(self) -> Iterator[Path]:
        """The shelf as a folder on this machine: itself, or a copy for the time being."""
        if self.local:
            yield Path(self.address)
            return
        fs, root = self._store
        with tempfile.TemporaryDirectory(prefix="byoc-shelf-") as here:
            target = Path(here) / root.rsplit("/", 1)[-1]
            with self._explained():
                if not fs.exists(root):
                    raise RecordError(f"There is nothing at {self.address}.")
                fs.get(root, str(target), recursive=True)
            yield target
            shutil.rmtree(target, ignore_errors=True)

    def write(self, name: str, text: str) -> None:
        """A file beside the partners' folders, e.g. index.html, on a shelf that is elsewhere."""
        fs, root = self._store
        with self._explained():
            fs.pipe_file(f"{root}/{name}", text.encode())

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RecordError:
            raise
        except Exception as error:  # noqa: BLE001 - each store's library has errors of its own
            raise RecordError(f"The records' place {self.address} can't be used ({type(error).__name__}: {error}). Check the address, "
                              "the rights and the credentials, then run again with --resume: what exists is found.") from None


def _fresh(home: Path, stamp: str) -> Path:
    for tail in ("", *(f"-{n}" for n in range(2, 100))):
        folder = home / (stamp + tail)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(0, "a hundred runs in one second", str(home))
