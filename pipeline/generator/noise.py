"""Noise that depends on what it is for, not on when it is drawn.

Each draw of each sample has a counter of its own (Philox, Salmon et al. 2011), so that a sequence
drawn in pieces is the sequence drawn at once.

Noise of a new draw every frame holds as much of every frequency, and some of it is left in what is
made of it: a face that trembles. A face departs from what is expected of it more slowly, within
syllables and for seconds. So the noise is a sum of equal parts, each a cubic B-spline over draws so
many frames apart (de Boor 1978), which has no corner anywhere. Of parts that each take three times
as long as the one before, it is pink (Ge et al. 2023, "Preserve Your Own Correlation", correlate a
video's frames likewise).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

Spacing = Sequence[int]
"""How many frames apart the draws of each part are."""
_BENT = 4
"""Draws that a place of a cubic spline hangs on."""


class Drawing:
    """Standard normal noise of frames that follow on one another; no draw is made twice."""

    def __init__(self, seed: int, samples: int, sounds: int, width: int, spacing: Spacing) -> None:
        """Begin anywhere."""
        self._seed, self._shape = seed, (samples, sounds, width)
        nothing = np.zeros((samples, sounds, 0, width), np.float32)
        self._made = dict.fromkeys(spacing, (0, nothing))

    def frames(self, start: int, stop: int) -> Floats:
        """Draw those of `start` to `stop`, (samples, sounds, frames, width); never earlier ones."""
        samples, sounds, width = self._shape
        total = np.zeros((samples, sounds, stop - start, width), np.float32)
        for frames in self._made:
            first, last = start // frames, max(start, stop - 1) // frames + _BENT
            draws = self._draws(frames, first, last)
            total += bent(draws, np.arange(start, stop), frames, first)
        return total / np.float32(np.sqrt(len(self._made)))

    def _draws(self, frames: int, first: int, last: int) -> Floats:
        samples, sounds, width = self._shape
        at, made = self._made[frames]
        kept = made[:, :, max(0, first - at) :]
        new = max(first, at + made.shape[2])
        more = _counted(self._seed, samples, sounds, new, last, width, frames)
        draws = np.concatenate([kept, more], 2)
        self._made[frames] = first, draws
        return draws


def at_random(shape: tuple[int, int, int], spacing: Spacing, random: np.random.Generator) -> Floats:
    """Draw the same noise at a random place, (windows, frames, width), each window's its own."""
    windows, length, width = shape
    total = np.zeros(shape, np.float32)
    for frames in spacing:
        count = length // frames + 1 + _BENT
        draws = random.standard_normal((windows, count, width), dtype=np.float32)
        begins = random.integers(frames, size=(windows, 1))
        total += bent(draws, begins + np.arange(length), frames)
    return total / np.float32(np.sqrt(len(spacing)))


def bent(draws: Floats, place: NDArray[np.int64], frames: int, first: int = 0) -> Floats:
    """Lay a cubic spline over draws (..., N, D) so many frames apart, at places (..., T).

    Args:
        draws: standard normal, of the places `first * frames`, `(first + 1) * frames` and so on.
        place: which frames; three draws come after the one at or before the last of them.
        frames: from one draw to the next; 1 gives new ones every frame, as they are.
        first: number of the first draw.

    Returns:
        (..., T, D), each number of unit variance.
    """
    turn, rest = np.divmod(place, frames)
    weights = np.zeros((*place.shape, draws.shape[-2]), np.float32)
    shares = [np.ones(place.shape)] if frames == 1 else _weights(rest / frames)
    for number, share in enumerate(shares):
        at = (turn - first + number)[..., None]
        np.put_along_axis(weights, at, share[..., None].astype(np.float32), -1)
    return np.asarray(weights @ draws)


def _weights(way: NDArray[np.float64]) -> Floats:
    """Of each of four draws, this share of the way from the second to the third, (4, ..., T)."""
    back = 1 - way
    basis = np.stack([back**3, 3 * way**3 - 6 * way**2 + 4, 3 * back**3 - 6 * back**2 + 4, way**3])
    return (basis / np.sqrt((basis**2).sum(0))).astype(np.float32)


def _counted(
    seed: int, samples: int, sounds: int, start: int, stop: int, width: int, kind: int
) -> Floats:
    noise = np.empty((samples, sounds, max(0, stop - start), width), np.float32)
    for sample, sound, place in np.ndindex(noise.shape[:3]):
        bits = np.random.Philox(key=[seed, sample], counter=[0, start + place, sound, kind])
        noise[sample, sound, place] = np.random.Generator(bits).standard_normal(width, np.float32)
    return noise
