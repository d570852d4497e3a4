"""What the vocal tract does to a sound is told whatever the pitch."""

import numpy as np
import pytest

from pipeline.generator.envelope import FFT, envelope
from pipeline.nursery.sound.voice import Source, Tract, vocalise

RATE, STEPS, FLOOR_DB = 16_000, 120, -80.0
HZ = np.arange(FFT // 2 + 1) * RATE / FFT
CENTRES = np.arange(3200, 12_800, 320)


def vowel(pitch_hz, first_hz, level=0.2):
    """A second of an infant's voice on one pitch, through a tract that is held."""
    steady = np.ones(STEPS)
    centres = np.outer(steady, [first_hz, 2600.0, 4600.0, 6900.0])
    widths = np.outer(steady, [130.0, 180.0, 300.0, 500.0])
    source = Source(steady, steady, pitch_hz * steady, 0.0 * steady, STEPS)
    sound = vocalise(source, Tract(centres, widths, 5.0 * steady), RATE, np.random.default_rng(1))
    return level * sound / sound.std()


def heard(sound, pitch_hz):
    """Its envelope in the middle, (bins,) dB."""
    pitches = np.full(len(CENTRES), float(pitch_hz))
    return envelope(sound, CENTRES, pitches, RATE, FLOOR_DB).mean(0)


def spectrum(sound):
    """What a plain window of 40 ms shows in its place."""
    pieces = np.stack([sound[at - 320 : at + 320] for at in CENTRES]) * np.hanning(640)
    return 10 * np.log10((np.abs(np.fft.rfft(pieces, FFT)) ** 2).mean(0) + 1e-12)


def test_the_same_mouth_looks_the_same_at_every_pitch():
    pitches = (310.0, 400.0, 490.0)
    voice = (HZ > 600) & (HZ < 3500)
    sounds = [vowel(pitch_hz, 900.0) for pitch_hz in pitches]
    shapes = np.stack([heard(sound, f0) for sound, f0 in zip(sounds, pitches, strict=True)])
    plain = np.stack([spectrum(sound) for sound in sounds])
    assert np.ptp(shapes[:, voice], axis=0).mean() < 5.0
    assert np.ptp(plain[:, voice], axis=0).mean() > 3 * np.ptp(shapes[:, voice], axis=0).mean()


@pytest.mark.parametrize("pitch_hz", [300.0, 420.0])
def test_a_wider_mouth_is_told_by_where_its_first_formant_lies(pitch_hz):
    low = (HZ > 300) & (HZ < 1800)
    falls = 12.0 * np.log2(HZ[low] / 500.0)  # a voice's own, whatever the mouth does
    firsts = (700.0, 1000.0, 1300.0)
    shapes = [heard(vowel(pitch_hz, hz), pitch_hz)[low] + falls for hz in firsts]
    np.testing.assert_allclose([HZ[low][it.argmax()] for it in shapes], firsts, atol=pitch_hz / 2)


def test_ten_times_louder_is_20_db_more():
    quiet, loud = (heard(vowel(400.0, 900.0, level), 400.0) for level in (0.02, 0.2))
    audible = quiet > -40
    assert audible.any()
    np.testing.assert_allclose((loud - quiet)[audible], 20.0, atol=0.1)


def test_noise_is_flat_and_as_loud_as_it_is():
    noise = np.random.default_rng(2).normal(0, 0.1, RATE)
    np.testing.assert_allclose(heard(noise, 0.0)[20:-20], -20.0 - 1.5, atol=3.0)


def test_silence_is_the_floor_and_a_constant_is_silent():
    for sound in (np.zeros(RATE), np.ones(RATE)):
        np.testing.assert_allclose(heard(sound, 400.0), FLOOR_DB, atol=0.2)


def test_a_sound_that_is_too_short_for_a_window_is_heard():
    rows = envelope(np.ones(1), np.zeros(1, np.intp), np.array([150.0]), RATE, FLOOR_DB)
    assert rows.shape == (1, FFT // 2 + 1)
    assert np.isfinite(rows).all()
