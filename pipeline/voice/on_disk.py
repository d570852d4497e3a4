"""A long wave in a file, of which no more is in memory than the piece at hand.

A memory map would do the same, but its pages count as the process's own for as long as nobody
else wants the memory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.voice.backends import Wave

_BYTES = 4


class OnDisk:
    """A wave (n,) of float32 as `numpy.ndarray.tofile` writes it; slices of it are arrays."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._samples = path.stat().st_size // _BYTES

    def __len__(self) -> int:
        return self._samples

    def __getitem__(self, where: slice) -> Wave:
        start, stop, step = where.indices(self._samples)
        if step != 1:
            raise ValueError(f"only neighbouring samples can be read, not every {step}th")
        return np.fromfile(self._path, np.float32, max(0, stop - start), offset=start * _BYTES)
