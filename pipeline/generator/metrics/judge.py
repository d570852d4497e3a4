"""Every metric of one span, and of many together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.generator.metrics import rhythm
from pipeline.generator.metrics.aperture import aperture, aperture_dtw, closed_counts, f1
from pipeline.generator.metrics.correlation import correlations, series
from pipeline.generator.metrics.dynamics import dynamics, jerk, spread
from pipeline.generator.metrics.lips import lip_errors, mean_vertex_error
from pipeline.generator.metrics.regions import Regions

Row = Mapping[str, Any]
Rows = Sequence[Row]

LOWER_IS_BETTER = (
    "lve_mm2",
    "lve_l2_mm",
    "lve_rms_mm",
    "lve_centred_mm",
    "lve_xyz_mm2",
    "mve_mm",
    "aperture_dtw_mm",
    "fdd_abs_mm2",
)
HIGHER_IS_BETTER = ("l_pcc", "l_ccc", "aperture_pcc", "aperture_ccc")
COUNTED = ("mouth_closed_f1", "silence_closed_f1")
DESCRIBED = (
    "fdd_mm2",
    "upper_spread",
    "lower_spread",
    "jerk",
    "beat_alignment",
    "beat_alignment_true",
    "laugh_rate",
    "laugh_rate_true",
    "babble_rate",
    "babble_rate_true",
)
"""Best near a value of their own: 0, 1, or the truth's."""
RHYTHMIC = ("laugh", "babble")


def judge(
    predicted: NDArray,
    true: NDArray,
    rest: NDArray,
    regions: Regions,
    closed_mm: float,
    energy_db: NDArray,
    fps: float,
) -> dict[str, float]:
    """Take every metric of one span; F1, rates and spreads come from the counts, by `overall`.

    Args:
        predicted, true: (T, V, 3) mm, valid frames alone.
        rest: (V, 3) the same face at rest.
        regions: lips and parts of the face.
        closed_mm: an aperture below this is closed.
        energy_db: (T,) of the sound.
        fps: frames a second.
    """
    lips, upper, lower = regions.lips, regions.upper, regions.lower
    gap, true_gap = (aperture(v, regions.aperture_pair) for v in (predicted, true))
    quiet = rhythm.silent(energy_db, fps)
    pearson, lin = series(gap, true_gap)
    return {
        "frames": len(true),
        **lip_errors(predicted[:, lips], true[:, lips]),
        "mve_mm": mean_vertex_error(predicted, true),
        "aperture_dtw_mm": aperture_dtw(gap, true_gap),
        **correlations(predicted[:, lips], true[:, lips]),
        "aperture_pcc": pearson,
        "aperture_ccc": lin,
        **dynamics(predicted[:, upper], true[:, upper], rest[upper]),
        "upper_spread_mm": spread(predicted[:, upper]),
        "upper_spread_true_mm": spread(true[:, upper]),
        "lower_spread_mm": spread(predicted[:, lower]),
        "lower_spread_true_mm": spread(true[:, lower]),
        "jerk_m_s3": jerk(predicted[:, lower], fps),
        "jerk_true_m_s3": jerk(true[:, lower], fps),
        **closed_counts(gap, true_gap, closed_mm),
        **closed_counts(gap[quiet], true_gap[quiet], closed_mm, "silence"),
        **_beats(gap, true_gap, energy_db, fps),
    }


def _beats(gap: NDArray, true_gap: NDArray, energy_db: NDArray, fps: float) -> dict[str, float]:
    usual_mm = float(np.percentile(true_gap, 95))
    heard = rhythm.sound_onsets(energy_db, fps)
    seen = rhythm.mouth_onsets(gap, usual_mm, fps)
    truly = rhythm.mouth_onsets(true_gap, usual_mm, fps)
    found: dict[str, float] = {"heard": len(heard), "seen": len(seen), "seen_true": len(truly)}
    for name, mouth in (("beat_alignment", seen), ("beat_alignment_true", truly)):
        score = rhythm.beat_alignment(heard, mouth, fps)
        # nan, so that every span has the same columns; a silent one takes no part.
        found[name] = float("nan") if score is None else score
    return found


def overall(rows: Rows) -> dict[str, float]:
    """Put spans together: errors by frame, correlations by span, F1 and rates over all of them.

    What cannot be told is left out: F1 where the mouth neither was nor was said to be closed, a
    rate where nobody laughs. A rate is events seen for one heard; spreads and the jerk are the
    prediction's for one of the truth's.
    """
    found: dict[str, float | None] = {
        **{name: _by_frame(rows, name) for name in LOWER_IS_BETTER},
        **{name: float(np.mean([row[name] for row in rows])) for name in HIGHER_IS_BETTER},
        "lve_rms_mm": float(np.sqrt(_by_frame(rows, "lve_mm2"))),
        "mouth_closed_f1": _counted(rows, "closed"),
        "silence_closed_f1": _counted(rows, "silence"),
        "fdd_mm2": float(np.mean([row["fdd_mm2"] for row in rows])),
        "fdd_abs_mm2": float(np.mean([row["fdd_abs_mm2"] for row in rows])),
        "upper_spread": _ratio(rows, "upper_spread_mm", "upper_spread_true_mm"),
        "lower_spread": _ratio(rows, "lower_spread_mm", "lower_spread_true_mm"),
        "jerk": _ratio(rows, "jerk_m_s3", "jerk_true_m_s3"),
        "beat_alignment": _by_beat(rows, "beat_alignment"),
        "beat_alignment_true": _by_beat(rows, "beat_alignment_true"),
        **{f"{kind}_rate": _ratio(_of(rows, kind), "seen", "heard") for kind in RHYTHMIC},
        **{f"{kind}_rate_true": _ratio(_of(rows, kind), "seen_true", "heard") for kind in RHYTHMIC},
    }
    names = (*LOWER_IS_BETTER, *HIGHER_IS_BETTER, *COUNTED, *DESCRIBED)
    return {name: value for name in names if (value := found[name]) is not None}


def _by_frame(rows: Rows, name: str) -> float:
    return float(np.average([row[name] for row in rows], weights=[row["frames"] for row in rows]))


def _by_beat(rows: Rows, name: str) -> float | None:
    able = [row for row in rows if row["heard"]]
    if not able:
        return None
    return float(np.average([r[name] for r in able], weights=[r["heard"] for r in able]))


def _counted(rows: Rows, name: str) -> float | None:
    return f1(*(sum(row[f"{name}_{what}"] for row in rows) for what in ("hit", "false", "missed")))


def _ratio(rows: Rows, above: str, below: str) -> float | None:
    total = sum(row[below] for row in rows)
    return float(sum(row[above] for row in rows) / total) if total else None


def _of(rows: Rows, kind: str) -> Rows:
    return [row for row in rows if row.get("vocalization") == kind]
