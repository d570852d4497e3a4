"""Noise that depends on what it is for, not on when it is drawn.

Each frame of each sample has a counter of its own (Philox, Salmon et al. 2011), so that a sequence
drawn in pieces is the sequence drawn at once.

A share of its variance may be slow: it turns from one draw to the next in `TURN_FRAMES`. What
samples differ in is then how a face is for seconds, its manner, more than how it trembles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TURN_FRAMES = 90

Floats = NDArray[np.float32]


def drawn(
    seed: int, samples: int, sounds: int, start: int, stop: int, width: int, slow: float = 0.0
) -> Floats:
    """Draw standard normal noise for frames `start` to `stop`, (samples, sounds, frames, width)."""
    quick = _counted(seed, samples, sounds, start, stop, width, 0)
    if not slow:
        return quick
    first, last = start // TURN_FRAMES, max(start, stop - 1) // TURN_FRAMES + 2
    stays = _counted(seed, samples, sounds, first, last, width, 1)
    return mixed(quick, stays, np.arange(start, stop) - first * TURN_FRAMES, slow)


def mixed(quick: Floats, stays: Floats, place: NDArray[np.int64], slow: float) -> Floats:
    """Mix a draw a frame (..., T, D) and one every `TURN_FRAMES` (..., N, D), N > place / 90 + 1.

    Args:
        quick, stays: standard normal.
        place: (..., T) frames since the first of `stays`.
        slow: share of the variance that `stays` has.

    Returns:
        (..., T, D), each number of unit variance.
    """
    turn, rest = np.divmod(place, TURN_FRAMES)
    angle = (0.5 * np.pi * rest / TURN_FRAMES)[..., None].astype(np.float32)
    before, after = (_at(stays, turn + n) for n in (0, 1))
    slowly = np.cos(angle) * before + np.sin(angle) * after
    return np.float32(np.sqrt(1 - slow)) * quick + np.float32(np.sqrt(slow)) * slowly


def _counted(
    seed: int, samples: int, sounds: int, start: int, stop: int, width: int, kind: int
) -> Floats:
    noise = np.empty((samples, sounds, stop - start, width), np.float32)
    for sample, sound, frame in np.ndindex(noise.shape[:3]):
        bits = np.random.Philox(key=[seed, sample], counter=[0, start + frame, sound, kind])
        noise[sample, sound, frame] = np.random.Generator(bits).standard_normal(width, np.float32)
    return noise


def _at(stays: Floats, turn: NDArray[np.int64]) -> Floats:
    index = np.broadcast_to(turn[..., None], (*stays.shape[:-2], turn.shape[-1], 1))
    return np.take_along_axis(stays, index, -2)
