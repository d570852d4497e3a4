"""Faces that are moved about and do not move, as those of pictures and dolls."""

import cv2
import numpy as np
import pytest

from pipeline.dataset.params import Select
from pipeline.face.mesh import canonical
from pipeline.face.stirring import WINDOW, stirs_mm

FRAMES = 70
LEAST_MM = Select().min_stirs_mm


@pytest.fixture
def held() -> np.ndarray:
    """Landmarks (70, 478, 2), px, of a photograph held by somebody who trembles and tilts it."""
    rng = np.random.default_rng(3)
    flat = canonical().points[:, :2] - canonical().points[:, :2].mean(axis=0)
    phase = np.linspace(0, 7, FRAMES)
    maps = np.eye(2) + 0.1 * np.sin(phase[:, None, None] + rng.uniform(0, 6, (2, 2)))
    return 2 * flat @ maps + 30 * np.sin(phase)[:, None, None] + rng.normal(0, 0.2, (FRAMES, 1, 2))


def stirs(points: np.ndarray) -> float:
    return stirs_mm(points, np.full(len(points), 2.0))


def test_a_photograph_that_is_moved_does_not_stir(held):
    assert stirs(held) < 0.01
    trembling = held + np.random.default_rng(4).normal(0, 0.5, held.shape)
    assert stirs(trembling) < 0.5 * LEAST_MM


def test_a_jaw_that_falls_by_millimetres_stirs(held):
    jaw = canonical().points[:, 1] < canonical().points[:, 1].min() + 25
    opened_px = 10 * (1 - np.cos(np.linspace(0, 12, FRAMES)))
    held[:, jaw, 1] += opened_px[:, None]
    assert stirs(held) > 2 * LEAST_MM


def test_one_breath_in_a_long_stillness_is_enough(held):
    long = np.tile(held, (5, 1, 1))
    breathes = slice(160, 190)
    long[breathes] *= np.where(canonical().points[:, 1] < 0, 1.15, 1.0)[:, None]
    assert stirs(long) > LEAST_MM > stirs(np.tile(held, (5, 1, 1)))


def test_of_a_glimpse_nothing_is_told(held):
    assert np.isnan(stirs(held[: WINDOW - 1]))
    assert np.isnan(stirs(held[:0]))
    assert np.isfinite(stirs(held[:WINDOW]))


def test_landmarks_that_all_lie_on_a_line_do_not_stir():
    line = np.zeros((FRAMES, 478, 2))
    line[..., 0] = np.linspace(0, 100, 478)
    assert stirs(line) == pytest.approx(0)


def test_a_picture_of_an_infant_is_told_from_an_infant(see, studio, babbling):
    photograph = studio.picture(jaw=0.4)
    phase = np.linspace(0, 9, FRAMES)
    shaken = [
        cv2.warpAffine(
            photograph,
            np.array([[1, 0, 6 * np.sin(t)], [0, 1, 4 * np.cos(1.7 * t)]]),
            photograph.shape[1::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
        for t in phase
    ]
    of_picture = see(shaken).frames["stirs_mm"]
    of_infant = see([*babbling, *babbling, *babbling]).frames["stirs_mm"]
    assert of_picture.nunique() == of_infant.nunique() == 1
    assert of_picture.iloc[0] < 0.7 * LEAST_MM
    assert of_infant.iloc[0] > 1.2 * LEAST_MM
