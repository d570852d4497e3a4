"""Steps that see few landmarks first, and landmarks that no noise explains."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.morph import fit_retry
from pipeline.morph.fit import Fitted, fit_clip
from pipeline.morph.fit_solve import fit_shared
from pipeline.morph.fit_state import Observed, State, observe
from pipeline.morph.fit_system import Face, credible, offsets
from pipeline.morph.params import Fit
from tests.morph.fit_faces import SIZE, Truth, clip, linear_face

FRAMES = 12
PARAMS = Fit(noise_mm=0.6, opening_noise_mm=0.6, identity_prior=1.0, independent_frames=1000)


@pytest.fixture(scope="module")
def face() -> Face:
    return linear_face(landmarks=300, identity=8, expression=12)


@pytest.fixture(scope="module")
def truth(face: Face) -> Truth:
    return clip(face, FRAMES, noise_px=1.0)


def fitted(truth: Truth, face: Face, seen: np.ndarray | None = None) -> Fitted:
    seen = np.ones(truth.points_px.shape[:2]) if seen is None else seen
    return fit_clip(truth.points_px, seen, SIZE, face, PARAMS)


def wild(truth: Truth) -> tuple[Truth, np.ndarray]:
    """The clip with a fifth of its landmarks anywhere, and which they are (F, L)."""
    rng = np.random.default_rng(0)
    astray = rng.random(truth.points_px.shape[:2]) < 0.2
    points = truth.points_px.copy()
    points[astray] += rng.normal(0, 60, (int(astray.sum()), 2))
    return replace(truth, points_px=points), astray


def test_few_landmarks_first_end_where_all_would(
    face: Face, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = fitted(truth, face)
    monkeypatch.setattr(fit_retry, "shared_coarse_first", fit_shared)
    whole = fitted(truth, face)
    assert not np.array_equal(ours.identity, whole.identity)
    for name in ("identity", "expression"):
        off = (getattr(ours, name) - getattr(whole, name)) / getattr(whole, f"{name}_std")
        assert np.sqrt(np.mean(off**2)) < 0.1


def test_wild_landmarks_do_no_more_harm_than_hidden_ones(face: Face, truth: Truth) -> None:
    spoilt, astray = wild(truth)
    ours, without = fitted(spoilt, face), fitted(truth, face, (~astray).astype(float))
    off = (ours.expression - without.expression) / without.expression_std
    assert np.sqrt(np.mean(off**2)) < 0.3
    assert ours.expression_std == pytest.approx(without.expression_std, rel=0.15)
    # They are still counted where a frame is judged.
    assert np.median(ours.residual_px) > 5 * np.median(without.residual_px)


def at_truth(face: Face, truth: Truth) -> tuple[Observed, State]:
    from tests.bench._fit_truth import true_state

    state = true_state(truth)
    seen = np.ones(truth.points_px.shape[:2])
    return observe(truth.points_px, seen, SIZE, torch.exp(state.log_scale), face), state


def test_a_landmark_that_no_noise_explains_is_not_believed(face: Face, truth: Truth) -> None:
    observed, state = at_truth(face, truth)
    assert torch.equal(credible(face, observed, state).weight, observed.weight)
    points = observed.points.clone()
    points[3, 7, 0] += 60.0
    kept = credible(face, replace(observed, points=points), state).weight
    assert kept[3, 7] == 0
    assert kept.sum() == observed.weight.sum() - 1


def test_a_face_that_lies_wrong_keeps_its_landmarks(face: Face, truth: Truth) -> None:
    observed, state = at_truth(face, truth)
    moved = replace(state, sideways=state.sideways + 40.0)
    assert (offsets(face, observed, moved).norm(dim=-1) > 20).all()
    assert torch.equal(credible(face, observed, moved).weight, observed.weight)


def test_a_frame_says_whether_it_has_come_to_rest(face: Face, truth: Truth) -> None:
    assert fitted(truth, face).converged.all()
    hasty = PARAMS.model_copy(update={"frame_iterations": 1})
    seen = np.ones(truth.points_px.shape[:2])
    assert not fit_clip(truth.points_px, seen, SIZE, face, hasty).converged.all()
