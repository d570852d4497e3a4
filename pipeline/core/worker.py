"""What happens to one clip inside a worker: measured, refused for a reason, or failed."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core import disk, log, seal
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.store import Entry, Failure, Store
from pipeline.core.words import without_addresses

if TYPE_CHECKING:
    from types import FrameType

    from pipeline.core.runner import Task

_PR_SET_PDEATHSIG = 1
_known: set[str] = set()
"""Steps that this process has worked at, whose code and models it holds."""


@dataclass(frozen=True)
class Worked:
    """What became of one clip, and what it took."""

    found: Entry | Failure
    seconds: float = 0.0
    """Of the work itself, on the clock of the process that did it."""
    process: str = ""
    """Which one that was; nothing where none came to an end."""
    warm: bool = False
    """Whether it had worked at this step before: who has not imports and loads first."""


def start() -> None:
    """Prepare a fresh worker process."""
    die_with_parent()
    _mute()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seal.inherit()


def _mute() -> None:
    # Native libraries write straight to the descriptor, over the progress of the whole run. What
    # goes wrong with a clip is in the ledger, and its traceback in the store.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, so that none is left over."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def work(task: Task) -> Worked:
    """Measure one clip, publish the result, and write down what became of it."""
    began = time.perf_counter()
    found = _work(task)
    outcome = str(found.reason) if isinstance(found, Failure) else log.MEASURED
    spent_s = time.perf_counter() - began
    log.note(task.store, task.step, task.clip, task.key, outcome, spent_s)
    warm = task.step in _known
    _known.add(task.step)
    return Worked(found, spent_s, f"{socket.gethostname()} {os.getpid()}", warm)


def _work(task: Task) -> Entry | Failure:
    store = Store(task.store)
    try:
        with _time_limit(task.timeout_s), store.publish(task.step, task.key) as out:
            task.measure(out, task.inputs)
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
