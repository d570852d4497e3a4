"""Faces that are small in their picture, seen from nearer.

mediapipe's detector finds faces from a tenth of the picture on: 190 px of a film of 1080p, twice
what is enough to measure. Its detector for the full range finds them down to a twentieth. What that
one shows where nothing else is found is looked at in a square around it, as large as it was filmed,
for as long as a face stays there. Of several all are, as long as they are near one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.face.backends import Box, Face, Landmarker, Picture
from pipeline.face.crop import within
from pipeline.face.rotation import TURNS, boxes

TIMES = 4.0
"""Side of the square in sizes of the face: its size is one that every detector finds."""
LEAST_TIMES, MOST_TIMES = 2.5, 8.0
"""One that has grown or shrunk beyond these is looked at in another square."""
MARGIN = 0.1
"""Of the square's side, that faces keep from its edges."""
EVERY = 15
"""Frames from one look to the next for small faces where there is none, and for others than a small
one where there is one."""
PATIENCE = 6
"""Frames without a face after which the whole picture is looked at again."""


@dataclass(frozen=True)
class View:
    """A square of a picture, px."""

    left: int
    top: int
    side: int

    def of(self, picture: Picture) -> Picture:
        """The square itself, as far as it lies in the picture."""
        return picture[self.top : self.top + self.side, self.left : self.left + self.side]

    def back(self, face: Face) -> Face:
        """A face that was found in the square, in px of the picture."""
        corner = np.array([self.left, self.top, 0], np.float32)
        return replace(face, points=face.points + corner)

    def suits(self, box: Box) -> bool:
        """Whether a face lies well within it, neither too large nor too small."""
        left, top, right, bottom = box
        room = min(left - self.left, top - self.top) / self.side
        beyond = max(right - self.left, bottom - self.top) / self.side
        within = room > MARGIN and beyond < 1 - MARGIN
        return within and LEAST_TIMES < self.side / max(size_px(box), 1.0) < MOST_TIMES


class Nearer:
    """Chooses what is looked at of the pictures of one shot: all of each, or a `view`.

    Args:
        landmarker: what finds faces.
        faces: how many at once.
    """

    def __init__(self, landmarker: Landmarker, faces: int) -> None:
        self._landmarker = landmarker
        self._faces = faces
        self._without, self._within = 0, 0
        self._in_vain = 0
        self.view: View | None = None

    def moves(self, picture: Picture, faces: list[Face], detect_px: int) -> bool:
        """Whether another part is to be looked at from now on, as these faces were found in this.

        Args:
            picture: RGB, (H, W, 3).
            faces: the surest first.
            detect_px: long side of what faces are looked for in.
        """
        before = self.view
        self._without = 0 if faces else self._without + 1
        if before is None:
            if self._without % EVERY == 1:
                self.view = self._found(picture, detect_px)
            if self.view is not None:
                self._without, self._within = 0, 0
            return self.view is not None
        self._within += 1
        look_up = self._within % EVERY == 0
        if self._without == PATIENCE or (look_up and self._near(picture, detect_px)):
            self._in_vain += self._without == self._within
            self.view, self._without = None, 0
        elif faces and not all(before.suits(face.box) for face in faces):
            self.view = around([face.box for face in faces], picture)
        return self.view != before

    def _near(self, picture: Picture, detect_px: int) -> bool:
        """Whether there is a face that need not be looked at from nearer."""
        searcher = self._landmarker.searcher(self._faces)
        small = within(picture, detect_px)
        return any(boxes(searcher, small, turn) for turn in TURNS)

    def _found(self, picture: Picture, detect_px: int) -> View | None:
        """The square around what may be small faces, the same way up whichever that is."""
        finder, small = self._landmarker.far(self._faces), within(picture, detect_px)
        grow = picture.shape[1] / small.shape[1]
        for turn in TURNS:
            # What showed no face from nearer would be shown first again.
            found = boxes(finder, small, (turn + self._in_vain) % len(TURNS))
            if found:
                return around(
                    [(a * grow, b * grow, c * grow, d * grow) for a, b, c, d in found], picture
                )
        return None


def around(faces: Sequence[Box], picture: Picture) -> View | None:
    """The square around faces, the surest first: that one alone where they lie too far apart, and
    none where it would be as large as the picture's shorter side."""
    height, width = picture.shape[:2]
    lefts, tops, rights, bottoms = zip(*faces, strict=True)
    left, top, right, bottom = min(lefts), min(tops), max(rights), max(bottoms)
    sizes = [size_px(box) for box in faces]
    apart = max(right - left, bottom - top) / (1 - 3 * MARGIN)
    side = round(max(TIMES * max(sizes), apart))
    if len(faces) > 1 and side > MOST_TIMES * min(sizes):
        return around(faces[:1], picture)
    if not 0 < side < min(height, width):
        return None
    across, down = (
        min(max(round(middle - side / 2), 0), end - side)
        for middle, end in (((left + right) / 2, width), ((top + bottom) / 2, height))
    )
    return View(across, down, side)


def size_px(box: Box) -> float:
    """The longer side of a face."""
    left, top, right, bottom = box
    return max(right - left, bottom - top)
