"""How far a predicted face is from the true one, by every convention that papers use.

The lip vertex error (LVE) has four definitions under one name. The main one here is `lve_mm2`:
over all frames, the mean of the largest squared distance of a lip vertex (CodeTalker's, and after
it FaceDiffuser, DiffSpeaker and torchmetrics). Beside it:

    lve_l2_mm        mean of the largest distance, not squared (UniTalker, Imitator)
    lve_rms_mm       root of lve_mm2 (ARTalk)
    lve_centred_mm   as lve_l2_mm after taking out each frame's mean lip position (MeshTalk)
    lve_xyz_mm2      mean over x, y, z and frames of the largest squared difference (3DiFACE)
    mve_mm           mean distance of all vertices
    aperture_dtw_mm  time warping of the mouth's aperture, absolute cost, over the true length
    l_pcc, l_ccc     Pearson's and Lin's correlation of each lip vertex's path, mean over vertices
    mouth_closed_f1  F1 of frames in which the mouth is closed

Arrays are numpy, vertices (T, V, 3) in mm, valid frames alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

LOWER_IS_BETTER = (
    "lve_mm2",
    "lve_l2_mm",
    "lve_rms_mm",
    "lve_centred_mm",
    "lve_xyz_mm2",
    "mve_mm",
    "aperture_dtw_mm",
)
HIGHER_IS_BETTER = ("l_pcc", "l_ccc", "mouth_closed_f1")


def lip_errors(predicted: NDArray, true: NDArray) -> dict[str, float]:
    """Take the LVE by every convention, from lips (T, L, 3)."""
    gap = predicted.astype(np.float64) - true
    squared = (gap**2).sum(-1).max(-1)
    centred = gap - gap.mean(axis=1, keepdims=True)
    return {
        "lve_mm2": float(squared.mean()),
        "lve_l2_mm": float(np.sqrt(squared).mean()),
        "lve_rms_mm": float(np.sqrt(squared.mean())),
        "lve_centred_mm": float(np.sqrt((centred**2).sum(-1).max(-1)).mean()),
        "lve_xyz_mm2": float((gap**2).max(axis=1).mean()),
    }


def mean_vertex_error(predicted: NDArray, true: NDArray) -> float:
    """Mean distance over vertices and frames, mm."""
    return float(np.linalg.norm(predicted.astype(np.float64) - true, axis=-1).mean())


def aperture(vertices: NDArray, pair: tuple[int, int]) -> Doubles:
    """Distance of the inner lips' middles, (T, V, 3) -> (T,), mm."""
    upper, lower = pair
    gap = vertices[:, upper].astype(np.float64) - vertices[:, lower]
    return np.asarray(np.linalg.norm(gap, axis=-1))


def aperture_dtw(predicted: Doubles, true: Doubles) -> float:
    """Dynamic time warping of two series, absolute cost, sum over the best path / true length."""
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


def correlations(predicted: NDArray, true: NDArray) -> dict[str, float]:
    """Correlate each lip vertex's path over time, from lips (T, L, 3).

    Variances and covariance of a vertex are sums over x, y and z. A vertex whose path does not
    move, predicted or true, has correlation 0.
    """
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    middle, true_middle = predicted.mean(0), true.mean(0)
    moved, true_moved = predicted - middle, true - true_middle
    shared = (moved * true_moved).mean(0).sum(-1)
    own, true_own = (moved**2).mean(0).sum(-1), (true_moved**2).mean(0).sum(-1)
    apart = ((middle - true_middle) ** 2).sum(-1)
    still = np.minimum(own, true_own) < 1e-9
    pearson = shared / np.sqrt(np.where(still, 1.0, own * true_own))
    lin = 2 * shared / np.where(still, 1.0, own + true_own + apart)
    return {
        "l_pcc": float(np.where(still, 0.0, pearson).mean()),
        "l_ccc": float(np.where(still, 0.0, lin).mean()),
    }


def closed_counts(predicted: Doubles, true: Doubles, closed_mm: float) -> dict[str, int]:
    """Count frames rightly, wrongly and not called closed, from apertures (T,) in mm."""
    said, was = predicted < closed_mm, true < closed_mm
    return {
        "closed_hit": int((said & was).sum()),
        "closed_false": int((said & ~was).sum()),
        "closed_missed": int((~said & was).sum()),
    }


def judge(
    predicted: NDArray,
    true: NDArray,
    lips: NDArray[np.integer],
    pair: tuple[int, int],
    closed_mm: float,
) -> dict[str, float]:
    """Take every metric of one span, (T, V, 3) mm each; F1 comes from the counts, by `overall`."""
    gap, true_gap = aperture(predicted, pair), aperture(true, pair)
    return {
        "frames": len(true),
        **lip_errors(predicted[:, lips], true[:, lips]),
        "mve_mm": mean_vertex_error(predicted, true),
        "aperture_dtw_mm": aperture_dtw(gap, true_gap),
        **correlations(predicted[:, lips], true[:, lips]),
        **closed_counts(gap, true_gap, closed_mm),
    }


def overall(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Put spans together: errors by frame, correlations by span, F1 over all frames.

    `mouth_closed_f1` is left out where the mouth neither was nor was said to be closed.
    """
    frames = np.array([row["frames"] for row in rows], float)

    def by_frame(name: str) -> float:
        return float(np.average([row[name] for row in rows], weights=frames))

    means = {name: by_frame(name) for name in LOWER_IS_BETTER if name != "lve_rms_mm"}
    means["lve_rms_mm"] = float(np.sqrt(means["lve_mm2"]))
    for name in ("l_pcc", "l_ccc"):
        means[name] = float(np.mean([row[name] for row in rows]))
    hit, false, missed = (
        sum(row[f"closed_{what}"] for row in rows) for what in ("hit", "false", "missed")
    )
    if hit + false + missed:
        means["mouth_closed_f1"] = float(2 * hit / (2 * hit + false + missed))
    return {name: means[name] for name in (*LOWER_IS_BETTER, *HIGHER_IS_BETTER) if name in means}


def interval(
    differences: Mapping[str, float], seed: int = 0, draws: int = 2000
) -> tuple[float, float]:
    """95% interval of the mean of one difference a clip, by drawing clips with replacement."""
    values = np.array([differences[clip] for clip in sorted(differences)], float)
    picked = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    low, high = np.percentile(values[picked].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
