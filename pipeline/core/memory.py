"""Memory that a process no longer uses, given back to whoever else needs it."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Have the C library return what is free, which it would keep for the next; takes 1 ms."""
    ctypes.CDLL(None).malloc_trim(0)
