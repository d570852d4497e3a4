"""A small dataset of measurements in which nothing is wrong, to be spoilt one value at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.dataset import measures
from pipeline.dataset.company import COLUMNS, company
from pipeline.dataset.measures import Tables
from pipeline.dataset.overrides import Override

MINIMUM_S = {"cry": 0.4, "laugh": 0.3, "babble": 0.3}
FRAMES = 90

GOOD_FRAME = {
    "found": True,
    "cut": False,
    "face_score": 0.99,
    "faces": 1,
    "infant_likeness": 0.9,
    "yaw_deg": 5.0,
    "pitch_deg": -3.0,
    "roll_deg": 0.0,
    "face_px": 200.0,
    "face_visible": 0.98,
    "mouth_visible": 0.99,
    "mouth_of_usual": 1.0,
    "eyes_visible": 0.99,
    "mouth_inside": 1.0,
    "stirs_mm": 2.0,
    "sharpness": 1e6,
    "brightness": 1e6,
    "ita_deg": 35.0,
    "hidden_by": "",
}
GOOD_VOICE = {
    "infant_s": 2.0,
    "adult_s": 0.0,
    "snr_db": 25.0,
    "adult_overlap": 0.0,
    "decay_s": 0.1,
    "clipped_share": 0.0,
    "type_cry": 0.8,
    "type_laugh": 0.1,
    "type_babble": 0.1,
}


def clips(names: list[str], frames: int = FRAMES, vocalization: str = "cry") -> pd.DataFrame:
    """data/download/clips.parquet, each clip from a source of its own."""
    return pd.DataFrame(
        {
            "clip": names,
            "source": [f"source of {name}" for name in names],
            "vocalization": vocalization,
            "age_months": 6.0,
            "consent": "parental",
            "licence": "CC-BY-4.0",
            "synthetic": False,
            "media_key": "0" * 64,
            "media_digest": [f"digest of {name}" for name in names],
            "frames": frames,
            "width": 384,
            "height": 384,
            "duration_s": frames / 30,
        }
    )


def faces(clip_table: pd.DataFrame) -> pd.DataFrame:
    """data/landmarks/frames.parquet."""
    counts = clip_table["frames"].to_numpy()
    table = pd.DataFrame(
        {
            "clip": np.repeat(clip_table["clip"].to_numpy(object), counts),
            "frame": np.concatenate([np.arange(count) for count in counts]),
        }
    )
    return table.assign(**GOOD_FRAME)


def tracks(clip_table: pd.DataFrame) -> pd.DataFrame:
    """data/landmarks/tracks.parquet: one face in each clip, whose mouth goes with the voice."""
    counts = clip_table["frames"]
    return pd.DataFrame(
        {
            "clip": clip_table["clip"],
            "track": 0,
            "chosen": True,
            "infant_likeness": 0.9,
            "share": 1.0,
            "face_px": 200.0,
            "frame": [np.arange(count, dtype=np.int32) for count in counts],
            "aperture_mm": [6.0 + 5.0 * np.sin(np.arange(count) / 4) for count in counts],
        }
    )


def levels(clip_table: pd.DataFrame) -> pd.DataFrame:
    """data/isolate/frames.parquet, as far as select and audit read it."""
    return pd.concat(
        pd.DataFrame(
            {
                "clip": clip,
                "frame": np.arange(count, dtype=np.int32),
                "infant": 0.9,
                "stem_db": -30.0 + 15.0 * np.sin(np.arange(count) / 4),
            }
        )
        for clip, count in zip(clip_table["clip"], clip_table["frames"], strict=True)
    )


def voice(clip_table: pd.DataFrame) -> pd.DataFrame:
    """data/isolate/clips.parquet."""
    return clip_table[["clip"]].assign(stem_key="0" * 64, **GOOD_VOICE)


def events(clip_table: pd.DataFrame) -> pd.DataFrame:
    """data/isolate/events.parquet: one long event of the right kind in each clip."""
    return pd.DataFrame(
        {
            "clip": clip_table["clip"],
            "start_s": 0.2,
            "end_s": clip_table["frames"] / 30 - 0.2,
            "who": "infant",
            "type": clip_table["vocalization"],
            "score": 0.9,
            "snr_db": 25.0,
        }
    )


def tables(
    names: list[str] | None = None,
    frames: int = FRAMES,
    spoil_frames: Sequence[tuple[str, slice, Mapping[str, Any]]] = (),
    spoil_voice: Mapping[str, Mapping[str, Any]] | None = None,
    heard: pd.DataFrame | None = None,
    said: tuple[Override, ...] = (),
) -> Tables:
    """Everything measured, spoilt as asked: frames by clip and slice, voices by clip."""
    table = clips(names or ["a"], frames)
    seen, sounds = faces(table), voice(table)
    for clip, part, values in spoil_frames:
        rows = seen.index[seen["clip"] == clip][part]
        for name, value in values.items():
            seen.loc[rows, name] = value
    for clip, values in (spoil_voice or {}).items():
        for name, value in values.items():
            sounds.loc[sounds["clip"] == clip, name] = value
    heard = events(table) if heard is None else heard
    return gather(table, sounds, seen, heard, MINIMUM_S, said)


def gather(
    clips: pd.DataFrame,
    voice: pd.DataFrame,
    faces: pd.DataFrame,
    events: pd.DataFrame,
    minimum_s: Mapping[str, float],
    said: tuple[Override, ...] = (),
    described: pd.DataFrame | None = None,
) -> Tables:
    """Tables as stages write them, side by side."""
    written = [arrow(frame) for frame in (clips, voice, faces, events)]
    others = None if described is None else {n: described[n].to_numpy() for n in COLUMNS}
    return measures.gather(*written, minimum_s, said, others)


def arrow(frame: pd.DataFrame) -> pa.Table:
    """A table as it comes from a file."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def described(tracks: pd.DataFrame, heard: pd.DataFrame) -> pd.DataFrame:
    """What is said of faces beside the infant's, a row a clip."""
    return pd.DataFrame(company(arrow(tracks), arrow(heard)))


def override(clip: str, verdict: Any, start: int | None = None, end: int | None = None) -> Override:
    """A reviewer's line."""
    return Override(clip, verdict, "looked at it", "mk", "2026-11-02", start, end)
