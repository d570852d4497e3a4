"""A known age: it decides where the landmarks hardly say, and not where they do."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.morph import age, camera
from pipeline.morph.fit import Fitted, fit_clip
from pipeline.morph.fit_face import embedded
from pipeline.morph.fit_system import Face
from pipeline.morph.params import Fit
from pipeline.nursery.people import infant
from tests.morph.fit_faces import SIZE, Truth, clip, heads

FRAMES = 8
TRUE_MONTHS = 4.0
WRONG_MONTHS = 14.0
TRUE, WRONG = -0.4, 1.6
# How much the evidence of the landmarks counts against what is thought of infants.
WEAK = {"identity_prior": 200.0, "independent_frames": 1.0}
STRONG = {"identity_prior": 0.05, "independent_frames": 1000.0}


@pytest.fixture(scope="module")
def face() -> Face:
    found, _ = embedded("procedural", Fit())
    return replace(found, noise_mm=torch.full_like(found.noise_mm, 0.6))


@pytest.fixture(scope="module")
def truth(face: Face) -> Truth:
    """An infant of four months whose landmarks stray as far as the fit thinks."""
    made = clip(face, FRAMES, noise_px=0.6)
    made.shared[-1] = TRUE
    placed = heads(face, made.shared, made.expression)
    points = camera.project(placed, made.rotation, made.translation, made.focal_px, SIZE).numpy()
    noise = np.random.default_rng(5).normal(0, 0.6, points.shape)
    return replace(made, points_px=points + noise)


def fit(truth: Truth, face: Face, age_months: float | None, **params) -> Fitted:
    visibility = np.ones(truth.points_px.shape[:2])
    return fit_clip(truth.points_px, visibility, SIZE, face, Fit(**params), age_months=age_months)


def test_a_known_age_decides_where_landmarks_hardly_say(truth: Truth, face: Face) -> None:
    unknown = fit(truth, face, None, **WEAK)
    assert abs(unknown.age[0]) < 0.1
    assert fit(truth, face, TRUE_MONTHS, **WEAK).age[0] == pytest.approx(TRUE, abs=0.05)
    assert fit(truth, face, WRONG_MONTHS, **WEAK).age[0] == pytest.approx(WRONG, abs=0.05)


def test_landmarks_that_say_much_outweigh_it(truth: Truth, face: Face) -> None:
    unknown = fit(truth, face, None, **STRONG).age[0]
    assert unknown == pytest.approx(TRUE, abs=0.3)
    assert fit(truth, face, WRONG_MONTHS, **STRONG).age[0] == pytest.approx(unknown, abs=0.1)


def test_a_narrower_spread_pulls_more_and_is_surer(truth: Truth, face: Face) -> None:
    wide, narrow = (fit(truth, face, WRONG_MONTHS, age_spread_months=s) for s in (6.0, 1.0))
    assert abs(narrow.age[0] - WRONG) < abs(wide.age[0] - WRONG) / 2
    assert narrow.age_std[0] < wide.age_std[0] / 2


def test_an_age_that_the_model_knows_nothing_of_changes_no_bit(truth: Truth, face: Face) -> None:
    unknown = fit(truth, face, None)
    for other in (fit(truth, face, WRONG_MONTHS, model="inface"), fit(truth, face, None)):
        for name, value in vars(unknown).items():
            assert np.asarray(getattr(other, name)).tobytes() == np.asarray(value).tobytes(), name
    assert fit(truth, face, TRUE_MONTHS).age.tobytes() != unknown.age.tobytes()


def test_months_mean_what_the_nursery_means_by_them() -> None:
    person = infant(1, 3)
    assert age.latent("procedural", person.age_months) == pytest.approx(person.age)
    assert age.latent("procedural", 60.0) == age.MAX_LATENT
    assert age.latent("procedural", None) is None
    assert age.latent("flame", 6.0) is None
