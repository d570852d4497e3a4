"""How much a face moves, whether or not it moves rightly: FDD, the spread of motion, jerk.

FDD, the upper-face dynamics deviation (CodeTalker): of every upper-face vertex take its squared
distance from the face at rest over time, of that the standard deviation; the mean over vertices of
the truth's less that of the prediction. Signed, a lively wrong face cancels a stiff one;
FaceDiffuser takes the absolute value, and so does `fdd_abs_mm2`, of each sequence.

The spread of motion is the mean over vertices of the root of the variance of their paths, mm.

Jerk is the mean length of a path's third derivative (the "jitter" of TransPose, Yi et al. 2021): a
tremble of tenths of a millimetre costs next to nothing in every other metric.
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


def jerk(vertices: NDArray, fps: float) -> float:
    """Mean over vertices and time of how long their jerks are, (T, V, 3) mm, m/s3; 0 of T < 4."""
    jerks = np.diff(vertices.astype(np.float64), 3, axis=0) * (fps**3 / 1000)
    return float(np.linalg.norm(jerks, axis=-1).mean()) if len(jerks) else 0.0
