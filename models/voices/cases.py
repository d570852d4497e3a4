"""What all that listens here shares: sounds of 5 s, in other sizes and voices, or of nobody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from recordings import RATE, Array, revoiced

from pipeline.voice.backends import TRACK_HZ

SPAN_S = 5
KINDS = ("cry", "laugh", "babble", "fuss")
COUNTS = {"real": 1.0, "synthetic": 2.5, "nobody": 1.5}
"""How much a sound counts, by whose infant is in it. What is taken for an infant spoils more than
what is missed; synthetic infants are few, and where they sound is known to the step."""


def cut(wave: NDArray[np.floating]) -> Array:
    """At most the first SPAN_S of a wave (n,)."""
    return wave[: SPAN_S * RATE].astype(np.float32)


def nobody(wave: Array) -> NDArray[np.bool_]:
    """No step of a wave (n,), at TRACK_HZ, in which an infant sounds."""
    return np.zeros(round(len(wave) * TRACK_HZ / RATE), np.bool_)


def other_size(wave: Array, rng: np.random.Generator) -> Array:
    """An animal or thing that is larger, smaller, faster or slower."""
    pitch, tract = 2 ** rng.uniform(-0.6, 0.6), 2 ** rng.uniform(-0.3, 0.3)
    return revoiced(wave, pitch, tract, rng.uniform(0.75, 1.3))


def other_infant(wave: Array, rng: np.random.Generator) -> Array:
    """The cry of another infant."""
    pitch, tract = 2 ** rng.uniform(-0.5, 0.5), rng.uniform(0.85, 1.2)
    return revoiced(wave, pitch, tract, rng.uniform(0.8, 1.2))
