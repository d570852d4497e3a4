"""Gives every listing of a folder in another order; Python finds it as `sitecustomize`."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

_listdir, _scandir, _order = os.listdir, os.scandir, random.Random(7)


class _Scan:
    """What `os.scandir` gives, in another order."""

    def __init__(self, path: Any = ".") -> None:
        with _scandir(path) as found:
            self._entries = list(found)
        _order.shuffle(self._entries)
        self._left = iter(self._entries)

    def __enter__(self) -> _Scan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._left)

    def close(self) -> None:
        """Nothing is held open."""


def _shuffled(path: Any = ".") -> list[Any]:
    found = _listdir(path)
    _order.shuffle(found)
    return found


os.listdir = _shuffled
os.scandir = _Scan  # type: ignore[assignment,misc]
