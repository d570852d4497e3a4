"""The landmarkers that there are, and what each must do.

A backend's `load(device)` gives a Landmarker: a factory of detectors that hold the state of one
clip. A detector sees pictures the way up that a face is expected; `rotation` turns them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import Registry

LANDMARKERS = Registry(
    "landmarks", {"mediapipe": "pipeline.face.mediapipe_landmarker", "fan": "pipeline.face.fan"}
)

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, px."""
SAME_PLACE = 0.2
"""Overlap of a detector's box and a mesh's above which they are of one face; the mesh leaves out
the forehead and ears."""


@dataclass(frozen=True)
class Face:
    """One face in one picture."""

    points: NDArray[np.float32]
    """(478, 3) px: x right, y down, z away from the camera, all in the same scale."""
    score: float
    """How sure the detector is that this is a face, 0..1: 0 where it looked and saw none though the
    face is still followed, nan where it did not look."""
    scores: NDArray[np.float32] | None = None
    """(478,) how sure the landmarker is of each point, 0..1; None where it says nothing of it."""

    @cached_property
    def box(self) -> Box:
        """Bounds of the landmarks."""
        from pipeline.face.meshes import bounds

        left, top, right, bottom = bounds(self.points)
        return left, top, right, bottom

    def scored(self, score: float) -> Face:
        """The same face, another score; it keeps the box that it has."""
        face = Face(self.points, score, self.scores)
        face.__dict__["box"] = self.box
        return face


class FaceDetector(Protocol):
    """Finds or follows faces through the pictures of one clip."""

    def detect(self, picture: Picture) -> list[Face]:
        """Faces in an RGB picture, (H, W, 3)."""

    def reset(self) -> None:
        """Forget what was followed."""

    def close(self) -> None:
        """Give back what it holds; it must not be used any more."""


class BoxFinder(Protocol):
    """Says where there may be faces, at less cost than what they are like."""

    def boxes(self, picture: Picture) -> list[Box]:
        """In an RGB picture, (H, W, 3), the surest first."""


class Searcher(FaceDetector, BoxFinder, Protocol):
    """Looks at each picture afresh."""


class HandDetector(Protocol):
    """Finds hands through the pictures of one clip."""

    def detect(self, picture: Picture) -> list[NDArray[np.float32]]:
        """Hands in an RGB picture, each (21, 2) px, joints in mediapipe's order."""

    def reset(self) -> None:
        """Forget what was followed."""

    def close(self) -> None:
        """Give back what it holds; it must not be used any more."""


class Landmarker(Protocol):
    """What `LANDMARKERS.load` gives."""

    def follower(self, faces: int) -> FaceDetector:
        """A detector that follows up to `faces` faces from picture to picture."""

    def searcher(self, faces: int) -> Searcher:
        """A detector that looks at each picture afresh."""

    def far(self, faces: int) -> BoxFinder:
        """Finds faces that are too small in their picture for the other detectors."""

    def hands(self) -> HandDetector:
        """A detector of hands."""


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    inside = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside
    return inside / union
