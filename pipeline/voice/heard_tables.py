"""What was heard in many clips, as tables: a row a clip, a frame and an event.

clips.parquet     clip, infant_s, snr_db, adult_overlap, ...
frames.parquet    clip, frame, infant, adult, other, f0_hz, stem_db, residual_db
events.parquet    clip, start_s, end_s, who, ..., numbers; what kind each is, is told later
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core import parts, tables
from pipeline.voice.backends import TRACK_HZ, Voices
from pipeline.voice.events_table import MEASURED
from pipeline.voice.measure import EVENTS, STEM, TRACKS, Isolated, read
from pipeline.voice.measures import frame_levels_db, measures

FPS = 30.0
CLIPS_FILE, FRAMES_FILE, EVENTS_FILE = "clips.parquet", "frames.parquet", "events.parquet"
MEASURES = (
    "infant_s",
    "adult_s",
    "other_s",
    "snr_db",
    "adult_overlap",
    "other_overlap",
    "decay_s",
    "clipped_share",
)
_SCORES = ("infant", "adult", "other")
CLIPS = pa.schema([("clip", pa.string()), *((name, pa.float64()) for name in MEASURES)])
FRAMES = pa.schema(
    [
        ("clip", pa.string()),
        ("frame", pa.int32()),
        *((name, pa.float32()) for name in (*_SCORES, "f0_hz", "stem_db", "residual_db")),
    ]
)
HEARD = pa.schema([("clip", pa.string()), *MEASURED])


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Make the tables of the clips in `inputs["clips"]`: of each its `sound`, `stem` and `voice`.

    `sound` is a file, `stem` and `voice` folders of the store; `frames` is how many its video has.
    """
    about, frames, events = [], [], []
    for clip, piece in inputs["clips"].items():
        voice = Path(piece["voice"])
        found = read(Path(piece["sound"]), Path(piece["stem"]) / STEM, voice / TRACKS)
        said = measures(found.sound, found.stem, found.voices)
        about.append((clip, pa.table({name: [said[name]] for name in MEASURES})))
        frames.append((clip, pa.table(frame_columns(found, piece["frames"]))))
        events.append((clip, tables.of_clip(voice / EVENTS)))
    parts.join(out / CLIPS_FILE, CLIPS, about)
    parts.join(out / FRAMES_FILE, FRAMES, frames)
    parts.join(out / EVENTS_FILE, HEARD, events)


def frame_columns(found: Isolated, frames: int) -> dict[str, Any]:
    """Columns (frames,) of a 30 fps video: what is heard while each of its frames is seen."""
    middle_s = (np.arange(frames) + 0.5) / FPS
    columns: dict[str, Any] = {"frame": np.arange(frames, dtype=np.int32)}
    for name in _SCORES:
        track = getattr(found.voices, name)
        columns[name] = np.interp(middle_s * TRACK_HZ, np.arange(len(track)), track)
    columns["f0_hz"] = _nearest(found.voices, middle_s)
    columns["stem_db"] = frame_levels_db(found.stem, frames, FPS)
    columns["residual_db"] = frame_levels_db(found.sound - found.stem, frames, FPS)
    return columns


def _nearest(voices: Voices, times_s: np.ndarray) -> np.ndarray:
    """Pitch at the nearest step: between a pitch and none there is no middle."""
    steps = np.round(times_s * TRACK_HZ).astype(int)
    return voices.f0_hz[np.clip(steps, 0, len(voices.f0_hz) - 1)]
