"""Looks for faces in each picture afresh, with mediapipe's mesh or with its detector alone."""

from __future__ import annotations

from pipeline.face.backends import Box, Picture
from pipeline.face.mediapipe_boxes import BoxDetector
from pipeline.face.mediapipe_mesh import MeshDetector


class MeshSearcher(MeshDetector):
    """A `Searcher`."""

    def __init__(self, faces: int, boxes: BoxDetector) -> None:
        super().__init__(faces, still=True)
        self._boxes = boxes

    def boxes(self, picture: Picture) -> list[Box]:
        """Where there may be faces in an RGB picture, (H, W, 3)."""
        return self._boxes.boxes(picture)
