"""Keeps the chatter of native libraries out of what a person reads."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STDERR = 2


@contextmanager
def hushed() -> Iterator[None]:
    """Let Python alone write to standard error.

    mediapipe and its kind write straight to the descriptor, whatever they are told; what goes
    wrong with them comes back as an exception.
    """
    told, kept = sys.stderr, os.dup(_STDERR)
    with Path(os.devnull).open("wb") as nowhere, os.fdopen(kept, "w", buffering=1) as own:
        if _writes_there(told):
            sys.stderr = own
        os.dup2(nowhere.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            sys.stderr = told


def _writes_there(stream: io.TextIOBase | object) -> bool:
    try:
        return stream.fileno() == _STDERR  # type: ignore[union-attr]
    except (OSError, AttributeError, ValueError):
        return False
