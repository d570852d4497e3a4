"""Work over processes of this machine, which stay warm from one step of a stage to the next.

A process keeps its code and its models; when one dies, whoever was in flight is tried again alone.
All are forked from one that has imported what the first step works with and done nothing else, so
that they share its memory and none waits for imports of its own: a copy of the stage where there is
one (`forking.py`).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from typing import TYPE_CHECKING

from pipeline.core import forking, worker
from pipeline.core.reasons import Reason
from pipeline.core.store import Failure
from pipeline.core.worker import Worked

if TYPE_CHECKING:
    from pipeline.core.runner import Batch, Task

    _Results = Future[list[tuple[str, Worked]]]


class Processes:
    """So many processes at most, started when there is work for them."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._warm: ProcessPoolExecutor | None = None

    def work(
        self, batches: Sequence[Batch], at_once: int | None = None
    ) -> Iterator[tuple[str, Worked]]:
        """Work through tasks, by all processes or by no more than `at_once` at a time.

        When a process dies, whoever was in flight is tried again alone.
        """
        ahead, hands = deque(batches), min(self._workers, at_once or self._workers)
        while ahead:
            suspects: list[Task] = []
            yield from self._until_broken(ahead, suspects, hands)
            for task in suspects:
                yield task.clip, _alone(task)

    def end(self) -> None:
        """Let the processes go."""
        if self._warm is not None:
            _end(self._warm)
        self._warm = None

    def _until_broken(
        self, ahead: deque[Batch], suspects: list[Task], hands: int
    ) -> Iterator[tuple[str, Worked]]:
        flying: dict[_Results, Batch] = {}
        self._warm = pool = self._warm or _pool(self._workers, ahead[0][0])
        try:
            while (ahead or flying) and not suspects:
                while ahead and len(flying) < hands:
                    batch = ahead.popleft()
                    flying[_submit(pool, batch)] = batch
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    batch = flying.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects += chain(batch, *flying.values())
                        flying.clear()
                        break
                    yield from future.result()
        finally:
            if suspects or sys.exc_info()[0] is not None:
                self.end()


def _alone(task: Task) -> Worked:
    pool = _pool(1, task)
    try:
        [(_, found)] = _submit(pool, [task]).result()
    except BrokenProcessPool:
        detail = "the process died twice while working on this clip"
        return Worked(Failure(Reason.WORKER_CRASHED, detail))
    else:
        return found
    finally:
        _end(pool)


def _submit(pool: ProcessPoolExecutor, batch: Batch) -> _Results:
    try:
        return pool.submit(worker.work, [task.whole() for task in batch])
    except BrokenProcessPool as error:
        # A pool can break between two results; the task is then a suspect like any other.
        broken: _Results = Future()
        broken.set_exception(error)
        return broken


def _pool(workers: int, first: Task) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver")
    # Heard only before the first process of all; later ones import what else they need themselves.
    code = [first.measure.__module__, *first.imports]
    preload = [worker.__name__, *code, "pipeline.core.forked"]
    context.set_forkserver_preload(preload)
    forking.wake(preload)
    # That first one may be older than the key of sealed media, or the seal.
    ours = {name: x for name, x in os.environ.items() if name.startswith(worker.OURS)}
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=worker.start, initargs=(ours,)
    )


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    if sys.exc_info()[0] is not None:
        # Interrupted: what is in flight publishes nothing, so it may be ended at once.
        for process in processes:
            process.kill()
    for process in processes:
        process.join()
