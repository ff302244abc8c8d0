"""Partners side by side, chapters in order, each run in a folder of its own.

`outputs/<partner>/<UTC time>/` gets the executed notebooks, `journal.jsonl`, `report.html` and `manifest.json`. A partner
that fails stops there; the others go on. Work goes through `concurrent.futures.Executor`: threads here, or a cluster's.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import kernels
from .audit import index, report
from .audit.manifest import Record
from .chapters import CHAPTERS, TEARDOWN, Chapter, find_chapter
from .display.tables import MIME
from .environment import of_kernel, python_path
from .exceptions import RecordError, RunbookError, SecretError
from .machine import shared
from .params import plain
from .partners import Partner
from .presence import LIVE_VARIABLE, PLAN_VARIABLE
from .secrets import redact
from .shelf import Shelf

if TYPE_CHECKING:
    from .engine import Kernels

Status = Literal["passed", "failed", "interrupted"]
ROOT = Path(__file__).resolve().parent.parent
PARTIAL = ".partial.ipynb"  # papermill writes in place: a notebook gets its name when it is whole
STOPPED = "Stopped by hand. Run again with --resume: what exists is found, and the rest is done."


@dataclass(frozen=True)
class ChapterResult:
    """One executed chapter: its notebook's file name, how it ended, and its recap (created, updated, …)."""

    chapter: str
    title: str
    status: Status
    seconds: float
    notebook: str
    recap: dict[str, int] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True)
class PartnerResult:
    """One partner's run: `record` is its folder or address, `message` says why it failed outside a chapter, `note` what else is worth knowing."""

    partner: str
    record: str
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
        out: what holds all records: a folder, usually outputs/, or an address as `Shelf` takes it.
        chapters: which, in order; the first that fails is the last.
        notebooks: folder of the notebooks; None: the package's own, wherever the run takes place.
        environment: variables for the kernels, beside the caller's own.
        hidden: variables of the caller that the kernels must not see: other partners' secrets, beside those of this batch.
        resume: leave out the chapters that the partner's last run passed.
        sign: reference to the key that signs the record, as `audit.manifest.Record` takes it.
    """

    out: Path | str
    chapters: tuple[Chapter, ...] = CHAPTERS
    notebooks: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    resume: bool = False
    sign: str = ""


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
        executor: any `concurrent.futures.Executor`, e.g. a `cluster.Cluster`; None: `jobs` threads here.
        tell: called as a chapter begins (its `Chapter`) and ends (its `ChapterResult`), from the threads here alone.
        done: called as a partner ends.

    Returns:
        A result for each partner, in the order given; after Ctrl-C "interrupted" for what was under way or waiting.

    Raises:
        RecordError: the place for the records can't be reached; nothing was called.
    """
    Shelf(plan.out).check()
    if executor is None:
        prepare(partners)
    secrets = frozenset().union(*(p.variables for p in partners))
    results: dict[str, PartnerResult] = {}
    stop = threading.Event()
    pool = executor or ThreadPoolExecutor(max(1, jobs), thread_name_prefix="partner")
    try:
        extra: dict[str, Any] = {} if executor else {"tell": tell, "stopped": stop.is_set}
        futures = {pool.submit(run_partner, p, replace(plan, hidden=(plan.hidden | secrets) - p.variables), **extra): p for p in partners}

        def ended(future: Future[PartnerResult]) -> None:
            partner = futures[future]
            results[partner.source] = result = _result(future, partner, plan, stop.is_set())
            done(result)

        try:
            for future in as_completed(futures):
                ended(future)
        except KeyboardInterrupt:
            stop.set()
            _stop(executor, futures)
            for future, partner in futures.items():
                if partner.source not in results:
                    ended(future)
    finally:
        if executor is None:
            pool.shutdown()
    _list(plan)
    return [results[p.source] for p in partners]


def _list(plan: Run) -> None:
    """Renew the page that lists all runs; the records don't depend on it."""
    shelf = Shelf(plan.out)
    with contextlib.suppress(RecordError, OSError):
        if shelf.local:
            index.write(Path(shelf.address))
        else:
            shelf.write("index.html", index.page(index.of_manifests(shelf.manifests())))


