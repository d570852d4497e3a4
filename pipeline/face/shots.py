"""The faces of each picture of a clip, followed within a shot and not from one into the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.face.backends import Face, Landmarker, Picture
from pipeline.face.crop import smaller
from pipeline.face.cuts import CutDetector
from pipeline.face.rotation import Follower

SMALLEST_PX = 32
"""A picture smaller than this shows no face that could be measured."""
LARGER = 1.5
"""How many times the side that is asked for a picture must have: to shrink one that is hardly too
large takes longer than it saves."""


class Shots:
    """Looks at pictures that follow one another.

    Args:
        landmarker: what finds landmarks.
        faces: how many are followed at once.
        detect_px: long side that pictures `LARGER` times as large are shrunk to.
    """

    def __init__(self, landmarker: Landmarker, faces: int, detect_px: int) -> None:
        self._landmarker = landmarker
        self._most = faces
        self._detect_px = detect_px
        self._cuts = CutDetector()
        self._follower = Follower(landmarker, faces)

    def look(self, pictures: Sequence[Picture]) -> list[tuple[bool, list[Face]]]:
        """Of each of the next pictures: whether it begins another shot, and its faces."""
        cuts = [self._cuts.look(picture) for picture in pictures]
        return [(cut, self._faces(it, cut)) for cut, it in zip(cuts, pictures, strict=True)]

    def close(self) -> None:
        """Give back the detectors."""
        self._follower.close()

    def _faces(self, picture: Picture, cut: bool) -> list[Face]:
        if cut:
            # What was followed in the shot before would be looked for where it was there.
            self._follower.close()
            self._follower = Follower(self._landmarker, self._most)
        if min(picture.shape[:2]) < SMALLEST_PX:
            return []
        scale = self._detect_px / max(picture.shape[:2])
        if scale * LARGER > 1.0:
            return self._follower.step(picture)
        grow = np.float32(1.0 / scale)
        return [
            replace(face, points=face.points * grow)
            for face in self._follower.step(smaller(picture, scale))
        ]
