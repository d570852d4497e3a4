"""Backend `mediapipe`: face mesh with attention and hands, from the models inside its wheel."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import BackendError
from pipeline.face.backends import Box, Face, Picture, overlap

MODELS = (
    "modules/face_detection/face_detection_short_range.tflite",
    "modules/face_landmark/face_landmark_with_attention.tflite",
    "modules/palm_detection/palm_detection_lite.tflite",
    "modules/hand_landmark/hand_landmark_lite.tflite",
)
GRAPH = "mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb"
FACE_THRESHOLD = "facedetectionshortrangecpu__facedetectionshortrange__facedetection__"
MIN_SCORE = 0.5
MIN_FOLLOWED = 0.3
"""How sure the mesh must be that what it follows is a face; a covered one is followed on."""
MIN_HAND_SCORE = 0.6
SAME_FACE = 0.2
"""Overlap of a detection's box and a mesh's; the mesh leaves out the forehead and ears."""


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

    def follower(self, faces: int) -> MeshDetector:
        """A detector that follows up to `faces` faces from picture to picture."""
        return MeshDetector(faces, still=False)

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


class MeshDetector:
    """Face mesh with attention, with the scores of its detector, which `FaceMesh` hides."""

    def __init__(self, faces: int, still: bool) -> None:
        from mediapipe.python.solution_base import SolutionBase

        self._faces, self._still = faces, still
        self._graph = SolutionBase(
            binary_graph_path=GRAPH,
            side_inputs={
                "num_faces": faces,
                "with_attention": True,
                "use_prev_landmarks": not still,
            },
            calculator_params={
                f"{FACE_THRESHOLD}TensorsToDetectionsCalculator.min_score_thresh": MIN_SCORE,
                "facelandmarkcpu__ThresholdingCalculator.threshold": MIN_FOLLOWED,
            },
            outputs=["multi_face_landmarks", "face_detections"],
        )

    def detect(self, picture: Picture) -> list[Face]:
        """Faces in an RGB picture, (H, W, 3)."""
        height, width = picture.shape[:2]
        result = self._graph.process({"image": np.ascontiguousarray(picture)})
        faces = [_points(face, width, height) for face in result.multi_face_landmarks or []]
        if result.face_detections is None and len(faces) == self._faces:
            # All the faces there may be were followed, and none was looked for.
            return [Face(points, float("nan")) for points in faces]
        boxes = [scored_box(found, width, height) for found in result.face_detections or []]
        return [Face(points, _score(points, boxes)) for points in faces]

    def reset(self) -> None:
        """Forget what was followed."""
        self._graph.reset()

    def close(self) -> None:
        """End the graph: it and Python hold one another, so nothing else frees its 20 MB.

        One that remembers nothing is kept for the next clip.
        """
        if not self._still:
            self._graph.close()


def _points(face: Any, width: int, height: int) -> NDArray[np.float32]:
    flat = [value for point in face.landmark for value in (point.x, point.y, point.z)]
    scale = np.array([width, height, width], dtype=np.float32)
    return np.array(flat, dtype=np.float32).reshape(-1, 3) * scale


def _score(points: NDArray[np.float32], boxes: list[tuple[Box, float]]) -> float:
    """The score of the detection that lies over the mesh, 0 where there is none."""
    box = Face(points, 0.0).box
    best = max(boxes, key=lambda found: overlap(box, found[0]), default=None)
    return best[1] if best is not None and overlap(box, best[0]) > SAME_FACE else 0.0


def scored_box(detection: Any, width: int, height: int) -> tuple[Box, float]:
    """Box, px, and score of what mediapipe's detector found in a picture of that size."""
    box = detection.location_data.relative_bounding_box
    left, top = box.xmin * width, box.ymin * height
    right, bottom = left + box.width * width, top + box.height * height
    return (left, top, right, bottom), float(detection.score[0])


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
