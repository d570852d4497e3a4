"""What would have turned a verdict: for each threshold alone, where the clip changes sides.

    for point in turning_points(tables.alone("kitchen_04"), thresholds): print(point)
    max_yaw_deg 40 -> 46.2: kept

Nothing is guessed from the ledger: the clip is decided again with the changed threshold, so a point
that is given does turn the clip, and a threshold that is not given cannot turn it alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.reasons import State
from pipeline.dataset.decide import decide
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Gate
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.spans import TOLERANCE_S


@dataclass(frozen=True)
class TurningPoint:
    """The smallest change of one threshold with which a clip's verdict is another one."""

    threshold: str
    """Field of select's parameters."""
    now: float
    turns_at: float
    becomes: State

    @property
    def distance(self) -> float:
        """Size of the change as a share of the threshold."""
        return abs(self.turns_at - self.now) / max(abs(self.now), 1e-6)

    def __str__(self) -> str:
        return f"{self.threshold} {self.now:g} -> {self.turns_at:.6g}: {self.becomes}"


def turning_points(alone: Tables, thresholds: Select) -> list[TurningPoint]:
    """Find every threshold that could turn one clip by itself, the smallest change first.

    Args:
        alone: the measurements of that clip only.
        thresholds: what it was judged by.
    """
    before = _state(alone, thresholds)
    points = []
    for name, values in _candidates(alone, thresholds, before):
        turned = _first_that_turns(alone, thresholds, name, values, before)
        if turned is not None:
            points.append(turned)
    return sorted(points, key=lambda point: (point.distance, point.threshold))


def _state(alone: Tables, thresholds: Select) -> State:
    (row,) = decide(alone, thresholds).clips
    return row.state


def _candidates(
    alone: Tables, thresholds: Select, before: State
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Every threshold with the values that could matter, the least change first."""
    for gates, columns in ((FRAME_GATES, alone.frames), (VOICE_GATES, alone.voice)):
        for gate in gates:
            now = float(getattr(thresholds, gate.threshold))
            yield gate.threshold, _beyond(gate, columns[gate.measure], now, before)
    lengths = np.arange(1, int(alone.counts.sum()) + 2)
    seconds, gap = lengths / FPS, float(thresholds.max_gap_frames)
    if before is State.KEPT:
        # Just longer than a span can be, beyond what select forgives for rounding.
        longer = seconds + 2 * TOLERANCE_S
        yield "min_span_s", longer[longer > thresholds.min_span_s]
        yield "max_gap_frames", np.arange(gap)[::-1]
    else:
        yield "min_span_s", seconds[seconds < thresholds.min_span_s][::-1]
        yield "max_gap_frames", lengths[lengths > gap].astype(float)


def _beyond(
    gate: Gate, values: NDArray[np.float64], now: float, before: State
) -> NDArray[np.float64]:
    """Values that the limit would have to reach: laxer for what was dropped, else stricter."""
    known = np.unique(values[~np.isnan(values)])
    upward = (gate.op == ">=") == (before is State.KEPT)
    if before is State.KEPT:
        # A limit just beyond a value drops what has that value.
        known = np.unique(np.nextafter(known, np.inf if upward else -np.inf))
    return known[known > now] if upward else known[known < now][::-1]


def _first_that_turns(
    alone: Tables, thresholds: Select, name: str, values: NDArray[np.float64], before: State
) -> TurningPoint | None:
    """Bisect: a gate that is laxer never drops more, nor a stricter one less."""
    if not len(values) or _changed(alone, thresholds, name, values[-1]) is before:
        return None
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if _changed(alone, thresholds, name, values[middle]) is before:
            low = middle + 1
        else:
            high = middle
    after = _changed(alone, thresholds, name, values[low])
    now = float(getattr(thresholds, name))
    return TurningPoint(name, now, float(values[low]), after)


def _changed(alone: Tables, thresholds: Select, name: str, value: float) -> State:
    # model_copy checks nothing: a value beyond what params.yaml allows answers the question too.
    number = int(value) if name == "max_gap_frames" else float(value)
    return _state(alone, thresholds.model_copy(update={name: number}))
