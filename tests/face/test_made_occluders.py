"""What the bench lays over faces: what changed is what it says is covered."""

import numpy as np
import pytest

from pipeline.face.mesh import canonical
from pipeline.face.pose import TO_IMAGE
from tests.bench import _compositing as compositing
from tests.bench import _occluders as reported
from tests.bench import _occluders_chosen as chosen
from tests.bench._compositing import Path
from tests.bench._seeing import Landmarks, auroc, calibration_error

KINDS = reported.KINDS | chosen.KINDS
SKIN = (0.71, 0.52, 0.44)


@pytest.fixture(scope="module")
def points():
    return (canonical().points * 1.4 * TO_IMAGE + [160, 150, 0]).astype(np.float32)


@pytest.fixture(scope="module")
def picture():
    return np.full((320, 320, 3), 187, np.uint8)


def laid(kind, picture, points, offset_mm=(0.0, 0.0)):
    rng = np.random.default_rng([7, *kind.encode()])
    where = compositing.places(points[None], Path(np.array([offset_mm]), np.zeros(1)))[0]
    stamp = KINDS[kind](rng, SKIN)
    return compositing.lay(stamp, picture, where, where, (1.0, 1.0, 1.0), rng)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_is_what_changed(kind, picture, points):
    made, alpha = laid(kind, picture, points)
    change = made.astype(int) - picture
    assert alpha.max() > 0.9
    # A shadow only darkens, and no further than shadows do.
    bare = change[alpha == 0]
    assert bare.max() <= 0
    assert bare.min() >= -0.31 * 187
    hidden = alpha > 0.9
    assert (np.abs(change[hidden]).max(axis=-1) > 3).mean() > 0.9
    far = np.hypot(*(np.indices(alpha.shape) - points[13, 1::-1, None, None])) > 300
    assert not change[far].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_thing_on_the_mouth_covers_it_and_one_far_away_nothing(kind, picture, points):
    _, alpha = laid(kind, picture, points)
    mouth, _, landmarks = compositing.covered(alpha, points)
    assert mouth > 0.15
    assert landmarks.any()
    _, alpha = laid(kind, picture, points, offset_mm=(600.0, 0.0))
    mouth, face, landmarks = compositing.covered(alpha, points)
    assert (mouth, face) == (0, 0)
    assert not landmarks.any()


def test_the_same_seed_draws_the_same(picture, points):
    first, again = (laid("hand", picture, points) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_half_a_mouth_is_half_covered(points):
    mouth = points[[61, 291], 0].mean()
    alpha = (np.arange(320)[None] < mouth) * np.ones((320, 1), np.float32)
    assert compositing.covered(alpha, points)[0] == pytest.approx(0.5, abs=0.04)


def test_a_thing_comes_stays_and_leaves_or_stays_throughout():
    paths = [compositing.drawn_path(np.random.default_rng(n), 60, "cup") for n in range(40)]
    near = [np.hypot(*path.offset_mm.T) < 100 for path in paths]
    throughout = [bool(shown.all()) for shown in near]
    assert 0 < sum(throughout) < 40
    for shown, whole in zip(near, throughout, strict=True):
        assert shown[24:39].all()
        assert whole or not shown[[0, -1]].any()


def test_scores_of_landmarks():
    seen = np.array([False, False, True, True])
    assert auroc(Landmarks(np.float32([0.1, 0.2, 0.8, 0.9]), seen)) == 1
    assert auroc(Landmarks(np.float32([0.5, 0.5, 0.5, 0.5]), seen)) == 0.5
    assert calibration_error(Landmarks(np.float32([0, 0, 1, 1]), seen)) == 0
    assert calibration_error(Landmarks(np.float32([0.5, 0.5, 0.5, 0.5]), seen)) == 0
    assert calibration_error(Landmarks(np.float32([1, 1, 1, 1]), seen)) == 0.5
