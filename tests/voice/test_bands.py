"""The colour of a sound: what of its power lies where."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.voice import sounding
from pipeline.voice.backends import RATE
from pipeline.voice.bands import BANDS, bands_db

TIME_S = np.arange(2 * RATE) / RATE


def tone(hz: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * TIME_S)).astype(np.float32)


def test_a_tone_lies_in_its_band_however_loud_it_is() -> None:
    middles_hz = np.geomspace(150, 3800, BANDS)
    for place, hz in enumerate(middles_hz):
        found = bands_db(tone(hz), 101)
        assert found.shape == (101, BANDS)
        assert (found[2:-2].argmax(1) == place).all()
        assert found[2:-2, place].min() > -3
        assert np.allclose(found, bands_db(0.05 * tone(hz), 101), atol=0.1)


def test_what_phones_cut_off_is_in_no_band() -> None:
    assert bands_db(tone(6000), 101)[2:-2].max() < -30


@pytest.mark.parametrize("wave", [np.zeros(0, "f4"), np.zeros(800, "f4"), tone(500)[:90]])
def test_silence_and_next_to_nothing_have_a_colour_too(wave: np.ndarray) -> None:
    assert np.isfinite(bands_db(wave, len(wave) // 320 + 1)).all()


def test_blocks_come_to_what_the_whole_does(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.random.default_rng(3).normal(0, 0.1, 2 * RATE).astype(np.float32)
    whole = bands_db(wave, 101)
    monkeypatch.setattr(sounding, "_BLOCK_STEPS", 40)
    assert np.allclose(whole, bands_db(wave, 101), atol=1e-4)
