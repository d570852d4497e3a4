"""Memory that a process no longer uses: kept for what comes next, or given back to whoever else."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of the C library's settings."""
_KEPT_BYTES = 256 << 20
"""More than the layers of a network leave; a whole recording's arrays still go at once."""


def keep() -> None:
    """Have the C library hold on to some of what is free.

    Networks take and leave the same tens of megabytes with every layer. Fresh pages for each took
    up to a fifth of the time of those that hear.
    """
    library = ctypes.CDLL(None)
    for setting in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
        library.mallopt(setting, _KEPT_BYTES)


def give_back() -> None:
    """Have the C library return what is free, which it would keep for the next; takes 1 ms."""
    ctypes.CDLL(None).malloc_trim(0)
