"""The first step of every child: bound it, tie its life to its parent's, become the program.

    python -I -S launch.py PARENT_PID CPU_S MEMORY_BYTES FILE_BYTES PROGRAM ARGUMENT...

A program of its own, and not a function run between fork and exec: that is unsafe in a process
with threads, and every process that has loaded torch or mediapipe has threads.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Bound this process and become the program that `argv` names; does not return."""
    parent, cpu_s, memory_bytes, file_bytes = (int(text) for text in argv[:4])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It died before the line above could take hold.
        sys.exit(1)
    # At the hard limit comes SIGKILL, which could be anybody's; a second before, SIGXCPU.
    _bound(resource.RLIMIT_CPU, cpu_s, spare=1)
    _bound(resource.RLIMIT_AS, memory_bytes)
    _bound(resource.RLIMIT_FSIZE, file_bytes)
    _bound(resource.RLIMIT_CORE, 0)
    # Python ignores these two, and what is ignored stays so in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(argv[4], argv[4:])  # noqa: S606


def _bound(what: int, most: int, spare: int = 0) -> None:
    ceiling = resource.getrlimit(what)[1]
    hard = most + spare
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(what, (min(most, hard), hard))


if __name__ == "__main__":
    main(sys.argv[1:])
