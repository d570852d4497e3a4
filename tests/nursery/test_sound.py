"""Performances keep the published facts; sounds are what their score says."""

import numpy as np
import pytest

from pipeline.nursery import sound
from pipeline.nursery.performance import ACTIONS, KINDS, RATE_HZ, perform

RATE = 16000


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def pitch_hz(wave: np.ndarray) -> float:
    """Pitch of the loudest 60 ms by autocorrelation, 70 to 1000 Hz."""
    frames = wave[: len(wave) // 960 * 960].reshape(-1, 960)
    loud = frames[np.argmax((frames**2).sum(1))]
    spectrum = np.abs(np.fft.rfft(loud, 4096)) ** 2
    lags = np.fft.irfft(spectrum)[: RATE // 70]
    low = RATE // 1000
    return RATE / (low + int(np.argmax(lags[low:])))


@pytest.mark.parametrize("kind", KINDS)
def test_tracks_have_one_length_and_stay_in_range(kind: str) -> None:
    performance = perform(kind, 5.0, rng(1))
    assert set(performance.actions) == set(ACTIONS)
    for track in [performance.energy, performance.mouth_open, *performance.actions.values()]:
        assert track.shape == (600,)
        assert track.min() >= 0
        assert track.max() <= 1
    assert len(sound.infant(performance, 44100, rng(1))) == 5 * 44100


def test_the_same_seed_gives_the_same_sound() -> None:
    first = sound.infant(perform("laugh", 2.0, rng(5)), RATE, rng(6))
    again = sound.infant(perform("laugh", 2.0, rng(5)), RATE, rng(6))
    other = sound.infant(perform("laugh", 2.0, rng(7)), RATE, rng(6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_cries_have_the_published_length_and_pitch() -> None:
    performances = [perform("cry", 30.0, rng(seed)) for seed in range(20)]
    lengths = [end - start for p in performances for start, end in p.events[:-1]]
    assert 1.1 < np.mean(lengths) < 1.7
    pitches = [np.median(p.f0_hz[p.energy > 0.5]) for p in performances]
    assert 430 < np.mean(pitches) < 560


@pytest.mark.parametrize(("kind", "low", "high"), [("laugh", 4.3, 5.8), ("babble", 2.6, 3.5)])
def test_events_come_at_the_published_rate(kind: str, low: float, high: float) -> None:
    starts = [np.diff([start for start, _ in perform(kind, 20.0, rng(s)).events]) for s in range(9)]
    within = np.concatenate(starts)
    assert low < 1 / np.median(within) < high


@pytest.mark.parametrize("kind", ["cry", "laugh", "babble"])
def test_the_mouth_moves_with_the_sound(kind: str) -> None:
    correlations, closed = [], []
    for seed in range(10):
        p = perform(kind, 5.0, rng(seed))
        correlations.append(np.corrcoef(p.energy, p.mouth_open)[0, 1])
        loud, quiet = p.energy > 0.5, p.energy < 0.02
        closed.append(p.mouth_open[loud].mean() - p.mouth_open[quiet].mean())
    assert np.mean(correlations) > 0.6
    assert min(closed) > 0.2


def test_intensity_raises_cheeks_in_smile_and_cry() -> None:
    for kind in ("cry", "laugh"):
        effort, cheeks = [], []
        for seed in range(40):
            p = perform(kind, 5.0, rng(seed))
            effort.append(p.energy.max())
            cheeks.append(p.actions["cheek_raise"].max())
        assert np.corrcoef(effort, cheeks)[0, 1] > 0.4


def test_the_sound_starts_and_stops_with_the_performance() -> None:
    p = perform("cry", 5.0, rng(4))
    wave = sound.infant(p, RATE, rng(4))
    level = np.sqrt((wave[: 600 * 133].reshape(600, 133) ** 2).mean(1))
    heard = p.sampled(p.energy, RATE / 133)[:600]
    assert level[heard > 0.3].min() > 10 * level[heard < 0.001].mean()


def test_adults_speak_lower_than_infants_cry() -> None:
    men = [pitch_hz(sound.adult_speech(3.0, RATE, rng(s), female=False)) for s in range(8)]
    women = [pitch_hz(sound.adult_speech(3.0, RATE, rng(s), female=True)) for s in range(8)]
    infants = [pitch_hz(sound.infant(perform("cry", 3.0, rng(s)), RATE, rng(s))) for s in range(8)]
    assert np.median(men) < 170 < np.median(women) < 290 < np.median(infants)


def test_an_echo_rings_on_as_long_as_asked() -> None:
    click = np.zeros(2 * RATE)
    click[100] = 1.0
    for t60_s in (0.4, 1.2):
        tail = sound.echo(click, RATE, rng(2), t60_s=t60_s)[100 + RATE // 10 :]
        left_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] + 1e-20)
        left_db -= left_db[0]
        fall_s = np.argmax(left_db < -20) / RATE
        assert 3 * fall_s == pytest.approx(t60_s, rel=0.2)


def test_levels_clipping_and_bands_are_what_was_asked() -> None:
    voice = sound.infant(perform("babble", 3.0, rng(1)), RATE, rng(1))
    hiss = sound.noise(3.0, RATE, rng(2), kind="rush")
    beside = sound.at_ratio(hiss, voice, -6.0)
    assert 10 * np.log10(sound.power(beside) / sound.power(voice)) == pytest.approx(-6.0, abs=0.01)
    assert (np.abs(sound.overdriven(voice, 12.0)) >= 0.99).mean() > 0.005
    spectrum = np.abs(np.fft.rfft(sound.telephone(hiss, RATE))) ** 2
    hz = np.fft.rfftfreq(len(hiss), 1 / RATE)
    assert spectrum[hz > 5000].sum() < 1e-3 * spectrum.sum()


@pytest.mark.parametrize("kind", sound.NOISES)
def test_every_noise_sounds(kind: str) -> None:
    wave = sound.noise(1.0, RATE, rng(3), kind)
    assert wave.shape == (RATE,)
    assert np.abs(wave).max() == pytest.approx(0.5)


@pytest.mark.parametrize("make", [sound.music, sound.television, sound.adult_speech])
def test_other_sources_have_the_length_asked_at_both_rates(make) -> None:
    for rate in (16000, 44100):
        wave = make(2.0, rate, rng(8))
        assert wave.shape == (2 * rate,)
        assert np.isfinite(wave).all()
        assert wave.std() > 0.01


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="cry"):
        perform("sneeze", 1.0, rng(0))
    with pytest.raises(ValueError, match="hum"):
        sound.noise(1.0, RATE, rng(0), "thunder")


def test_rates_of_performance_and_track_agree() -> None:
    p = perform("cry", 2.0, rng(1))
    assert p.span_s == pytest.approx(2.0)
    assert np.allclose(p.sampled(p.energy, RATE_HZ / 4), p.energy[::4])
