"""`cradle generate`, as a person or a program calls it."""

import argparse
import dataclasses
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from pipeline import media
from pipeline.__main__ import main
from pipeline.commands import generate
from pipeline.generator import checkpoint, spans
from pipeline.generator.params import Evaluate
from pipeline.generator.trainer import untrained
from pipeline.morph import model
from tests.generator.conftest import SMALL
from tests.generator.world import RATE_HZ, ToyFace, make_pack, performance, voiced

FRAMES = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A generator for the face that the project fits; it has learned nothing, and need not have."""
    folder = tmp_path_factory.mktemp("made")
    pack = spans.read(make_pack(folder / "pack", {"train": 2, "val": 0, "test": 0}, frames=40))

    def saved(name, face, **more):
        generator = untrained(SMALL, pack, face)
        generator.about.update(training={"steps": 0, "verdict": "untrained"}, **more)
        checkpoint.save(generator, folder / name)
        return str(folder / name)

    def knowing(name, face):
        generator = untrained(SMALL, pack, face)
        generator.about.update(training={"steps": 0, "verdict": "untrained"})
        trusting = dataclasses.replace(generator, trust=torch.ones(64, 3))
        checkpoint.save(trusting, folder / name)
        return str(folder / name)

    return SimpleNamespace(
        ours=saved("ours.safetensors", model.load()),
        knowing=knowing("knowing.safetensors", model.load()),
        toy=saved("toy.safetensors", ToyFace()),
        pupil=saved("pupil.safetensors", model.load(), distilled={"steps": 2}),
    )


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return voiced(*performance(FRAMES, np.random.default_rng(0)))[: FRAMES * RATE_HZ // 30]


def wav(sound: np.ndarray) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, sound, RATE_HZ, format="WAV")
    return out.getvalue()


def piped(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_a_file_becomes_latents_mesh_and_video(made, sound, tmp_path, capsys):
    path, out = tmp_path / "crying.wav", tmp_path / "out"
    path.write_bytes(wav(sound))
    asked = ["--model", made.ours, "--steps", "2", "--samples", "2", "--face", "sampled"]
    assert main(["generate", str(path), "-o", str(out), *asked, "--age-months", "11"]) == 0
    names = sorted(file.name for file in out.iterdir())
    assert names == sorted(f"face{n}.{end}" for n in ("", "-2") for end in ("glb", "mp4", "npz"))
    with np.load(out / "face.npz", allow_pickle=False) as file:
        assert file["expression"].shape == (FRAMES, 64)
        assert file["age"] == 1.0
        assert file["identity"].std() > 0.5
        assert file["synthetic"]
        assert str(file["vocalization"]) == "cry"
    assert len(list(media.read_frames(out / "face.mp4"))) == FRAMES
    assert f"{FRAMES} frames of cry" in capsys.readouterr().out
    fitted = [str(path), "-o", str(tmp_path / "again"), "--model", made.ours, "--steps", "1"]
    assert main(["generate", *fitted, "--face", str(out / "face.npz")]) == 0


def test_a_stream_becomes_lines(made, sound, monkeypatch, capsys):
    piped(monkeypatch, wav(sound))
    assert main(["generate", "-", "-o", "-", "--model", made.ours, "--steps", "2"]) == 0
    head, *frames = map(json.loads, capsys.readouterr().out.splitlines())
    assert head["synthetic"]
    assert head["look_ahead_s"] <= 0.2
    assert [frame["frame"] for frame in frames] == list(range(FRAMES))


def test_a_distilled_generator_takes_its_own_steps_and_refuses_others(
    made, sound, monkeypatch, capsys
):
    piped(monkeypatch, wav(sound))
    assert main(["generate", "-", "-o", "-", "--model", made.pupil]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + FRAMES
    piped(monkeypatch, wav(sound))
    assert main(["generate", "-", "-o", "-", "--model", made.pupil, "--steps", "8"]) == 1
    assert "distilled to 2 steps of ddim and knows no others" in capsys.readouterr().err


def test_a_stream_that_breaks_off_is_used_as_far_as_it_came(made, sound, monkeypatch, capsys):
    piped(monkeypatch, wav(sound)[:-3201])
    assert main(["generate", "-", "-o", "-", "--model", made.ours, "--steps", "1"]) == 0
    said = capsys.readouterr()
    assert "ended 3201 bytes before its header said" in said.err
    assert len(said.out.splitlines()) == 1 + FRAMES - 4


@pytest.mark.parametrize(
    ("content", "asked", "words"),
    [
        (b"", [], "nothing came"),
        (b"hello, this is text", [], "no WAV"),
        (b"\0" * 800, ["--raw-rate", "16000"], "400 samples, a frame needs 533"),
        (b"\0" * 800, ["--raw-rate", "12"], "12 Hz; from 4000"),
        (b"", ["--steps", "-1"], "--steps -1: from 0 to 1000"),
        (b"", ["--temperature", "3"], "--temperature 3.0: from 0 to 2"),
        (b"", ["--guidance", "99"], "--guidance 99.0: from 0 to 10"),
        (b"", ["--steps", "0", "--samples", "2"], "--samples 2: with --steps 0 nothing is drawn"),
        (b"", ["--face", "mine.npz"], "--face mine.npz: average, sampled or"),
        (b"", ["--age-months", "700"], "--age-months 700: from 0 to 60"),
        (b"", ["--vocalization", "sneeze"], "'sneeze' is not one this generator knows: babble"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    made, monkeypatch, capsys, tmp_path, content, asked, words
):
    piped(monkeypatch, content)
    out = tmp_path / "out"
    assert main(["generate", "-", "-o", str(out), "--model", made.ours, *asked]) == 1
    assert words in capsys.readouterr().err
    assert not out.exists()


@pytest.fixture
def clip(tmp_path, sound) -> list[str]:
    """A fit of somebody whose mouth is open wide, and the sound of it."""
    fit, heard = tmp_path / "fit.npz", tmp_path / "laugh.wav"
    identity = np.random.default_rng(1).standard_normal(32)
    expression = np.full((FRAMES, 64), 2.0)
    expression[3] = np.nan
    valid = np.arange(FRAMES) != 3
    np.savez(fit, expression=expression, valid=valid, identity=identity, age=np.array([0.5]))
    heard.write_bytes(wav(sound))
    return [str(fit), str(heard)]


def test_a_face_moves_in_the_manner_of_a_clip_that_is_known(made, sound, clip, tmp_path):
    path = tmp_path / "crying.wav"
    path.write_bytes(wav(sound))

    def generated(name, *asked):
        out = tmp_path / name
        arguments = ["--model", made.knowing, "--steps", "0", *asked]
        assert main(["generate", str(path), "-o", str(out), *arguments]) == 0
        with np.load(out / "face.npz", allow_pickle=False) as file:
            return dict(file)

    known, stranger = generated("known", "--familiar", *clip), generated("stranger")
    assert known["identity"].std() > 0.5
    assert known["age"] == 0.5
    assert np.isfinite(known["expression"]).all()
    assert known["expression"].mean() > stranger["expression"].mean() + 0.2
    twice = generated("twice", "--familiar", *clip, "--familiar", *clip, "--face", "average")
    assert not twice["identity"].any()
    assert twice["expression"].mean() > known["expression"].mean()


@pytest.mark.parametrize(
    ("model_", "fit", "words"),
    [
        ("ours", None, "--familiar: this generator has learned no manners"),
        ("knowing", b"no fit", "no latents of `cradle fit`"),
        ("knowing", "narrow", "expressions are (12, 30), this generator's (12, 64)"),
        ("knowing", "broken", "expressions of frames that it calls valid are no numbers"),
    ],
)
def test_a_clip_that_cannot_be_known_is_refused_in_words(
    made, monkeypatch, capsys, tmp_path, clip, model_, fit, words
):
    if isinstance(fit, bytes):
        (tmp_path / "fit.npz").write_bytes(fit)
    elif fit:
        with np.load(clip[0]) as file:
            held = dict(file)
        changed = {
            "narrow": {"expression": held["expression"][:, :30]},
            "broken": {"valid": np.ones(FRAMES, bool)},
        }
        np.savez(clip[0], **held | changed[fit])
    piped(monkeypatch, b"")
    asked = ["--model", getattr(made, model_), "--familiar", *clip]
    assert main(["generate", "-", "-o", str(tmp_path / "out"), *asked]) == 1
    assert words in capsys.readouterr().err


def test_lines_are_of_one_motion(made, monkeypatch, capsys):
    piped(monkeypatch, wav(np.zeros(RATE_HZ)))
    assert main(["generate", "-", "-o", "-", "--model", made.ours, "--samples", "2"]) == 1
    assert "--samples 2: lines are of one motion" in capsys.readouterr().err


def test_a_generator_for_another_face_is_refused(made, sound, tmp_path, capsys):
    path = tmp_path / "cry.wav"
    path.write_bytes(wav(sound))
    assert main(["generate", str(path), "-o", str(tmp_path / "out"), "--model", made.toy]) == 1
    said = capsys.readouterr().err
    assert "trained with morphable model" in said
    assert "'toy'" in said


def test_the_rate_of_a_file_is_its_own(made, sound, tmp_path, capsys):
    path = tmp_path / "cry.wav"
    path.write_bytes(wav(sound))
    asked = ["generate", str(path), "-o", str(tmp_path), "--model", made.ours, "--raw-rate", "8000"]
    assert main(asked) == 1
    assert "--raw-rate: a file says itself" in capsys.readouterr().err


def test_samples_are_as_varied_as_those_that_are_judged():
    parser = argparse.ArgumentParser()
    generate.arguments(parser)
    asked = parser.parse_args(["cry.wav", "-o", "out"])
    assert asked.temperature == Evaluate().temperature
