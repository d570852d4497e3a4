"""What colour a sound has: how its power is shared out among bands, step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.voice.backends import RATE, Samples
from pipeline.voice.sounding import framed

BANDS = 12
_LOW_HZ, _HIGH_HZ = 150.0, 3800.0
"""Phones keep nothing above: whether something is there must not tell who it is."""
_SIZE = 640
_LEAST_DB = -50.0


def bands_db(wave: Samples, steps: int) -> NDArray[np.float32]:
    """How much of the power of a wave (n,) lies in each band (steps, BANDS), in dB, at most 0."""
    found = np.full((steps, BANDS), _LEAST_DB, np.float32)
    for at, frames in framed(wave, steps, _SIZE):
        power = np.square(np.abs(fft.rfft(frames.astype(np.float32) * _WINDOW)))
        shares = (power @ _SHARES + 1e-10) / (power.sum(1, keepdims=True) + 1e-7)
        found[at] = np.clip(10 * np.log10(shares), _LEAST_DB, 0)
    return found


def _shares() -> NDArray[np.float32]:
    """Of each bin (_SIZE / 2 + 1, BANDS), how far it belongs to a band: triangles in octaves."""
    octaves = np.log2(np.maximum(np.arange(_SIZE // 2 + 1), 0.5) * RATE / _SIZE)
    middles = np.linspace(np.log2(_LOW_HZ), np.log2(_HIGH_HZ), BANDS)
    apart = np.abs(octaves[:, None] - middles) / (middles[1] - middles[0])
    return np.asarray(np.clip(1 - apart, 0, 1), np.float32)


_SHARES = _shares()
_WINDOW = np.hanning(_SIZE + 1)[:-1].astype(np.float32)
