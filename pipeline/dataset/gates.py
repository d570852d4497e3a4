"""The gates: one line each. A gate compares a measured column with a threshold of params.yaml.

    Gate(Reason.DARK, "brightness", ">=", "min_brightness")

reads: a frame is dark unless brightness >= select.min_brightness. The order of a list is the order
in which gates are asked; what is dropped is dropped for the first that it fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.ledger import OPERATORS
from pipeline.core.reasons import Reason

Floats = NDArray[np.float64]
PASSED = -1


@dataclass(frozen=True)
class Gate:
    """A rule that what is kept obeys: `measure op threshold`."""

    reason: Reason
    measure: str
    """Column of the measurements."""
    op: Literal[">=", "<="]
    threshold: str
    """Field of the thresholds."""
    unmeasured_passes: bool = False
    """Whether a value that could not be taken speaks for (True) or against (False)."""

    def fails(self, values: Floats, limit: float) -> NDArray[np.bool_]:
        """Where the rule is broken."""
        broken: NDArray[np.bool_] = ~OPERATORS[self.op](values, limit)
        return broken & ~np.isnan(values) if self.unmeasured_passes else broken

    def margin(self, values: Floats, limit: float) -> Floats:
        """How far inside the rule values lie, as a share of the limit; negative outside."""
        sign = 1.0 if self.op == ">=" else -1.0
        return sign * (values - limit) / max(abs(limit), 1e-6)


FRAME_GATES = (
    Gate(Reason.NO_FACE, "face_score", ">=", "min_face_score"),
    Gate(Reason.UNSURE, "surety", ">=", "min_surety"),
    Gate(Reason.ADULT_ONLY, "infant_likeness", ">=", "min_infant_likeness"),
    Gate(
        Reason.TWO_INFANTS,
        "rival_likeness",
        "<=",
        "max_rival_likeness",
        unmeasured_passes=True,
    ),
    Gate(Reason.OUT_OF_FRAME, "mouth_inside", ">=", "min_mouth_inside"),
    Gate(Reason.FACE_SMALL, "face_px", ">=", "min_face_px"),
    Gate(Reason.DARK, "brightness", ">=", "min_brightness"),
    Gate(Reason.BLURRED, "sharpness", ">=", "min_sharpness"),
    Gate(Reason.TURNED_AWAY, "yaw_abs_deg", "<=", "max_yaw_deg"),
    Gate(Reason.TURNED_AWAY, "pitch_abs_deg", "<=", "max_pitch_deg"),
    Gate(Reason.FACE_HIDDEN, "face_visible", ">=", "min_face_visible"),
    Gate(Reason.MOUTH_HIDDEN, "mouth_visible", ">=", "min_mouth_visible"),
)
"""Asked of every frame."""

VOICE_GATES = (
    Gate(Reason.NO_INFANT_VOICE, "infant_s", ">=", "min_infant_s"),
    Gate(Reason.CLIPPED, "clipped_share", "<=", "max_clipped_share", unmeasured_passes=True),
    Gate(Reason.ADULT_TALKS_OVER, "adult_overlap", "<=", "max_adult_overlap"),
    Gate(Reason.TOO_NOISY, "snr_db", ">=", "min_snr_db"),
    Gate(Reason.ECHOING, "decay_s", "<=", "max_decay_s", unmeasured_passes=True),
    Gate(
        Reason.WRONG_VOCALIZATION,
        "claimed_score",
        ">=",
        "min_claimed_score",
        unmeasured_passes=True,
    ),
)
"""Asked of every clip; a clip that fails one keeps no frame."""


@dataclass(frozen=True)
class Judged:
    """What gates said, one value a frame or clip."""

    gate: NDArray[np.int8]
    """Number of the first gate that was failed, or PASSED."""
    closest: NDArray[np.int8]
    """That gate; where all were passed, the one with the least room left, or PASSED."""
    measured: Floats
    """Value at the closest gate."""
    threshold: Floats
    """Limit of the closest gate."""

    @property
    def passed(self) -> NDArray[np.bool_]:
        """Where no gate was failed."""
        return self.gate == PASSED


def judge(gates: Sequence[Gate], columns: Mapping[str, Floats], thresholds: Any) -> Judged:
    """Ask `gates` in order; `columns` maps each gate's measure to (N,) values."""
    count = len(next(iter(columns.values())))
    gate = np.full(count, PASSED, np.int8)
    closest = np.full(count, PASSED, np.int8)
    measured, threshold = np.full(count, np.nan), np.full(count, np.nan)
    room = np.full(count, np.inf)
    for number, rule in enumerate(gates):
        values, limit = columns[rule.measure], float(getattr(thresholds, rule.threshold))
        asked = gate == PASSED
        failed = asked & rule.fails(values, limit)
        margin = rule.margin(values, limit)
        # NaN compares false: what was not measured is never the closest.
        nearer = asked & (failed | (margin < room))
        gate[failed] = number
        closest[nearer] = number
        measured[nearer], threshold[nearer] = values[nearer], limit
        room[nearer] = margin[nearer]
    return Judged(gate, closest, measured, threshold)
