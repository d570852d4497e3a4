import numpy as np
import pytest

from pipeline import media
from pipeline.generator import checkpoint
from pipeline.generator.generate import (
    GenerateError,
    generate,
    guess_vocalization,
    save,
    to_features_rate,
)
from pipeline.generator.train import MODEL
from tests.generator.test_evaluate import draw
from tests.generator.world import OPEN, RATE_HZ, ToyFace, performance, voiced


@pytest.fixture(scope="module")
def generator(trained):
    return checkpoint.load(trained.root / MODEL)


@pytest.fixture(scope="module")
def burst():
    loud, pitch = performance(60, np.random.default_rng(77))
    return loud, voiced(loud, pitch)


def test_the_mouth_follows_a_sound_that_was_never_heard(generator, burst):
    loud, sound = burst
    made = generate(sound, RATE_HZ, generator, "cry")
    assert made.latents.shape == (60, 64)
    assert np.corrcoef(made.latents[:, OPEN], loud)[0, 1] > 0.8


def test_rate_and_channels_do_not_matter(generator, burst):
    _, sound = burst
    double = np.repeat(sound, 2)
    stereo = np.stack([sound, sound], 1)
    np.testing.assert_allclose(to_features_rate(stereo, RATE_HZ), sound, atol=1e-6)
    resampled = to_features_rate(double, 2 * RATE_HZ)
    assert resampled.shape == sound.shape
    assert np.corrcoef(resampled, sound)[0, 1] > 0.99
    assert len(to_features_rate(np.zeros(44_100, np.float32), 44_100)) == RATE_HZ


def test_seed_and_face_are_as_asked(generator, burst):
    _, sound = burst
    made = generate(sound, RATE_HZ, generator, identity=np.ones(32), age=np.array([2.0]), seed=1)
    same = generate(sound, RATE_HZ, generator, identity=np.ones(32), age=np.array([2.0]), seed=1)
    other = generate(sound, RATE_HZ, generator, identity=np.ones(32), age=np.array([2.0]), seed=2)
    np.testing.assert_array_equal(made.latents, same.latents)
    assert (made.latents != other.latents).any()
    assert made.age == 2.0
    assert made.identity.sum() == 32


def test_an_unknown_vocalization_is_refused_with_those_there_are(generator):
    with pytest.raises(GenerateError, match=r"'sneeze'.*babble, cry, laugh"):
        generate(np.zeros(RATE_HZ, np.float32), RATE_HZ, generator, "sneeze")


def test_a_sound_shorter_than_a_frame_is_refused(generator):
    with pytest.raises(GenerateError, match="533"):
        generate(np.zeros(500, np.float32), RATE_HZ, generator)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("baby-crying_03.wav", "cry"),
        ("Laughter 2.flac", "laugh"),
        ("nursery_babble_01", "babble"),
        ("decry.wav", None),
        ("clip.wav", None),
    ],
)
def test_a_vocalization_is_guessed_from_a_name(name, kind):
    assert guess_vocalization(name, ["babble", "cry", "laugh"]) == kind


def test_files_hold_latents_vertices_and_sound_and_say_synthetic(generator, burst, tmp_path):
    _, sound = burst
    made = generate(sound, RATE_HZ, generator, "laugh")
    save(made, sound, RATE_HZ, ToyFace(), draw, tmp_path / "out")
    with np.load(tmp_path / "out/face.npz", allow_pickle=False) as file:
        assert file["synthetic"]
        assert file["vertices_mm"].shape == (60, 8, 3)
        np.testing.assert_array_equal(file["expression"], made.latents)
    video = tmp_path / "out/face.mp4"
    assert len(list(media.read_frames(video))) == 60
    assert b"synthetic" in video.read_bytes()
