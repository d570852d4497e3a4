"""Faces joined into tracks from frame to frame, and which tracks are the infant's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import Box, Face, overlap
from pipeline.face.likeness import ENOUGH_FRAMES, UNTOLD
from pipeline.face.records import Notes

SAME_TRACK = 0.25
PATIENCE = 15
"""Frames that a track may miss and still go on where it was."""
INFANT = 0.5
"""Likeness above which a track may be the infant's."""
LONG_FRAMES = 30
"""Beyond which length says nothing more of which face matters."""


@dataclass
class Track:
    """One face through time."""

    notes: Notes
    box: Box
    last: int
    shot: int
    """The frame that its shot begins with."""


class Tracks:
    """All tracks of a clip, growing frame by frame."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._shot = 0
        self.all: list[Track] = []

    def assign(self, faces: Sequence[Face], frame: int) -> list[Track]:
        """The track that each face continues or begins, by overlap with where it was last."""
        oldest = max(frame - PATIENCE, self._shot)
        live = [track for track in self.all if track.last >= oldest]
        pairs = [
            (overlap(face.box, track.box), number, track)
            for number, face in enumerate(faces)
            for track in live
        ]
        taken: dict[int, Track] = {}
        for share, number, track in sorted(pairs, key=lambda pair: -pair[0]):
            if share > SAME_TRACK and number not in taken and track not in taken.values():
                taken[number] = track
        return [self._continue(taken.get(number), face, frame) for number, face in enumerate(faces)]

    def _continue(self, track: Track | None, face: Face, frame: int) -> Track:
        if track is None:
            track = Track(Notes(self._folder), face.box, frame, self._shot)
            self.all.append(track)
        track.box, track.last = face.box, frame
        return track

    def cut(self, frame: int) -> None:
        """Let no track go on in `frame`, which begins another shot."""
        self._shot = frame

    def close(self) -> None:
        """Let go of the tracks' files."""
        for track in self.all:
            track.notes.close()


def the_infants(
    frames: Sequence[NDArray[np.int32]], likenesses: Sequence[float], sizes_px: Sequence[float]
) -> list[int]:
    """Numbers of the tracks that together may be one infant, the most telling first.

    Args:
        frames: frame numbers (F,) of each track.
        likenesses: of each track, nan where it cannot be told.
        sizes_px: of each track's face; of two infants the larger is the one that is filmed.

    Returns:
        tracks of which no two are in the same frame, since one infant is not in two places. If one
        looks like an infant's, an adult's are none of them; a glimpse of which nothing can be told
        turns nobody out.
    """
    largest = max(sizes_px, default=1.0)
    shares = [size / largest if largest > 0 else 1.0 for size in sizes_px]
    found = list(enumerate(zip(frames, likenesses, shares, strict=True)))
    if any(likeness >= INFANT for likeness in likenesses):
        found = [item for item in found if not item[1][1] < INFANT]
    rank = sorted(found, key=lambda item: (_glimpsed(*item[1][:2]), -_weight(*item[1]), item[0]))
    chosen: list[int] = []
    for number, (where, *_) in rank:
        if not any(np.isin(where, frames[other]).any() for other in chosen):
            chosen.append(number)
    return chosen


def _glimpsed(where: NDArray[np.int32], likeness: float) -> bool:
    return bool(np.isnan(likeness)) and len(where) < ENOUGH_FRAMES


def _weight(where: NDArray[np.int32], likeness: float, share: float) -> float:
    infant = UNTOLD if np.isnan(likeness) else likeness
    return infant * min(len(where), LONG_FRAMES) * float(np.sqrt(share))
