"""What keeps a frame because a face is found in it: peers of the stages that look at faces.

mediapipe's detector and OpenCV's cascades come with what Cradle needs; the others are packages that
bring their weights along and are left out where they are not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from pipeline.face.backends import Picture
from pipeline.face.mediapipe_boxes import BoxDetector
from tests.bench._bare import faces_in
from tests.bench._seeing import Bools

Finds = Callable[[Iterable[Picture]], Bools]
"""In which pictures (H, W, 3) RGB of one clip there is a face, (F,)."""

_STEP, _NEIGHBOURS = 1.1, 5
"""Of the cascades: as OpenCV's own examples have them."""


def filters() -> dict[str, Finds]:
    """Filters by name; says what to install for those that are not there."""
    found: dict[str, Finds] = {}
    for load in (_landmarks, _boxes, _cascades, _hog, _mtcnn):
        try:
            found.update(load())
        except ImportError as error:
            how = _INSTALL[load]
            print(f"{how[0]} is left out ({error}): `{how[1]}`")
    return found


def _landmarks() -> Mapping[str, Finds]:
    return {
        "mediapipe, face mesh": lambda pictures: np.array(
            [bool(found) for found in faces_in(pictures, 1)], bool
        )
    }


def _boxes() -> Mapping[str, Finds]:
    def finds(pictures: Iterable[Picture]) -> Bools:
        detector = BoxDetector(1)
        try:
            return np.array([bool(detector.detect(picture)) for picture in pictures])
        finally:
            detector.close()

    return {"mediapipe, face detection": finds}


def _cascades() -> Mapping[str, Finds]:
    folder = Path(cv2.__file__).parent / "data"
    names = ("haarcascade_frontalface_default.xml", "haarcascade_profileface.xml")
    front, side = (cv2.CascadeClassifier(str(folder / name)) for name in names)

    def found(cascade: cv2.CascadeClassifier, grey: np.ndarray) -> bool:
        return len(cascade.detectMultiScale(grey, _STEP, _NEIGHBOURS)) > 0

    return {
        "OpenCV, frontal cascade": _each(lambda picture: found(front, _grey(picture))),
        "OpenCV, frontal or profile cascade": _each(
            lambda picture: any(found(one, _grey(picture)) for one in (front, side))
        ),
    }


def _hog() -> Mapping[str, Finds]:
    import dlib

    detector = dlib.get_frontal_face_detector()
    return {"dlib, HOG": _each(lambda picture: len(detector(_grey(picture), 0)) > 0)}


def _mtcnn() -> Mapping[str, Finds]:
    from facenet_pytorch import MTCNN

    detector = MTCNN(device="cpu")
    return {
        "MTCNN (facenet-pytorch)": _each(lambda picture: detector.detect(picture)[0] is not None)
    }


_INSTALL = {
    _hog: ("dlib", "uv sync --group peers"),
    # It asks for a torch of its own, which is older than ours, and works with ours.
    _mtcnn: (
        "facenet-pytorch",
        "uv pip install --no-deps facenet-pytorch==2.6.0 torchvision==0.23.0",
    ),
}


def _each(has_face: Callable[[Picture], bool]) -> Finds:
    return lambda pictures: np.array([has_face(picture) for picture in pictures], bool)


def _grey(picture: Picture) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
