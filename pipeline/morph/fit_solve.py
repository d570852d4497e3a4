"""Levenberg-Marquardt on clips: what is shared by Schur complement, then every frame by itself.

Marquardt (1963) damps each unknown by its own curvature. Eliminating the 70 unknowns of each frame
leaves 34 equations for a clip, however long it is (Triggs et al. 2000, section 6.1). All frames of
all clips take their steps together; each clip has its own damping, and rests when it is done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from pipeline.morph.fit_state import Observed, State, in_precision
from pipeline.morph.fit_system import POSE, Face, Normal, costs, evidence, linearise

# Frames at a time, which bounds memory: a core's cache is filled, or a GPU kept busy. Frames are
# independent, so it changes no result.
_BATCH = {"cpu": 64, "cuda": 4096}
_FIRST_DAMPING = 1e-3
_ENOUGH = 1e-4


@dataclass(frozen=True)
class Weights:
    """What the priors weigh against residuals in standard deviations; C clips' or all clips'."""

    huber: float
    expression: float
    shared: Tensor | float
    """(C,) for a whole clip."""
    focal: Tensor | float
    """(C,) one over the variance of the log focal length, in units of `shared`."""
    log_focal: Tensor | float
    """(C,) where the focal length is thought to be."""
    witnesses: Tensor | float = 1.0
    """(C,) how many frames say what one independent frame would."""
    centre: Tensor | float = 0.0
    """(C, I + A) where identity and age are thought to be, in standard deviations."""
    tightness: Tensor | float = 1.0
    """(C, I + A) one over their variances, in units of `shared`."""

    def of_shared(self, state: State) -> Tensor:
        """Weights (C, I + A + 1) of identity, age and log focal length."""
        prior = torch.cat([self.tightness * torch.ones_like(state.shared), self._focal(state)], 1)
        return prior * torch.as_tensor(self.shared).to(prior).reshape(-1, 1)

    def off(self, state: State) -> Tensor:
        """How far (C, I + A + 1) those are from where they are thought to be."""
        focal = (state.log_focal - self.log_focal)[:, None]
        return torch.cat([state.shared - self.centre, focal], 1)

    def take_clips(self, chosen: Tensor) -> Weights:
        """Those of some of the clips (C,)."""
        own: dict[str, Any] = {
            name: x[chosen] if isinstance(x, Tensor) else x for name, x in vars(self).items()
        }
        return Weights(**own)

    def to(self, dtype: torch.dtype) -> Weights:
        """The same in a precision."""
        return in_precision(self, dtype)

    def _focal(self, state: State) -> Tensor:
        return (self.focal * torch.ones_like(state.log_focal))[:, None]


def fit_shared(
    face: Face,
    observed: Observed,
    state: State,
    weights: Weights,
    iterations: int,
    first_damping: float = _FIRST_DAMPING,
) -> tuple[State, int]:
    """Identity, age and focal length with the frames given; the state and the steps."""
    damping = torch.full_like(state.log_focal, first_damping)
    moving = torch.ones_like(damping, dtype=torch.bool)
    normal = _linearise(face, observed, state, weights, with_shared=True)
    cost = _whole_costs(_cost_with_prior(normal, observed, state, weights), state, weights)
    steps = 0
    while steps < iterations and bool(moving.any()):
        steps += 1
        moved = state.moved(*_schur_step(normal, state, weights, damping))
        ahead = None
        if steps < iterations:
            ahead = _linearise(face, observed, moved, weights, with_shared=True)
            frames = _cost_with_prior(ahead, observed, moved, weights)
        else:
            # Nobody asks for the equations behind the last step.
            frames = frame_costs(face, observed, moved, weights)
        new_cost = _whole_costs(frames, moved, weights)
        better = moving & (new_cost < cost)
        moving = moving & ((cost - new_cost).abs() >= _ENOUGH * cost)
        state = state.choose_clips(better, moved)
        if ahead is not None:
            normal = normal.choose(better[state.clip], ahead)
        cost = torch.where(better, new_cost, cost)
        damping = torch.where(better, damping / 10, damping * 10)
    return state, steps


def fit_frames(
    face: Face, observed: Observed, state: State, weights: Weights, iterations: int
) -> tuple[State, int]:
    """Expression and pose of every frame under a fixed identity; each frame has its own damping.

    Returns the state and the steps taken.
    """
    found = [
        _fit_batch(face, observed.take(rows), state.take(rows), weights, iterations)
        for rows in batches(state)
    ]
    states, steps = zip(*found, strict=True)
    return State.joined(states), max(steps)


def _fit_batch(
    face: Face, observed: Observed, state: State, weights: Weights, iterations: int
) -> tuple[State, int]:
    damping = torch.full_like(state.log_scale, _FIRST_DAMPING)
    moving = torch.ones_like(damping, dtype=torch.bool)
    normal = _linearise(face, observed, state, weights, with_shared=False)
    cost = _cost_with_prior(normal, observed, state, weights)
    for step in range(1, iterations + 1):
        moved = state.moved(frame_step(normal, damping))
        ahead = None
        if step < iterations:
            # Most steps are taken, and what they cost comes with the equations of the next one.
            ahead = _linearise(face, observed, moved, weights, with_shared=False)
            new_cost = _cost_with_prior(ahead, observed, moved, weights)
        else:
            new_cost = frame_costs(face, observed, moved, weights)
        better = moving & (new_cost < cost)
        # A frame at rest stays there, whoever else is in its batch.
        moving = moving & ((cost - new_cost).abs() >= _ENOUGH * cost)
        state = state.choose(better, moved)
        if ahead is None or not bool(moving.any()):
            break
        normal = normal.choose(better, ahead)
        cost = torch.where(better, new_cost, cost)
        damping = torch.where(better, damping / 10, damping * 10)
    return state, step


def frames_at_once(like: Tensor) -> int:
    """How many frames are worked on at a time where `like` lies."""
    return _BATCH[like.device.type]


def batches(state: State) -> list[slice]:
    """Slices of the frames that are worked on at a time."""
    frames = len(state.R)
    # As many in each, since a few frames take nearly as long as many.
    count = -(-frames // frames_at_once(state.R))
    ends = [frames * n // max(count, 1) for n in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


def linearise_all(
    face: Face, observed: Observed, state: State, weights: Weights, with_shared: bool
) -> Normal:
    """What the landmarks say of all frames, without priors."""
    parts = [
        linearise(face, observed.take(rows), state.take(rows), weights.huber, with_shared)
        for rows in batches(state)
    ]
    return Normal(*(torch.cat(rows) for rows in zip(*map(_fields, parts), strict=True)))


def _linearise(
    face: Face, observed: Observed, state: State, weights: Weights, with_shared: bool
) -> Normal:
    return with_prior(
        linearise_all(face, observed, state, weights, with_shared), observed, state, weights
    )


def _fields(normal: Normal) -> tuple[Tensor, Tensor, Tensor]:
    return normal.cost, normal.H, normal.g


def prior_weight(observed: Observed, state: State, weights: Weights) -> Tensor:
    """Weight (F,) of an expression's square: what it moves counts against the size of the face.

    Were it counted in mm, a smaller head, nearer by, would explain any picture with smaller
    expressions, and every head would come out too small.
    """
    return weights.expression * torch.exp(2 * (observed.log_scale - state.log_scale))


def with_prior(normal: Normal, observed: Observed, state: State, weights: Weights) -> Normal:
    """The same with the prior of expressions."""
    e, E = state.expression, state.expression.shape[1]
    weight = prior_weight(observed, state, weights)
    square, scale = e.square().sum(1), E + POSE - 1
    H = normal.H.clone()
    torch.diagonal(H, dim1=1, dim2=2)[:, :E] += weight[:, None]
    H[:, :E, scale] -= weight[:, None] * e
    H[:, scale, :E] -= weight[:, None] * e
    H[:, scale, scale] += weight * square
    g = normal.g.clone()
    g[:, : E + POSE] += _prior_slope(observed, state, weights)
    return Normal(normal.cost, H, g)


def _prior_slope(observed: Observed, state: State, weights: Weights) -> Tensor:
    """Gradient (F, E + 6) of half the prior of expressions."""
    e, weight = state.expression, prior_weight(observed, state, weights)
    scale = -(weight * e.square().sum(1))[:, None]
    return torch.cat([weight[:, None] * e, torch.zeros_like(e[:, : POSE - 1]), scale], 1)


def frame_costs(face: Face, observed: Observed, state: State, weights: Weights) -> Tensor:
    """What each frame (F,) costs: its landmarks and the prior of its expression."""
    data = [
        costs(face, observed.take(rows), state.take(rows), weights.huber) for rows in batches(state)
    ]
    prior = prior_weight(observed, state, weights) * state.expression.square().sum(1)
    return torch.cat(data) + prior


def _cost_with_prior(normal: Normal, observed: Observed, state: State, weights: Weights) -> Tensor:
    prior = prior_weight(observed, state, weights) * state.expression.square().sum(1)
    return normal.cost + prior


def clip_costs(face: Face, observed: Observed, state: State, weights: Weights) -> Tensor:
    """What each clip (C,) costs, shared and own unknowns alike."""
    return _whole_costs(frame_costs(face, observed, state, weights), state, weights)


def _whole_costs(frames: Tensor, state: State, weights: Weights) -> Tensor:
    """What each clip (C,) costs, of what its frames (F,) do; float64."""
    shared = weights.of_shared(state).double() * weights.off(state).double().square()
    return state.per_clip(frames.double()) + shared.sum(1)


def frame_step(normal: Normal, damping: Tensor) -> Tensor:
    """What each frame's own unknowns change by, (F, n), damped by (F,)."""
    H = _damped(normal.H, damping[:, None])
    return _solve(H, -normal.g[..., None])[..., 0]


