"""Children with bounds: ffmpeg, the demuxer and the fetcher run here and nowhere else.

A child has a wall clock that kills it, bounds on processor time, memory and file size, no
terminal, an environment without a stranger's settings, and dies with the process that started it.
It has a session of its own, so that Ctrl-C stops Cradle and is not mistaken for a damaged clip.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.media import launch

_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
_INHERITED = ("LD_LIBRARY_PATH", "TMPDIR")
_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Bounds:
    """What a child may use; beyond it, it is ended."""

    wall_s: float = 120.0
    cpu_s: int = 240
    memory_bytes: int = 1 << 30
    file_bytes: int = 4 << 30


@dataclass(frozen=True)
class Ended:
    """How a child ended by itself."""

    code: int
    """Its exit status; negative is the signal that ended it."""
    out: bytes
    err: str


def run(
    argv: Sequence[str],
    bounds: Bounds,
    environment: Mapping[str, str] | None = None,
    asked: bytes = b"",
) -> Ended:
    """Run a program to its end, with `asked` as its input, and return what it said.

    Raises:
        ClipFailed: `timed_out` or `too_large`, when it went beyond its bounds.
        CradleError: somebody else ended it.
    """
    pipe = subprocess.PIPE
    with started(argv, bounds, environment, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        try:
            out, err = child.communicate(asked, timeout=bounds.wall_s)
        except subprocess.TimeoutExpired:
            raise timed_out(bounds) from None
    ended = Ended(child.returncode, out, err.decode("utf-8", "replace"))
    check_signal(ended.code, argv[0], bounds)
    return ended


@contextmanager
def started(
    argv: Sequence[str],
    bounds: Bounds,
    environment: Mapping[str, str] | None = None,
    *,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program under `bounds`; whatever is left of it is killed when the block ends."""
    child = subprocess.Popen(
        [*_launcher(bounds), *argv],
        env=_environment(environment),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        _end(child)


def timed_out(bounds: Bounds) -> ClipFailed:
    """The failure of a child that outlived its wall clock."""
    return ClipFailed(Reason.TIMED_OUT, f"stopped after {bounds.wall_s:g} s")


def check_signal(code: int, program: str, bounds: Bounds) -> None:
    """Tell a child that went beyond its bounds from one that was ended from outside.

    A crash of the program itself (a segmentation fault in a decoder) passes: the caller knows
    what that means for the clip.
    """
    if code == -signal.SIGXCPU:
        raise ClipFailed(Reason.TIMED_OUT, f"stopped after {bounds.cpu_s} s of processor time")
    if code == -signal.SIGXFSZ:
        raise ClipFailed(Reason.TOO_LARGE, f"wrote more than {bounds.file_bytes:,} bytes")
    if -code in _OUTSIDE:
        name = signal.Signals(-code).name
        raise CradleError(f"{program} was ended from outside by {name}; run again to go on")


def _launcher(bounds: Bounds) -> list[str]:
    numbers = (os.getpid(), bounds.cpu_s, bounds.memory_bytes, bounds.file_bytes)
    return [sys.executable, "-I", "-S", launch.__file__, *(str(number) for number in numbers)]


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**_ENVIRONMENT, **inherited, **(more or {})}


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None and not pipe.closed:
            _close(pipe)


def _close(pipe: IO[bytes]) -> None:
    # What was still buffered for a child that is gone has nowhere to go.
    with suppress(BrokenPipeError):
        pipe.close()
