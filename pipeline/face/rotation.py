"""Faces whichever way up they are: babies lie down, and detectors expect people to sit.

mediapipe's detector finds faces tilted up to a right angle. Beyond that it either fails or, worse,
lays an upright mesh over a face that is upside down, with a score of 0.6 to 0.8 where the right way
up scores 0.8 to 0.95. What is right is seen in two or three of the four quarter turns, each time
the same way up; what is made up seldom is. So a face that appears is looked at in all four, they
back one another, and the turn is then carried along: a lying baby costs four looks once, not in
every frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import (
    SAME_PLACE,
    Box,
    BoxFinder,
    Face,
    FaceDetector,
    Landmarker,
    Picture,
    overlap,
)

TURNS = range(4)
_ROTATED = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
SAME_FACE = 0.3
DOUBTFUL_SCORE = 0.75
"""Below it, another way up may fit better."""
SEARCH_EVERY = 120
"""Frames between looks at all four turns for faces that nobody follows: first at their boxes."""
SEARCH_WHEN_LOST = 6
"""Frames between such looks while there is no face, or only a doubtful one: of that twice as many
each time that no other way up fits better, as something that stays before a face keeps it so."""
SURER = 0.15
"""How much surer another way up must be of a face that is followed: heads do not flip, but a
covered mouth makes a forehead look like a chin."""
SURELY_UPRIGHT = 0.9
"""Score of an upright face that no other way up fits better."""
UPRIGHT = 0.1
"""How much surer it must be of one that is upright, as most are."""
BACKING_SCORE = 0.7
"""Beyond it a score backs the same face seen the same way up in another turn."""
SAME_WAY_UP = 0.5
"""Cosine of the angle between eye lines above which two meshes are the same way up."""
MAX_TILT_DEG = 100.0
"""A detector of upright faces finds none tilted further; what it shows there is made up."""
TURNED_SCORE = 0.8
"""Spots on clothes pass for a face that is not upright up to here."""
FOLLOWED_SCORE = 0.5
"""The least score of what is followed: the mesh itself says that it is still a face."""
FADING = 0.9
"""A face that is followed but not detected loses its score by this factor a frame."""


@dataclass(frozen=True)
class Turned:
    """A face and how many quarter turns anticlockwise the picture was turned to find it."""

    face: Face
    turn: int


class Follower:
    """Follows the faces of one clip, each at its own turn."""

    def __init__(self, landmarker: Landmarker, faces: int) -> None:
        self._landmarker = landmarker
        self._faces = faces
        self._searcher = landmarker.searcher(faces)
        self._followers: dict[int, FaceDetector] = {}
        self._turns: tuple[int, ...] = ()
        self._last: list[Turned] = []
        self._since_search = SEARCH_EVERY
        self._patience = SEARCH_WHEN_LOST

    def step(self, picture: Picture) -> list[Face]:
        """Faces in the next picture of the clip, the surest first."""
        self._since_search += 1
        found = self._follow(picture)
        if self._should_search(picture, found):
            found = self._search(picture, found)
        self._last = found
        return [turned.face for turned in found]

    def close(self) -> None:
        """Give back the detectors."""
        for detector in (self._searcher, *self._followers.values()):
            detector.close()

    def _follow(self, picture: Picture) -> list[Turned]:
        found = [
            Turned(self._carry_score(face), turn)
            for turn in self._turns
            for face in look(self._follower(turn), picture, turn)
        ]
        credible = [turned for turned in found if self._credible(turned)]
        held = [turned for turned in credible if self._held(turned)]
        return distinct(held, [t for t in credible if not self._held(t)])[: self._faces]

    def _follower(self, turn: int) -> FaceDetector:
        if turn not in self._followers:
            self._followers[turn] = self._landmarker.follower(self._faces)
        return self._followers[turn]

    def _carry_score(self, face: Face) -> Face:
        before = [known.face.score for known in self._last if _same(known.face, face)]
        last = max(before, default=FOLLOWED_SCORE)
        score = last if np.isnan(face.score) else max(face.score, FADING * last)
        return face.scored(max(score, FOLLOWED_SCORE))

    def _credible(self, turned: Turned) -> bool:
        """Whether a face may be one: upright, surely found, or followed already."""
        if turned.turn == 0 or turned.face.score >= TURNED_SCORE:
            return True
        return any(_same(known.face, turned.face) for known in self._last)

    def _held(self, turned: Turned) -> bool:
        """Whether it was followed at the same turn."""
        return _among(turned, self._last)

    def _should_search(self, picture: Picture, found: list[Turned]) -> bool:
        if self._since_search >= SEARCH_EVERY:
            return self._others(picture, found)
        if any(not any(_same(f.face, k.face) for k in self._last) for f in found):
            return True
        if not found or min(turned.face.score for turned in found) >= DOUBTFUL_SCORE:
            self._patience = SEARCH_WHEN_LOST
            return not found and self._since_search >= SEARCH_WHEN_LOST
        if self._since_search < self._patience:
            return False
        self._patience *= 2
        return True

    def _others(self, picture: Picture, found: list[Turned]) -> bool:
        """Whether there may be a face that nobody follows, or one that is, another way up."""
        self._since_search = 0
        if not found or min(turned.face.score for turned in found) < TURNED_SCORE:
            return True
        return any(self._elsewhere(picture, turn, found) for turn in TURNS)

    def _elsewhere(self, picture: Picture, turn: int, known: list[Turned]) -> bool:
        """Whether there may be a face at a turn where none of those known is."""
        return any(
            all(overlap(box, turned.face.box) <= SAME_PLACE for turned in known)
            for box in boxes(self._searcher, picture, turn)
        )

    def _search(self, picture: Picture, found: list[Turned]) -> list[Turned]:
        """Look at all four turns; what is followed stays, unless another way up fits better."""
        self._since_search = 0
        afresh = self._afresh(picture)
        sure = [
            turned
            for turned in afresh
            if turned.face.score >= (FOLLOWED_SCORE if turned.turn == 0 else TURNED_SCORE)
        ]
        best = [surest(it, afresh) for it in distinct(found, sure, afresh)[: self._faces]]
        turns = tuple(sorted({turned.turn for turned in best}))
        for turn in set(turns) - set(self._turns):
            # What a follower saw long ago would be looked for where it was then.
            if turn in self._followers:
                self._followers[turn].reset()
            look(self._follower(turn), picture, turn)
        self._turns = turns
        if len(best) != len(found) or not all(_among(turned, found) for turned in best):
            self._patience = SEARCH_WHEN_LOST
        return best

    def _afresh(self, picture: Picture) -> list[Turned]:
        """Faces at all four turns, but for other ways up of what is surely upright."""
        upright = [Turned(face, 0) for face in look(self._searcher, picture, 0)]
        surely = [turned for turned in upright if turned.face.score >= SURELY_UPRIGHT]
        others = [
            Turned(face, turn)
            for turn in TURNS[1:]
            if not surely or self._elsewhere(picture, turn, surely)
            for face in look(self._searcher, picture, turn)
        ]
        return upright + others


def look(detector: FaceDetector, picture: Picture, turn: int) -> list[Face]:
    """Faces that a detector finds in a picture turned by quarter turns, in the picture's own px."""
    height, width = picture.shape[:2]
    found = [
        face
        for face in detector.detect(rotated(picture, turn))
        if tilt_deg(face.points) <= MAX_TILT_DEG
    ]
    if turn == 0:
        return found
    return [replace(face, points=turn_back(face.points, turn, width, height)) for face in found]


