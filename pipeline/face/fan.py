"""Backend `fan`: the 68 points of face-alignment's FAN with a score each, in mediapipe's boxes.

models/weights.lock names its weights `fan`: 2DFAN4-11f355bf06.pth.tar as its authors publish it,
fetched by hand. The file is read without unpickling: whatever is in it beside tensors and their
names is refused. Of the 478 points that a landmarker gives, FAN measures `points68.MEASURED`; the
others are `lift`ed from them, and carry the scores of their neighbours.

Bulat & Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV 2017.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import BackendInfo
from pipeline.core.weights import locked, of_the_user
from pipeline.face import mediapipe_landmarker
from pipeline.face.backends import Box, BoxFinder, Face, HandDetector, Picture, overlap
from pipeline.face.fan_network import Aligner
from pipeline.face.lift import onto_mesh, spread
from pipeline.face.mediapipe_boxes import BoxDetector

LOCKED = "fan"
MIN_FOLLOWED = 0.3
"""Mean score of the 68 points above which a face is followed that the detector has lost."""
SAME_FACE = 0.3


def info() -> BackendInfo:
    """Describe the backend.

    Raises:
        WeightsError: models/weights.lock names no weights for it.
    """
    weights = of_the_user(LOCKED, "face-alignment's 2DFAN4-11f355bf06.pth.tar")
    boxes = mediapipe_landmarker.info()
    made_of = f"{version('face-alignment')} {weights.sha256} {boxes.digest}"
    return BackendInfo(
        task="landmarks",
        name="fan",
        digest=hashlib.sha256(made_of.encode()).hexdigest(),
        licence=f"{weights.licence} AND {boxes.licence}",
        embedded=False,
    )


def load(device: str) -> FanLandmarker:
    """Load the weights that the lock names onto a device.

    Raises:
        WeightsError: they are missing, another file, cut short, or more than tensors.
    """
    return FanLandmarker(locked(LOCKED), device)


class FanLandmarker:
    """Makes detectors over one network; hands are mediapipe's."""

    def __init__(self, path: Path, device: str) -> None:
        self._aligner = Aligner(path, device)
        self._mediapipe = mediapipe_landmarker.load(device)

    def follower(self, faces: int) -> FanDetector:
        """A detector that follows up to `faces` faces from picture to picture."""
        return FanDetector(self._aligner, faces, still=False)

    def searcher(self, faces: int) -> FanDetector:
        """A detector that looks at each picture afresh."""
        return FanDetector(self._aligner, faces, still=True)

    def far(self, faces: int) -> BoxFinder:
        """Finds faces that are too small in their picture for the other detectors."""
        return self._mediapipe.far(faces)

    def hands(self) -> HandDetector:
        """A detector of hands."""
        return self._mediapipe.hands()


class FanDetector:
    """FAN in the boxes of mediapipe's detector, and where faces were that it has lost."""

    def __init__(self, aligner: Aligner, faces: int, still: bool) -> None:
        self._aligner = aligner
        self._faces = faces
        self._still = still
        self._boxes = BoxDetector(faces)
        self._last: list[Box] = []

    def detect(self, picture: Picture) -> list[Face]:
        """Faces in an RGB picture, (H, W, 3)."""
        detected = self._boxes.detect(picture)
        lost = [box for box in self._last if not any(_same(box, other) for other, _ in detected)]
        self._last, faces = [], []
        for box, score in [*detected, *((box, 0.0) for box in lost)][: self._faces]:
            places, scores = self._aligner.align(picture, box)
            # What was detected stays whatever FAN makes of it, as with every landmarker.
            if score or scores.mean() > MIN_FOLLOWED:
                faces.append(Face(onto_mesh(places), score, spread(scores)))
                if not self._still:
                    self._last.append(_bounds(places))
        return faces

    def boxes(self, picture: Picture) -> list[Box]:
        """Where there may be faces in an RGB picture, (H, W, 3)."""
        return self._boxes.boxes(picture)

    def reset(self) -> None:
        """Forget what was followed."""
        self._last = []

    def close(self) -> None:
        """Give back the detector of boxes; the network is shared."""
        self._boxes.close()


def _same(a: Box, b: Box) -> bool:
    return overlap(a, b) > SAME_FACE


def _bounds(places: NDArray[np.floating]) -> Box:
    low, high = places.min(axis=0), places.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
