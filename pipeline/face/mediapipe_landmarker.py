"""Backend `mediapipe`: face mesh with attention and hands, from the models inside its wheel."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import BackendError
from pipeline.face.backends import FaceDetector, Picture
from pipeline.face.mediapipe_boxes import BoxDetector
from pipeline.face.mediapipe_following import MeshFollower
from pipeline.face.mediapipe_mesh import MeshDetector

MODELS = (
    "modules/face_detection/face_detection_short_range.tflite",
    "modules/face_landmark/face_landmark_with_attention.tflite",
    "modules/palm_detection/palm_detection_lite.tflite",
    "modules/hand_landmark/hand_landmark_lite.tflite",
)
MIN_HAND_SCORE = 0.6


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
    """Makes detectors; each but the searchers holds the state of one clip."""

    def __init__(self) -> None:
        self._searchers: dict[int, MeshDetector] = {}
        self._boxes: dict[int, BoxDetector] = {}

    def follower(self, faces: int) -> FaceDetector:
        """A detector that follows up to `faces` faces from picture to picture."""
        if faces == 1:
            return MeshDetector(1, still=False)
        if faces not in self._boxes:
            self._boxes[faces] = BoxDetector(faces)
        return MeshFollower(faces, self._boxes[faces])

    def searcher(self, faces: int) -> MeshDetector:
        """A detector that looks at each picture afresh.

        There is one for all clips and shots: it remembers nothing, and costs two frames to make.
        """
        if faces not in self._searchers:
            self._searchers[faces] = MeshDetector(faces, still=True)
        return self._searchers[faces]

    def hands(self) -> MediapipeHands:
        """A detector of hands."""
        return MediapipeHands()


class MediapipeHands:
    """The light hand model, following two hands."""

    def __init__(self) -> None:
        from mediapipe.python.solutions.hands import Hands

        self._hands = Hands(
            static_image_mode=False,
            max_num_hands=2,
            model_complexity=0,
            min_detection_confidence=MIN_HAND_SCORE,
            min_tracking_confidence=MIN_HAND_SCORE,
        )

    def detect(self, picture: Picture) -> list[NDArray[np.float32]]:
        """Hands in an RGB picture, each (21, 2) px."""
        height, width = picture.shape[:2]
        found = self._hands.process(np.ascontiguousarray(picture)).multi_hand_landmarks or []
        scale = np.array([width, height], dtype=np.float32)
        return [
            np.array([(point.x, point.y) for point in hand.landmark], dtype=np.float32) * scale
            for hand in found
        ]

    def reset(self) -> None:
        """Forget what was followed."""
        self._hands.reset()

    def close(self) -> None:
        """End the graph, as `MeshDetector.close` does."""
        self._hands.close()
