"""Neighbouring frames of a fit, coupled; and how sure the fit is of every latent.

Each frame has been fitted by itself. Near there its cost is a quadric, and one Newton step on all
frames together, with a price on how far a frame is from the next, is a Kalman smoother in
parallel. The price is in the metric of what the landmarks can tell, so that every direction is
smoothed alike. It is robust: a change beyond the landmarks' own jitter is motion, for which the
price fades with the fourth power of its size, so that onsets stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.morph import camera
from pipeline.morph.fit_chain import solve_chain
from pipeline.morph.fit_solve import Weights, linearise_all, with_prior
from pipeline.morph.fit_system import POSE, Face, Observed, State, offsets

# Coupling reaches a few frames far, so that windows which overlap by more give what one would.
_WINDOW = 240
_MARGIN = 12
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
    jitter: float
    """The landmarks' noise from frame to frame, in units of their assumed noise."""
    onset: float
    """Changes of so many times the noise are taken for motion."""


@dataclass(frozen=True)
class Smoothed:
    """Frames once coupled."""

    state: State
    variance: Tensor
    """(F, E) of expression latents."""


def jitter_of(face: Face, observed: Observed, state: State, frame: Tensor) -> float:
    """Noise of the landmarks from frame to frame, in units of their noise; 0 where it is unknown.

    From third differences (Rice 1984, one order further) of what each frame's fit leaves: motion,
    fast motion too, is in the fit, and where landmarks stray alike in every frame drops out.
    """
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
    some = size[:: max(1, len(size) // 100_000)]
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
    """Couple F fitted frames; frame (F,) are their numbers, next to one another where they differ
    by one; shared_covariance (S + 1, S + 1) is how sure the shared unknowns are."""
    pieces, variances, F = [], [], len(frame)
    for start in range(0, F, _WINDOW):
        first, last = max(0, start - _MARGIN), min(F, start + _WINDOW + _MARGIN)
        rows = slice(first, last)
        step, variance = _window(
            face, observed.take(rows), state.take(rows), weights, shared_covariance, coupling,
            frame[rows],
        )  # fmt: skip
        own = slice(start - first, min(start + _WINDOW, F) - first)
        pieces.append(step[own])
        variances.append(variance[own])
    return Smoothed(state.moved(torch.cat(pieces)), torch.cat(variances))


def _window(
    face: Face,
    observed: Observed,
    state: State,
    weights: Weights,
    shared_covariance: Tensor,
    coupling: Coupling,
    frame: Tensor,
) -> tuple[Tensor, Tensor]:
    """Steps (F, n) and variances (F, E)."""
    alone = linearise_all(face, observed, state, weights, with_shared=True)
    normal = with_prior(alone, observed, state, weights)
    n, E = state.expression.shape[1] + POSE, state.expression.shape[1]
    # Radians meet millimetres: one scale for all frames keeps the chain a chain.
    unit = torch.diagonal(normal.H[:, :n, :n], dim1=1, dim2=2).mean(0).clamp_min(1e-12).rsqrt()
    square = unit[:, None] * unit
    H, M = normal.H[:, :n, :n] * square, alone.H[:, :n, :n].mean(0) * square
    d = changes(state) / unit
    price = _prices(d, H, M, coupling) * (frame[1:] - frame[:-1] == 1)
    D, g = H.clone(), normal.g[:, :n] * unit
    pulled = price[:, None] * (d @ M)
    g[:-1] -= pulled
    g[1:] += pulled
    between = price[:, None, None] * M
    D[:-1] += between
    D[1:] += between
    to_shared = normal.H[:, :n, n:] * unit[:, None]
    solved = solve_chain(D, -between, torch.cat([g[..., None], to_shared], -1))
    by_shared = solved.x[:, :E, 1:] * unit[:E, None]
    spread = torch.einsum("fek,kl,fel->fe", by_shared, shared_covariance, by_shared)
    own = torch.diagonal(solved.covariance, dim1=1, dim2=2)[:, :E] * unit[:E] ** 2
    return -solved.x[..., 0] * unit, own + spread.clamp_min(0)


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


def _prices(d: Tensor, H: Tensor, M: Tensor, coupling: Coupling) -> Tensor:
    """Weight (F - 1,) of each change, less the further it is beyond what jitter makes of it."""
    length = ((d @ M) * d).sum(1).clamp_min(0).sqrt()
    seen = torch.linalg.solve(H.mean(0), M)
    # Two frames' jitter, as much of it as the prior lets through.
    usual = coupling.jitter * (2 * (seen * seen.mT).sum()).clamp_min(0).sqrt()
    return coupling.weight * (coupling.onset * usual / length.clamp_min(1e-9)).clamp(max=1) ** 4
