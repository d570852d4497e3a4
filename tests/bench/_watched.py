"""What processes take: memory at its highest, and of a command alone processor time as well."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError

_COMMAND = """
import sys
from pipeline.__main__ import main
from tests.bench._watched import own_peak_kb

code = main(sys.argv[1:])
print(own_peak_kb())
sys.exit(code)
"""


def own_peak_kb() -> int:
    """Kilobytes that this process has held at its highest."""
    # `ru_maxrss` of a process begins at what its parent held; the kernel's own mark does not.
    status = Path("/proc/self/status").read_text(encoding="ascii").split()
    return int(status[status.index("VmHWM:") + 1])


class Watched(NamedTuple):
    """What it took."""

    cpu_s: float
    peak_gb: float


def watched(words: Sequence[str]) -> Watched:
    """What `cradle` with these words takes.

    Raises:
        CradleError: it failed.
    """
    argv = [sys.executable, "-c", _COMMAND, *words]
    process = subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as out:
        lines = out.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CradleError(f"cradle {words[0]} ended with {process.returncode}")
    return Watched(used.ru_utime + used.ru_stime, int(lines[-1]) / 2**20)
