"""Who else is in the picture, and whose mouth moves with the infant's voice.

    clip        moves_with_sound  rival_likeness  rival_moves
    twins_01                0.62            0.91         0.08    the other one is still
    twins_02                0.20            0.88         0.31    which of the two cries?

A rival is another face of about the size that is there at the same time. One whose mouth moves
clearly less with the voice than the infant's does is none: it may be an infant, but it is not the
one that is heard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core import tables

MEASURES = ("moves_with_sound", "rival_likeness", "rival_moves")
COLUMNS = ["clip", *MEASURES]
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


def company(tracks: pa.Table, heard: pa.Table) -> dict[str, NDArray]:
    """Describe the company of the infant's face in each clip that has a face, (K,) by `COLUMNS`.

    Args:
        tracks: data/landmarks/tracks.parquet: clip, chosen, infant_likeness, frame, aperture_mm.
        heard: data/isolate/frames.parquet: clip, frame, stem_db.
    """
    if not len(tracks):
        return {name: np.zeros(0, object) for name in COLUMNS}
    names = sorted(set(tracks["clip"].to_pylist()))
    seen = _laid_out(tracks, names)
    level_db = _levels(heard, names, seen.first)[seen.place]
    # Tracks of the infant are one face, of which sight was lost for a while.
    face = np.where(seen.chosen, seen.clip, len(names) + np.arange(len(tracks)))
    _, aperture_mm = tables.lists(tracks["aperture_mm"], np.float64)
    moves = together(face[seen.track], len(names) + len(tracks), aperture_mm, level_db)
    mine = moves[: len(names)]
    rivals = _rivals(tracks, seen, moves[len(names) :], mine)
    has_infant = np.bincount(seen.clip[seen.chosen], minlength=len(names)) > 0
    likeness = np.where(has_infant, 0.0, np.nan)
    rival_moves = np.full(len(names), np.nan)
    likeness[seen.clip[rivals]] = tables.floats(tracks, "infant_likeness")[rivals]
    rival_moves[seen.clip[rivals]] = moves[len(names) :][rivals]
    return dict(zip(COLUMNS, (np.array(names, object), mine, likeness, rival_moves), strict=True))


def beside(described: Mapping[str, NDArray], clips: Sequence[str]) -> dict[str, NDArray]:
    """The same of these clips, (C,) each; nan of a clip that was not described."""
    place = {str(clip): number for number, clip in enumerate(described["clip"])}
    number = np.array([place.get(clip, -1) for clip in clips], np.int64)
    known = {name: np.append(described[name], np.nan).astype(np.float64) for name in MEASURES}
    return {"clip": np.array(clips, object)} | {n: values[number] for n, values in known.items()}


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


def _laid_out(tracks: pa.Table, names: Sequence[str]) -> _Tracks:
    clip = tables.numbers(names, tracks["clip"])
    lengths, frame = tables.lists(tracks["frame"], np.int64)
    track = np.repeat(np.arange(len(tracks)), lengths)
    counts = np.zeros(len(names), np.int64)
    np.maximum.at(counts, clip[track], frame + 1)
    first = np.concatenate([[0], np.cumsum(counts)])
    chosen = tables.values(tracks["chosen"], np.bool_)
    return _Tracks(clip, chosen, track, first[clip[track]] + frame, first)


def _levels(heard: pa.Table, names: Sequence[str], first: Ints) -> Floats:
    """Level of the stem in every frame of the grid."""
    clip = tables.numbers(names, heard["clip"])
    frame = tables.values(heard["frame"], np.int64)
    inside = (clip >= 0) & (frame < np.append(np.diff(first), 0)[clip])
    level_db = np.full(first[-1], np.nan)
    place = first[clip[inside]] + frame[inside]
    level_db[place] = tables.floats(heard, "stem_db")[inside]
    return level_db


def _rivals(tracks: pa.Table, seen: _Tracks, moves: Floats, mine: Floats) -> Ints:
    """The track of the most infant-like rival of each clip that has one."""
    there = np.zeros(seen.first[-1], bool)
    there[seen.place[seen.chosen[seen.track]]] = True
    beside = np.bincount(seen.track, there[seen.place], len(tracks)) >= TOGETHER_FRAMES
    size_px, largest = tables.floats(tracks, "face_px"), np.full(len(mine), -np.inf)
    np.fmax.at(largest, seen.clip[seen.chosen], size_px[seen.chosen])
    largest[np.isneginf(largest)] = np.inf
    large = size_px >= AS_LARGE * largest[seen.clip]
    # A mouth that is not known to move less with the voice may be the one that is heard.
    suspect = ~(mine[seen.clip] - moves > CLEARLY)
    likeness = tables.floats(tracks, "infant_likeness")
    rivals = np.flatnonzero(~seen.chosen & beside & large & suspect & (likeness > 0))
    ordered = rivals[np.lexsort((-likeness[rivals], seen.clip[rivals]))]
    _, best = np.unique(seen.clip[ordered], return_index=True)
    return ordered[best]
