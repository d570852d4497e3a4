"""Children with bounds: ffmpeg, the demuxer and the fetcher run here and nowhere else.

A child has a wall clock that kills it, bounds on processor time, memory and file size, no
terminal, an environment without a stranger's settings, and dies with the process that started it.
It has a session of its own, so that Ctrl-C stops Cradle and is not mistaken for a damaged clip.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.media import launcher

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


@dataclass
class Used:
    """What children have used."""

    processor_s: float = 0.0
    most_kb: int = 0
    """Held by the largest."""


used = Used()
"""By those of this process that have ended; the kernel counts them for another one."""


class Child:
    """A program that runs, or has run."""

    def __init__(
        self, account: int, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> None:
        self._account = os.fdopen(account, "rb", buffering=0)
        self._told = b""
        self.stdin, self.stdout = stdin, stdout
        self.returncode: int | None = None
        """None while it runs; negative is the signal that ended it."""
        first = self._line()
        if b" " in first:
            # It ended before it could be bounded.
            self._told = first + b"\n" + self._told
        elif not first:
            self.returncode = -signal.SIGKILL
        self.pid = 0 if self.returncode or self._told else int(first)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for its end, and return its exit status.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        if self.returncode is None:
            look = select.poll()
            look.register(self._account, select.POLLIN)
            if not self._told and not look.poll(None if timeout_s is None else 1000 * timeout_s):
                raise subprocess.TimeoutExpired("a child", timeout_s or 0.0)
            self.returncode = self._end()
        return self.returncode

    def close(self) -> None:
        """Kill it and what it has started, if it still runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()
        self._account.close()
        for pipe in (self.stdin, self.stdout):
            if pipe is not None and not pipe.closed:
                # What was still buffered for a child that is gone has nowhere to go.
                with suppress(BrokenPipeError):
                    pipe.close()

    def _end(self) -> int:
        line = self._line()
        if not line:
            # What it was forked from was killed, and it with that.
            return -signal.SIGKILL
        code, processor_s, most_kb = line.split()
        used.processor_s += float(processor_s)
        used.most_kb = max(used.most_kb, int(most_kb))
        return int(code)

    def _line(self) -> bytes:
        """The next line of its account; empty where that ends without one."""
        while b"\n" not in self._told:
            piece = self._account.read(256)
            if not piece:
                return b""
            self._told += piece
        line, self._told = self._told.split(b"\n", 1)
        return line


def run(
    argv: Sequence[str],
    bounds: Bounds,
    environment: Mapping[str, str] | None = None,
    asked: bytes = b"",
) -> Ended:
    """Run a program to its end, with `asked` as its input, and return what it said.

    Args:
        argv: a program and its arguments, or a file of Python's whose `main(arguments)` is run.
        bounds: what it may use.
        environment: what it is told beside what every child is.
        asked: what it reads.

    Raises:
        ClipFailed: `timed_out` or `too_large`, when it went beyond its bounds.
        CradleError: somebody else ended it.
    """
    with ExitStack() as held:
        given, out, err = (held.enter_context(_in_memory(name)) for name in ("in", "out", "err"))
        given.write(asked)
        given.seek(0)
        with started(argv, bounds, environment, stdin=given, stdout=out, stderr=err) as child:
            try:
                code = child.wait(bounds.wall_s)
            except subprocess.TimeoutExpired:
                raise timed_out(bounds) from None
        check_signal(code, argv[0], bounds)
        out.seek(0)
        err.seek(0)
        return Ended(code, out.read(), err.read().decode("utf-8", "replace"))


@contextmanager
def started(
    argv: Sequence[str],
    bounds: Bounds,
    environment: Mapping[str, str] | None = None,
    *,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
) -> Iterator[Child]:
    """Start a program under `bounds`; whatever is left of it is killed when the block ends.

    Each stream is a file, `subprocess.DEVNULL`, or `subprocess.PIPE`, but for `stderr`.
    """
    request = {
        "argv": list(argv),
        "environment": _environment(environment),
        "cpu_s": bounds.cpu_s,
        "memory_bytes": bounds.memory_bytes,
        "file_bytes": bounds.file_bytes,
    }
    account, told = os.pipe()
    with ExitStack() as ours:
        ours.callback(os.close, account)
        with ExitStack() as theirs:
            theirs.callback(os.close, told)
            into, stdin_pipe = _stream(stdin, "wb", theirs, ours)
            out, stdout_pipe = _stream(stdout, "rb", theirs, ours)
            err, _ = _stream(stderr, "rb", theirs, ours)
            launcher.ask(request, [into, out, err, told])
        # From here on they are the child's to close.
        ours.pop_all()
    child = Child(account, stdin_pipe, stdout_pipe)
    try:
        yield child
    finally:
        child.close()


def _in_memory(name: str) -> IO[bytes]:
    return os.fdopen(os.memfd_create(name), "w+b", buffering=0)


def _stream(
    what: int | IO[Any], mode: str, theirs: ExitStack, ours: ExitStack
) -> tuple[int, IO[bytes] | None]:
    """The child's end of a stream, and ours where it is a pipe that is opened in that mode."""
    if what == subprocess.PIPE:
        read, write = os.pipe()
        end, own = (read, write) if mode == "wb" else (write, read)
        theirs.callback(os.close, end)
        return end, ours.enter_context(os.fdopen(own, mode))
    if what == subprocess.DEVNULL:
        end = os.open(os.devnull, os.O_RDWR)
        theirs.callback(os.close, end)
        return end, None
    return what if isinstance(what, int) else what.fileno(), None


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


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**_ENVIRONMENT, **inherited, **(more or {})}
