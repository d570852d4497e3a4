"""The spectrum as the vocal tract shapes it, whatever the pitch: CheapTrick (Morise 2015).

An infant's harmonics lie 400 Hz apart and more, so that bands narrow enough to tell formants show
harmonics instead, which move with the pitch. Here a window of three periods, a mean over two thirds
of the way from harmonic to harmonic and a lifter that undoes what the mean has blurred leave what
lies between them. How far a mouth is open is heard in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

FFT = 1024
UNVOICED_HZ = 500.0
"""Pitch that is taken where there is none."""
PERIODS = 3.0
_RECOVERED = (1.18, 0.09)
"""How much of what the mean over a pitch blurs is sharpened again, as published."""

Doubles = NDArray[np.float64]


def envelope(
    sound: Doubles, centres: NDArray[np.intp], pitch_hz: Doubles, rate_hz: int, floor_db: float
) -> Doubles:
    """Spectral envelope around instants of a sound.

    Args:
        sound: (N,); beyond its ends there is silence.
        centres: (n,) samples.
        pitch_hz: (n,), 0 where there is none; a window is `PERIODS` of its periods long.
        rate_hz: of the sound.
        floor_db: level of noise, beside full scale, that everything is heard over.

    Returns:
        (n, FFT // 2 + 1) dB, in steps of rate_hz / FFT.
    """
    pitch = np.where(pitch_hz > 0, pitch_hz, UNVOICED_HZ) * FFT / rate_hz
    power = _power(sound, centres, pitch)
    smooth = _mean(_mirrored(power, pitch), 2 / 3 * pitch)
    return _sharpened(np.log(smooth + 10 ** (floor_db / 10)), pitch) * 10 / np.log(10)


def _power(sound: Doubles, centres: NDArray[np.intp], pitch: Doubles) -> Doubles:
    """Power spectra (n, bins) of windows of unit energy, without what they have of 0 Hz."""
    place = np.arange(-FFT // 2, FFT // 2)
    padded = np.pad(sound, FFT)
    pieces = padded[np.clip(centres[:, None] + FFT + place, 0, len(padded) - 1)]
    half = np.minimum(PERIODS / 2 * FFT / pitch, FFT // 2 - 1)[:, None]
    taper = np.where(np.abs(place) <= half, 0.5 + 0.5 * np.cos(np.pi * place / half), 0.0)
    taper /= np.sqrt((taper**2).sum(1, keepdims=True))
    pieces = pieces * taper
    pieces -= taper * (pieces.sum(1, keepdims=True) / taper.sum(1, keepdims=True))
    return np.asarray(np.abs(rfft(pieces, FFT)) ** 2)


def _mirrored(power: Doubles, pitch: Doubles) -> Doubles:
    """Fill what lies below the lowest harmonic, from what lies as far above 0 Hz's."""
    bins = np.arange(power.shape[1])
    below = np.where(bins < pitch[:, None], _at(power, np.maximum(pitch[:, None] - bins, 0)), 0.0)
    return power + below


def _mean(power: Doubles, width: Doubles) -> Doubles:
    """Mean of (n, bins) over (n,) bins around each; beyond either end it goes back as it came."""
    beyond = FFT // 4
    left, right = power[:, beyond:0:-1], power[:, -2 : -2 - beyond : -1]
    summed = np.cumsum(np.concatenate([0 * power[:, :1], left, power, right], 1), 1)
    middle = np.arange(power.shape[1]) + beyond + 0.5
    half = np.minimum(width / 2, beyond - 1)[:, None]
    return (_at(summed, middle + half) - _at(summed, middle - half)) / (2 * half)


def _sharpened(log: Doubles, pitch: Doubles) -> Doubles:
    """Take out of log spectra (n, bins) what still repeats with the pitch, and undo the mean."""
    cycles = pitch[:, None] / FFT * np.arange(log.shape[1])
    whole, part = _RECOVERED
    lifter = np.sinc(cycles) * (whole - 2 * part * np.cos(2 * np.pi * cycles))
    both = np.concatenate([lifter, lifter[:, -2:0:-1]], 1)
    return np.asarray(rfft(irfft(log, FFT) * both, FFT).real)


def _at(rows: Doubles, place: Doubles) -> Doubles:
    """Rows (n, bins) read at places (n, m) between bins."""
    low = np.clip(np.floor(place).astype(np.intp), 0, rows.shape[1] - 2)
    below, above = (np.take_along_axis(rows, low + step, 1) for step in (0, 1))
    return np.asarray(below + (place - low) * (above - below))
