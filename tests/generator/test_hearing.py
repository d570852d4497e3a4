import math

import numpy as np
import pytest

from pipeline.generator import features
from pipeline.generator.features import RATE_HZ, Features
from pipeline.generator.hearing import Hearing
from tests.generator.world import performance, voiced


@pytest.fixture(scope="module")
def logmel() -> Features:
    return features.load("logmel")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Bursts, pauses and noise, of a length that is no whole number of frames or strides."""
    loud, pitch = performance(70, np.random.default_rng(4))
    made = voiced(loud, pitch)[: 2 * RATE_HZ + 777]
    made[20_000:] += np.random.default_rng(5).normal(0, 0.01, len(made) - 20_000)
    return made.astype(np.float32)


def in_pieces(logmel, sound, size) -> np.ndarray:
    hearing = Hearing(logmel)
    rows = [hearing.push(sound[at : at + size]) for at in range(0, len(sound), size)]
    return np.concatenate([*rows, hearing.finish()])


@pytest.mark.parametrize("size", [37, 320, 533, 1024, 16_000, 99_999])
def test_pieces_are_the_whole(logmel, sound, size):
    whole = logmel.extract(sound, int(len(sound) * 30 / RATE_HZ))
    np.testing.assert_allclose(in_pieces(logmel, sound, size), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("length", [0, 1, 533, 534, 1100, 1601])
def test_short_sounds_are_whole_frames(logmel, sound, length):
    short = sound[5000 : 5000 + length]
    whole = logmel.extract(short, int(length * 30 / RATE_HZ))
    np.testing.assert_allclose(in_pieces(logmel, short, 160), whole, atol=1e-5, rtol=0)


def test_look_ahead_is_as_stated(logmel, sound):
    """A frame comes once so much sound is there, and not before; what is later changes nothing."""
    wait = math.ceil(logmel.look_ahead_s * RATE_HZ)
    assert logmel.look_ahead_s == pytest.approx(1 / 30)
    assert logmel.rate_hz == 50
    hearing = Hearing(logmel)
    assert len(hearing.push(sound[: 1600 + wait - 1])) == 3
    assert len(hearing.push(sound[1600 + wait - 1 : 1600 + wait])) == 1
    other = sound.copy()
    other[1600 + wait :] = 0.5
    frames = int(len(sound) * 30 / RATE_HZ)
    same, moved = logmel.extract(sound, frames)[:4], logmel.extract(other, frames)[:4]
    np.testing.assert_array_equal(moved, same)


def test_what_is_kept_does_not_grow(logmel):
    hearing = Hearing(logmel)
    for _ in range(100):
        hearing.push(np.zeros(1600, np.float32))
    assert len(hearing._sound) < 3 * RATE_HZ / 10


def test_an_encoder_that_hears_all_of_a_clip_is_asked_once_at_the_end():
    class Whole:
        name, width, hop_samples, first_centre_samples = "whole", 1, 320, 199.5
        reach_samples = None
        asked = 0

        def encode(self, sound):
            self.asked += 1
            return np.full((49, 1), sound.mean(), np.float32)

    features = Features(Whole())
    hearing = Hearing(features)
    assert features.look_ahead_s == float("inf")
    assert all(len(hearing.push(np.ones(1600, np.float32))) == 0 for _ in range(10))
    rows = hearing.finish()
    assert rows.shape == (30, 2)
    assert (rows[:, 1] == 1).all()
    assert features.encoder.asked == 1