def _schur_step(
    normal: Normal, state: State, weights: Weights, damping: Tensor
) -> tuple[Tensor, Tensor]:
    """One step (F, E + 6) and (C, I + 2) of everything at once, exactly, damped by (C,)."""
    n = state.expression.shape[1] + POSE
    H = normal.H
    D, C = _damped(H[:, :n, :n], damping[state.clip, None]), H[:, :n, n:]
    # Columns: what each shared unknown, and the gradient, does to the frame's own unknowns.
    solved = _solve(D, torch.cat([C, normal.g[:, :n, None]], -1))
    through, alone = solved[..., :-1], solved[..., -1:]
    prior = weights.of_shared(state)
    whole = state.per_clip(H[:, n:, n:]) + torch.diag_embed(prior)
    S = _damped(whole, damping[:, None]) - state.per_clip(C.mT @ through)
    g = state.per_clip(normal.g[:, n:] - (C.mT @ alone)[..., 0]) + prior * weights.off(state)
    shared = -_solve(S, g[..., None])[..., 0]
    return -(alone + through @ shared[state.clip][..., None])[..., 0], shared


def shared_covariance(face: Face, observed: Observed, state: State, weights: Weights) -> Tensor:
    """How sure identity, age and log focal length are (C, I + 2, I + 2), frames marginalised.

    M^-1 K M^-1, where M is how fast the estimate is drawn back and K how much of what draws it is
    noise (Huber 1967), priors counting alike in both.
    """
    n = state.expression.shape[1] + POSE
    alone = linearise_all(face, observed, state, weights, with_shared=True)
    says = evidence(face, observed, state, weights.huber)
    drawn, noisy = (
        with_prior(replace(alone, H=alone.H * share[:, None, None]), observed, state, weights)
        for share in (says.told, says.noise)
    )
    M, K = drawn.H.double(), noisy.H.double()
    C = M[:, :n, n:]
    through = -_solve(M[:, :n, :n], C)
    prior = torch.diag_embed(weights.of_shared(state).double())
    S = state.per_clip(M[:, n:, n:] + C.mT @ through) + prior
    # What moves a shared unknown, through the frames that follow it.
    one = torch.eye(S.shape[-1]).to(S)
    follow = torch.cat([through, one.expand(len(C), -1, -1)], 1)
    noise = state.per_clip(follow.mT @ K @ follow) + prior
    back = _solve(S, one.expand_as(S))
    witnesses = torch.as_tensor(weights.witnesses).to(S).reshape(-1, 1, 1)
    return (witnesses * back @ noise @ back).to(state.shared)


def moved_by_shared(face: Face, observed: Observed, state: State, weights: Weights) -> Tensor:
    """How each frame's unknowns follow identity, age and log focal length, (F, n, I + 2)."""
    n = state.expression.shape[1] + POSE
    normal = _linearise(face, observed, state, weights, with_shared=True)
    return -_solve(normal.H[:, :n, :n], normal.H[:, :n, n:])


def _damped(H: Tensor, damping: Tensor) -> Tensor:
    diagonal = torch.diagonal(H, dim1=-2, dim2=-1)
    return H + torch.diag_embed(damping * diagonal + 1e-12)


def _solve(H: Tensor, right: Tensor) -> Tensor:
    """H positive definite; scaled to a unit diagonal first, since radians meet millimetres."""
    root = torch.diagonal(H, dim1=-2, dim2=-1).clamp_min(1e-12).rsqrt()
    unit = H * root[..., :, None] * root[..., None, :]
    factor, bad = torch.linalg.cholesky_ex(unit)
    steps = torch.cholesky_solve(root[..., :, None] * right, factor) * root[..., :, None]
    # A system that is not positive definite says nothing: stay, and be damped more next time.
    return torch.where((bad > 0)[..., None, None], 0.0, steps).nan_to_num()
