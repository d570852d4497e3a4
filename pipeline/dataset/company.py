"""Who else is in the picture, and whose mouth moves with the infant's voice.

    clip        moves_with_sound  rival_likeness  rival_moves
    twins_01                0.62            0.91         0.08    the other one is still
    twins_02                0.20            0.88         0.31    which of the two cries?

A rival is another face of about the size that is there at the same time. One whose mouth moves
clearly less with the voice than the infant's does is none: it may be an infant, but it is not the
one that is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core import tables

COLUMNS = ["clip", "moves_with_sound", "rival_likeness", "rival_moves"]
TOGETHER_FRAMES = 15
"""For how long another face must be there beside the infant's to be a rival."""
ENOUGH_FRAMES = 30
"""Frames in which both mouth and voice must be known to say whether they go together."""
AS_LARGE = 0.5
"""The least size of a rival beside the infant's face: patterns on clothes pass for small faces."""
CLEARLY = 0.3
"""How much less the rival's mouth must go with the voice."""
QUIET_DB = -60.0
"""What lies below it is silence, whatever its level."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Tracks:
    """T tracks of faces in C clips, and the F frames that they are seen in."""

    clip: Ints
    """(T,) number of each track's clip."""
    chosen: NDArray[np.bool_]
    """(T,) whether it is the infant's."""
    track: Ints
    """(F,) number of each frame's track."""
    place: Ints
    """(F,) of each frame on the grid of all clips' frames."""
    first: Ints
    """(C + 1,) where each clip begins on that grid."""


def company(tracks: pd.DataFrame, heard: pd.DataFrame) -> pd.DataFrame:
    """Describe the company of the infant's face in each clip; a row a clip, columns `COLUMNS`.

    Args:
        tracks: data/landmarks/tracks.parquet: clip, chosen, infant_likeness, frame, aperture_mm.
        heard: data/isolate/frames.parquet: clip, frame, stem_db.
    """
    if tracks.empty:
        return pd.DataFrame(columns=COLUMNS)
    names = pd.Index(np.unique(tracks["clip"].to_numpy(object)))
    seen = _laid_out(tracks, names)
    level_db = _levels(heard, names, seen.first)[seen.place]
    # Tracks of the infant are one face, of which sight was lost for a while.
    face = np.where(seen.chosen, seen.clip, len(names) + np.arange(len(tracks)))
    aperture_mm = np.concatenate(tracks["aperture_mm"].tolist()).astype(np.float64)
    moves = together(face[seen.track], len(names) + len(tracks), aperture_mm, level_db)
    mine = moves[: len(names)]
    described = pd.DataFrame({"clip": names, "moves_with_sound": mine})
    rivals = _rivals(tracks, seen, moves[len(names) :], mine)
    described = described.join(rivals)
    has_infant = np.bincount(seen.clip[seen.chosen], minlength=len(names)) > 0
    alone = has_infant & described["rival_likeness"].isna()
    described["rival_likeness"] = described["rival_likeness"].mask(alone, 0.0)
    return described[COLUMNS]


def together(face: Ints, count: int, aperture_mm: Floats, level_db: Floats) -> Floats:
    """Correlation (count,) of the mouths of so many faces with the infant's voice.

    Args:
        face: (F,) number of the face that a frame shows.
        count: of faces.
        aperture_mm: (F,) of the mouth, nan where it cannot be seen.
        level_db: (F,) of the infant's stem, nan where the sound has ended.

    Returns:
        nan where too little is known of either, or where either never changes.
    """
    level_db = np.maximum(level_db, QUIET_DB)
    known = np.isfinite(aperture_mm) & np.isfinite(level_db)
    face = face[known]
    frames = np.bincount(face, minlength=count)
    aperture, level = (
        values - (np.bincount(face, values, count) / np.maximum(frames, 1))[face]
        for values in (aperture_mm[known], level_db[known])
    )

    def mean(values: Floats) -> Floats:
        return np.bincount(face, values, count) / np.maximum(frames, 1)

    spread = np.sqrt(mean(aperture**2)), np.sqrt(mean(level**2))
    told = (frames >= ENOUGH_FRAMES) & (np.minimum(*spread) >= 1e-6)
    return np.where(told, mean(aperture * level) / np.where(told, spread[0] * spread[1], 1), np.nan)


def _laid_out(tracks: pd.DataFrame, names: pd.Index) -> _Tracks:
    clip = names.get_indexer(pd.Index(tracks["clip"]))
    track = np.repeat(np.arange(len(tracks)), [len(frames) for frames in tracks["frame"]])
    frame = np.concatenate(tracks["frame"].tolist()).astype(np.int64)
    counts = np.zeros(len(names), np.int64)
    np.maximum.at(counts, clip[track], frame + 1)
    first = np.concatenate([[0], np.cumsum(counts)])
    chosen = tracks["chosen"].to_numpy(bool)
    return _Tracks(clip, chosen, track, first[clip[track]] + frame, first)


def _levels(heard: pd.DataFrame, names: pd.Index, first: Ints) -> Floats:
    """Level of the stem in every frame of the grid."""
    clip, frame = tables.numbers(names, heard["clip"]), heard["frame"].to_numpy(np.int64)
    inside = (clip >= 0) & (frame < np.diff(first)[clip])
    level_db = np.full(first[-1], np.nan)
    level_db[first[clip[inside]] + frame[inside]] = heard["stem_db"].to_numpy(float)[inside]
    return level_db


def _rivals(tracks: pd.DataFrame, seen: _Tracks, moves: Floats, mine: Floats) -> pd.DataFrame:
    """The most infant-like rival of each clip that has one: rival_likeness and rival_moves."""
    there = np.zeros(seen.first[-1], bool)
    there[seen.place[seen.chosen[seen.track]]] = True
    beside = np.bincount(seen.track, there[seen.place], len(tracks)) >= TOGETHER_FRAMES
    size_px, largest = tracks["face_px"].to_numpy(float), np.full(len(mine), np.inf)
    infants = pd.Series(size_px[seen.chosen]).groupby(seen.clip[seen.chosen]).max()
    largest[infants.index.to_numpy()] = infants.to_numpy()
    large = size_px >= AS_LARGE * largest[seen.clip]
    # A mouth that is not known to move less with the voice may be the one that is heard.
    suspect = ~(mine[seen.clip] - moves > CLEARLY)
    found = pd.DataFrame(
        {
            "number": seen.clip,
            "rival_likeness": tracks["infant_likeness"].to_numpy(float),
            "rival_moves": moves,
        }
    )[~seen.chosen & beside & large & suspect]
    found = found[found["rival_likeness"] > 0].sort_values(
        ["number", "rival_likeness"], ascending=[True, False], kind="stable"
    )
    return found.drop_duplicates("number").set_index("number")
