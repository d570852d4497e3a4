"""Smooth random movement: functions of time, so that any frame rate samples the same motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def drift(rng: np.random.Generator, time_s: Floats, fastest_hz: float, waves: int = 9) -> Floats:
    """Draw a smooth random curve of unit spread.

    Args:
        rng: consumed by a fixed amount, whatever `time_s` is.
        time_s: (F,) when to sample, in seconds.
        fastest_hz: no part of the curve moves faster.
        waves: how many sinusoids are summed; slow ones are the larger.

    Returns:
        (F,) values whose standard deviation over long times is 1.
    """
    frequency_hz = fastest_hz * np.geomspace(0.08, 1.0, waves) * rng.uniform(0.8, 1.0, waves)
    phase = rng.uniform(0.0, 2.0 * np.pi, waves)
    size = (frequency_hz / frequency_hz[0]) ** -0.5
    size *= np.sqrt(2.0 / np.sum(size**2))
    angle = 2.0 * np.pi * frequency_hz[:, None] * np.asarray(time_s)[None, :] + phase[:, None]
    return np.asarray(size @ np.sin(angle))


def ease(time_s: Floats, start_s: float, over_s: float) -> Floats:
    """Go from 0 to 1, beginning at `start_s` and taking `over_s`, without a jerk."""
    x = np.clip((np.asarray(time_s) - start_s) / max(over_s, 1e-6), 0.0, 1.0)
    return np.asarray(x * x * x * (10.0 - 15.0 * x + 6.0 * x * x))


def steps(rng: np.random.Generator, time_s: Floats, span_s: float, every_s: float) -> Floats:
    """Draw a gaze-like curve in about -1..1: still for a while, then a quick jump elsewhere."""
    value = np.full(len(time_s), rng.uniform(-1.0, 1.0))
    at_s = rng.uniform(0.2, 1.5) * every_s
    while at_s < span_s:
        target = rng.uniform(-1.0, 1.0)
        moved = ease(time_s, at_s, 0.06)
        value = value * (1.0 - moved) + target * moved
        at_s += rng.uniform(0.4, 1.6) * every_s
    return value
