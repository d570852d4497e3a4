"""Whether some infants are kept less often than others: keep rates by group, and how sure that is.

    table = retention(clips)
    trait  group         clips kept rate  low  high  rest_rate difference ... p_holm differs
    tone   light           180  131 0.73 0.66  0.79       0.70      0.03       0.71   False
    tone   brown            64   22 0.34 0.24  0.47       0.74     -0.40    0.00001    True

What is counted is clips, because frames of one clip are kept and dropped together. Clips of one
child are not wholly independent either: a group that rests on few sources is less sure than its
interval says, so that their number stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import fisher_exact

UNKNOWN = "not known"
"""The group of clips of which a trait is not known; it is counted and compared with nothing."""
Z = 1.959964
"""Standard normal deviate of a two-sided 95% interval."""
ALPHA = 0.05
COLUMNS = (
    "trait",
    "group",
    "clips",
    "kept",
    "sources",
    "rate",
    "low",
    "high",
    "rest_rate",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "p_holm",
    "differs",
)


def retention(clips: pd.DataFrame, traits: Sequence[str]) -> pd.DataFrame:
    """How often each group is kept, against all others of whom the same trait is known.

    Args:
        clips: a row a clip: `kept` (bool), `source`, and a column a trait with the name of its
            group; an ordered categorical keeps the order of its groups, and others come by size.
        traits: the columns to group by.

    Returns:
        Columns as in `COLUMNS`, a row for each group that has clips. Of proportions: `low` and
        `high` are Wilson's 95% interval of `rate`; `difference` is from the rest, with Newcombe's
        interval; `p` is Fisher's, two-sided, `p_holm` the same after Holm over the groups of the
        trait, and `differs` whether that is below 0.05. Where there is no rest these are nan.
    """
    parts = [row for trait in traits for row in _holm(list(_groups(clips, trait)))]
    return pd.DataFrame(parts, columns=list(COLUMNS))


def wilson(kept: int, clips: int) -> tuple[float, float]:
    """95% interval of a proportion after Wilson 1927."""
    if not clips:
        return 0.0, 1.0
    rate, square = kept / clips, Z * Z
    middle = (rate + square / (2 * clips)) / (1 + square / clips)
    reach = Z / (1 + square / clips)
    reach *= float(np.sqrt(rate * (1 - rate) / clips + square / (4 * clips * clips)))
    # At the ends rounding would leave the rate itself outside.
    return max(0.0, min(middle - reach, rate)), min(1.0, max(middle + reach, rate))


def newcombe(kept: int, clips: int, kept_rest: int, rest: int) -> tuple[float, float]:
    """95% interval of a group's rate less the rest's, after Newcombe 1998 (his method 10)."""
    rate, other = kept / clips, kept_rest / rest
    (low, high), (low_rest, high_rest) = wilson(kept, clips), wilson(kept_rest, rest)
    gap = rate - other
    below = float(np.hypot(rate - low, high_rest - other))
    return gap - below, gap + float(np.hypot(high - rate, other - low_rest))


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values (N,) of one family after Holm 1979."""
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def _groups(clips: pd.DataFrame, trait: str) -> Iterator[dict[str, object]]:
    """Rows of one trait's groups, but for what takes all of them together."""
    known = clips[clips[trait] != UNKNOWN]
    counted = clips.groupby(trait, observed=True, sort=True).agg(
        clips=("kept", "size"), kept=("kept", "sum"), sources=("source", "nunique")
    )
    if not isinstance(clips[trait].dtype, pd.CategoricalDtype):
        counted = counted.sort_values("clips", ascending=False, kind="stable")
    for name, clip_count, kept, sources in counted.itertuples(name=None):
        low, high = wilson(kept, clip_count)
        yield {
            "trait": trait,
            "group": str(name),
            "clips": clip_count,
            "kept": kept,
            "sources": sources,
            "rate": kept / clip_count,
            "low": low,
            "high": high,
            "p_holm": np.nan,
            "differs": False,
            **_against(
                kept, clip_count, int(known["kept"].sum()), 0 if name == UNKNOWN else len(known)
            ),
        }


def _against(kept: int, clips: int, kept_all: int, everybody: int) -> dict[str, float]:
    """A group compared with everybody else."""
    names = ("rest_rate", "difference", "difference_low", "difference_high", "p")
    rest, kept_rest = everybody - clips, kept_all - kept
    if rest <= 0:
        return dict.fromkeys(names, np.nan)
    low, high = newcombe(kept, clips, kept_rest, rest)
    p = _fisher(kept, clips - kept, kept_rest, rest - kept_rest)
    return dict(
        zip(names, (kept_rest / rest, kept / clips - kept_rest / rest, low, high, p), strict=True)
    )


@cache
def _fisher(kept: int, dropped: int, kept_rest: int, dropped_rest: int) -> float:
    """Two-sided p-value; thousands of small sources share few tables."""
    return float(fisher_exact([[kept, dropped], [kept_rest, dropped_rest]]).pvalue)


def _holm(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Rows of one trait with the p-values corrected for how many of them there are."""
    p = np.array([row["p"] for row in rows], dtype=np.float64)
    tested = np.flatnonzero(np.isfinite(p))
    for number, adjusted in zip(tested, holm(p[tested]), strict=True):
        rows[number] |= {"p_holm": float(adjusted), "differs": bool(adjusted < ALPHA)}
    return rows
