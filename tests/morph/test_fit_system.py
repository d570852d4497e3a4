"""The equations behind a fit, held against automatic derivatives and dense algebra."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.morph import camera, fit_solve
from pipeline.morph.fit_solve import Weights
from pipeline.morph.fit_state import Observed, State, observe
from pipeline.morph.fit_system import POSE, Face, costs, evidence, linearise, offsets
from pipeline.morph.skew import Skew
from pipeline.morph.surface import Layer, NetworkSurface
from tests.morph.fit_faces import SIZE, clip, linear_face

WEIGHTS = Weights(huber=2.0, expression=0.7, shared=3.0, focal=9.0, log_focal=6.5)


@pytest.fixture(scope="module")
def face() -> Face:
    return linear_face(landmarks=60, identity=5, expression=8)


@pytest.fixture(scope="module")
def observed(face: Face) -> Observed:
    truth = clip(face, frames=4, noise_px=1.0)
    visibility = np.random.default_rng(0).uniform(0, 1, truth.points_px.shape[:2])
    scale = torch.linspace(0.5, 0.6, 4).double()
    return observe(truth.points_px, visibility, SIZE, scale, face)


@pytest.fixture(scope="module")
def state(face: Face) -> State:
    rng = np.random.default_rng(5)
    return State.of_clip(
        torch.from_numpy(rng.normal(size=6)),
        torch.tensor(6.6).double(),
        torch.from_numpy(rng.normal(size=(4, 8))),
        camera.exp_rotation(torch.from_numpy(rng.normal(0, 0.3, (4, 3)))),
        torch.from_numpy(rng.normal(0, 5, (4, 2))),
        torch.from_numpy(rng.normal(-0.6, 0.05, 4)),
    )


@pytest.fixture(scope="module", params=["linear", "network"])
def kind(request: pytest.FixtureRequest, face: Face) -> Face:
    """The same unknowns, through a linear surface and through a network."""
    if request.param == "linear":
        return face
    rng, hidden, slope = np.random.default_rng(8), 24, torch.full((14,), 0.2).double()
    layers = [
        Layer(
            torch.from_numpy(rng.normal(0, s, (out, into))), torch.from_numpy(rng.normal(size=out))
        )
        for into, out, s in ((14, hidden, 0.3), (hidden, 180, 1.0))
    ]
    layers[-1].bias.add_(face.mean.flatten())
    skew = Skew(torch.zeros(14).double(), torch.ones(14).double(), slope)
    return replace(face, surface=NetworkSurface(tuple(layers), 0.2, skew, 5, 8))


def test_the_equations_are_the_squares_of_the_derivatives(
    kind: Face, observed: Observed, state: State
) -> None:
    n = 8 + POSE

    def residuals(steps: torch.Tensor) -> torch.Tensor:
        moved = state.moved(steps[:n].expand(4, n), steps[None, n:])
        off = offsets(kind, observed, moved)
        upper, lower = kind.pairs.unbind(-1)
        rows = torch.cat([off, off[:, upper] - off[:, lower]], 1)
        both = torch.minimum(observed.weight[:, upper], observed.weight[:, lower])
        weight = torch.cat([observed.weight, both], 1).sqrt()
        noise_mm = torch.cat([kind.noise_mm, torch.full((len(upper),), kind.opening_noise_mm)])
        noise = noise_mm * torch.exp(-observed.log_scale)[:, None]
        return (rows * (weight / noise)[..., None]).flatten(1)

    zero, never = torch.zeros(n + 7).double(), 1e9
    J = torch.autograd.functional.jacobian(residuals, zero)
    whole = linearise(kind, observed, state, never, with_shared=True)
    assert torch.allclose(whole.H, J.mT @ J, rtol=1e-6, atol=1e-4)
    assert torch.allclose(
        whole.g, (J.mT @ residuals(zero)[..., None])[..., 0], rtol=1e-6, atol=1e-4
    )
    alone = linearise(kind, observed, state, never, with_shared=False)
    assert torch.allclose(alone.H, whole.H[:, :n, :n])
    assert torch.allclose(alone.g, whole.g[:, :n])


def test_the_gradient_is_that_of_the_robust_cost_with_priors(
    face: Face, observed: Observed, state: State
) -> None:
    def cost(local: torch.Tensor) -> torch.Tensor:
        return fit_solve.frame_costs(face, observed, state.moved(local), WEIGHTS).sum()

    zero = torch.zeros(4, 8 + POSE).double()
    automatic = torch.autograd.functional.jacobian(cost, zero)
    normal = fit_solve._linearise(face, observed, state, WEIGHTS, with_shared=False)
    assert torch.allclose(2 * normal.g, automatic, rtol=1e-5, atol=1e-3)


def test_far_residuals_count_linearly(face: Face, observed: Observed, state: State) -> None:
    quadratic = costs(face, observed, state, huber=1e9)
    robust = costs(face, observed, state, huber=2.0)
    assert (robust < 0.5 * quadratic).all()
    assert torch.allclose(robust, linearise(face, observed, state, 2.0, False).cost)


def test_what_lies_far_off_makes_a_frame_say_less(
    face: Face, observed: Observed, state: State
) -> None:
    noise_px = face.noise_mm * torch.exp(-observed.log_scale)[:, None]
    noise = torch.from_numpy(np.random.default_rng(1).normal(size=observed.points.shape))
    points = observed.points + offsets(face, observed, state)
    seen = replace(observed, weight=torch.ones_like(observed.weight))
    exact = evidence(face, replace(seen, points=points), state, 2.0).doubt
    assert torch.equal(exact, torch.ones(4).double())
    points += noise * noise_px[..., None]
    clean = evidence(face, replace(seen, points=points), state, 2.0).doubt
    assert (clean < 1.3).all()
    points[2, ::5] += 40.0
    spoilt = evidence(face, replace(seen, points=points), state, 2.0).doubt
    assert spoilt[2] > 1.2 * clean[2]
    assert torch.equal(spoilt[[0, 1, 3]], clean[[0, 1, 3]])


def test_eliminating_frames_solves_the_whole_system(
    face: Face, observed: Observed, state: State
) -> None:
    normal = fit_solve._linearise(face, observed, state, WEIGHTS, with_shared=True)
    damping, n, S = 1e-3, 8 + POSE, 7
    whole = torch.zeros(4 * n + S, 4 * n + S).double()
    right = torch.zeros(4 * n + S).double()
    for frame in range(4):
        rows = torch.cat([torch.arange(frame * n, frame * n + n), torch.arange(4 * n, 4 * n + S)])
        whole[rows[:, None], rows] += normal.H[frame]
        right[rows] += normal.g[frame]
    prior = torch.full((S,), WEIGHTS.shared).double()
    prior[-1] *= WEIGHTS.focal
    whole[4 * n :, 4 * n :] += torch.diag(prior)
    off = torch.cat([state.shared[0], state.log_focal - WEIGHTS.log_focal])
    right[4 * n :] += prior * off
    whole += torch.diag(damping * torch.diagonal(whole) + 1e-12)
    dense = torch.linalg.solve(whole, -right)
    local, shared = fit_solve._schur_step(normal, state, WEIGHTS, torch.tensor([damping]).double())
    assert torch.allclose(shared[0], dense[4 * n :], rtol=1e-6, atol=1e-9)
    assert torch.allclose(local.flatten(), dense[: 4 * n], rtol=1e-6, atol=1e-9)


def test_the_size_of_the_head_does_not_change_what_expressions_cost(
    face: Face, observed: Observed, state: State
) -> None:
    weights = fit_solve.prior_weight(observed, state, WEIGHTS)
    smaller = state.moved(torch.zeros(4, 8 + POSE).double())
    smaller = State(**{**vars(smaller), "log_scale": state.log_scale - 0.2})
    shrunk = fit_solve.prior_weight(observed, smaller, WEIGHTS)
    before = weights * state.expression.square().sum(1)
    after = shrunk * (state.expression * np.exp(-0.2)).square().sum(1)
    assert torch.allclose(before, after)


def test_a_hopeless_system_moves_nothing() -> None:
    H = torch.tensor([[[1.0, 2.0], [2.0, 1.0]], [[2.0, 0.0], [0.0, 4.0]]]).double()
    step = fit_solve._solve(H, torch.ones(2, 2, 1).double())
    assert torch.allclose(step[..., 0], torch.tensor([[0.0, 0.0], [0.5, 0.25]]).double())


def test_nothing_that_was_not_seen_counts(face: Face) -> None:
    truth = clip(face, frames=2)
    points = truth.points_px.copy()
    points[0, :10] = np.nan
    seen = observe(points, np.ones((2, 60)), SIZE, torch.ones(2).double(), face)
    assert (seen.weight[0, :10] == 0).all()
    assert (seen.weight[0, 10:] == 1).all()
    assert torch.isfinite(seen.points).all()
