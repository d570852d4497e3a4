"""What is known to be right about frames, by reviewers or because they were made so.

Labels are only ever compared with decisions; nothing decides by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.dataset import overrides
from pipeline.dataset.measures import Tables

UNKNOWN, GOOD, BAD = 0, 1, 2


@dataclass(frozen=True)
class Score:
    """How kept frames compare with labelled ones."""

    labelled: int
    precision: float
    """Of the labelled frames that are kept, how many are good; nan where none is kept."""
    recall: float
    """Of the good frames, how many are kept; nan where none is good."""


def of_reviewers(tables: Tables) -> NDArray[np.int8]:
    """Labels (N,) that overrides give."""
    painted = overrides.paint(tables.overrides, tables.place, tables.first)
    return np.select([painted == overrides.KEEP, painted == overrides.DROP], [GOOD, BAD], UNKNOWN)


def score(labels: NDArray[np.int8], kept: NDArray[np.bool_]) -> Score:
    """Compare labels (N,) with what is kept (N,)."""
    good, both = labels == GOOD, (labels == GOOD) & kept
    taken = kept & (labels != UNKNOWN)
    return Score(
        labelled=int((labels != UNKNOWN).sum()),
        precision=float(both.sum() / taken.sum()) if taken.any() else float("nan"),
        recall=float(both.sum() / good.sum()) if good.any() else float("nan"),
    )
