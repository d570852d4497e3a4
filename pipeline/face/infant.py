"""What is told of each track of a clip, and which of them are the infant's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.face import likeness, strangers
from pipeline.face.cover_features import sample
from pipeline.face.likeness import ENOUGH_FRAMES, UNTOLD
from pipeline.face.mesh import MOUTH
from pipeline.face.tracks import Track
from pipeline.face.visibility import cues, usable, visibility

Floats = NDArray[np.float32]

IRISES_FROM = 468
SEEN = 0.6
"""Share of a mouth or face that must be seen for its shape to be believed."""
INFANT = 0.5
"""Likeness above which a track may be the infant's."""
LONG_FRAMES = 30
"""Beyond which length says nothing more of which face matters."""


@dataclass(frozen=True)
class Told:
    """One track."""

    shot: int
    records: NDArray[np.void]
    """(F,) in the order of frames."""
    mine: NDArray[np.bool_]
    """(F,) in which of them it is the face that the track is of; see `strangers`."""
    shares: Mapping[str, Floats]
    """What each cue leaves to be seen, (F, 478)."""
    visible: Floats
    """(F, 478) what all leave."""
    likeness: float
    """To an infant, nan where it cannot be told."""

    @property
    def frames(self) -> NDArray[np.int32]:
        """Numbers of all its frames."""
        return np.asarray(self.records["frame"])

    @property
    def size_px(self) -> float:
        """Of its face, mostly."""
        return float(np.median(self.records["face_px"]))


def tell(tracks: Sequence[Track], device: str) -> list[Told]:
    """What is told of each track, with what covers its face seen on `device`."""
    records = [track.notes.read() for track in tracks]
    there = [usable(rows) for rows in records]
    mine = [np.ones(len(rows), bool) for rows in records]
    for some in _by_shot([track.shot for track in tracks], range(len(tracks))):
        own = strangers.own([records[n] for n in some], [there[n] for n in some])
        for number, frames in zip(some, own, strict=True):
            mine[number] = frames
    every = zip(tracks, records, there, mine, strict=True)
    return [_told(track.shot, rows, there, mine, device) for track, rows, there, mine in every]


def infants(told: Sequence[Told]) -> list[int]:
    """Numbers of the tracks that show the infant: one face in each shot."""
    frames = [it.frames[it.mine] for it in told]
    chosen = the_infants(frames, [it.likeness for it in told], [it.size_px for it in told])
    kept: list[int] = []
    for some in _by_shot([it.shot for it in told], chosen):
        if len(some) > 1:
            looks = [_look(told[number]) for number in some]
            leads = [told[number].likeness >= INFANT for number in some]
            same = strangers.of_one(looks, [frames[number] for number in some], leads)
            some = [some[place] for place in same]
        kept += some
    return kept


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


def _by_shot(shots: Sequence[int], which: Sequence[int]) -> Iterator[list[int]]:
    for shot in sorted({shots[number] for number in which}):
        yield [number for number in which if shots[number] == shot]


def _told(
    shot: int,
    records: NDArray[np.void],
    there: NDArray[np.bool_],
    mine: NDArray[np.bool_],
    device: str,
) -> Told:
    shares = cues(records, there, mine, device)
    visible = visibility(shares)
    return Told(shot, records, mine, shares, visible, _likeness(records, visible))


def _likeness(rows: NDArray[np.void], visible: Floats) -> float:
    """Of a track, from the frames in which enough of the face was seen."""
    seen = np.minimum(visible[:, MOUTH].mean(axis=1), visible[:, :IRISES_FROM].mean(axis=1))
    trust = likeness.telling(rows["yaw_deg"], rows["pitch_deg"]) * (seen > SEEN)
    return likeness.likeness(rows["proportions"], trust)


def _look(told: Told) -> strangers.Look:
    """What the face of a track looks like in those of its frames that show it."""
    which = np.flatnonzero(told.mine)
    rows = told.records[which[sample(len(which), strangers.SAMPLED)]]
    return strangers.look(rows, usable(rows))
