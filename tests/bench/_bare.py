"""mediapipe's own loop over pictures, with nothing of ours: the floor of what looks at faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

import numpy as np

from pipeline.face import mediapipe_landmarker
from pipeline.face.backends import Face, Picture
from pipeline.face.mediapipe_mesh import GRAPH, OPTIONS, score_of, scored_box


def faces_in(pictures: Iterable[Picture], faces: int) -> Iterator[list[Face]]:
    """Up to so many faces in each picture, as one graph follows them."""
    from mediapipe.python.solution_base import SolutionBase

    # Whoever loads the backend has its native parts be quiet.
    mediapipe_landmarker.load("cpu")
    graph = SolutionBase(
        binary_graph_path=GRAPH,
        side_inputs={"num_faces": faces, "with_attention": True, "use_prev_landmarks": True},
        calculator_params=OPTIONS,
        outputs=["multi_face_landmarks", "face_detections"],
    )
    with closing(graph):
        for picture in pictures:
            height, width = picture.shape[:2]
            result = graph.process({"image": np.ascontiguousarray(picture)})
            boxes = [scored_box(box, width, height) for box in result.face_detections or []]
            scale = np.array([width, height, width], np.float32)
            meshes = [
                np.array([(point.x, point.y, point.z) for point in mesh.landmark], np.float32)
                for mesh in result.multi_face_landmarks or []
            ]
            yield [Face(mesh * scale, score_of(mesh * scale, boxes)) for mesh in meshes]
