"""Shards of spans whose every number says which span and frame it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.dataset import shards
from pipeline.dataset.shards import Shards
from pipeline.dataset.splits import SPLITS

AUDIO = 3


def span(split: str, number: int) -> dict[str, Any]:
    """Span `number` of a split: 5 + number frames, the first of which was not measured."""
    frames = 5 + number
    rising = number + np.arange(frames, dtype=np.float32)[:, None] / 100
    clip = f"{split}_{number:02d}"
    return {
        "span_id": f"{clip}__0",
        "clip": clip,
        "source": f"source of {clip}",
        "split": split,
        "vocalization": ("cry", "laugh")[number % 2],
        "start_frame": 7,
        "frames": frames,
        "valid_frames": frames - 1,
        "synthetic": False,
        "expression": np.repeat(rising, 64, 1),
        "pose": np.repeat(-rising, 6, 1),
        "valid": np.arange(frames) > 0,
        "audio": np.repeat(rising + 1000, AUDIO, 1),
        "identity": np.full(32, number, np.float32),
        "age": number / 2,
    }


def write(folder: Path, counts: dict[str, int], limit_mb: float = 1.0) -> list[Path]:
    """Write so many spans a split, and return the shards."""
    folder.mkdir(parents=True)
    for split in SPLITS:
        writer = Shards(folder, split, AUDIO, limit_mb)
        for number in range(counts.get(split, 0)):
            writer.add(span(split, number))
        writer.close()
    return [path for split in SPLITS for path in shards.paths(folder, split)]
