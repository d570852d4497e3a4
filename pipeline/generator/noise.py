"""Noise that depends on what it is for, not on when it is drawn.

Each frame of each sample has a counter of its own (Philox, Salmon et al. 2011), so that a sequence
drawn in pieces is the sequence drawn at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def drawn(
    seed: int, samples: int, sounds: int, start: int, stop: int, width: int
) -> NDArray[np.float32]:
    """Draw standard normal noise for frames `start` to `stop`, (samples, sounds, frames, width)."""
    noise = np.empty((samples, sounds, stop - start, width), np.float32)
    for sample, sound, frame in np.ndindex(noise.shape[:3]):
        bits = np.random.Philox(key=[seed, sample], counter=[0, start + frame, sound, 0])
        noise[sample, sound, frame] = np.random.Generator(bits).standard_normal(width, np.float32)
    return noise
