from itertools import pairwise

import numpy as np
import pytest

from pipeline.core.errors import CradleError
from pipeline.core.params import fit
from pipeline.generator.noise import Drawing, at_random
from pipeline.generator.params import Train

SLOWLY = Train().noise_spacing


def drawn(seed, samples, sounds, start, stop, width, spacing):
    return Drawing(seed, samples, sounds, width, spacing).frames(start, stop)


def test_slow_noise_is_standard_normal_and_stays_for_seconds():
    noise = drawn(0, 1, 1, 0, 9000, 64, [1, 90])[0, 0]
    assert abs(noise.mean()) < 0.03
    assert noise.std() == pytest.approx(1.0, abs=0.03)

    def alike(frames):
        return np.mean(noise[frames:] * noise[:-frames])

    assert alike(1) == pytest.approx(0.5, abs=0.03)
    assert alike(1) > alike(30) > alike(90) > 0.1
    assert alike(400) == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("spacing", [[1], [1, 90], SLOWLY])
def test_noise_is_a_frames_own(spacing):
    all_ = drawn(7, 2, 3, 0, 200, 5, spacing)
    np.testing.assert_allclose(drawn(7, 2, 3, 83, 200, 5, spacing), all_[:, :, 83:], atol=1e-6)
    np.testing.assert_allclose(drawn(7, 1, 2, 0, 200, 5, spacing), all_[:1, :2], atol=1e-6)
    assert drawn(7, 1, 1, 50, 50, 5, spacing).shape == (1, 1, 0, 5)


@pytest.mark.parametrize("spacing", [[1], [1, 90], SLOWLY])
def test_noise_drawn_in_pieces_is_that_drawn_at_once(spacing):
    drawing, ends = Drawing(7, 2, 3, 5, spacing), [20, 21, 22, 22, 60, 200]
    pieces = [drawing.frames(a, b) for a, b in pairwise([3, *ends])]
    at_once = drawn(7, 2, 3, 3, 200, 5, spacing)
    np.testing.assert_allclose(np.concatenate(pieces, 2), at_once, atol=1e-6)


@pytest.mark.parametrize("spacing", [[1], SLOWLY])
def test_frames_of_noise_differ(spacing):
    all_ = drawn(7, 2, 3, 0, 20, 5, spacing)
    assert len({row.tobytes() for row in all_.reshape(-1, 5)}) == 2 * 3 * 20
    assert (drawn(8, 2, 3, 0, 20, 5, spacing) != all_).any()


def test_white_noise_is_standard_normal_and_frames_know_nothing_of_one_another():
    noise = drawn(0, 1, 1, 0, 4000, 16, [1])[0, 0]
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1.0, abs=0.02)
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.02


def test_samples_and_sounds_have_noise_of_their_own():
    noise = drawn(3, 2, 2, 0, 2000, 8, SLOWLY).reshape(4, -1)
    alike = np.corrcoef(noise)
    np.testing.assert_allclose(alike, np.eye(4), atol=0.1)


def swift(noise):
    """Share of the variance above 5 Hz at 25 frames a second, of (frames, width)."""
    power = np.abs(np.fft.rfft(noise - noise.mean(0), axis=0)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / 25)
    return power[hz > 5].sum() / power.sum()


def test_noise_that_bends_slowly_has_no_tremble_in_it():
    white, slow = (drawn(0, 1, 1, 0, 9000, 8, spacing)[0, 0] for spacing in ([1], SLOWLY))
    assert swift(white) == pytest.approx(0.6, abs=0.02)
    assert swift(slow) < 0.05


def test_training_hears_the_noise_that_sampling_draws():
    random = np.random.default_rng(0)
    learned = at_random((500, 40, 64), SLOWLY, random)
    sampled = drawn(0, 1, 1, 0, 20_000, 64, SLOWLY)[0, 0].reshape(500, 40, 64)
    for noise in (learned, sampled):
        assert noise.dtype == np.float32
        assert noise.std() == pytest.approx(1.0, abs=0.02)
    for apart in (1, 4, 12, 39):
        alike = [np.mean(noise[:, apart:] * noise[:, :-apart]) for noise in (learned, sampled)]
        assert alike[0] == pytest.approx(alike[1], abs=0.04), apart


@pytest.mark.parametrize(
    ("spacing", "told"),
    [
        ([], "at least 1"),
        ([4, 0], "greater than 0"),
        ([2.5], "integer"),
        ([4, 9, 4], "should differ"),
    ],
)
def test_noise_that_is_never_drawn_anew_is_refused(spacing, told):
    with pytest.raises(CradleError, match=told):
        fit({"noise_spacing": spacing}, Train, "params.yaml")