def boxes(finder: BoxFinder, picture: Picture, turn: int) -> list[Box]:
    """Where there may be faces in a picture turned by quarter turns, in the picture's own px."""
    height, width = picture.shape[:2]
    found = np.array(finder.boxes(rotated(picture, turn)), np.float32).reshape(-1, 2, 2)
    ends = [turn_back(np.pad(two, ((0, 0), (0, 1))), turn, width, height) for two in found]
    return [(*two.min(0)[:2].tolist(), *two.max(0)[:2].tolist()) for two in ends]


def rotated(picture: Picture, turn: int) -> Picture:
    """A picture turned anticlockwise by quarter turns."""
    # Ten times as fast as `np.rot90` and the copy that a detector would make of it.
    return np.asarray(cv2.rotate(picture, _ROTATED[turn]), np.uint8) if turn else picture


def tilt_deg(points: NDArray[np.floating]) -> float:
    """How far the line through the eyes is from level, 0..180."""
    (right_x, right_y, _), (left_x, left_y, _) = points[[33, 263]].tolist()
    return abs(math.degrees(math.atan2(left_y - right_y, left_x - right_x)))


def turn_back(
    points: NDArray[np.float32], turn: int, width: int, height: int
) -> NDArray[np.float32]:
    """Points found in `rotated(picture, turn)`, in the px of the picture, which is width x height.

    z keeps its value: it points out of the picture.
    """
    x, y, z = points.T
    back = {
        0: (x, y),
        1: (width - y, x),
        2: (width - x, height - y),
        3: (y, height - x),
    }[turn]
    return np.stack([*back, z], axis=1).astype(np.float32)


def distinct(
    followed: list[Turned], found: list[Turned], seen: Sequence[Turned] = ()
) -> list[Turned]:
    """The surest of those that lie over one another, the surest first.

    What is `followed` gives way only to what is surer by `SURER`, what is upright by `UPRIGHT`; all
    that was `seen` backs what it agrees with.
    """
    rivals = [
        *((_claim(turned, seen) + SURER, turned) for turned in followed),
        *((_claim(turned, seen), turned) for turned in found),
    ]
    kept: list[Turned] = []
    for _, turned in sorted(rivals, key=lambda rival: -rival[0]):
        if not any(_same(turned.face, other.face) for other in kept):
            kept.append(turned)
    return kept


def surest(turned: Turned, seen: Sequence[Turned]) -> Turned:
    """The same face the same way up, at a turn at which it is seen much more surely.

    One that lies is found without a turn as well, and lost as soon as it lies a little further.
    """
    others = [it for it in seen if it.face.score > turned.face.score + SURER and _backs(it, turned)]
    return max(others, key=lambda it: it.face.score, default=turned)


def _claim(turned: Turned, seen: Sequence[Turned]) -> float:
    backing = sum(
        max(other.face.score - BACKING_SCORE, 0.0) for other in seen if _backs(other, turned)
    )
    return turned.face.score + backing + (UPRIGHT if turned.turn == 0 else 0.0)


def _backs(other: Turned, turned: Turned) -> bool:
    if other.turn == turned.turn or not _same(other.face, turned.face):
        return False
    eyes = [face.points[263, :2] - face.points[33, :2] for face in (other.face, turned.face)]
    lengths = float(np.linalg.norm(eyes[0]) * np.linalg.norm(eyes[1]))
    return float(eyes[0] @ eyes[1]) > SAME_WAY_UP * lengths


def _among(turned: Turned, known: Sequence[Turned]) -> bool:
    """Whether it is known at the same turn."""
    return any(it.turn == turned.turn and _same(it.face, turned.face) for it in known)


def _same(a: Face, b: Face) -> bool:
    return overlap(a.box, b.box) > SAME_FACE
