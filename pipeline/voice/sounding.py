"""What every backend of who sounds shares: what can be heard at all, and the infant's pitch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, percentile_filter, uniform_filter1d

from pipeline.voice.backends import RATE, TRACK_HZ, Samples, Track, Voices
from pipeline.voice.pitch import pitch_hz

_INAUDIBLE_DB = -65.0
_HOP = round(RATE / TRACK_HZ)
_BLOCK_STEPS = 3000
_AROUND = 9
_NEAR = round(10 * TRACK_HZ) + 1
_LEAST = 0.05


def audible(wave: Samples, steps: int) -> NDArray[np.float32]:
    """1 where a wave (n,) can be heard at all, 0 where it cannot, (steps,) at `TRACK_HZ`."""
    return (powers(wave, steps) > 10 ** (_INAUDIBLE_DB / 10)).astype(np.float32)


def below_db(sound: Samples, stem: Samples, steps: int) -> NDArray[np.float64]:
    """How far (steps,) in dB a sound's stem lies below it, over about 0.2 s around each step."""
    whole, part = (uniform_filter1d(powers(wave, steps), _AROUND) for wave in (sound, stem))
    return np.asarray(10 * np.log10((whole + 1e-10) / (part + 1e-10)))


def levels_db(wave: Samples, steps: int) -> NDArray[np.float64]:
    """How loud a wave (n,) is, (steps, 2) in dB.

    Beside its loud parts, and beside the middle of its loud and quiet parts, which is at most 26 dB
    below the loud ones; both are those of the 10 s around each step.
    """
    level = np.sqrt(gaussian_filter1d(powers(wave, steps), 1.0) + 1e-12)
    loud, quiet = (percentile_filter(level, share, _NEAR, mode="reflect") for share in (98, 5))
    middle = np.maximum(np.sqrt(quiet * loud), _LEAST * loud)
    return np.asarray(20 * np.log10(level[:, None] / np.stack([loud, middle], 1)))


def powers(wave: Samples, steps: int) -> NDArray[np.float64]:
    """Mean square (steps,) of a wave (n,) around each step at `TRACK_HZ`."""
    found = np.zeros(steps)
    for at, frames in framed(wave, steps, _HOP):
        found[at] = (frames.astype(np.float64) ** 2).mean(1)
    return found


def framed(wave: Samples, steps: int, size: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Frames (m, size) of a wave (n,) around each of the steps, some thousand at a time, and which.

    A step is the middle of its frame; before and after the wave it is silent.
    """
    for first in range(0, steps, _BLOCK_STEPS):
        count = min(_BLOCK_STEPS, steps - first)
        start, samples = first * _HOP - size // 2, (count - 1) * _HOP + size
        part = np.pad(wave[max(0, start) : start + samples], (max(0, -start), 0))
        part = np.pad(part, (0, samples - len(part)))
        yield (
            slice(first, first + count),
            np.lib.stride_tricks.sliding_window_view(part, size)[::_HOP],
        )


def sung(stem: Samples, infant: Track) -> Track:
    """Pitch (T,) of the infant's stem (n,) where the infant sounds, nan elsewhere."""
    return pitch_hz(stem, infant > 0.5)


def nobody(steps: int) -> Voices:
    """Tracks (steps,) in which nobody sounds."""
    flat = np.zeros(steps, np.float32)
    return Voices(flat, flat, flat, np.full(steps, np.nan, np.float32))


def louder(stem: Samples, sound: Samples, steps: int) -> NDArray[np.float32]:
    """1 where the infant's stem is louder than the rest of the sound, else 0, (steps,)."""
    nearer = np.zeros(steps, np.float32)
    for number in range(steps):
        part = slice(max(0, number * _HOP - _HOP), number * _HOP + _HOP)
        rest = sound[part] - stem[part]
        nearer[number] = float(stem[part] @ stem[part]) > float(rest @ rest)
    return nearer
