"""When things begin: events of the sound against events of the mouth.

An event is a peak that stands out of its surroundings; it begins where half of its rise is done.
Beat alignment is AIST++'s (Li et al. 2021), from the sound to the mouth: the mean over the sound's
onsets of exp(-d^2 / 2 s^2), d the distance to the nearest onset of the mouth, s 50 ms. Mouths open
before they are heard, so that the truth has no 1 either: its own score belongs beside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.signal import find_peaks

Doubles = NDArray[np.float64]

RANGE_DB = 25.0
"""Sound this far below its own loud parts is silence."""
FLOOR_DB = -60.0
SOFTNESS_S = 0.05
NEAR_S = 0.3
"""So long before and after a sound it is no silence yet."""
_APART_S = 0.1
_STANDS_OUT = 0.2
_LEAST_MM = 1.0


def loudness(energy_db: NDArray) -> Doubles:
    """Energies (T,) in dB as 0 (silent) to 1 (as loud as the loudest twentieth)."""
    top = max(float(np.percentile(energy_db, 95)), FLOOR_DB + RANGE_DB)
    return np.clip((energy_db.astype(np.float64) - top) / RANGE_DB + 1.0, 0.0, 1.0)


def silent(energy_db: NDArray, fps: float) -> NDArray[np.bool_]:
    """Tell frames (T,) of silence: nothing is heard in them, nor shortly before or after.

    Between two bursts, and while it opens for the next one, a mouth is rightly open.
    """
    heard = loudness(energy_db) > 0.0
    around = np.ones(2 * round(NEAR_S * fps) + 1, bool)
    return ~binary_dilation(heard, around)


def sound_onsets(energy_db: NDArray, fps: float) -> Doubles:
    """Frames at which events of the sound begin."""
    return onsets(loudness(energy_db), _STANDS_OUT, fps)


def mouth_onsets(aperture_mm: NDArray, usual_mm: float, fps: float) -> Doubles:
    """Frames at which the mouth opens; `usual_mm` is how far it goes when it opens."""
    return onsets(aperture_mm, max(_STANDS_OUT * usual_mm, _LEAST_MM), fps)


def onsets(track: NDArray, prominence: float, fps: float) -> Doubles:
    """Frames (fractions too) at which peaks of a track (T,) have done half of their rise."""
    apart = max(1, round(_APART_S * fps))
    # Ends count as low, or an event that the span cuts off would be none.
    padded = np.pad(np.asarray(track, np.float64), 1, constant_values=float(np.min(track)))
    _, found = find_peaks(padded, prominence=prominence, distance=apart, width=0, rel_height=0.5)
    return np.asarray(found["left_ips"]) - 1.0


def beat_alignment(heard: Doubles, seen: Doubles, fps: float) -> float | None:
    """Score how near to every onset heard one is seen, 0..1; None where nothing is heard."""
    if not len(heard):
        return None
    if not len(seen):
        return 0.0
    nearest = np.abs(heard[:, None] - seen).min(axis=1) / fps
    return float(np.exp(-(nearest**2) / (2 * SOFTNESS_S**2)).mean())
