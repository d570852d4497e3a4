import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from pipeline.core.errors import BackendError
from pipeline.generator import featured, features
from pipeline.generator.features import ENERGY_COLUMN, RATE_HZ, Features, interpolate
from pipeline.generator.logmel import BANDS, PITCH_ZERO_HZ, LogMel, mel_matrix
from pipeline.generator.params import FeatureName
from pipeline.generator.params import Features as Asked

OCTAVES, PERIODIC = 1 + BANDS, 2 + BANDS


@pytest.fixture(scope="module")
def logmel() -> Features:
    return features.load("logmel")


def tone(hz: float, seconds: float = 1.0, level: float = 0.3) -> np.ndarray:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return sum(level / k * np.sin(2 * np.pi * k * hz * time) for k in (1, 2, 3)).astype(np.float32)


def test_shape_and_finite_for_any_sound(logmel):
    for sound in (np.zeros(0), np.zeros(1), np.zeros(16_000), np.ones(700), tone(500)):
        rows = logmel.extract(sound.astype(np.float32), 30)
        assert rows.shape == (30, logmel.width)
        assert rows.dtype == np.float32
        assert np.isfinite(rows).all()


def test_what_is_no_network_asks_for_no_gpu():
    step = featured.featuring(Asked(backend="logmel"), "cuda").step
    assert (step.needs.gpu, step.together) == (0.0, None)


def test_an_impulse_is_felt_at_its_own_frame(logmel):
    sound = np.zeros(RATE_HZ, np.float32)
    sound[8000] = 1.0  # half a second in is frame 15
    rows = logmel.extract(sound, 30)
    bands = rows[:, 1 : 1 + BANDS].mean(1)
    assert bands.argmax() == 15
    assert rows[:, ENERGY_COLUMN].argmax() == 15
    # Windows are centred: as far before as after.
    assert bands[14] == pytest.approx(bands[16], abs=3.0)


def test_interpolation_is_exact_for_a_straight_line_between_true_centres():
    class Ramp:
        name, width, hop_samples, first_centre_samples = "ramp", 1, 320, 199.5
        reach_samples = 200

        def encode(self, sound):
            return (199.5 + 320 * np.arange(49))[:, None].astype(np.float32)

    at = np.array([199.5, 1000.0, 10_000.25, 199.5 + 320 * 48])
    np.testing.assert_allclose(interpolate(Ramp(), Ramp().encode(None), at)[:, 0], at, rtol=1e-6)
    outside = interpolate(Ramp(), Ramp().encode(None), np.array([0.0, 99_999.0]))
    np.testing.assert_allclose(outside[:, 0], [199.5, 199.5 + 320 * 48])


@pytest.mark.parametrize("hz", [220.0, 450.0, 777.0, 1500.0])
def test_pitch_of_a_tone(logmel, hz):
    rows = logmel.extract(tone(hz), 30)[3:-3]
    found = PITCH_ZERO_HZ * 2 ** rows[:, OCTAVES]
    np.testing.assert_allclose(found, hz, rtol=0.02)
    assert (rows[:, PERIODIC] > 0.9).all()


def test_noise_has_no_pitch(logmel):
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    rows = logmel.extract(noise, 30)
    assert np.median(rows[:, PERIODIC]) < 0.5
    assert (rows[:, OCTAVES] == 0).mean() > 0.8


def test_ten_times_louder_is_20_db_more(logmel):
    quiet, loud = (logmel.extract(tone(500, level=level), 30) for level in (0.03, 0.3))
    np.testing.assert_allclose((loud - quiet)[2:-2, ENERGY_COLUMN], 20, atol=0.01)
    audible = quiet[2:-2, 1 : 1 + BANDS] > -70
    np.testing.assert_allclose((loud - quiet)[2:-2, 1 : 1 + BANDS][audible], 20, atol=0.1)


def test_what_comes_later_changes_nothing_before(logmel):
    random = np.random.default_rng(1)
    sound = random.normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
    whole, half = logmel.extract(sound, 60), logmel.extract(sound[:RATE_HZ], 30)
    np.testing.assert_allclose(whole[:28], half[:28], atol=1e-4)


def test_bands_cover_their_range_without_holes():
    bands = mel_matrix()
    assert bands.shape[0] == BANDS
    assert (bands.sum(1) > 0).all()
    middles = bands.argmax(1)
    assert (np.diff(middles) > 0).all()


def test_an_unknown_encoder_is_named_with_those_there_are():
    with pytest.raises(BackendError, match=r"'nope'.*logmel"):
        features.load("nope")


def test_every_encoder_says_what_it_is_and_keeps_its_word():
    assert set(features.ENCODERS.modules) == set(get_args(FeatureName))
    assert features.info("logmel").name == "logmel"
    loaded = features.load("logmel")
    assert loaded.encoder.encode(tone(400)).shape[1] == loaded.encoder.width
    assert loaded.described == {"name": "logmel", "width": 75}


def test_importing_features_does_not_import_torch():
    code = (
        "import sys; from pipeline.generator import features, logmel, params;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_stereo_is_refused():
    with pytest.raises(ValueError, match="mono"):
        Features(LogMel()).extract(np.zeros((100, 2), np.float32), 3)
