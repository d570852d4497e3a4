"""Faces that are small in their picture, seen from nearer.

mediapipe's detector finds faces from a tenth of the picture on: 190 px of a film of 1080p, twice
what is enough to measure. Its detector for the full range finds them down to a twentieth. What that
one shows where nothing else is found is looked at in a square around it, as large as it was filmed,
for as long as a face stays there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline.face.backends import Box, Face, Landmarker, Picture
from pipeline.face.crop import within
from pipeline.face.rotation import TURNS, boxes

TIMES = 4.0
"""Side of the square in sizes of the face: its size is one that every detector finds."""
LEAST_TIMES, MOST_TIMES = 2.5, 7.0
"""A face that has grown or shrunk beyond these is looked at in another square."""
OFF_MIDDLE = 0.25
"""Of the square's side, which the face may be away from its middle."""
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
        across, down = (left + right) / 2 - self.left, (top + bottom) / 2 - self.top
        off = max(abs(across - self.side / 2), abs(down - self.side / 2))
        times = self.side / max(right - left, bottom - top, 1.0)
        return off < OFF_MIDDLE * self.side and LEAST_TIMES < times < MOST_TIMES


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
                self.view = next(self._views(picture, detect_px), None)
            return self.view is not None
        self._within += 1
        if self._without == PATIENCE or (
            self._within % EVERY == 0 and self._near(picture, detect_px)
        ):
            self.view, self._without, self._within = None, 0, 0
        elif faces and not before.suits(faces[0].box):
            self.view = around(faces[0].box, picture)
        return self.view != before

    def _near(self, picture: Picture, detect_px: int) -> bool:
        """Whether there is a face that need not be looked at from nearer."""
        searcher = self._landmarker.searcher(self._faces)
        small = within(picture, detect_px)
        return any(boxes(searcher, small, turn) for turn in TURNS)

    def _views(self, picture: Picture, detect_px: int) -> Iterator[View]:
        """Squares around what may be small faces, whichever way up they are."""
        finder, small = self._landmarker.far(self._faces), within(picture, detect_px)
        grow = picture.shape[1] / small.shape[1]
        for turn in TURNS:
            for left, top, right, bottom in boxes(finder, small, turn):
                box = left * grow, top * grow, right * grow, bottom * grow
                if (view := around(box, picture)) is not None:
                    yield view


def around(box: Box, picture: Picture) -> View | None:
    """The square around a face; None where that is as much as the picture's shorter side."""
    left, top, right, bottom = box
    height, width = picture.shape[:2]
    side = round(TIMES * max(right - left, bottom - top))
    if not 0 < side < min(height, width):
        return None
    across, down = (
        min(max(round(middle - side / 2), 0), end - side)
        for middle, end in (((left + right) / 2, width), ((top + bottom) / 2, height))
    )
    return View(across, down, side)
