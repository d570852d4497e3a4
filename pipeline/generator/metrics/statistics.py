"""How sure a figure is: intervals over sources, paired differences, seeds apart from sources.

Clips of one child are no independent witnesses, so what is drawn with replacement are sources. A
difference between two methods is taken source by source; its p value comes from flipping signs,
and several at once are corrected by Holm's method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_ALL_FLIPS = 12
"""With so many sources or fewer every combination of signs is tried."""


def interval(values: Mapping[str, float], seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """95% interval of the mean of one value a source, by drawing sources with replacement."""
    ordered = np.array([values[source] for source in sorted(values)], float)
    picked = np.random.default_rng(seed).integers(0, len(ordered), (draws, len(ordered)))
    low, high = np.percentile(ordered[picked].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def sign_flip(differences: Sequence[float], seed: int = 0, draws: int = 9999) -> float:
    """P value, two-sided, of differences (one a source) whose sign may as well be the other.

    Exact up to 12 differences, by random signs beyond.
    """
    values = np.asarray(differences, float)
    if len(values) <= _ALL_FLIPS:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(values))))
        extra = 0
    else:
        signs = np.random.default_rng(seed).choice((-1.0, 1.0), (draws, len(values)))
        extra = 1
    reached = np.abs(signs @ values) >= abs(values.sum()) * (1 - 1e-12)
    return float((reached.sum() + extra) / (len(signs) + extra))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number, step by step (Holm 1979); in the order given."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return [float(value) for value in corrected]


def spreads(values: Mapping[tuple[int, str], float]) -> tuple[float, float]:
    """Standard deviation over seeds and over sources, from one value a (seed, source).

    The first is of the seeds' means over sources, the second of the sources' means over seeds;
    nan with a single one.
    """
    seeds = sorted({seed for seed, _ in values})
    sources = sorted({source for _, source in values})
    table = np.array([[values[seed, source] for source in sources] for seed in seeds])
    return _deviation(table.mean(axis=1)), _deviation(table.mean(axis=0))


def _deviation(values: Doubles) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
