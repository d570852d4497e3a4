"""The infant's stems that `isolate` made, by clip and video frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.core import tables
from pipeline.core.stage import Stage
from pipeline.core.store import Entry

FPS = 30
STEM = "stem_16k.flac"


def stems(stage: Stage[Any]) -> Callable[[str, int, int], NDArray[np.float32] | None]:
    """Return what gives (clip, first frame, frames) at 16 kHz, or None where it is gone."""
    clips = tables.read(stage.data("isolate") / "clips.parquet", ["clip", "stem_key"])
    keys = dict(zip(clips["clip"], clips["stem_key"], strict=True))

    def hear(clip: str, first: int, frames: int) -> NDArray[np.float32] | None:
        found = stage.store.find("stem", keys[clip]) if clip in keys else None
        if not isinstance(found, Entry):
            return None
        sound, rate_hz = media.read_sound(found.path / STEM)
        start, end = (round(frame * rate_hz / FPS) for frame in (first, first + frames))
        return np.ascontiguousarray(sound[start:end], np.float32)

    return hear
