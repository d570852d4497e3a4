"""How wide the mouth is open over time: time warping, correlation, and when it is closed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def aperture(vertices: NDArray, pair: tuple[int, int]) -> Doubles:
    """Distance of the inner lips' middles, (T, V, 3) -> (T,), mm."""
    upper, lower = pair
    gap = vertices[:, upper].astype(np.float64) - vertices[:, lower]
    return np.asarray(np.linalg.norm(gap, axis=-1))


def aperture_dtw(predicted: Doubles, true: Doubles) -> float:
    """Dynamic time warping of two series, absolute cost, sum over the best path / true length.

    As Imitator's and 3DiFACE's Lip-DTW: no band, no slope.
    """
    size = len(predicted)
    cost = np.abs(predicted[:, None] - true)
    total = np.full((size + 1, len(true) + 1), np.inf)
    total[0, 0] = 0.0
    for row in range(size):
        best = np.minimum(total[row, :-1], total[row, 1:])
        # From the left: total[j] = cost[j] + min(best[j], total[j - 1]), a running sum at heart.
        run = np.cumsum(cost[row])
        total[row + 1, 1:] = run + np.minimum.accumulate(best - run + cost[row])
    return float(total[-1, -1] / len(true))


def closed_counts(
    predicted: Doubles, true: Doubles, closed_mm: float, name: str = "closed"
) -> dict[str, int]:
    """Count frames rightly, wrongly and not called closed, from apertures (T,) in mm."""
    said, was = predicted < closed_mm, true < closed_mm
    return {
        f"{name}_hit": int((said & was).sum()),
        f"{name}_false": int((said & ~was).sum()),
        f"{name}_missed": int((~said & was).sum()),
    }


def f1(hit: float, false: float, missed: float) -> float | None:
    """F1 of counts; None where there was nothing to find and nothing was said."""
    if not hit + false + missed:
        return None
    return float(2 * hit / (2 * hit + false + missed))
