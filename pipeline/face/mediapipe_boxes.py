"""Faces' boxes from mediapipe's detectors alone, of short range and of full.

The former is the one that the mesh starts from; the latter finds faces half as large.
"""

from __future__ import annotations

from pipeline.face.backends import Box, Picture
from pipeline.face.mediapipe_mesh import MIN_SCORE, scored_boxes

GRAPH = "mediapipe/modules/face_detection/face_detection_{}_range_cpu.binarypb"
THRESHOLD = "facedetection{}range__facedetection__TensorsToDetectionsCalculator.min_score_thresh"


class BoxDetector:
    """Looks at each picture afresh; `far` is for the full range."""

    def __init__(self, faces: int, far: bool = False) -> None:
        from pipeline.face.mediapipe_graph import Graph

        self._faces = faces
        reach = "full" if far else "short"
        options = {THRESHOLD.format(reach): MIN_SCORE}
        self._graph = Graph(GRAPH.format(reach), ["detections"], {}, options)

    def detect(self, picture: Picture) -> list[tuple[Box, float]]:
        """Boxes and scores of faces in an RGB picture (H, W, 3), the surest first."""
        height, width = picture.shape[:2]
        (found,) = self._graph.run(picture)
        boxes = scored_boxes(found, width, height)
        return sorted(boxes, key=lambda scored: -scored[1])[: self._faces]

    def boxes(self, picture: Picture) -> list[Box]:
        """The boxes alone."""
        return [box for box, _ in self.detect(picture)]

    def close(self) -> None:
        """End the graph, as `MeshDetector.close` does."""
        self._graph.close()
