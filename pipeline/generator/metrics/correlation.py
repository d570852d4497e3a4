"""Whether what moves moves together: Pearson's and Lin's correlation over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STILL = 1e-9


def correlations(predicted: NDArray, true: NDArray) -> dict[str, float]:
    """Correlate each lip vertex's path over time, from lips (T, L, 3): `l_pcc` and `l_ccc`.

    Variances and covariance of a vertex are sums over x, y and z. A vertex whose path does not
    move, predicted or true, has correlation 0. Means over vertices.
    """
    pearson, lin = paths(predicted, true)
    return {"l_pcc": float(pearson.mean()), "l_ccc": float(lin.mean())}


def series(predicted: NDArray, true: NDArray) -> tuple[float, float]:
    """Pearson's and Lin's correlation of two series (T,); 0 where one of them does not move."""
    pearson, lin = paths(predicted[:, None, None], true[:, None, None])
    return float(pearson[0]), float(lin[0])


def paths(predicted: NDArray, true: NDArray) -> tuple[NDArray, NDArray]:
    """Both correlations of every path, (T, L, D) -> (L,), (L,)."""
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    middle, true_middle = predicted.mean(0), true.mean(0)
    moved, true_moved = predicted - middle, true - true_middle
    shared = (moved * true_moved).mean(0).sum(-1)
    own, true_own = (moved**2).mean(0).sum(-1), (true_moved**2).mean(0).sum(-1)
    apart = ((middle - true_middle) ** 2).sum(-1)
    still = np.minimum(own, true_own) < _STILL
    pearson = shared / np.sqrt(np.where(still, 1.0, own * true_own))
    lin = 2 * shared / np.where(still, 1.0, own + true_own + apart)
    return np.where(still, 0.0, pearson), np.where(still, 0.0, lin)
