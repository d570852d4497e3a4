"""What happens to clips inside a worker: each measured, refused for a reason, or failed."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pipeline.core import disk, log, memory, seal
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.store import Entry, Failure, Store
from pipeline.core.words import without_addresses

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from pipeline.core.runner import Batch, Task, Write

OURS = "CRADLE_"
"""What variables start with that tell processes of a run how to work."""
_PR_SET_PDEATHSIG = 1
_known: set[str] = set()
"""Steps that this process has worked at, whose code and models it holds."""


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of one clip, and what it took."""

    found: Entry | Failure
    seconds: float = 0.0
    """Of the work itself, on the clock of the process that did it."""
    process: str = ""
    """Which one that was; nothing where none came to an end."""
    warm: bool = False
    """Whether it had worked at this step before: who has not imports and loads first."""


def start(ours: Mapping[str, str]) -> None:
    """Prepare a fresh worker process, with all variables whose names start with `OURS`."""
    die_with_parent()
    _mute()
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ.update(ours)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seal.inherit()


def _mute() -> None:
    # Native libraries write straight to the descriptor, over the progress of the whole run. What
    # goes wrong with a clip is in the ledger, and its traceback in the store.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, so that none is left over."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def work(batch: Batch) -> list[tuple[str, Worked]]:
    """Measure clips, publish the results, and write down what became of each."""
    began, warm = time.perf_counter(), batch[0].step in _known
    writes = _together(batch) or [partial(_alone, task) for task in batch]
    shared_s = (time.perf_counter() - began) / len(batch)
    found = [
        (task.clip, _work(task, write, shared_s, warm))
        for task, write in zip(batch, writes, strict=True)
    ]
    _known.add(batch[0].step)
    if batch[0].clips > 1:
        # A process makes part after part of a table, and would hold on to what the largest took.
        memory.give_back()
    return found


def _together(batch: Batch) -> Sequence[Write]:
    """What writes each clip's files, or nothing where they are to be measured one by one."""
    many = batch[0].together
    if many is None or len(batch) == 1:
        return []
    try:
        with _time_limit(sum(task.timeout_s for task in batch)):
            return many([task.inputs for task in batch])
    except Exception:
        # Whose fault it is shows when each is measured by itself.
        return []


def _alone(task: Task, out: Path) -> None:
    task.measure(out, task.inputs)


def _work(task: Task, write: Write, shared_s: float, warm: bool) -> Worked:
    began = time.perf_counter()
    found = _published(task, write)
    outcome = str(found.reason) if isinstance(found, Failure) else log.MEASURED
    spent_s = shared_s + time.perf_counter() - began
    log.note(task.store, task.step, task.clip, task.key, outcome, spent_s)
    return Worked(found, spent_s, f"{socket.gethostname()} {os.getpid()}", warm)


def _published(task: Task, write: Write) -> Entry | Failure:
    store = Store(task.store)
    try:
        with _time_limit(task.timeout_s), store.publish(task.step, task.key) as out:
            write(out)
    except ClipFailed as error:
        if error.reason is Reason.TIMED_OUT:
            # A slow machine is not a property of the clip: it may be tried again.
            store.forget(task.step, task.key)
        return Failure.of(error)
    except Exception as error:
        if isinstance(error, OSError) and (about := disk.told(error, task.store)):
            raise about from None
        _keep_traceback(store, task)
        words = without_addresses(f"{type(error).__name__}: {error}")
        return Failure(Reason.MEASURE_FAILED, words[:200])
    found = store.find(task.step, task.key)
    if isinstance(found, Entry):
        return found
    return Failure(Reason.MEASURE_FAILED, "the measurement vanished from the store")


@contextmanager
def _time_limit(limit_s: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise ClipFailed(Reason.TIMED_OUT, f"stopped after {limit_s:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    # Compiled code does not see the signal; past twice the limit the process is ended.
    faulthandler.dump_traceback_later(2 * limit_s, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _keep_traceback(store: Store, task: Task) -> None:
    folder = store.root / "tracebacks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{task.step}-{task.clip}.txt"
    path.write_text(without_addresses(traceback.format_exc()), encoding="utf-8")
    path.chmod(0o600)
