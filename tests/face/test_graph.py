"""mediapipe's graphs in one thread: the same landmarks, and nothing kept of what was before."""

import numpy as np
import pytest
from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList

from pipeline.face.mediapipe_graph import landmarks
from pipeline.face.mediapipe_mesh import MeshDetector
from tests.bench._bare import faces_in


@pytest.fixture
def mesh():
    made = MeshDetector(1, still=False)
    yield made
    made.close()


def fresh(picture):
    """Landmarks of a picture that nothing was seen before."""
    (faces,) = faces_in([picture], 1)
    return faces[0].points


def test_landmarks_are_those_of_mediapipes_own_loop(mesh, babbling):
    for picture, (known,) in zip(babbling, faces_in(babbling, 1), strict=True):
        (face,) = mesh.detect(picture)
        assert np.array_equal(face.points, known.points)


def test_what_was_followed_is_forgotten(mesh, babbling):
    for picture in babbling[:3]:
        mesh.detect(picture)
    mesh.reset()
    (face,) = mesh.detect(babbling[9])
    assert np.array_equal(face.points, fresh(babbling[9]))


def test_a_run_that_was_interrupted_leaves_nothing_behind(mesh, babbling, monkeypatch):
    mesh.detect(babbling[0])
    with monkeypatch.context() as patched, pytest.raises(TimeoutError):
        patched.setattr(mesh._graph, "_make_packet", _too_late)
        mesh.detect(babbling[1])
    (face,) = mesh.detect(babbling[9])
    assert np.array_equal(face.points, fresh(babbling[9]))


def _too_late(*_):
    raise TimeoutError


@pytest.mark.parametrize("more", [{}, {"visibility": 0.5}])
def test_landmarks_are_read_whatever_else_is_told_of_them(more):
    message = NormalizedLandmarkList()
    places = np.arange(30, dtype=np.float32).reshape(10, 3) / 7
    for x, y, z in places:
        message.landmark.add(x=x, y=y, z=z, **more)
    assert np.array_equal(landmarks(message.SerializeToString()), places)
