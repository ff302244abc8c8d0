"""Partners on the machines of a Dask cluster: `byoc run … --scheduler tcp://…`.

Each worker needs this package and, where a params file's references point, the partner's secrets: those never travel.
A partner whose worker dies is begun anew on another one, as after `--resume` by hand: what exists is found.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any, Self

from .batch import ChapterResult, PartnerResult, Run, Tell, prepare, run_partner
from .chapters import Chapter, find_chapter
from .exceptions import RunbookError
from .partners import Partner


class Cluster(Executor):
    """An executor whose workers are a Dask cluster's, for `batch.run_all`.

    Args:
        address: the scheduler's, e.g. "tcp://10.0.0.5:8786" or "tls://…".
        tell: as in `run_all`; called here while the chapters run there.

    Raises:
        RunbookError: there is no scheduler, or it has no workers.
    """

    def __init__(self, address: str, tell: Tell = lambda partner, event: None):
        import distributed

        try:
            self._client = distributed.Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise RunbookError(f"There is no Dask scheduler at {address} ({error}). Check the address and that it is running.") from None
        try:
            self._client.wait_for_workers(1, timeout=10)
        except TimeoutError:
            self._client.close()
            raise RunbookError(f"The Dask scheduler at {address} has no workers. Start some: dask worker {address}") from None
        self._executor = self._client.get_executor(pure=False)
        self._topic, self._tell, self._partners = f"byoc-{uuid.uuid4()}", tell, dict[str, Partner]()
        self._stop = distributed.Event(f"{self._topic}-stop", client=self._client)
        self._client.subscribe_topic(self._topic, self._heard)

    def submit(self, run: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """`run_partner` for a partner, on some worker."""
        partner, plan = arguments
        assert run is run_partner
        self._partners[partner.source] = partner
        return self._executor.submit(_there, partner, plan, self._topic)

    def stop(self) -> None:
        """Let each worker end the chapter it is at, and begin no more."""
        self._stop.set()

    def _heard(self, event: tuple[float, Any]) -> None:
        source, what = event[1]
        result = what if isinstance(what, str) else ChapterResult(**what)
        self._tell(self._partners[source], find_chapter(result) if isinstance(result, str) else result)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait)
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.shutdown()


def _there(partner: Partner, plan: Run, topic: str) -> PartnerResult:
    """On the worker: run the partner's chapters, and say so as they go."""
    from dataclasses import asdict

    import distributed

    worker = distributed.get_worker()
    stop = distributed.Event(f"{topic}-stop", client=distributed.get_client())

    def tell(partner: Partner, event: Chapter | ChapterResult) -> None:
        worker.log_event(topic, (partner.source, event.name if isinstance(event, Chapter) else asdict(event)))

    prepare([partner])
    return run_partner(partner, plan, tell=tell, stopped=stop.is_set)


