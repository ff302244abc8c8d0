"""Partners side by side, chapters in order, each run in a folder of its own.

`outputs/<partner>/<UTC time>/` gets the executed notebooks and `journal.jsonl`. A partner that fails stops
there; the others go on. Work goes through `concurrent.futures.Executor`: threads here, or a cluster's.
"""

from __future__ import annotations

import datetime as dt
import errno
import itertools
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from . import kernels
from .chapters import CHAPTERS, TEARDOWN, Chapter, find_chapter
from .clouds import LIVE_VARIABLE
from .display.tables import MIME
from .params import plain
from .partners import Partner
from .secrets import redact

Status = Literal["passed", "failed", "interrupted"]
ROOT = Path(__file__).resolve().parent.parent
PARTIAL = ".partial.ipynb"  # papermill writes in place: a notebook gets its name when it is whole
STOPPED = "Stopped by hand. Run again with --resume: what exists is found, and the rest is done."


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
    """One partner's run: `message` says why it failed outside a chapter, `note` what else is worth knowing."""

    partner: str
    folder: Path
    chapters: tuple[ChapterResult, ...]
    message: str = ""
    interrupted: bool = False
    note: str = ""

    @property
    def status(self) -> Status:
        if self.interrupted or any(c.status == "interrupted" for c in self.chapters):
            return "interrupted"
        return "failed" if self.message or any(c.status == "failed" for c in self.chapters) else "passed"


Tell = Callable[[Partner, Chapter | ChapterResult], None]


@dataclass(frozen=True)
class Run:
    """What one partner's run is to do.

    Args:
        out: folder that holds all records, usually outputs/.
        chapters: which, in order; the first that fails is the last.
        environment: variables for the kernels, beside the caller's own.
        hidden: variables of the caller that the kernels must not see: other partners' secrets.
        resume: leave out the chapters that the partner's last run passed.
    """

    out: Path
    chapters: tuple[Chapter, ...] = CHAPTERS
    notebooks: Path = ROOT / "notebooks"
    environment: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    resume: bool = False


def run_all(
    partners: Sequence[Partner],
    plan: Run,
    *,
    executor: Executor | None = None,
    jobs: int = 1,
    tell: Tell = lambda partner, event: None,
    done: Callable[[PartnerResult], None] = lambda result: None,
) -> list[PartnerResult]:
    """Run partners side by side, each one's chapters in order; a partner that fails stops alone.

    Args:
        executor: any `concurrent.futures.Executor`; None: `jobs` threads here.
        tell: called as a chapter begins (its `Chapter`) and ends (its `ChapterResult`), from the threads here alone.
        done: called as a partner ends.

    Returns:
        A result for each partner, in the order given; after Ctrl-C "interrupted" for what was under way or waiting.
    """
    prepare(partners)
    secrets = frozenset().union(*(p.variables for p in partners))
    results: dict[str, PartnerResult] = {}
    stop = threading.Event()
    pool = executor or ThreadPoolExecutor(max(1, jobs), thread_name_prefix="partner")
    try:
        extra: dict[str, Any] = {} if executor else {"tell": tell, "stopped": stop.is_set}
        futures = {pool.submit(run_partner, p, replace(plan, hidden=secrets - p.variables), **extra): p for p in partners}
        try:
            for future in as_completed(futures):
                results[futures[future].source] = result = _result(future, futures[future], plan.out)
                done(result)
        except KeyboardInterrupt:
            stop.set()
            for future in futures:
                future.cancel()
            from .engine import interrupt_all  # by now papermill has imported it

            interrupt_all()
            for future, partner in futures.items():
                if partner.source not in results:
                    results[partner.source] = _result(future, partner, plan.out)
                    done(results[partner.source])
    finally:
        if executor is None:
            pool.shutdown()
    return [results[p.source] for p in partners]


def _result(future: Future[PartnerResult], partner: Partner, out: Path) -> PartnerResult:
    try:
        return future.result()
    except CancelledError:
        return PartnerResult(partner.params.partner, out / partner.params.slug, (), STOPPED, interrupted=True)
    except Exception as error:  # noqa: BLE001 - a worker that dies ends its partner's run, not the others'
        why = f"The run of {partner.params.partner} broke off: {type(error).__name__}: {error}. Run it again with --resume."
        return PartnerResult(partner.params.partner, out / partner.params.slug, (), redact(why))


def prepare(partners: Iterable[Partner]) -> None:
    """Start what all runs share, so that it gets ready while something else is done."""
    kernels.warm_up()
    if any(p.params.target == "sandbox" for p in partners):
        from .sandbox import ensure_running

        ensure_running()


