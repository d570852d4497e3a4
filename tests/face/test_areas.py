"""Shares of a mouth or a face are shares of its picture, however many landmarks crowd there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.face.areas import areas, face, least, lips, mouth
from pipeline.face.backends import Face
from pipeline.face.mesh import LIPS_INNER, LIPS_OUTER, MOUTH, canonical


def flat(open_mm: float = 0.0) -> np.ndarray:
    """A face from the front (1, 478, 2), its lower lip dropped."""
    points = canonical().points[:, :2] * [1, -1]
    upper, lower = LIPS_INNER[:9:-1], LIPS_INNER[:11]
    line = np.interp(points[:, 0], *points[upper].T[:, np.argsort(points[upper, 0])])
    falls = (points[:, 1] > line + 0.1) & np.isin(np.arange(478), mouth())
    falls[lower[1:-1]], falls[upper] = True, False
    points[falls, 1] += open_mm
    return points[None]


def drawn(outline: np.ndarray) -> np.ndarray:
    """A polygon of (N, 2) mm in tenths of them, from -100 to 100."""
    area = np.zeros((2000, 2000), np.uint8)
    cv2.fillPoly(area, [np.round(10 * outline + 1000).astype(np.int32)], (1,))
    return area > 0


def test_a_triangle_belongs_to_its_corners_in_equal_parts() -> None:
    points = np.zeros((1, 478, 2))
    points[0, 5], points[0, 7] = (6.0, 0.0), (0.0, 4.0)
    found = areas(points, np.array([[0, 5, 7]], np.int32))[0]
    assert found[[0, 5, 7]] == pytest.approx([4.0, 4.0, 4.0])
    assert found.sum() == pytest.approx(12.0)


def apart_of(half_mm: float) -> np.ndarray:
    return np.abs(np.arange(2000) - 1000) / 10 > half_mm


@pytest.mark.parametrize("open_mm", [0.0, 25.0])
def test_a_mouth_is_all_within_its_outline_open_or_shut(open_mm: float) -> None:
    points = flat(open_mm)
    truth_mm2 = drawn(points[0, LIPS_OUTER]).sum() / 100
    assert areas(points, mouth()).sum() == pytest.approx(truth_mm2, rel=0.05)


def test_what_is_thin_hides_its_share_of_the_mouth() -> None:
    points = flat()
    weights, outline = areas(points, mouth())[0], drawn(points[0, LIPS_OUTER])
    apart = np.abs(points[0, :, 0])
    halves_mm = np.arange(3.0, 10.0, 0.5)
    truth = [outline[:, apart_of(half_mm)].sum() / outline.sum() for half_mm in halves_mm]
    seen = [(weights * (apart > half_mm)).sum() / weights.sum() for half_mm in halves_mm]
    by_landmarks = [(apart[MOUTH] > half_mm).mean() for half_mm in halves_mm]
    assert np.mean(seen) == pytest.approx(np.mean(truth), abs=0.03)
    assert np.mean(by_landmarks) > np.mean(truth) + 0.05, "why no mean over landmarks will do"


def test_a_face_that_turns_away_shows_less() -> None:
    ahead, aside = flat(), flat() * [0.5, 1.0]
    assert areas(aside, face()).sum() == pytest.approx(areas(ahead, face()).sum() / 2)
    assert areas(ahead, face()).shape == (1, 478)


def test_of_a_mouth_without_an_area_shares_can_be_told() -> None:
    found = areas(np.zeros((2, 478, 3)), mouth())
    assert (found[:, lips()] > 0).all()
    assert found.sum() < 1e-3


def test_the_box_of_a_face_goes_from_its_outermost_landmarks_to_the_others() -> None:
    points = np.random.default_rng(1).normal(size=(478, 3)).astype(np.float32)
    (left, top), (right, bottom) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    assert Face(points, 1.0).box == (left, top, right, bottom)


def test_the_least_of_a_part_is_weighed_by_area() -> None:
    values = np.array([[0.9, 0.1, 0.5, 1.0], [1.0, 1.0, 1.0, 1.0]])
    weights = np.array([[5.0, 1.0, 2.0, 2.0], [1.0, 0.0, 0.0, 0.0]])
    assert least(values, weights, 0.1) == pytest.approx([0.1, 1.0])
    assert least(values, weights, 0.2) == pytest.approx([0.3, 1.0])
    assert least(values, weights, 1.0) == pytest.approx([(4.5 + 0.1 + 1 + 2) / 10, 1.0])
    assert least(values, 0 * weights, 0.2) == pytest.approx([0, 0])
