"""Backend `mediapipe`: face mesh with attention and hands, from the models inside its wheel."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import BackendError
from pipeline.face.backends import Face, FaceDetector, HandDetector
from pipeline.face.mediapipe_boxes import BoxDetector
from pipeline.face.mediapipe_following import MeshFollower
from pipeline.face.mediapipe_hands import MediapipeHands
from pipeline.face.mediapipe_mesh import MeshDetector
from pipeline.face.mediapipe_searching import MeshSearcher
from pipeline.face.warm import Warm

MODELS = (
    "modules/face_detection/face_detection_short_range.tflite",
    "modules/face_detection/face_detection_full_range_sparse.tflite",
    "modules/face_landmark/face_landmark_with_attention.tflite",
    "modules/palm_detection/palm_detection_lite.tflite",
    "modules/hand_landmark/hand_landmark_lite.tflite",
)


@cache
def info() -> BackendInfo:
    """Say what it is; imports nothing heavy."""
    weights = file_digest(*(_folder() / name for name in MODELS))
    digest = hashlib.sha256(f"{version('mediapipe')} {weights}".encode()).hexdigest()
    return BackendInfo(
        task="landmarks",
        name="mediapipe",
        digest=digest,
        licence="Apache-2.0",
        embedded=True,
    )


def load(device: str) -> MediapipeLandmarker:
    """Load it; it runs on the CPU whatever the device."""
    # Its native parts write to standard error as they start; errors still come through.
    os.environ.setdefault("GLOG_minloglevel", "2")
    return MediapipeLandmarker()


def _folder() -> Path:
    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise BackendError("landmarks: mediapipe is not installed; run `make`")
    return Path(spec.origin).parent


class MediapipeLandmarker:
    """Lends detectors; each but the searchers holds the state of one clip while it is lent."""

    def __init__(self) -> None:
        self._searchers: dict[int, MeshSearcher] = {}
        self._followers: dict[int, Warm[Face]] = {}
        self._box_detectors: dict[tuple[int, bool], BoxDetector] = {}
        self._hands = Warm(MediapipeHands)

    def follower(self, faces: int) -> FaceDetector:
        """A detector that follows up to `faces` faces from picture to picture."""
        if faces not in self._followers:
            self._followers[faces] = Warm(self._maker(faces))
        return self._followers[faces].lend()

    def searcher(self, faces: int) -> MeshSearcher:
        """A detector that looks at each picture afresh.

        There is one for all clips and shots: it remembers nothing.
        """
        if faces not in self._searchers:
            self._searchers[faces] = MeshSearcher(faces, self._boxes(faces))
        return self._searchers[faces]

    def far(self, faces: int) -> BoxDetector:
        """Finds faces that are too small in their picture for the other detectors."""
        return self._boxes(faces, far=True)

    def hands(self) -> HandDetector:
        """A detector of hands."""
        return self._hands.lend()

    def _maker(self, faces: int) -> Callable[[], FaceDetector]:
        if faces == 1:
            return lambda: MeshDetector(1, still=False)
        boxes = self._boxes(faces)
        return lambda: MeshFollower(faces, boxes)

    def _boxes(self, faces: int, far: bool = False) -> BoxDetector:
        """One for all, as it remembers nothing."""
        if (faces, far) not in self._box_detectors:
            self._box_detectors[faces, far] = BoxDetector(faces, far)
        return self._box_detectors[faces, far]
