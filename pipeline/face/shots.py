"""The faces of each picture of a clip, followed within a shot and not from one into the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.face.backends import Face, Landmarker, Picture
from pipeline.face.crop import within
from pipeline.face.cuts import CutDetector
from pipeline.face.nearer import Nearer
from pipeline.face.rotation import Follower

SMALLEST_PX = 32
"""A picture smaller than this shows no face that could be measured."""


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
        self._nearer = Nearer(landmarker, faces)

    def look(self, pictures: Sequence[Picture]) -> list[tuple[bool, list[Face]]]:
        """Of each of the next pictures: whether it begins another shot, and its faces."""
        cuts = [self._cuts.look(picture) for picture in pictures]
        return [(cut, self._faces(it, cut)) for cut, it in zip(cuts, pictures, strict=True)]

    def close(self) -> None:
        """Give back the detectors."""
        self._follower.close()

    def _faces(self, picture: Picture, cut: bool) -> list[Face]:
        if cut:
            self._begin()
            self._nearer = Nearer(self._landmarker, self._most)
        if min(picture.shape[:2]) < SMALLEST_PX:
            return []
        faces = self._seen(picture)
        if self._nearer.moves(picture, faces, self._detect_px):
            self._begin()
            faces = faces or self._seen(picture)
        return faces

    def _begin(self) -> None:
        """Follow afresh: what was followed would be looked for where it was before."""
        self._follower.close()
        self._follower = Follower(self._landmarker, self._most)

    def _seen(self, picture: Picture) -> list[Face]:
        view = self._nearer.view
        if view is None:
            return self._followed(picture)
        return [view.back(face) for face in self._followed(view.of(picture))]

    def _followed(self, picture: Picture) -> list[Face]:
        small = within(picture, self._detect_px)
        if small is picture:
            return self._follower.step(picture)
        grow = np.float32(max(picture.shape[:2]) / self._detect_px)
        return [replace(face, points=face.points * grow) for face in self._follower.step(small)]
