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
Bools = NDArray[np.bool_]
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

    def fails(self, values: Floats, limit: float) -> Bools:
        """Where the rule is broken."""
        broken: Bools = ~OPERATORS[self.op](values, limit)
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
    Gate(Reason.STILL, "stirs_mm", ">=", "min_stirs_mm", unmeasured_passes=True),
    Gate(Reason.OUT_OF_FRAME, "mouth_inside", ">=", "min_mouth_inside"),
    Gate(Reason.FACE_SMALL, "face_px", ">=", "min_face_px"),
    Gate(Reason.DARK, "brightness", ">=", "min_brightness"),
    Gate(Reason.BLURRED, "sharpness", ">=", "min_sharpness"),
    Gate(Reason.TURNED_AWAY, "yaw_abs_deg", "<=", "max_yaw_deg"),
    Gate(Reason.TURNED_AWAY, "pitch_abs_deg", "<=", "max_pitch_deg"),
    Gate(Reason.FACE_HIDDEN, "face_visible", ">=", "min_face_visible"),
    Gate(Reason.MOUTH_HIDDEN, "mouth_visible", ">=", "min_mouth_visible"),
    Gate(Reason.MOUTH_HIDDEN, "mouth_of_usual", ">=", "min_mouth_of_usual"),
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


def first_failed(failed: Sequence[Bools]) -> NDArray[np.int8]:
    """(N,) number of the first gate that says no, or PASSED; `failed` has (N,) of each gate."""
    first = np.full(len(failed[0]), PASSED, np.int8)
    for number in reversed(range(len(failed))):
        np.copyto(first, np.int8(number), where=failed[number])
    return first


def judge(
    gates: Sequence[Gate], columns: Mapping[str, Floats], thresholds: Any
) -> NDArray[np.int8]:
    """(N,) the same, of measures (N,) by name."""
    asked = Failures(columns)
    return first_failed([asked.of(gate, thresholds) for gate in gates])


def closest(
    gates: Sequence[Gate], columns: Mapping[str, Floats], thresholds: Any
) -> NDArray[np.int8]:
    """(N,) number of the gate with the least room left, or PASSED where none was measured."""
    count = len(next(iter(columns.values())))
    nearest, room = np.full(count, PASSED, np.int8), np.full(count, np.inf)
    for number, gate in enumerate(gates):
        margin = gate.margin(columns[gate.measure], float(getattr(thresholds, gate.threshold)))
        # NaN compares false: what was not measured is never the closest.
        nearer = margin < room
        np.copyto(nearest, np.int8(number), where=nearer)
        np.copyto(room, margin, where=nearer)
    return nearest


class Failures:
    """What each gate says of measurements; asked again only where its threshold has moved."""

    def __init__(self, columns: Mapping[str, Floats]) -> None:
        self._columns = columns
        self._last: dict[Gate, tuple[float, Bools]] = {}

    def of(self, gate: Gate, thresholds: Any) -> Bools:
        """(N,) where the gate says no."""
        limit = float(getattr(thresholds, gate.threshold))
        known = self._last.get(gate)
        if known is None or known[0] != limit:
            known = limit, gate.fails(self._columns[gate.measure], limit)
            self._last[gate] = known
        return known[1]
