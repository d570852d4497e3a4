"""What would have kept a clip that breaks several rules at once, so that no one threshold can.

    together(tables.alone("kitchen_04"), thresholds)
    [Change("select.min_mouth_visible", 0.65, 0.58, "<="), ...]

A clip is kept if one stretch of it is: what is told is what the stretch needs that is nearest to
the thresholds, and it is decided again before it is told.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.dataset.gates import FRAME_GATES, Floats
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.spans import TOLERANCE_S
from pipeline.dataset.turning import Change, TurningPoint, mend, turning_points

TRIED = 4
"""Stretches that are decided again, the nearest first."""


def together(alone: Tables, thresholds: Select) -> list[Change]:
    """The smallest changes with which some stretch of one clip would have been kept.

    Args:
        alone: the measurements of that clip only.
        thresholds: what it was judged by.

    Returns:
        Changes that are all needed; nothing where no thresholds could keep it.
    """
    shortest = int(np.ceil((thresholds.min_span_s - TOLERANCE_S) * FPS))
    length = min(max(1, shortest), int(alone.counts.sum()))
    if not length:
        return []
    strain = _strain(alone, thresholds, length)
    starts = [int(at) for at in np.argsort(strain, kind="stable")[:TRIED] if strain[at] < np.inf]
    found = [mend(alone, thresholds, at, at + length) for at in starts]
    return min((changes for changes in found if changes), key=_size, default=[])


def either(alone: Tables, thresholds: Select) -> tuple[list[TurningPoint], list[Change]]:
    """What would have turned one clip: each threshold that could alone, else some together."""
    points = turning_points(alone, thresholds)
    return points, [] if points else together(alone, thresholds)


def _size(changes: list[Change]) -> float:
    return sum(abs(c.to - c.now) / max(abs(c.now), 1e-6) for c in changes)


def _strain(alone: Tables, thresholds: Select, length: int) -> Floats:
    """(W,) how far all gates would have to give for each stretch, as shares of their limits."""
    frames = int(alone.counts.sum())
    strain = np.zeros(frames - length + 1)
    for gate in FRAME_GATES:
        values = alone.frames[gate.measure]
        short = np.maximum(0.0, -gate.margin(values, float(getattr(thresholds, gate.threshold))))
        short[np.isnan(values)] = 0.0 if gate.unmeasured_passes else np.inf
        strain += sliding_window_view(short, length).max(axis=1)
    needed_s = float(alone.clips["min_event_s"][0])
    heard_s = sliding_window_view(_heard(alone, frames), length).sum(axis=1) / FPS
    return strain + np.maximum(0.0, 1.0 - heard_s / needed_s)


def _heard(alone: Tables, frames: int) -> NDArray[np.bool_]:
    """(N,) frames in which the infant sounds."""
    middle_s = (np.arange(frames) + 0.5) / FPS
    heard = np.zeros(frames, bool)
    for start_s, end_s in zip(alone.events["start_s"], alone.events["end_s"], strict=True):
        heard |= (middle_s >= start_s) & (middle_s < end_s)
    return heard
