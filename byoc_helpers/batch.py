"""Partners one after the other, chapters in order, each run in a folder of its own.

`outputs/<partner>/<UTC time>/` gets the executed notebooks and `journal.jsonl`. A partner that fails stops
there; the next one goes on.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .chapters import CHAPTERS, Chapter
from .clouds import LIVE_VARIABLE
from .display.tables import MIME
from .exceptions import ParamsError, RunbookError
from .params import Params, digest_password, load, read_yaml
from .secrets import resolve

Status = Literal["passed", "failed", "interrupted"]
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class ChapterResult:
    """One executed chapter: where its notebook is, how it ended, and its recap (created, updated, …)."""

    chapter: str
    title: str
    status: Status
    seconds: float
    notebook: Path
    recap: dict[str, int] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True)
class PartnerResult:
    """One partner's run."""

    partner: str
    folder: Path
    chapters: tuple[ChapterResult, ...]
    message: str = ""

    @property
    def status(self) -> Status:
        if self.message or any(c.status == "failed" for c in self.chapters):
            return "failed"
        return "interrupted" if any(c.status == "interrupted" for c in self.chapters) else "passed"


def load_all(paths: Iterable[str | Path], live: bool = False) -> list[tuple[Path, Params]]:
    """Every file's checked params, with their secrets resolvable; all are checked before the first run starts.

    Args:
        paths: files, or folders whose *.yaml files are meant.
        live: the second word for files with target: live.

    Raises:
        ParamsError: the problems of all files together.
    """
    problems: list[str] = []
    loaded: list[tuple[Path, Params]] = []
    for path in _files(paths):
        try:
            params = load(path)
            _resolvable(params)
        except RunbookError as error:
            name = path.name
            problems += [line if name in line else f"{path}: {line}" for line in str(error).splitlines()]
            continue
        if params.target == "live" and not live:
            problems.append(f"{path}: target is live. Add --live to say that the real clouds are meant.")
        loaded.append((path, params))
    slugs: dict[str, Path] = {}
    for path, params in loaded:
        if params.slug in slugs:
            problems.append(f'{path}: partner "{params.partner}" is also in {slugs[params.slug]}. A partner has one file.')
        slugs.setdefault(params.slug, path)
    if problems:
        raise ParamsError(problems)
    return loaded


def _files(paths: Iterable[str | Path]) -> list[Path]:
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not found:
        raise ParamsError("There is no params file. Name one, e.g. params/demo.yaml.")
    return found


def _resolvable(params: Params) -> None:
    digest_password(params)
    for key in ("genesys_client_secret", "twilio_api_key_secret"):
        if params.target == "live":
            resolve(getattr(params, key), key=key)


def run_partner(
    path: Path,
    params: Params,
    out: Path,
    *,
    chapters: Iterable[Chapter] = CHAPTERS,
    notebooks: Path = ROOT / "notebooks",
    tell: Callable[[ChapterResult], None] = lambda result: None,
) -> PartnerResult:
    """Run one partner's chapters in order, up to the first that fails.

    Args:
        path: the params file, for papermill's injection.
        out: folder that holds all records, usually outputs/.
        tell: called after each chapter.

    Returns:
        The result; a failing chapter is a result, not an exception.
    """
    from filelock import FileLock, Timeout

    home = out / params.slug
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / ".lock", timeout=0)
        with lock:
            folder = _folder(home)
            return _run(read_yaml(path), params, folder, chapters, notebooks, tell)
    except Timeout:
        return PartnerResult(params.partner, home, (), f"Another run of {params.partner} is under way. Wait for its end, then run again.")
    except OSError as error:
        return PartnerResult(params.partner, home, (), f"The record can't be written to {home} ({error.strerror}). "
                             "Make room or choose another folder with --out.")


def _folder(home: Path) -> Path:
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    for tail in ("", *(f"-{n}" for n in range(2, 100))):
        folder = home / (stamp + tail)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(0, "a hundred runs in one second", str(home))


def _run(raw, params, folder, chapters, notebooks, tell) -> PartnerResult:
    environment = {**os.environ, "BYOC_JOURNAL": str(folder / "journal.jsonl"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    if params.target == "live":
        environment[LIVE_VARIABLE] = "yes"
    done: list[ChapterResult] = []
    for chapter in chapters:
        result = _chapter(chapter, raw, notebooks, folder, environment)
        done.append(result)
        tell(result)
        if result.status != "passed":
            break
    return PartnerResult(params.partner, folder, tuple(done))


def _chapter(chapter: Chapter, raw: dict[str, Any], notebooks: Path, folder: Path, environment: dict[str, str]) -> ChapterResult:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    target, began = folder / f"{chapter.name}.ipynb", time.monotonic()
    values = {k: v for k, v in raw.items() if k in chapter.fields}
    status: Status
    try:
        papermill.execute_notebook(
            str(notebooks / f"{chapter.name}.ipynb"), str(target), parameters=values, engine_name="byoc",
            kernel_name="python3", progress_bar=False, env=environment,
        )
        status, message = "passed", ""
    except PapermillExecutionError as error:
        status, message = "failed", _sentence(error)
    except KeyboardInterrupt:
        status, message = "interrupted", "Stopped by hand. Run again: what exists is found, and the rest is done."
    except Exception as error:  # noqa: BLE001 - a kernel that dies or never starts ends this partner's run, not the others'
        status, message = "failed", f"The notebook could not be run: {type(error).__name__}: {error}"
    return ChapterResult(chapter.name, chapter.title, status, time.monotonic() - began, target, _recap(target), message)


def _sentence(error: Any) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error.evalue or ""))
    return plain.strip() or str(error.ename)


def _recap(notebook: Path) -> dict[str, int]:
    """The last recap a chapter displayed."""
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return {}
    found = [output["data"][MIME]["recap"] for cell in cells for output in cell.get("outputs", ())
             if "recap" in output.get("data", {}).get(MIME, {})]
    return dict(found[-1]) if found else {}
