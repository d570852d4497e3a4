import numpy as np
import pytest

from pipeline.core.errors import CradleError
from pipeline.morph import embedding
from pipeline.morph.model import load

# mediapipe's own numbers for places that have names.
NOSE_TIP, CHIN, LEFT_OUTER, RIGHT_OUTER, LEFT_CORNER, RIGHT_CORNER = 1, 152, 263, 33, 291, 61


def test_embedding_was_computed_for_this_model() -> None:
    placed = embedding.load("procedural")
    assert placed.model_digest == load("procedural").digest
    assert np.array_equal(placed.corners, load("procedural").triangles[placed.triangle])


def test_embedding_keeps_most_landmarks_and_says_how_far_they_stray() -> None:
    placed = embedding.load("procedural")
    assert len(placed.landmark) >= 434
    assert len(np.unique(placed.landmark)) == len(placed.landmark)
    assert placed.landmark.max() < 468
    assert np.allclose(placed.barycentric.sum(axis=1), 1, atol=1e-5)
    assert (placed.barycentric >= 0).all()
    assert (placed.scatter_mm > 0).all()
    assert np.median(placed.scatter_mm) < 2.2


def test_named_landmarks_lie_on_their_features() -> None:
    model, placed = load("procedural"), embedding.load("procedural")
    place = dict(zip(placed.landmark.tolist(), placed.place(model.mean), strict=True))
    assert abs(place[NOSE_TIP][0]) < 2.5
    assert place[NOSE_TIP][2] > 62
    assert np.linalg.norm(place[LEFT_OUTER][:2] - [35.9, 0]) < 5
    assert np.linalg.norm(place[RIGHT_OUTER][:2] - [-35.9, 0]) < 5
    assert np.linalg.norm(place[LEFT_CORNER][:2] - [18, -41]) < 5
    assert np.linalg.norm(place[RIGHT_CORNER][:2] - [-18, -41]) < 5
    assert place[13][1] > place[14][1] - 0.5


def test_placing_follows_the_head_and_batches() -> None:
    model, placed = load("procedural"), embedding.load("procedural")
    heads = np.stack([model.mean, model.mean + np.array([5.0, 0, 0])])
    points = placed.place(heads)
    assert points.shape == (2, len(placed.landmark), 3)
    assert np.allclose(points[1] - points[0], [5, 0, 0], atol=1e-4)


def test_a_missing_embedding_is_named() -> None:
    with pytest.raises(CradleError, match="nonesuch"):
        embedding.load("nonesuch")
