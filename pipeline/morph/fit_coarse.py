"""The first steps of a fit look at every third landmark, the last at all that can be believed.

The first are only on the way, and what a step costs goes by its landmarks. The last start at most
the landmarks' noise away, and end where they would have ended: by then it is plain which landmarks
lie where no noise would put them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from pipeline.morph.fit_solve import Weights, fit_frames, fit_shared
from pipeline.morph.fit_state import Observed, State
from pipeline.morph.fit_system import Face, credible

_EVERY = 3
_UNDAMPED = 1e-7


@dataclass(frozen=True)
class _Few:
    face: Face
    rows: Tensor
    """Which landmarks those of `face` are."""

    def of(self, observed: Observed) -> Observed:
        points, weight = observed.points, observed.weight
        return replace(
            observed,
            points=points.index_select(1, self.rows),
            weight=weight.index_select(1, self.rows),
        )


def shared_coarse_first(
    face: Face, observed: Observed, state: State, weights: Weights, iterations: int
) -> tuple[State, int]:
    """As `fit_shared`, which see; the last step undamped, and in double precision.

    Along some ways what all frames share is known so badly that damping stops short of its end,
    and what single precision rounds, otherwise on another machine, moves a head by micrometres.
    """
    # For the same reason more steps see all landmarks.
    state, before = _coarse_first(
        fit_shared, iterations // 2, face, observed, state, weights, iterations - 1
    )
    exact, believed = face.to(str(state.R.device), torch.float64), credible(face, observed, state)
    doubled = believed.to(torch.float64), state.to(torch.float64), weights.to(torch.float64)
    last, after = fit_shared(exact, *doubled, 1, _UNDAMPED)
    return last.to(state.R.dtype), before + after


def frames_coarse_first(
    face: Face, observed: Observed, state: State, weights: Weights, iterations: int
) -> tuple[State, int]:
    """As `fit_frames`, which see."""
    early = 2 * iterations // 3
    return _coarse_first(fit_frames, early, face, observed, state, weights, iterations)


def _coarse_first(
    fit: Callable[[Face, Observed, State, Weights, int], tuple[State, int]],
    early: int,
    face: Face,
    observed: Observed,
    state: State,
    weights: Weights,
    iterations: int,
) -> tuple[State, int]:
    """`early` steps with few landmarks, then the others; a single step sees all at once."""
    before = 0
    if early:
        few = _few(face)
        state, before = fit(few.face, few.of(observed), state, weights, early)
        observed = credible(face, observed, state)
    state, after = fit(face, observed, state, weights, iterations - early)
    return state, before + after


# A face is known by itself, not by its content, and every clip asks for the same ones.
@lru_cache(maxsize=8)
def _few(face: Face) -> _Few:
    kept = torch.zeros(len(face.noise_mm), dtype=torch.bool, device=face.noise_mm.device)
    # Openings are few, and what the mouth does hangs on them.
    kept[::_EVERY] = kept[face.pairs.flatten()] = True
    rows = torch.nonzero(kept)[:, 0]
    return _Few(
        replace(
            face,
            surface=face.surface.some(rows),
            noise_mm=face.noise_mm[rows],
            pairs=torch.searchsorted(rows, face.pairs),
            loose=None,
        ),
        rows,
    )
