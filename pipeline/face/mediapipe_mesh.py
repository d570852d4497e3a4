"""mediapipe's face mesh with attention, as one graph that follows faces or looks afresh."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.face.backends import SAME_PLACE, Box, Face, Picture, overlap

GRAPH = "mediapipe/modules/face_landmark/face_landmark_front_cpu.binarypb"
MIN_SCORE = 0.5
MIN_FOLLOWED = 0.3
"""How sure the mesh must be that what it follows is a face; a covered one is followed on."""
OPTIONS = {
    "facedetectionshortrangecpu__facedetectionshortrange__facedetection__"
    "TensorsToDetectionsCalculator.min_score_thresh": MIN_SCORE,
    "facelandmarkcpu__ThresholdingCalculator.threshold": MIN_FOLLOWED,
}


class MeshDetector:
    """Face mesh with attention, with the scores of its detector, which `FaceMesh` hides."""

    def __init__(self, faces: int, still: bool) -> None:
        from pipeline.face.mediapipe_graph import Graph

        self._faces, self._still = faces, still
        self._graph = Graph(
            GRAPH,
            ["multi_face_landmarks", "face_detections"],
            {"num_faces": faces, "with_attention": True, "use_prev_landmarks": not still},
            OPTIONS,
        )

    def detect(self, picture: Picture) -> list[Face]:
        """Faces in an RGB picture, (H, W, 3)."""
        height, width = picture.shape[:2]
        meshes, detections = self._graph.run(picture)
        faces = [_points(mesh, width, height) for mesh in meshes]
        if not detections and len(faces) == self._faces:
            # All the faces there may be were followed, and none was looked for.
            return [Face(points, float("nan")) for points in faces]
        boxes = scored_boxes(detections, width, height)
        return [Face(points, score_of(points, boxes)) for points in faces]

    def reset(self) -> None:
        """Forget what was followed."""
        self._graph.forget()

    def close(self) -> None:
        """End the graph, which holds 20 MB; one that follows nothing is kept for the next clip."""
        if not self._still:
            self._graph.close()


def _points(mesh: bytes, width: int, height: int) -> NDArray[np.float32]:
    from pipeline.face.mediapipe_graph import landmarks

    return landmarks(mesh) * np.array([width, height, width], dtype=np.float32)


def score_of(points: NDArray[np.float32], boxes: list[tuple[Box, float]]) -> float:
    """The score of the detection that lies over a mesh (478, 3) px, 0 where there is none."""
    box = Face(points, 0.0).box
    best = max(boxes, key=lambda found: overlap(box, found[0]), default=None)
    return best[1] if best is not None and overlap(box, best[0]) > SAME_PLACE else 0.0


def scored_boxes(found: Iterable[bytes], width: int, height: int) -> list[tuple[Box, float]]:
    """Boxes, px, and scores of what mediapipe's detector found in a picture of that size."""
    from mediapipe.framework.formats.detection_pb2 import Detection

    return [scored_box(Detection.FromString(it), width, height) for it in found]


def scored_box(detection: Any, width: int, height: int) -> tuple[Box, float]:
    """Box, px, and score of one of them."""
    box = detection.location_data.relative_bounding_box
    left, top = box.xmin * width, box.ymin * height
    right, bottom = left + box.width * width, top + box.height * height
    return (left, top, right, bottom), float(detection.score[0])
