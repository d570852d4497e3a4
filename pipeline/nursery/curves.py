"""Curves that performances are composed of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]

RATE_HZ = 120.0


def arch(times: Array, start_s: float, end_s: float, attack_s: float, release_s: float) -> Array:
    """Go up and down again by half cosines, 0 outside `start_s`..`end_s`."""
    attack_s = min(attack_s, 0.45 * (end_s - start_s))
    release_s = min(release_s, 0.5 * (end_s - start_s))
    up = np.clip((times - start_s) / attack_s, 0.0, 1.0)
    down = np.clip((end_s - times) / release_s, 0.0, 1.0)
    return np.sin(0.5 * np.pi * up) ** 2 * np.sin(0.5 * np.pi * down) ** 2


def rise_and_fall(phase: Array, rng: np.random.Generator) -> Array:
    """Pitch over a burst (phase 0..1) as a factor: up to a peak in its first half, then down."""
    top = rng.uniform(0.25, 0.5)
    return np.interp(phase, [0.0, top, 1.0], [0.88, rng.uniform(1.05, 1.2), 0.82])


def beats(start_s: float, end_s: float, rate_hz: float, rng: np.random.Generator) -> list[float]:
    """Give slightly uneven onsets, at least one."""
    count = max(1, int((end_s - start_s) * rate_hz))
    return [start_s + (i + rng.uniform(-0.08, 0.08) * (i > 0)) / rate_hz for i in range(count)]


def smooth(track: Array, sigma_s: float) -> Array:
    """Blur a track by a Gaussian."""
    return gaussian_filter1d(track, sigma_s * RATE_HZ, mode="nearest")


def ahead(track: Array, lead_s: float) -> Array:
    """Move a track earlier: the mouth opens before it is heard."""
    places = np.arange(len(track), dtype=float)
    return np.interp(places + lead_s * RATE_HZ, places, track)


def wander(times: Array, rng: np.random.Generator, amount: float, slow_s: float = 0.08) -> Array:
    """Random drift around 1, of standard deviation `amount`."""
    drift = gaussian_filter1d(rng.standard_normal(len(times)), slow_s * RATE_HZ)
    return 1.0 + amount * drift / max(float(drift.std()), 1e-9)
