"""mediapipe's own loop over pictures, with nothing of ours: the floor of what looks at faces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from pipeline.face import mediapipe_landmarker
from pipeline.face.backends import Face, Picture
from pipeline.face.mediapipe_mesh import MeshDetector


def faces_in(pictures: Iterable[Picture], faces: int) -> Iterator[list[Face]]:
    """Up to so many faces in each picture, as one graph follows them."""
    # Whoever loads the backend has its native parts be quiet.
    mediapipe_landmarker.load("cpu")
    with closing(MeshDetector(faces, still=False)) as detector:
        for picture in pictures:
            yield detector.detect(picture)
