"""Neighbouring frames of a fit, coupled; and how sure the fit is of every latent.

Each frame has been fitted by itself. Near there its cost is a quadric, and one Newton step on all
frames together, with a price on how far a frame is from the next, is a Kalman smoother in
parallel. The price is in the metric of what the landmarks can tell, so that every direction is
smoothed alike. It is robust: a change beyond the landmarks' own jitter is motion, for which the
price fades with the fourth power of its size, so that onsets stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.morph import camera
from pipeline.morph.fit_chain import solve_chain
from pipeline.morph.fit_solve import (
    Weights,
    batches,
    frame_step,
    frames_at_once,
    linearise_all,
    moved_by_shared,
    prior_weight,
    with_prior,
)
from pipeline.morph.fit_state import Observed, State
from pipeline.morph.fit_system import POSE, Face, Normal, evidence, offsets
from pipeline.morph.fit_windows import Together, together

# One frame in so many says how unsure identity and camera make the frames around it.
_ASKED = 8
# Frames in the middle of a clip that its jitter is judged by.
_ENOUGH = 2000
# Of third differences of independent noise: 1 + 9 + 9 + 1.
_THIRD = 20.0
# The stillest quarter of all differences; that of a unit normal is as large as this.
_QUARTER, _NORMAL_QUARTER = 0.25, 0.3186


@dataclass(frozen=True)
class Coupling:
    """How frames hang together."""

    weight: float
    """Of a change between frames against what the landmarks of one frame say."""
    jitter: Sequence[float]
    """Of each clip, the landmarks' noise from frame to frame, in units of their assumed noise."""
    onset: float
    """Changes of so many times the noise are taken for motion."""


@dataclass(frozen=True)
class Smoothed:
    """Frames once coupled."""

    state: State
    variance: Tensor
    """(F, E) of expression latents."""
    unrest: Tensor
    """(F,) how far from its own best each frame still was, in standard deviations of what its
    landmarks leave open, a latent."""


def jitter_of(face: Face, observed: Observed, state: State, frame: Tensor) -> list[float]:
    """What `Coupling` has of each clip; 0 where it is unknown.

    From third differences (Rice 1984, one order further) of what each frame's fit leaves: motion,
    fast motion too, is in the fit, and where landmarks stray alike in every frame drops out.
    """
    return [
        _jitter(face, observed.take(span), state.take(span), frame[span]) for span in state.spans
    ]


