"""What stands out of its surroundings, and what a steady voice is told by."""

import numpy as np
import pytest

from pipeline.voice.backends import RATE
from pipeline.voice.sounding import levels_db

rng = np.random.default_rng(8)


def test_breath_between_cries_lies_below_them() -> None:
    """Cries of a second, breath of half a second 30 dB below."""
    loud = np.tile(np.repeat([1.0, 0.03], [RATE, RATE // 2]), 8)
    stem = (0.3 * loud * rng.standard_normal(len(loud))).astype(np.float32)
    steps = len(stem) // 320 + 1
    level, above = levels_db(stem, steps).T
    at = np.arange(steps) % 75
    cry, breath = (at > 3) & (at < 47), (at > 53) & (at < 72)
    assert (level[cry] > -5).all()
    assert (above[cry] > 5).all()
    assert (level[breath] < -25).all()
    assert (above[breath] < -5).all()


def test_a_short_sound_is_held_against_all_of_itself() -> None:
    """What is loud in its second half alone is quiet in all of its first."""
    stem = np.repeat([0.01, 0.1], 2 * RATE) * rng.standard_normal(4 * RATE)
    level, above = levels_db(stem.astype(np.float32), 201).T
    assert level[:95] == pytest.approx(-21, abs=3)
    assert above[:95] == pytest.approx(-10, abs=3)


def test_what_is_very_quiet_does_not_make_a_whisper_loud() -> None:
    loud = np.tile(np.repeat([1.0, 0.01, 0.0], RATE), 5)
    stem = (0.3 * loud * rng.standard_normal(len(loud))).astype(np.float32)
    above = levels_db(stem, len(stem) // 320 + 1)[:, 1]
    at = np.arange(len(above)) % 150
    assert (above[(at > 55) & (at < 95)] < -8).all()


def test_silence_is_neither_above_nor_below_itself() -> None:
    stem = np.zeros(3 * RATE, np.float32)
    assert np.isfinite(levels_db(stem, 151)).all()