def _stop(executor: Executor | None, futures: Iterable[Future[PartnerResult]]) -> None:
    """End what is under way, and begin nothing more."""
    if executor is None:
        _papermill()
        from .engine import interrupt_all

        interrupt_all()
    elif hasattr(executor, "stop"):
        executor.stop()
    else:
        for future in futures:
            future.cancel()


def _result(future: Future[PartnerResult], partner: Partner, plan: Run, stopped: bool) -> PartnerResult:
    name, record = partner.params.partner, Shelf(plan.out).where(partner.params.slug)
    try:
        return future.result()
    except CancelledError:
        if stopped:
            return PartnerResult(name, record, (), STOPPED, interrupted=True)
        return PartnerResult(name, record, (), f"The run of {name} broke off: its worker or the scheduler has gone. Run it again with --resume.")
    except Exception as error:  # noqa: BLE001 - a worker that dies ends its partner's run, not the others'
        why = f"The run of {name} broke off: {type(error).__name__}: {error}. Run it again with --resume."
        return PartnerResult(name, record, (), redact(why))


def prepare(partners: Iterable[Partner]) -> None:
    """Start what all runs on a machine share, so that it gets ready while something else is done."""
    kernels.warm_up()
    if any(p.params.target == "sandbox" for p in partners):
        from .sandbox import ensure_running

        ensure_running()
    _papermill()


def run_partner(
    partner: Partner, plan: Run, *, tell: Tell = lambda partner, event: None, stopped: Callable[[], bool] = lambda: False
) -> PartnerResult:
    """Run one partner's chapters in order, up to the first that fails.

    Returns:
        The result; a failing chapter is a result, not an exception.
    """
    from filelock import FileLock, Timeout

    shelf, slug, name = Shelf(plan.out), partner.params.slug, partner.params.partner
    home = shelf.where(slug)
    try:
        partner.resolve()  # here, wherever this is: what is known is masked
    except RunbookError as error:
        return PartnerResult(name, home, (), str(error))
    if stopped():
        return PartnerResult(name, home, (), STOPPED, interrupted=True)
    try:
        with FileLock(_lock(shelf, slug), timeout=0, mode=0o600):
            chapters = plan.chapters
            if plan.resume:
                passed = _passed(shelf, partner)
                chapters = tuple(itertools.dropwhile(lambda c: c.name in passed, chapters))
                if not chapters:
                    return PartnerResult(name, home, (), note="passed before")
            with shelf.new(slug) as folder:
                return _run(partner, replace(plan, chapters=chapters), shelf, folder, tell, stopped)
    except Timeout:
        return PartnerResult(name, home, (), f"Another run of {name} is under way. Wait for its end, then run again.")
    except (RecordError, SecretError) as error:
        return PartnerResult(name, home, (), str(error))
    except OSError as error:
        return PartnerResult(name, home, (), f"The record can't be written to {home} ({error.strerror}). "
                             "Make room or choose another folder with --out, then run again: what exists is found.")


def _lock(shelf: Shelf, slug: str) -> Path:
    """The file that two runs of a partner can't hold at once: beside its records, or on this machine if those are elsewhere."""
    if shelf.local:
        home = Path(shelf.where(slug))
        home.mkdir(parents=True, exist_ok=True)
        return home / ".lock"
    return shared(shelf.where(slug))


def _passed(shelf: Shelf, partner: Partner) -> set[str]:
    """Chapters whose latest notebook, since the last teardown, ended well with the very same parameters."""
    latest: dict[str, bool] = {}
    for record in shelf.records(partner.params.slug):
        for name, notebook in shelf.read(partner.params.slug, record, ".ipynb").items():
            latest.setdefault(name.removesuffix(".ipynb"), _ended_well(name.removesuffix(".ipynb"), notebook, partner))
        if TEARDOWN.name in latest:
            break
    return {name for name, well in latest.items() if well}


def _ended_well(name: str, notebook: bytes, partner: Partner) -> bool:
    try:
        run = json.loads(notebook)["metadata"]["papermill"]
        chapter = find_chapter(name)
    except (ValueError, KeyError):
        return False
    values = _values(chapter, partner)
    return bool(run.get("end_time")) and not run.get("exception") and run.get("parameters") == values and values["mode"] != "plan"


