"""Measure functions for the tests of the runner; a module, because workers import them by name."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason


def double(out: Path, inputs: Mapping[str, Any]) -> None:
    (out / "value.txt").write_text(str(2 * inputs["value"]))
    with (Path(inputs["diary"]) / str(inputs["value"])).open("a") as diary:
        diary.write("x")


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


def call_home(out: Path, inputs: Mapping[str, Any]) -> None:
    with socket.create_connection(("127.0.0.1", 9), timeout=1):
        (out / "reached.txt").write_text("reached")
