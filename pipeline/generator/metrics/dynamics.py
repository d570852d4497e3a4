"""How much a face moves, whether or not it moves rightly: FDD, and the spread of motion.

FDD, the upper-face dynamics deviation (CodeTalker): of every upper-face vertex take its squared
distance from the face at rest over time, of that the standard deviation; the mean over vertices of
the truth's less that of the prediction. Signed, a lively wrong face cancels a stiff one;
FaceDiffuser takes the absolute value, and so does `fdd_abs_mm2`, of each sequence.

The spread of motion is the mean over vertices of the root of the variance of their paths, mm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dynamics(predicted: NDArray, true: NDArray, rest: NDArray) -> dict[str, float]:
    """Compare upper faces (T, U, 3), with the same vertices at rest (U, 3), mm."""
    gap = _dynamic(true, rest) - _dynamic(predicted, rest)
    return {"fdd_mm2": gap, "fdd_abs_mm2": abs(gap)}


def _dynamic(vertices: NDArray, rest: NDArray) -> float:
    moved = vertices.astype(np.float64) - rest
    return float((moved**2).sum(-1).std(axis=0).mean())


def spread(vertices: NDArray) -> float:
    """Mean over vertices of how far they stray from their mean place, (T, V, 3), mm."""
    return float(np.sqrt(vertices.astype(np.float64).var(axis=0).sum(-1)).mean())
