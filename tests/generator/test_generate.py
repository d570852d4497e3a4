import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.core.errors import WeightsError
from pipeline.generator import checkpoint
from pipeline.generator import generate as generating
from pipeline.generator.features import FPS
from pipeline.generator.generate import (
    Follower,
    GenerateError,
    Made,
    Who,
    fitted_person,
    follow,
    generate,
    guess_vocalization,
    sampled_person,
)
from pipeline.generator.live import Sampling
from pipeline.generator.logmel import LogMel
from pipeline.generator.take import Lines, Take, save
from pipeline.generator.train import MODEL
from pipeline.morph.glb import animate
from pipeline.nursery.sound.adult import adult_speech
from tests.generator.test_evaluate import draw
from tests.generator.world import OPEN, RATE_HZ, ToyFace, performance, voiced

SOON = Sampling(steps=2)


@pytest.fixture(scope="module")
def generator(trained):
    return checkpoint.load(trained.root / MODEL)


@pytest.fixture(scope="module")
def burst():
    loud, pitch = performance(60, np.random.default_rng(77))
    return loud, voiced(loud, pitch)


def test_the_mouth_follows_a_sound_that_was_never_heard(generator, burst):
    loud, sound = burst
    (made,) = generate(sound, RATE_HZ, generator, Who("cry"))
    assert made.latents.shape == (60, 64)
    assert np.corrcoef(made.latents[:, OPEN], loud)[0, 1] > 0.8


@pytest.mark.parametrize("size", [100, 533, 5000])
def test_pieces_of_sound_give_what_the_sound_gives(generator, burst, size):
    _, sound = burst
    pieces = [sound[at : at + size] for at in range(0, len(sound), size)]
    made = np.concatenate(list(follow(pieces, Follower(generator, Who("cry"), SOON))), 1)
    (whole,) = generate(sound, RATE_HZ, generator, Who("cry"), SOON)
    np.testing.assert_allclose(made[0], whole.latents, atol=1e-5, rtol=0)


def test_look_ahead_is_under_200_ms_and_as_stated(generator, burst):
    """Frame 5 comes with the sample that the look-ahead says, and not before."""
    _, sound = burst
    follower = Follower(generator, Who(), SOON)
    assert follower.look_ahead_s <= 0.2
    last = round((5 / FPS + follower.look_ahead_s) * RATE_HZ)
    assert follower.push(sound[: last - 1]).shape[1] == 5
    assert follower.push(sound[last - 1 : last]).shape[1] == 1


def test_rate_and_channels_hardly_matter(generator, burst):
    _, sound = burst
    (made,) = generate(sound, RATE_HZ, generator, Who("cry"), SOON)
    (stereo,) = generate(np.stack([sound, sound], 1), RATE_HZ, generator, Who("cry"), SOON)
    (double,) = generate(np.repeat(sound, 2), 2 * RATE_HZ, generator, Who("cry"), SOON)
    np.testing.assert_allclose(stereo.latents, made.latents, atol=1e-5)
    assert np.corrcoef(double.latents[:, OPEN], made.latents[:, OPEN])[0, 1] > 0.95


