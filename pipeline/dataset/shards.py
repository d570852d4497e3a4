"""Shards of safetensors: tensors of many spans in one file, whose bytes depend on nothing else.

train-00000.safetensors
    "kitchen_04__0/expression"  (T, 64) float32   standard deviations of the morphable model
    "kitchen_04__0/pose"        (T, 6)  float32   rotation vector, translation in mm
    "kitchen_04__0/valid"       (T,)    uint8     whether the frame was measured
    "kitchen_04__0/audio"       (T, C)  float32   features of the infant's voice
    "kitchen_04__0/identity"    (32,)   float32
    "kitchen_04__0/age"         (1,)    float32
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import NDArray

Tensors = Mapping[str, NDArray]


@dataclass
class Shards:
    """Writes the spans of one split, a new file whenever one is full."""

    folder: Path
    split: str
    limit_mb: float
    _open: dict[str, NDArray] = field(default_factory=dict)
    _bytes: int = 0
    _closed: int = 0

    def add(self, span_id: str, tensors: Tensors) -> str:
        """Take in one span and return the name of the file that it will be in."""
        name = f"{self.split}-{self._closed:05d}.safetensors"
        for key, value in tensors.items():
            self._open[f"{span_id}/{key}"] = value
            self._bytes += value.nbytes
        if self._bytes >= self.limit_mb * 1e6:
            self.close()
        return name

    def close(self) -> None:
        """Write what is still open."""
        if not self._open:
            return
        from safetensors.numpy import save_file

        save_file(self._open, self.folder / f"{self.split}-{self._closed:05d}.safetensors")
        self._open = {}
        self._bytes = 0
        self._closed += 1
