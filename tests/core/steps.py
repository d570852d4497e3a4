"""Measure functions for the tests of the runner; a module, because workers import them by name."""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.runner import Write


def double(out: Path, inputs: Mapping[str, Any]) -> None:
    (out / "value.txt").write_text(str(2 * inputs["value"]))
    with (Path(inputs["diary"]) / str(inputs["value"])).open("a") as diary:
        diary.write("x")


def double_together(inputs: Sequence[Mapping[str, Any]]) -> list[Write]:
    """Each as `double` would, and each `.together` file tells with whom."""
    values = sorted(one["value"] for one in inputs)

    def write(one: Mapping[str, Any], out: Path) -> None:
        double(out, one)
        (Path(one["diary"]) / f"{one['value']}.together").write_text(str(values))

    return [partial(write, one) for one in inputs]


def misbehave_together(inputs: Sequence[Mapping[str, Any]]) -> list[Write]:
    """A device that takes clips together dies of what one of them would."""
    values = {one["value"] for one in inputs}
    if 1 in values:
        os.kill(os.getpid(), signal.SIGKILL)
    if values & {2, 4}:
        raise RuntimeError("one of these")
    return [partial(_misbehave_into, one) for one in inputs]


def _misbehave_into(inputs: Mapping[str, Any], out: Path) -> None:
    misbehave(out, inputs)


MISFORTUNES = {
    "clip_1": Reason.WORKER_CRASHED,
    "clip_2": Reason.MEASURE_FAILED,
    "clip_3": Reason.NO_VIDEO,
    "clip_4": Reason.TIMED_OUT,
}
"""What becomes of the clips 0 to 7 under `misbehave`; the others are measured."""


def misbehave(out: Path, inputs: Mapping[str, Any]) -> None:
    value = inputs["value"]
    if value == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if value == 2:
        raise RuntimeError("who would have thought")
    if value == 3:
        raise ClipFailed(Reason.NO_VIDEO, "only sound")
    if value == 4:
        while True:
            pass
    double(out, inputs)


def fill_the_disk(out: Path, inputs: Mapping[str, Any]) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(out))


def tell_the_key(out: Path, inputs: Mapping[str, Any]) -> None:
    (out / "key.txt").write_text(os.environ.get("CRADLE_MEDIA_KEY", "none"))


def tell_the_process(out: Path, inputs: Mapping[str, Any]) -> None:
    (out / "process").write_text(str(os.getpid()))
    (out / "parent").write_text(str(os.getppid()))


def call_home(out: Path, inputs: Mapping[str, Any]) -> None:
    with socket.create_connection(("127.0.0.1", 9), timeout=1):
        (out / "reached.txt").write_text("reached")


_loaded: list[bool] = []


def late(out: Path, inputs: Mapping[str, Any]) -> None:
    """Load for half a second in each process, then work for a hundredth."""
    _spin(0.01 if _loaded else 0.5)
    _loaded.append(True)


def _spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


GREETING = "said by nobody"


def greet(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write what this process knows."""
    (out / "value.txt").write_text(GREETING)