def _values(chapter: Chapter, partner: Partner) -> dict[str, Any]:
    """A chapter's parameters, all of them: what a file leaves out is its default, not the example's value in the notebook."""
    return {key: plain(partner.params, key) for key in chapter.fields if key != "params_file"}


def _run(
    partner: Partner, plan: Run, shelf: Shelf, folder: Path, tell: Tell, stopped: Callable[[], bool]
) -> PartnerResult:
    hidden = {*plan.hidden, plan.sign.removeprefix("env:")} - partner.variables
    own = {k: v for k, v in os.environ.items() if k in partner.variables}
    environment = {k: v for k, v in of_kernel(os.environ).items() if k not in hidden} | own
    # Kernels import this very package, and nothing that lies in the folder somebody happens to be in.
    environment |= {"PYTHONSAFEPATH": "1", "PYTHONPATH": python_path(os.environ)}
    environment |= {"BYOC_JOURNAL": str(folder / "journal.jsonl"), "PYDEVD_DISABLE_FILE_VALIDATION": "1", **plan.environment}
    if partner.params.target == "live":
        environment[LIVE_VARIABLE] = "yes"
    name, slug, mode = partner.params.partner, partner.params.slug, "destroy" if TEARDOWN in plan.chapters else partner.params.mode
    try:
        record = Record(folder, partner.params, mode=mode, plan=environment.get(PLAN_VARIABLE, "").partition(":")[0], sign=plan.sign)
    except SecretError:  # before anything was written
        folder.rmdir()
        raise
    shelf.put(slug, folder)
    results: list[ChapterResult] = []
    stop = False
    _papermill()
    from .engine import Kernels

    with Kernels(len(plan.chapters), environment) as kernels:
        for chapter in plan.chapters:
            stop = stopped()
            if stop:
                break
            tell(partner, chapter)
            results.append(_chapter(chapter, partner, plan.notebooks or ROOT / "notebooks", folder, kernels, stopped))
            record.chapter({**asdict(results[-1]), "seconds": round(results[-1].seconds, 3)})
            with contextlib.suppress(RecordError):  # a store may be away for a while: what it has in the end counts
                shelf.put(slug, folder)
            tell(partner, results[-1])
            if results[-1].status != "passed":
                break
    result = PartnerResult(name, shelf.where(slug, folder.name), tuple(results), STOPPED if stop else "", interrupted=stop)
    said = record.ending(result.status, result.message)
    (folder / "report.html").write_text(report.page(folder, said), "utf-8")
    record.finish()
    return result


_importing = threading.Lock()


def _papermill() -> Any:
    """papermill; it loads the engines, so that ours can't be imported before it.

    Two thirds of its import are what no batch uses: its own way to S3, and grammars of text formats that no notebook has.
    """
    with _importing:
        if "papermill" in sys.modules:
            return sys.modules["papermill"]
        unused = dict.fromkeys(n for n in ("boto3", "isoduration", "rfc3986_validator", "rfc3987_syntax", "webcolors") if n not in sys.modules)
        sys.modules.update(unused)  # type: ignore[arg-type]
        try:
            import papermill
        finally:
            for name in unused:
                del sys.modules[name]
    return papermill


def _chapter(
    chapter: Chapter, partner: Partner, notebooks: Path, folder: Path, kernels: Kernels, stopped: Callable[[], bool]
) -> ChapterResult:
    papermill = _papermill()
    from papermill.exceptions import PapermillExecutionError

    target, began = folder / f"{chapter.name}.ipynb", time.monotonic()
    partial = target.with_suffix(PARTIAL)
    status: Status
    try:
        papermill.execute_notebook(
            str(notebooks / f"{chapter.name}.ipynb"), str(partial), parameters=_values(chapter, partner), engine_name="byoc",
            kernel_name=kernels.NAME, progress_bar=False, request_save_on_cell_execute=False,
            kernels=kernels, saved_to=str(partial),
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
    return ChapterResult(chapter.name, chapter.title, status, time.monotonic() - began, target.name, _recap(target), message)


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
