"""Coupled frames: the chain against dense algebra, noise smoothed away, motion left where it is."""

import numpy as np
import pytest
import torch

from pipeline.morph.fit import fit_clip
from pipeline.morph.fit_chain import solve_chain
from pipeline.morph.params import Fit
from tests.morph.fit_faces import SIZE, clip, linear_face, still

PARAMS = Fit(
    noise_mm=0.6, opening_noise_mm=0.6, identity_prior=1.0, expression_prior=1.0,
    independent_frames=1000.0, expression_spread=1.0, identity_spread=1.0,
)  # fmt: skip


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7, 8, 13])
def test_a_chain_is_the_dense_system(frames: int) -> None:
    n, rng = 5, np.random.default_rng(frames)
    D = torch.from_numpy(rng.normal(size=(frames, n, n)))
    D = D @ D.mT + 8 * torch.eye(n)
    U = torch.from_numpy(rng.normal(size=(frames - 1, n, n)))
    right = torch.from_numpy(rng.normal(size=(frames, n, 3)))
    dense = torch.zeros(frames * n, frames * n).double()
    for f in range(frames):
        dense[f * n : f * n + n, f * n : f * n + n] = D[f]
    for f in range(frames - 1):
        dense[f * n : f * n + n, f * n + n : f * n + 2 * n] = U[f]
        dense[f * n + n : f * n + 2 * n, f * n : f * n + n] = U[f].T
    x, variance = solve_chain(D, U, right)
    assert torch.allclose(x.flatten(0, 1), torch.linalg.solve(dense, right.flatten(0, 1)))
    assert torch.allclose(variance.flatten(), torch.linalg.inv(dense).diagonal())


def acceleration(expression: np.ndarray) -> float:
    return float((np.diff(expression, 2, axis=0) ** 2).mean())


def fitted(points: np.ndarray, coupling: float):
    face = linear_face()
    return fit_clip(
        points,
        np.ones(points.shape[:2]),
        SIZE,
        face,
        PARAMS.model_copy(update={"coupling": coupling}),
    )


def test_a_still_face_jitters_a_third_and_a_step_does_not_lag() -> None:
    face = linear_face()
    truth = still(face, 40, noise_px=1.0)
    alone, coupled = fitted(truth.points_px, 0.0), fitted(truth.points_px, PARAMS.coupling)
    assert acceleration(coupled.expression) < acceleration(alone.expression) / 3
    off = [np.abs(f.expression - truth.expression.numpy()).mean() for f in (coupled, alone)]
    assert off[0] < off[1]

    stepped = still(face, 40, noise_px=1.0, step=2.0)
    found = fitted(stepped.points_px, PARAMS.coupling).expression
    before, after = found[5:15].mean(0), found[25:35].mean(0)
    way = (found - before) @ (after - before) / ((after - before) ** 2).sum()
    assert way[18:20].max() < 0.1
    assert way[20] > 0.9


def test_motion_comes_through_as_it_is() -> None:
    truth = clip(linear_face(), 60, noise_px=1.0)
    found = [fitted(truth.points_px, c).expression for c in (0.0, PARAMS.coupling)]
    alone, coupled = (np.abs(e - truth.expression.numpy()).mean() for e in found)
    assert coupled < alone


@pytest.mark.parametrize("wild", [0.0, 0.2])
def test_nine_of_ten_truths_lie_in_intervals_of_nine_tenths(wild: float) -> None:
    face, rng = linear_face(), np.random.default_rng(0)
    inside: list[np.ndarray] = []
    for seed in range(4):
        truth = clip(face, 40, seed=60 + seed, noise_px=1.0)
        far = rng.random(truth.points_px.shape[:2]) < wild
        truth.points_px[far] += rng.normal(0, 40, (int(far.sum()), 2))
        found = fitted(truth.points_px, PARAMS.coupling)
        off = np.abs(found.expression - truth.expression.numpy())
        inside.append(off < 1.645 * found.expression_std)
    assert 0.85 < np.mean(inside) < 0.95


def test_a_gap_couples_nothing_across_it() -> None:
    truth = still(linear_face(), 12, noise_px=1.0)
    points = np.insert(truth.points_px, 6, np.nan, axis=0)
    whole, half = fitted(points, 50.0), fitted(points[:6], 50.0)
    assert not whole.valid[6]
    assert acceleration(whole.expression[:6]) < 1e-3
    assert half.valid.all()
