"""What stands out of its surroundings, and what a steady voice is told by."""

import numpy as np

from pipeline.voice.backends import RATE
from pipeline.voice.sounding import above_db

rng = np.random.default_rng(8)


def test_breath_between_cries_lies_below_them() -> None:
    """Cries of a second, breath of half a second 30 dB below."""
    loud = np.tile(np.repeat([1.0, 0.03], [RATE, RATE // 2]), 8)
    stem = (0.3 * loud * rng.standard_normal(len(loud))).astype(np.float32)
    steps = len(stem) // 320 + 1
    above = above_db(stem, steps)
    at = np.arange(steps) % 75
    assert (above[(at > 3) & (at < 47)] > 5).all()
    assert (above[(at > 53) & (at < 72)] < -5).all()


def test_a_voice_without_a_pause_is_not_held_against_itself() -> None:
    stem = (0.3 * rng.standard_normal(12 * RATE)).astype(np.float32)
    assert (above_db(stem, 600) > 5).all()


def test_silence_is_neither_above_nor_below_itself() -> None:
    stem = np.zeros(3 * RATE, np.float32)
    assert np.isfinite(above_db(stem, 151)).all()