def run_partner(
    partner: Partner, plan: Run, *, tell: Tell = lambda partner, event: None, stopped: Callable[[], bool] = lambda: False
) -> PartnerResult:
    """Run one partner's chapters in order, up to the first that fails.

    Returns:
        The result; a failing chapter is a result, not an exception.
    """
    from filelock import FileLock, Timeout

    home, name = plan.out / partner.params.slug, partner.params.partner
    try:
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / ".lock", timeout=0):
            chapters = plan.chapters
            if plan.resume:
                passed = _passed(home, partner)
                chapters = tuple(itertools.dropwhile(lambda c: c.name in passed, chapters))
                if not chapters:
                    return PartnerResult(name, home, (), note="passed before")
            return _run(partner, replace(plan, chapters=chapters), _folder(home), tell, stopped)
    except Timeout:
        return PartnerResult(name, home, (), f"Another run of {name} is under way. Wait for its end, then run again.")
    except OSError as error:
        return PartnerResult(name, home, (), f"The record can't be written to {home} ({error.strerror}). "
                             "Make room or choose another folder with --out, then run again: what exists is found.")


def _passed(home: Path, partner: Partner) -> set[str]:
    """Chapters whose latest notebook, since the last teardown, ended well with the very same parameters."""
    latest: dict[str, bool] = {}
    for folder in sorted((f for f in home.iterdir() if f.is_dir()), reverse=True):
        for notebook in folder.glob("*.ipynb"):
            if notebook.stem not in latest:
                latest[notebook.stem] = _ended_well(notebook, partner)
        if TEARDOWN.name in latest:
            break
    return {name for name, well in latest.items() if well}


def _ended_well(notebook: Path, partner: Partner) -> bool:
    try:
        run = json.loads(notebook.read_text("utf-8"))["metadata"]["papermill"]
        chapter = find_chapter(notebook.stem)
    except (OSError, ValueError, KeyError):
        return False
    values = _values(chapter, partner)
    return bool(run.get("end_time")) and not run.get("exception") and run.get("parameters") == values and values["mode"] != "plan"


def _values(chapter: Chapter, partner: Partner) -> dict[str, Any]:
    """A chapter's parameters, all of them: what a file leaves out is its default, not the example's value in the notebook."""
    return {key: plain(partner.params, key) for key in chapter.fields if key != "params_file"}


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


def _run(partner: Partner, plan: Run, folder: Path, tell: Tell, stopped: Callable[[], bool]) -> PartnerResult:
    environment = {k: v for k, v in os.environ.items() if k not in plan.hidden}
    environment |= {"BYOC_JOURNAL": str(folder / "journal.jsonl"), "PYDEVD_DISABLE_FILE_VALIDATION": "1", **plan.environment}
    if partner.params.target == "live":
        environment[LIVE_VARIABLE] = "yes"
    results: list[ChapterResult] = []
    for chapter in plan.chapters:
        if stopped():
            return PartnerResult(partner.params.partner, folder, tuple(results), STOPPED, interrupted=True)
        tell(partner, chapter)
        results.append(_chapter(chapter, partner, plan.notebooks, folder, environment, stopped))
        tell(partner, results[-1])
        if results[-1].status != "passed":
            break
    return PartnerResult(partner.params.partner, folder, tuple(results))


def _chapter(
    chapter: Chapter, partner: Partner, notebooks: Path, folder: Path, environment: dict[str, str], stopped: Callable[[], bool]
) -> ChapterResult:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    target, began = folder / f"{chapter.name}.ipynb", time.monotonic()
    partial = target.with_suffix(PARTIAL)
    status: Status
    try:
        papermill.execute_notebook(
            str(notebooks / f"{chapter.name}.ipynb"), str(partial), parameters=_values(chapter, partner), engine_name="byoc",
            kernel_name="python3", progress_bar=False, env=environment,
        )
        status, message = "passed", ""
    except PapermillExecutionError as error:
        status, message = "failed", _sentence(error)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
            raise
        status, message = "failed", f"The notebook could not be run: {error}"
    except Exception as error:  # noqa: BLE001 - a kernel that dies or never starts ends this partner's run, not the others'
        status, message = "failed", redact(f"The notebook could not be run: {type(error).__name__}: {error}")
    finally:
        _keep(partial, target)
    if status == "failed" and stopped():
        status, message = "interrupted", STOPPED
    return ChapterResult(chapter.name, chapter.title, status, time.monotonic() - began, target, _recap(target), message)


def _keep(partial: Path, target: Path) -> None:
    """The notebook under its name, if it was written to its end: half a one is no record."""
    try:
        json.loads(partial.read_text("utf-8"))
        partial.replace(target)
    except (OSError, ValueError):
        partial.unlink(missing_ok=True)


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
