"""A papermill engine (`papermill --engine byoc …`) whose notebooks are fit to be kept as records.

Beyond papermill's own: known secrets are masked in outputs before anything is saved, no mid-cell autosave, no
widget state, streams in one piece, an encrypted kernel connection, relative paths in the metadata.

Importing this module also quietens papermill's "Passed unknown parameter" for the runbook's own parameters:
a chapter's cell names only those it uses, while a partner's file holds all. Misspelt names still warn, and the
chapter's first cell refuses them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from jupyter_core.utils import run_sync
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine
from papermill.iorw import write_ipynb
from papermill.log import logger

from . import handover
from .kernels import available as forkable
from .kernels import fork_kernel, forks, words_passed_on
from .secrets import redact

SAVE_EVERY, GRACE = 1.0, 10.0  # seconds


class _KnownParameters(logging.Filter):
    _pattern = re.compile(r"Passed unknown parameter: (\w+)$")

    def filter(self, record: logging.LogRecord) -> bool:
        match = self._pattern.search(record.getMessage())
        if match is None:
            return True
        from .params import Params

        return match.group(1) not in Params.model_fields


logger.addFilter(_KnownParameters())


class Kernels:
    """Fresh kernels for `count` notebooks run one after another: each starts while the notebook before it waits for the clouds.

    Args:
        count: how many notebooks; a `with` block ends the kernel that none of them took.
        environment: their environment variables; None: the caller's.
    """

    NAME = "python3"

    def __init__(self, count: int, environment: Mapping[str, str] | None = None):
        self._left, self._environment = count, dict(environment) if environment else None
        self._ahead: Any = None
        self._token = handover.memory() if forkable() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._ahead is not None:
                manager, self._ahead = self._ahead, None
                asyncio.run(manager.shutdown_kernel(now=True))
        finally:
            if self._token is not None:
                os.close(self._token)

    async def take(self) -> Any:
        """A kernel manager for the next notebook, its kernel started."""
        manager, self._ahead = self._ahead, None
        self._left -= 1
        if manager is not None and await manager.is_alive():
            return manager
        return await self._start()

    async def start_ahead(self) -> None:
        """Start the kernel of the notebook after this one, if there is one."""
        if self._left > 0 and self._ahead is None:
            self._ahead = await self._start()

    async def _start(self) -> Any:
        manager = _manager(self.NAME, self._token)
        launch: dict[str, Any] = {"env": self._environment} if self._environment else {}
        with contextlib.nullcontext() if forks(manager) else words_passed_on() as stderr:
            if stderr is not None:
                launch["stderr"] = stderr
            await manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"], **launch)
        return manager


def _manager(kernel_name: str, token: int | None = None) -> Any:
    from jupyter_client.manager import AsyncKernelManager

    manager = AsyncKernelManager(kernel_name=kernel_name)
    fork_kernel(manager, token)
    if "transport_encryption" in manager.trait_names():
        manager.transport_encryption = "auto"
    return manager


class ByocEngine(Engine):
    """nbclient, set up for records.

    Extra keyword arguments: `kernels`, where the notebook's kernel comes from; `saved_to`, where it is saved while it runs
    if papermill was told not to (`request_save_on_cell_execute=False`), which saves three whole writings.
    """

    @classmethod
    def execute_notebook(cls, nb: Any, *args: Any, **kwargs: Any) -> Any:
        """As papermill's; what broke off is saved, too."""
        try:
            return super().execute_notebook(nb, *args, **kwargs)
        except BaseException:
            if kwargs.get("saved_to"):
                write_ipynb(nb, kwargs["saved_to"])
            raise

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        """Run the notebook."""
        kernels, saved_to, hook = (kwargs.pop(key, None) for key in ("kernels", "saved_to", "on_cell_executed"))
        taken = {k: v for k, v in kwargs.items() if k in ("log_output", "start_timeout", "execution_timeout", "stdout_file", "stderr_file")}
        nb_man.autosave_cell_every = 0

        def executed(cell: Any, cell_index: int, execute_reply: Any) -> None:
            _mask(cell)
            if hook:
                hook(cell=cell, cell_index=cell_index, execute_reply=execute_reply)

        client = PapermillNotebookClient(
            nb_man, kernel_name=kernel_name, timeout=taken.get("execution_timeout"),
            startup_timeout=taken.get("start_timeout") or 60, log_output=taken.get("log_output", False), log=logger,
            on_cell_executed=executed, store_widget_state=False, coalesce_streams=True,
            shutdown_kernel="immediate",
        )
        if kernels is not None:
            client.on_notebook_start = lambda notebook: kernels.start_ahead()
        _relative(nb_man.nb)
        with _running(client), _saving_now_and_then(nb_man, saved_to):
            try:
                client.km = run_sync(kernels.take)() if kernels else _manager(kernel_name)
                client.execute()
            except BaseException:
                nb_man.nb.metadata.papermill["exception"] = True  # papermill marks a cell's error only, not a kernel's death
                raise
            finally:
                for cell in nb_man.nb.cells:  # pieces of a stream were joined since, and a later cell may have changed an earlier one's output
                    _mask(cell)


def _mask(cell: Any) -> None:
    if "outputs" in cell:
        cell.outputs = [type(o)(redact(dict(o))) for o in cell.outputs]


@contextlib.contextmanager
def _saving_now_and_then(nb_man: Any, saved_to: str | None) -> Iterator[None]:
    """papermill saves twice a cell, which is half of a chapter's overhead: once a second will do; at the end it saves again."""
    save, last = nb_man.save, time.monotonic()
    really = partial(write_ipynb, nb_man.nb, saved_to) if saved_to else save

    def seldom(**kwargs: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= SAVE_EVERY:
            for cell in nb_man.nb.cells:  # one that broke off has not been masked yet
                _mask(cell)
            really()
            last = time.monotonic()

    nb_man.save = seldom
    try:
        yield
    finally:
        nb_man.save = save


_clients: set[PapermillNotebookClient] = set()


@contextlib.contextmanager
def _running(client: PapermillNotebookClient) -> Iterator[None]:
    _clients.add(client)
    try:
        yield
    finally:
        _clients.discard(client)


def interrupt_all(grace: float = GRACE) -> None:
    """Ctrl-C for every kernel that this process has under way: its cell ends with KeyboardInterrupt, and is recorded so.

    One that is interrupted between two cells may answer no more (ipykernel drops the request): after `grace` seconds it is killed.
    """
    under_way = tuple(_clients)
    _signal(under_way, signal.SIGINT)
    late = threading.Timer(grace, lambda: _signal((c for c in under_way if c in _clients), getattr(signal, "SIGKILL", signal.SIGTERM)))
    late.daemon = True
    late.start()


def _signal(clients: Iterable[PapermillNotebookClient], number: int) -> None:
    for client in clients:
        provisioner = client.km.provisioner if client.km else None
        if provisioner is not None and provisioner.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(provisioner.pid, number)


def _relative(notebook: Any) -> None:
    """Absolute paths in a record would name the operator and the machine."""
    details = notebook.metadata.get("papermill", {})
    for key in ("input_path", "output_path"):
        value = details.get(key)
        if value and Path(value).is_absolute():
            details[key] = Path(value).name.replace(".partial.", ".")