def _jitter(face: Face, observed: Observed, state: State, frame: Tensor) -> float:
    if len(frame) < 4:
        return 0.0
    middle = slice(max(0, (len(frame) - _ENOUGH) // 2), (len(frame) + _ENOUGH) // 2)
    observed, state, frame = observed.take(middle), state.take(middle), frame[middle]
    left, seen = offsets(face, observed, state), observed.weight > 0.5
    third = left[3:] - 3 * left[2:-1] + 3 * left[1:-2] - left[:-3]
    good = seen[3:] & seen[2:-1] & seen[1:-2] & seen[:-3] & (frame[3:] - frame[:-3] == 3)[:, None]
    noise_px = face.noise_mm * torch.exp(-observed.log_scale[1:-2])[:, None]
    size = (third.abs() / noise_px[..., None])[good]
    if not size.numel():
        return 0.0
    # Sorting millions gains nothing over sorting some of them.
    some = size[:: max(1, len(size) // 20_000)]
    # A fit follows as much of the noise as it has unknowns.
    followed = (state.expression.shape[1] + POSE) / (2 * float(seen.sum(1).float().mean()))
    unfitted = max(1 - followed, 0.1) ** 0.5
    return float(some.quantile(_QUARTER)) / (_NORMAL_QUARTER * _THIRD**0.5 * unfitted)


def smooth(
    face: Face,
    observed: Observed,
    state: State,
    weights: Weights,
    shared_covariance: Tensor,
    coupling: Coupling,
    frame: Tensor,
) -> Smoothed:
    """Couple F fitted frames; frame (F,) are their numbers in their clip, next to one another where
    they differ by one; shared_covariance (C, S + 1, S + 1) is how sure the shared unknowns are."""
    pieces = []
    for some in together(state.spans, frames_at_once(state.R)):
        rows, own = some.rows.to(frame), some.own.to(frame)
        there = observed.take(rows), state.take(rows), frame[rows]
        found = _coupled(face, *there, weights, coupling, some)
        pieces.append([part[own] for part in found])
    step, variance, unrest = map(torch.cat, zip(*pieces, strict=True))
    by_shared = _by_shared(face, observed, state, weights, shared_covariance)
    return Smoothed(state.moved(step), variance + by_shared, unrest)


def _coupled(
    face: Face,
    observed: Observed,
    state: State,
    frame: Tensor,
    weights: Weights,
    coupling: Coupling,
    some: Together,
) -> tuple[Tensor, Tensor, Tensor]:
    """Steps (F, n), variances (F, E), what is shared being known, and how far from rest (F,)."""
    alone = linearise_all(face, observed, state, weights, with_shared=False)
    normal, E = with_prior(alone, observed, state, weights), state.expression.shape[1]
    chain = _Chain.joined(
        [
            _linked(
                normal.take(span), alone.H[span], state.take(span), frame[span], coupling,
                coupling.jitter[window.clip],
            )
            for window, span in zip(some.windows, some.spans, strict=True)
        ]
    )  # fmt: skip
    solved = solve_chain(chain.D, chain.U, chain.g[..., None])
    variance = solved.variance[:, :E] * chain.unit[:, :E] ** 2
    return (
        -solved.x[..., 0] * chain.unit,
        _doubted(face, observed, state, weights, variance),
        _unrest(normal),
    )


@dataclass(frozen=True)
class _Chain:
    """Frames that hang together, as `solve_chain` takes them."""

    D: Tensor
    """(F, n, n)."""
    U: Tensor
    """(F - 1, n, n)."""
    g: Tensor
    """(F, n)."""
    unit: Tensor
    """(F, n) what unknowns are counted in."""

    @staticmethod
    def joined(parts: Sequence[_Chain]) -> _Chain:
        """Chains one after another, with no link between."""
        if len(parts) == 1:
            return parts[0]
        none = torch.zeros_like(parts[0].D[:1])
        links = [link for part in parts for link in (none, part.U)][1:]
        D, g, unit = (torch.cat([getattr(p, name) for p in parts]) for name in ("D", "g", "unit"))
        return _Chain(D, torch.cat(links), g, unit)


def _linked(
    normal: Normal, H: Tensor, state: State, frame: Tensor, coupling: Coupling, jitter: float
) -> _Chain:
    """The chain of one window; H (F, n, n) is what landmarks say without priors."""
    # Radians meet millimetres: one scale for all frames keeps the chain a chain.
    unit = torch.diagonal(normal.H, dim1=1, dim2=2).mean(0).clamp_min(1e-12).rsqrt()
    square = unit[:, None] * unit
    D, M = normal.H * square, H.mean(0) * square
    d = changes(state) / unit
    price = _prices(d, D, M, coupling, jitter) * (frame[1:] - frame[:-1] == 1)
    g = normal.g * unit
    pulled = price[:, None] * (d @ M)
    g[:-1] -= pulled
    g[1:] += pulled
    between = price[:, None, None] * M
    D[:-1] += between
    D[1:] += between
    return _Chain(D, -between, g, unit.expand_as(g))


def _unrest(normal: Normal) -> Tensor:
    """Newton's decrement (Boyd and Vandenberghe 2004, section 9.5.1) a latent."""
    step = frame_step(normal, torch.zeros_like(normal.cost))
    return torch.sqrt(-(step * normal.g).mean(1).clamp_max(0))


def _doubted(
    face: Face, observed: Observed, state: State, weights: Weights, variance: Tensor
) -> Tensor:
    """Variances (F, E), larger where landmarks say less than they weigh, within the prior's."""
    more = evidence(face, observed, state, weights.huber).doubt[:, None] - 1
    prior = prior_weight(observed, state, weights)[:, None]
    return variance * (1 + more) / (1 + more * prior * variance)


def _by_shared(
    face: Face, observed: Observed, state: State, weights: Weights, shared_covariance: Tensor
) -> Tensor:
    """Variances (F, E) that how unsure identity and camera are gives to expressions.

    They are off by as much in every frame, for which coupling does nothing, and what that does
    changes slowly: a few frames are asked.
    """
    E = state.expression.shape[1]
    asked, near = _asked(state)
    some, there = observed.take(asked), state.take(asked)
    parts = []
    for rows in batches(there):
        alike = there.take(rows)
        moved = moved_by_shared(face, some.take(rows), alike, weights)[:, :E]
        parts.append(((moved @ shared_covariance[alike.clip]) * moved).sum(-1).clamp_min(0))
    return torch.cat(parts)[near]


def _asked(state: State) -> tuple[Tensor, Tensor]:
    """Frames that are asked, and for each frame (F,) which of those is near."""
    asked, near, before = [], [], 0
    for span in state.spans:
        last = span.stop - 1
        middles = torch.arange(span.start, span.stop, _ASKED).add(_ASKED // 2).clamp_max(last)
        near.append(torch.arange(span.stop - span.start) // _ASKED + before)
        asked.append(middles)
        before += len(middles)
    return torch.cat(asked).to(state.clip), torch.cat(near).to(state.clip)


def changes(state: State) -> Tensor:
    """What changes from each frame to the next (F - 1, E + 6), as steps of `State.moved`."""
    turned = camera.log_rotation(state.R[:-1].mT @ state.R[1:])
    return torch.cat(
        [
            state.expression.diff(dim=0),
            turned,
            state.sideways.diff(dim=0),
            state.log_scale.diff(dim=0)[:, None],
        ],
        1,
    )


def _prices(d: Tensor, H: Tensor, M: Tensor, coupling: Coupling, jitter: float) -> Tensor:
    """Weight (F - 1,) of each change, less the further it is beyond what jitter makes of it."""
    length = ((d @ M) * d).sum(1).clamp_min(0).sqrt()
    seen = torch.linalg.solve(H.mean(0), M)
    # Two frames' jitter, as much of it as the prior lets through.
    usual = jitter * (2 * (seen * seen.mT).sum()).clamp_min(0).sqrt()
    return coupling.weight * (coupling.onset * usual / length.clamp_min(1e-9)).clamp(max=1) ** 4