def test_seed_and_face_are_as_asked(generator, burst):
    _, sound = burst
    who = Who(identity=np.ones(32), age=np.array([2.0]))
    made, same, other = (
        generate(sound, RATE_HZ, generator, who, Sampling(seed=seed, steps=2))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(made.latents, same.latents)
    assert (made.latents != other.latents).any()
    assert made.age == 2.0
    assert made.identity.sum() == 32


def test_many_motions_for_one_sound(generator, burst):
    _, sound = burst
    made = generate(sound, RATE_HZ, generator, how=Sampling(steps=2, samples=3))
    (alone,) = generate(sound, RATE_HZ, generator, how=SOON)
    assert len(made) == 3
    np.testing.assert_allclose(made[0].latents, alone.latents, atol=1e-5)
    assert (made[1].latents != made[2].latents).any()


@pytest.mark.parametrize("steps", [50, 8, 4, 2])
@pytest.mark.parametrize("sampler", ["ddim", "dpm"])
def test_every_sampler_gives_a_face(generator, burst, sampler, steps):
    loud, sound = burst
    (made,) = generate(sound, RATE_HZ, generator, Who("cry"), Sampling(0, steps, 1.0, sampler))
    assert np.corrcoef(made.latents[:, OPEN], loud)[0, 1] > 0.7


def test_the_encoder_hears_a_sound_once_however_many_steps(generator, burst, monkeypatch):
    asked, encode = [], LogMel.encode

    def counted(self, sound):
        asked.append(len(sound))
        return encode(self, sound)

    monkeypatch.setattr(LogMel, "encode", counted)
    monkeypatch.setattr(LogMel, "reach_samples", None)
    generate(burst[1], RATE_HZ, generator, how=Sampling(steps=7, samples=2, guidance=2.0))
    assert asked == [len(burst[1])]


def quiet(frames: int = 60) -> np.ndarray:
    return np.zeros(frames * RATE_HZ // 30, np.float32)


def test_silence_leaves_the_mouth_alone(generator, burst):
    _, sound = burst
    (still,), (moved,) = (
        generate(s, RATE_HZ, generator, Who("cry"), SOON) for s in (quiet(), sound)
    )
    assert np.abs(still.latents[10:, OPEN]).max() < 0.3 * moved.latents[:, OPEN].max()


@pytest.mark.parametrize("loud", [0.01, 1.0, 100.0])
def test_noise_of_any_loudness_gives_a_face_within_reason(generator, loud):
    noise = np.random.default_rng(0).normal(0, loud, RATE_HZ).astype(np.float32)
    (made,) = generate(noise, RATE_HZ, generator, how=SOON)
    assert made.latents.shape == (30, 64)
    assert np.abs(made.latents).max() < 20


def test_an_adults_talk_gives_a_face_within_reason(generator):
    talk = adult_speech(3.0, RATE_HZ, np.random.default_rng(0)).astype(np.float32)
    (made,) = generate(talk, RATE_HZ, generator, how=SOON)
    assert made.latents.shape == (90, 64)
    assert np.abs(made.latents).max() < 20


def test_a_sound_without_end_takes_no_more_memory(generator, burst):
    """What is held at its peak is the same for the fourth minute as for the second."""
    _, sound = burst
    minute = np.resize(sound, 60 * RATE_HZ)
    follower = Follower(generator, Who("cry"), Sampling(steps=1))

    def peak():
        tracemalloc.reset_peak()
        assert follower.push(minute).shape == (1, 1800, 64)
        return tracemalloc.get_traced_memory()[1]

    follower.push(minute)
    tracemalloc.start()
    second, _, fourth = (peak() for _ in range(3))
    tracemalloc.stop()
    assert fourth < second + 100_000


def test_one_frame_is_enough(generator):
    (made,) = generate(np.zeros(534, np.float32), RATE_HZ, generator, how=SOON)
    assert made.latents.shape == (1, 64)


def test_a_sound_shorter_than_a_frame_is_refused(generator):
    with pytest.raises(GenerateError, match="500 samples, a frame needs 533"):
        generate(np.zeros(500, np.float32), RATE_HZ, generator)


def test_an_unknown_vocalization_is_refused_with_those_there_are(generator):
    with pytest.raises(GenerateError, match=r"'sneeze'.*babble, cry, laugh"):
        generate(np.zeros(RATE_HZ, np.float32), RATE_HZ, generator, Who("sneeze"))


@pytest.mark.parametrize(
    "who",
    [Who(identity=np.zeros(8)), Who(age=np.zeros(16)), Who(identity=np.full(32, np.nan))],
)
def test_a_face_of_another_layout_is_refused(generator, who):
    with pytest.raises(GenerateError, match="another morphable model"):
        generate(quiet(), RATE_HZ, generator, who)


def test_a_generator_for_other_features_is_refused(generator, monkeypatch):
    monkeypatch.setitem(generator.about, "feature", {"name": "logmel", "width": 99})
    with pytest.raises(WeightsError, match=r"'width': 99.*here are.*'width': 75"):
        generating.features_of(generator)


def test_a_face_is_taken_from_a_fit_or_drawn(generator, tmp_path):
    path = tmp_path / "fit.npz"
    np.savez(path, identity=np.arange(32.0), age=np.ones(1), expression=np.zeros((3, 64)))
    identity, age = fitted_person(path)
    assert identity[31] == 31
    assert age == 1
    identity, age = sampled_person(generator, 3)
    assert identity.shape == (32,)
    assert abs(age[0]) <= 2
    assert (sampled_person(generator, 4)[0] != identity).any()
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(GenerateError, match=r"no\.npz: no latents of `cradle fit`"):
        fitted_person(tmp_path / "no.npz")


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


def test_files_hold_latents_mesh_and_sound_and_say_synthetic(generator, burst, tmp_path):
    _, sound = burst
    out = tmp_path / "out"
    with Take(1, 64) as take:
        for latents in follow(iter([sound]), Follower(generator, Who("laugh"), SOON)):
            take.see(latents)
        take.hear(sound)
        made = Made("laugh", take.latents()[0], np.zeros(32, np.float32), np.zeros(1, np.float32))
        save(made, take.sound, ToyFace(), draw, animate, out, origin="abc")
    (whole,) = generate(sound, RATE_HZ, generator, Who("laugh"), SOON)
    with np.load(out / "face.npz", allow_pickle=False) as file:
        assert file["synthetic"]
        assert str(file["generator"]) == "abc"
        np.testing.assert_allclose(file["expression"], whole.latents, atol=1e-5)
    assert len(list(media.read_frames(out / "face.mp4"))) == 60
    assert media.probe(out / "face.mp4").sound is not None
    for name in ("face.mp4", "face.glb"):
        assert b"synthetic" in (out / name).read_bytes()
    assert not Path(take._folder.name).exists()


def test_lines_come_as_frames_are_known(generator, burst, tmp_path):
    _, sound = burst
    path = tmp_path / "lines"
    with path.open("w") as file:
        lines = Lines(file, {"look_ahead_s": 0.1})
        follower = Follower(generator, Who(), SOON)
        lines.see(follower.push(sound[:16_000]))
        head, *frames = map(json.loads, path.read_text().splitlines())
        assert head["synthetic"]
        assert head["look_ahead_s"] == 0.1
        assert 20 < len(frames) < 30
        lines.see(follower.push(sound[16_000:]))
        lines.see(follower.finish())
    _, *frames = map(json.loads, path.read_text().splitlines())
    assert [frame["frame"] for frame in frames] == list(range(60))
    (whole,) = generate(sound, RATE_HZ, generator, how=SOON)
    made = np.array([frame["expression"] for frame in frames])
    np.testing.assert_allclose(made, whole.latents, atol=2e-5)
