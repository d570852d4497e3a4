"""Noise that depends on what it is for, not on when it is drawn.

Each draw of each sample has a counter of its own (Philox, Salmon et al. 2011), so that a sequence
drawn in pieces is the sequence drawn at once.

Noise of a new draw every frame holds as much of every frequency, and some of it is left in what is
made of it: a face that trembles. A face departs from what is expected of it more slowly, within
syllables and for seconds. So the noise is a sum of equal parts, each of which turns from one draw
to the next in so many frames. Of parts that each take three times as long as the one before, it is
pink (Ge et al. 2023, "Preserve Your Own Correlation", correlate a video's frames likewise).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

Turns = Sequence[int]
"""In how many frames each part turns to its next draw."""


def drawn(
    seed: int, samples: int, sounds: int, start: int, stop: int, width: int, turns: Turns
) -> Floats:
    """Draw standard normal noise for frames `start` to `stop`, (samples, sounds, frames, width)."""
    total = np.zeros((samples, sounds, stop - start, width), np.float32)
    for frames in turns:
        first, last = start // frames, max(start, stop - 1) // frames + 2
        draws = _counted(seed, samples, sounds, first, last, width, frames)
        total += turning(draws, np.arange(start, stop), frames, first)
    return total / np.float32(np.sqrt(len(turns)))


def at_random(shape: tuple[int, int, int], turns: Turns, random: np.random.Generator) -> Floats:
    """Draw the same noise at a random place, (windows, frames, width), each window's its own."""
    windows, length, width = shape
    total = np.zeros(shape, np.float32)
    for frames in turns:
        draws = random.standard_normal((windows, length // frames + 3, width), dtype=np.float32)
        begins = random.integers(frames, size=(windows, 1))
        total += turning(draws, begins + np.arange(length), frames)
    return total / np.float32(np.sqrt(len(turns)))


def turning(draws: Floats, place: NDArray[np.int64], frames: int, first: int = 0) -> Floats:
    """Turn from one draw (..., N, D) to the next in so many frames, at places (..., T).

    Args:
        draws: standard normal, of the places `first * frames`, `(first + 1) * frames` and so on.
        place: which frames; their last has a draw after it.
        frames: from one draw to the next; 1 gives the draws themselves.
        first: number of the first draw.

    Returns:
        (..., T, D), each number of unit variance.
    """
    turn, rest = np.divmod(place, frames)
    angle = (0.5 * np.pi * rest / frames)[..., None].astype(np.float32)
    before, after = (_at(draws, turn - first + n) for n in (0, 1))
    return np.cos(angle) * before + np.sin(angle) * after


def _counted(
    seed: int, samples: int, sounds: int, start: int, stop: int, width: int, kind: int
) -> Floats:
    noise = np.empty((samples, sounds, stop - start, width), np.float32)
    for sample, sound, place in np.ndindex(noise.shape[:3]):
        bits = np.random.Philox(key=[seed, sample], counter=[0, start + place, sound, kind])
        noise[sample, sound, place] = np.random.Generator(bits).standard_normal(width, np.float32)
    return noise


def _at(draws: Floats, turn: NDArray[np.int64]) -> Floats:
    index = np.broadcast_to(turn[..., None], (*draws.shape[:-2], turn.shape[-1], 1))
    return np.take_along_axis(draws, index, -2)
