"""Calls and signals: each family sounds as its ranges say, and none of them as an infant cries."""

import numpy as np
import pytest

from pipeline.nursery.sound.calls import FAMILIES, calls

RATE = 16000
SPAN_S = 6.0


def called(family: str, seed: int) -> np.ndarray:
    return calls(SPAN_S, RATE, np.random.default_rng(seed), family)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_sounds_for_the_whole_span_and_no_louder_than_half(family: str) -> None:
    for seed in range(3):
        wave = called(family, seed)
        assert wave.shape == (round(SPAN_S * RATE),)
        assert np.isfinite(wave).all()
        assert np.abs(wave).max() == pytest.approx(0.5)


def test_the_same_seed_gives_the_same_calls() -> None:
    assert np.array_equal(called("bark", 3), called("bark", 3))
    assert not np.array_equal(called("bark", 3), called("bark", 4))


def centre_hz(wave: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float((power * np.fft.rfftfreq(len(wave), 1 / RATE)).sum() / power.sum())


def test_a_cricket_is_high_and_a_cow_is_low() -> None:
    crickets = [centre_hz(called("cricket", seed)) for seed in range(8)]
    cows = [centre_hz(called("moo", seed)) for seed in range(8)]
    assert min(crickets) > 2000
    assert np.median(cows) < 0.5 * np.median(crickets)


def test_barks_are_shorter_than_the_pauses_of_a_cry() -> None:
    wave = called("bark", 1)
    loud = np.abs(wave).reshape(-1, 160).max(1) > 0.05
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    assert max(np.diff(edges.reshape(-1, 2))) * 0.01 < 0.3


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(KeyError, match="unicorn"):
        called("unicorn", 1)
