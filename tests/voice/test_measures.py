"""Measures of a clip say what they are named for."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.nursery import sound
from pipeline.voice.backends import RATE, TRACK_HZ, Voices
from pipeline.voice.events import NUMBERS, events, stretches
from pipeline.voice.measures import clipped_share, decay_s, frame_levels_db, measures, snr_db
from pipeline.voice.pitch import pitch_hz
from tests.voice.mixing import infant


def tracks(**given: np.ndarray) -> Voices:
    steps = len(next(iter(given.values())))
    flat = np.zeros(steps, np.float32)
    names = ("infant", "adult", "other", "f0_hz")
    return Voices(**{name: given.get(name, flat) for name in names})


def test_ratio_is_taken_where_the_infant_sounds() -> None:
    rng = np.random.default_rng(1)
    stem = 0.1 * rng.standard_normal(RATE).astype(np.float32)
    stem[RATE // 2 :] = 0
    rest = 0.01 * rng.standard_normal(RATE).astype(np.float32)
    where = np.arange(51) < 25
    assert snr_db(stem + rest, stem, where) == pytest.approx(20, abs=0.3)
    assert np.isnan(snr_db(stem + rest, stem, where & False))


def test_overlap_is_a_share_of_the_infants_time() -> None:
    infant_track = np.repeat([0.9, 0.9, 0.1, 0.1], 50).astype(np.float32)
    adult_track = np.repeat([0.9, 0.1, 0.9, 0.9], 50).astype(np.float32)
    wave = np.zeros(199 * 320, np.float32)
    about = measures(wave, wave, tracks(infant=infant_track, adult=adult_track))
    assert about["infant_s"] == pytest.approx(2.0)
    assert about["adult_overlap"] == pytest.approx(0.5)
    assert about["other_overlap"] == 0
    nobody = measures(wave, wave, tracks(infant=np.zeros(200, np.float32)))
    assert np.isnan([nobody["snr_db"], nobody["adult_overlap"], nobody["decay_s"]]).all()


@pytest.mark.parametrize("kind", ["cry", "laugh", "babble"])
def test_rooms_that_ring_are_told_from_dry_ones(kind: str) -> None:
    dry, ringing = [], []
    for seed in range(6):
        stem, _ = infant(kind, 200 + seed)
        rng = np.random.default_rng(seed)
        dry.append(decay_s(stem))
        wet = sound.echo(stem, RATE, rng, t60_s=1.2, wet_db=5.0)
        ringing.append(decay_s(wet.astype(np.float32)))
    assert max(dry) < 0.2 < min(ringing)
    assert np.median(ringing) == pytest.approx(1.2 / 3, rel=0.35)


def test_recordings_that_were_cut_off_are_told() -> None:
    for seed in range(5):
        stem, _ = infant("cry", 300 + seed)
        cut = sound.overdriven(stem.astype(float), 12.0)
        softened = sound.telephone(0.3 * cut, RATE, high_hz=7000.0)
        assert clipped_share(stem) < 0.015
        assert clipped_share(cut.astype(np.float32)) > 0.03
        assert clipped_share(softened.astype(np.float32)) > 0.03
    assert clipped_share(np.zeros(100, np.float32)) == 0
    assert clipped_share(np.zeros(0, np.float32)) == 0


def test_levels_belong_to_their_frames() -> None:
    wave = np.zeros(RATE, np.float32)
    wave[RATE // 2 :] = 0.1
    levels = frame_levels_db(wave, 30)
    assert levels.shape == (30,)
    assert (levels[:15] == -100).all()
    assert np.allclose(levels[15:], -20, atol=0.01)


def test_events_bridge_breaths_and_leave_out_blips() -> None:
    track = np.zeros(200, np.float32)
    track[10:40] = 0.8
    track[46:80] = 0.7
    track[120:123] = 0.9
    track[150:180] = 0.45
    assert list(stretches(track)) == [(10, 80)]


def test_an_event_says_who_what_and_how_clearly() -> None:
    infant_track = np.zeros(100, np.float32)
    infant_track[20:60] = 0.9
    adult_track = np.zeros(100, np.float32)
    adult_track[50:100] = 0.8
    pitch = np.where(infant_track > 0.5, np.linspace(400, 500, 100), np.nan)
    voices = tracks(infant=infant_track, adult=adult_track, f0_hz=pitch)
    rng = np.random.default_rng(5)
    stem = np.zeros(99 * 320, np.float32)
    stem[20 * 320 : 60 * 320] = 0.1 * rng.standard_normal(40 * 320)
    wave = stem + np.float32(0.01) * rng.standard_normal(len(stem)).astype(np.float32)
    first, second = events(voices, wave, stem)
    assert (first.start_s, first.end_s, first.who) == (0.4, 1.2, "infant")
    assert first.f0_hz == pytest.approx(439, abs=2)
    assert first.f0_range_octaves == pytest.approx(0.8 * np.log2(459.6 / 420.2), rel=0.1)
    assert first.f0_slope_octaves_s == pytest.approx(np.log2(459.6 / 420.2) / 0.8, rel=0.1)
    assert first.adult_overlap == pytest.approx(0.25)
    assert len(first.numbers) == NUMBERS
    assert first.snr_db == pytest.approx(20, abs=0.5)
    assert (second.who, second.numbers) == ("adult", ())
    assert np.isnan(second.snr_db)
    assert second.end_s == pytest.approx(99 * 320 / RATE)


@pytest.mark.parametrize("hz", [260.0, 480.0, 1200.0])
def test_pitch_of_a_harmonic_tone(hz: float) -> None:
    times = np.arange(RATE) / RATE
    wave = sum(np.cos(2 * np.pi * k * hz * times) / k for k in range(1, 6) if k * hz < 7000)
    found = pitch_hz((0.1 * wave).astype(np.float32))
    assert np.allclose(found[3:-3], hz, rtol=0.02)


def test_noise_and_silence_have_no_pitch() -> None:
    hiss = np.random.default_rng(3).standard_normal(RATE).astype(np.float32)
    assert np.isnan(pitch_hz(0.1 * hiss)).mean() > 0.9
    assert np.isnan(pitch_hz(np.zeros(RATE, np.float32))).all()


def test_pitch_is_told_at_the_steps_that_are_asked_for() -> None:
    wave = np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE).astype(np.float32)
    asked = np.arange(4 * TRACK_HZ + 1) % 3 == 0
    found = pitch_hz(wave, asked)
    assert np.array_equal(found[asked], pitch_hz(wave)[asked], equal_nan=True)
    assert np.isnan(found[~asked]).all()
    assert np.isnan(pitch_hz(wave, np.zeros_like(asked))).all()
