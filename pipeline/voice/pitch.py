"""The pitch of a voice that sounds alone, by autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.voice.backends import RATE, TRACK_HZ, Samples, Track

_LOWEST_HZ, _HIGHEST_HZ = 200.0, 1900.0
_WINDOW = 640
_HOP = round(RATE / TRACK_HZ)
_BLOCK_STEPS = 3000
_SIZE = 1024
"""Of a Fourier transform: no lag that is looked at wraps around."""
_PERIODIC = 0.45
_OCTAVE_COST = 0.04


def pitch_hz(stem: Samples, asked: NDArray[np.bool_] | None = None) -> Track:
    """Pitch (n // 320 + 1,) at 50 Hz, between 200 and 1900 Hz; nan where there is none.

    Where steps (T,) are `asked` for, nan at all others. Normalised autocorrelation of 40 ms with
    the window's own taken out, and a small reward for short periods against octave errors (Boersma
    1993).
    """
    if asked is None:
        asked = np.ones(len(stem) // _HOP + 1, np.bool_)
    steps = len(asked)
    # In blocks, so that hours of sound need no copy of themselves.
    starts = range(0, steps, _BLOCK_STEPS)
    found = np.full(steps, np.nan, np.float32)
    for start in starts:
        block = _block(stem, start, min(_BLOCK_STEPS, steps - start))
        here = slice(start, start + len(block))
        found[here][asked[here]] = _of_frames(block[asked[here]])
    return found


def _block(stem: Samples, first: int, count: int) -> NDArray[np.float32]:
    """Frames (count, _WINDOW) around the steps from `first` on, zeros beyond the ends."""
    start = first * _HOP - _WINDOW // 2
    end = start + (count - 1) * _HOP + _WINDOW
    part = stem[max(0, start) : max(0, end)]
    before = max(0, -start)
    part = np.pad(part, (before, end - start - before - len(part)))
    return np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::_HOP]


def _of_frames(frames: NDArray[np.float32]) -> Track:
    correlation = _correlation(frames)
    low, high = int(RATE / _HIGHEST_HZ), int(RATE / _LOWEST_HZ) + 1
    lags = np.arange(low, high + 1)
    score = correlation[:, low : high + 1] - _OCTAVE_COST * np.log2(lags / low)
    best = low + np.argmax(score, 1)
    rows = np.arange(len(frames))
    before, here, after = (correlation[rows, best + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend, bend, 1), 0.0)
    pitch = RATE / (best + np.clip(shift, -0.5, 0.5))
    return np.where(here > _PERIODIC, pitch, np.nan).astype(np.float32)


def _correlation(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    window = np.hanning(_WINDOW).astype(np.float32)
    power = np.abs(fft.rfft(frames * window, _SIZE, axis=1)) ** 2
    raw = fft.irfft(power, _SIZE, axis=1)[:, : _WINDOW // 2]
    own = fft.irfft(np.abs(fft.rfft(window, _SIZE)) ** 2, _SIZE)[: _WINDOW // 2]
    energy = raw[:, :1]
    # A frame without power has no pitch; 1e-9 stands for -90 dB.
    quiet = energy < 1e-9 * _WINDOW
    return np.where(quiet, 0.0, raw / np.where(quiet, 1.0, energy) / (own / own[0]))
