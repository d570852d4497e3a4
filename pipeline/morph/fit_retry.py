"""What was fitted badly is fitted again from other starts, and the best is kept.

A step can only go downhill from where it starts. What is left far off has often started in the
wrong valley: a frame turned the other way, with its mouth shut, or unlike the frame beside it; a
whole clip before a camera of quite another focal length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pipeline.morph.fit_coarse import frames_coarse_first, shared_coarse_first
from pipeline.morph.fit_solve import Weights, batches, clip_costs, frame_costs
from pipeline.morph.fit_state import Observed, State
from pipeline.morph.fit_system import Face, offsets

# How far, in standard deviations of expression, the mouth is opened to start from.
_OPENED = 2.0
# Other cameras that a clip is tried with: from a wide lens to a long one, as logarithms of the
# focal length beside what it is thought to be.
_CAMERAS = (-1.1, 1.1)


def shared_retried(
    face: Face, observed: Observed, state: State, weights: Weights, iterations: int, over_mm: float
) -> tuple[State, int]:
    """Identity, age and camera of clips, from other cameras too where the usual one leaves most of
    a clip's landmarks `over_mm` off; the state and the steps tried. Arguments are those of
    `retried`."""
    best, steps = shared_coarse_first(face, observed, state, weights, iterations)
    lost = _usual_mm(face, observed, best) > over_mm
    if not bool(lost.any()):
        return best, steps
    some, theirs = state.take_clips(lost)
    seen, own = observed.take(theirs), weights.take_clips(lost)
    found, _ = best.take_clips(lost)
    cost = clip_costs(face, seen, found, own)
    for other in _CAMERAS:
        start = replace(some, log_focal=some.log_focal + other)
        tried, more = shared_coarse_first(face, seen, start, own, iterations)
        steps, new_cost = steps + more, clip_costs(face, seen, tried, own)
        found = found.choose_clips(new_cost < cost, tried)
        cost = torch.minimum(cost, new_cost)
    best = _put(best, torch.nonzero(theirs)[:, 0], found)
    return replace(
        best,
        shared=_filled(best.shared, lost, found.shared),
        log_focal=_filled(best.log_focal, lost, found.log_focal),
    ), steps


def retried(
    face: Face, observed: Observed, state: State, weights: Weights, iterations: int, over_mm: float
) -> tuple[State, Tensor]:
    """The state with every frame at its best, and which frames (F,) another start has improved.

    Args:
        face: the landmarks' rows of the model.
        observed: the landmarks of F frames.
        state: where F frames have come to rest.
        weights: of the priors; a start is better where data and priors together cost less.
        iterations: steps from each start.
        over_mm: the residual on the face from which a frame is tried again.
    """
    residual_mm = residuals_mm(face, observed, state)
    improved = residual_mm > over_mm
    rows = torch.nonzero(improved)[:, 0]
    if len(rows) == 0:
        return state, improved
    some, best = observed.take(rows), state.take(rows)
    cost = frame_costs(face, some, best, weights)
    before = cost
    for start in _starts(face, state, rows, residual_mm):
        found, _ = frames_coarse_first(face, some, start, weights, iterations)
        new_cost = frame_costs(face, some, found, weights)
        best = best.choose(new_cost < cost, found)
        cost = torch.minimum(cost, new_cost)
    improved[rows] = cost < before
    return _put(state, rows, best), improved


def _usual_mm(face: Face, observed: Observed, state: State) -> Tensor:
    """Median distance (C,) of a clip's visible landmarks: a wrong camera moves all of them, not a
    few."""
    off_px = torch.linalg.vector_norm(offsets(face, observed, state), dim=-1)
    off_mm, seen = off_px * torch.exp(state.log_scale)[:, None], observed.weight > 0.1
    return torch.stack([off_mm[span][seen[span]].median() for span in state.spans])


def residuals_mm(face: Face, observed: Observed, state: State) -> Tensor:
    """Mean distance (F,) of the visible landmarks from the face, on the face."""
    return residuals_px(face, observed, state) * torch.exp(state.log_scale)


def residuals_px(face: Face, observed: Observed, state: State) -> Tensor:
    """Mean distance (F,) of the visible landmarks from the face."""
    parts = [_residuals_px(face, observed.take(r), state.take(r)) for r in batches(state)]
    return torch.cat(parts)


def _residuals_px(face: Face, observed: Observed, state: State) -> Tensor:
    distance = torch.linalg.vector_norm(offsets(face, observed, state), dim=-1)
    weight = observed.weight
    return (distance * weight).sum(1) / weight.sum(1).clamp_min(1e-9)


def _starts(face: Face, state: State, rows: Tensor, residual_mm: Tensor) -> Iterator[State]:
    poor = state.take(rows)
    rest = replace(poor, expression=torch.zeros_like(poor.expression))
    yield rest
    yield replace(rest, R=_mirrored(rest.R))
    yield replace(rest, expression=_opened(face, rest))
    near = _nearest_good(rows, residual_mm, state.spans)
    yield replace(
        poor,
        expression=state.expression[near],
        R=state.R[near],
        sideways=state.sideways[near],
        log_scale=state.log_scale[near],
    )


def _mirrored(R: Tensor) -> Tensor:
    """Rotations (F, 3, 3) of heads that look as far the other way, sideways and up or down."""
    # A flat face looks the same from both sides: the sign of what turns it out of the picture.
    flip = torch.tensor([[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]).to(R)
    return R * flip


def _opened(face: Face, state: State) -> Tensor:
    """Expressions (F, E) that open what can open, by gradient of the openings at rest."""
    still = state.shared.new_zeros(len(state.shared), state.expression.shape[1]).requires_grad_()
    points = face.surface.at(state.shared, still)
    upper, lower = face.pairs.unbind(-1)
    torch.linalg.vector_norm(points[:, upper] - points[:, lower], dim=-1).sum().backward()
    assert still.grad is not None
    return (_OPENED * torch.nn.functional.normalize(still.grad, dim=1))[state.clip]


def _nearest_good(rows: Tensor, residual_mm: Tensor, spans: Sequence[slice]) -> Tensor:
    """For each poor row the nearest frame in time that is the better half of its clip's."""
    found = []
    for span in spans:
        poor = rows[(rows >= span.start) & (rows < span.stop)]
        own = residual_mm[span]
        good = torch.nonzero(own <= own.median())[:, 0] + span.start
        found.append(good[(poor[:, None] - good).abs().argmin(1)])
    return torch.cat(found)


def _put(state: State, rows: Tensor, some: State) -> State:
    return replace(
        state,
        expression=_filled(state.expression, rows, some.expression),
        R=_filled(state.R, rows, some.R),
        sideways=_filled(state.sideways, rows, some.sideways),
        log_scale=_filled(state.log_scale, rows, some.log_scale),
    )


def _filled(whole: Tensor, rows: Tensor, part: Tensor) -> Tensor:
    filled = whole.clone()
    filled[rows] = part
    return filled
