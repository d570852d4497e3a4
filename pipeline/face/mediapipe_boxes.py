"""Faces' boxes from mediapipe's short-range detector alone, for landmarkers that bring none."""

from __future__ import annotations

from pipeline.face.backends import Box, Picture
from pipeline.face.mediapipe_mesh import MIN_SCORE, scored_boxes

GRAPH = "mediapipe/modules/face_detection/face_detection_short_range_cpu.binarypb"
THRESHOLD = "facedetectionshortrange__facedetection__TensorsToDetectionsCalculator.min_score_thresh"


class BoxDetector:
    """Looks at each picture afresh."""

    def __init__(self, faces: int) -> None:
        from pipeline.face.mediapipe_graph import Graph

        self._faces = faces
        self._graph = Graph(GRAPH, ["detections"], {}, {THRESHOLD: MIN_SCORE})

    def detect(self, picture: Picture) -> list[tuple[Box, float]]:
        """Boxes and scores of faces in an RGB picture (H, W, 3), the surest first."""
        height, width = picture.shape[:2]
        (found,) = self._graph.run(picture)
        boxes = scored_boxes(found, width, height)
        return sorted(boxes, key=lambda scored: -scored[1])[: self._faces]

    def close(self) -> None:
        """End the graph, as `MeshDetector.close` does."""
        self._graph.close()
