"""The separator's recipe, tiny: from nothing but synthesis, and with a bank of recordings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.recordings.gather import gather
from models.recordings.sources import Sources, sources
from models.separator import ablate, evaluate, gathered, prepare, recipe, stems, train
from models.separator.codecs import coded
from models.separator.mixtures import SAMPLES, Mixer, Shares
from pipeline.core.backends import file_digest
from pipeline.core.code import PROJECT

RATE = 16000


def tone(hz: float, span_s: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(span_s * RATE)) / RATE)).astype("f4")


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A package with two speakers, a noise twice, and a sound that is too short."""
    root = tmp_path / "unpacked" / "talk"
    files = {
        "who/ann/a_1.wav": np.concatenate([np.zeros(RATE), tone(200), np.zeros(RATE)]),
        "who/ben/a_1.wav": tone(100),
        "thing/dog_1.wav": tone(900),
        "thing/dog_2.wav": tone(900),
        "thing/click.wav": tone(900, 0.05),
        "thing/beep.wav": tone(1500),
    }
    for name, wave in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, wave, RATE)
    return tmp_path


def wanted() -> Sources:
    kinds = [
        {"files": r"who/(ann)/.*\.wav$", "into": r"speech/\1", "split": "train"},
        {"files": r"who/(\w+)/.*\.wav$", "into": r"speech/\1", "split": "val"},
        {"files": "thing/", "besides": "beep", "into": "noise/things", "split": "train"},
    ]
    package = {"name": "talk", "version": "1", "sha256": "0", "licence": "CC0-1.0", "by": "Ann"}
    return Sources.model_validate({"longest_s": 60, "packages": [{**package, "sounds": kinds}]})


def test_a_bank_keeps_speakers_apart_and_each_sound_once(unpacked: Path) -> None:
    rows = gather(wanted(), unpacked, unpacked / "bank")
    assert [row.path.rpartition("/")[0] for row in rows] == [
        "train/noise/things",
        "train/speech/ann",
        "val/speech/ben",
    ]
    cut, rate = soundfile.read(unpacked / "bank" / rows[1].path)
    assert rate == RATE
    assert 1.0 <= len(cut) / RATE < 1.15


def test_a_package_with_another_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "talk_1_all.deb").write_bytes(b"other")
    with pytest.raises(SystemExit, match="was expected"):
        gather(wanted(), tmp_path, tmp_path / "bank")


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg-deb to pack a package with")
def test_a_package_is_unpacked_beside_a_bank_that_is_not_there_yet(unpacked: Path) -> None:
    packed = unpacked / "unpacked" / "talk"
    (packed / "DEBIAN").mkdir()
    (packed / "DEBIAN" / "control").write_text(
        "Package: talk\nVersion: 1\nArchitecture: all\nMaintainer: Ann <a@b.c>\nDescription: talk\n"
    )
    deb = unpacked / "talk_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", packed, deb], check=True, stdout=subprocess.DEVNULL)
    packages = [
        package.model_copy(update={"sha256": file_digest(deb)}) for package in wanted().packages
    ]
    rows = gather(Sources(longest_s=60, packages=packages), unpacked, unpacked / "other" / "bank")
    assert len(rows) == 3
    assert (unpacked / "other" / "unpacked" / "talk" / "who" / "ann" / "a_1.wav").is_file()


def test_what_stands_under_the_gpl_only_validates() -> None:
    for package in sources().packages:
        if "GPL" in package.licence:
            assert {sounds.split for sounds in package.sounds} == {"val"}


def test_codecs_keep_length_and_place() -> None:
    rng = np.random.default_rng(1)
    found = [stems.Stem("other", tone(440, 1.0 + n / 10)) for n in range(12)]
    changed = coded(found, rng, 1.0)
    for before, after in zip(found, changed, strict=True):
        assert len(before.wave) == len(after.wave)
        spectrum = np.abs(np.fft.rfft(after.wave))
        assert spectrum.argmax() * RATE / len(after.wave) == pytest.approx(440, abs=5)
        assert not np.array_equal(before.wave, after.wave)
    assert coded(found, rng, 0.0) == found


def test_recorded_noises_are_in_the_mixtures_and_not_in_the_infant(unpacked: Path) -> None:
    gather(wanted(), unpacked, unpacked / "bank")
    rng = np.random.default_rng(2)
    found = gathered.gathered(unpacked / "bank" / "train", rng, 0.2)
    assert {stem.group for stem in found} == {"real_noise", "real_adult"}
    infant = stems.Stem("infant", tone(3000, 7.0))
    mixer = Mixer([infant, stems.Stem("other", tone(60, 7.0)), *found], rng, Shares(real=0.0))
    drawn = [mixer.draw() for _ in range(40)]
    beside = [np.abs(np.fft.rfft(mixed - part)).argmax() * RATE / SAMPLES for mixed, part in drawn]
    assert sum(500 < hz < 1400 for hz in beside) >= 5
    assert all(np.isfinite(mixed).all() for mixed, _ in drawn)


def test_music_and_noise_are_made_as_well_as_recorded() -> None:
    tones_hz = {"music": 100, "real_music": 300, "noise": 900, "real_noise": 2700}
    found = [stems.Stem(group, tone(hz, 7.0), "sort") for group, hz in tones_hz.items()]
    found.append(stems.Stem("other", tone(6000, 7.0)))
    mixer = Mixer(found, np.random.default_rng(4), Shares(infant=0.0))
    drawn = [mixer.draw()[0] for _ in range(400)]
    peaks_hz = [np.abs(np.fft.rfft(wave)).argmax() * RATE / SAMPLES for wave in drawn]
    for group, hz in tones_hz.items():
        assert sum(hz / 1.6 < peak_hz < hz * 1.6 for peak_hz in peaks_hz) >= 5, group


def tiny(monkeypatch: pytest.MonkeyPatch, work: Path) -> recipe.Recipe:
    """A recipe of synthesis alone that writes into `work`, and takes seconds."""
    for module in (ablate, prepare):
        monkeypatch.setattr(module, "FOLDER", work)
    monkeypatch.setattr(ablate, "WORK", work)
    monkeypatch.setattr(evaluate, "_CASES", 1)
    # A seed of its own: two steps of some seeds draw the same from either bank.
    small = {"seed": 97, "size": 0.006, "steps": 2, "batch": 1, "processes": 1}
    return recipe.recipe().model_copy(update={"real": None, "bank": None, "start": None, **small})


def test_an_infant_may_sound_but_for_a_moment() -> None:
    infant = stems.Stem("infant", np.resize(tone(400), round(stems.STEM_S * RATE)))
    other = stems.Stem("other", np.resize(tone(150), round(stems.STEM_S * RATE)))
    shares = Shares(infant=1.0, alone=0.0, moment=0.75)
    mixer = Mixer([infant, other], np.random.default_rng(2), shares)
    spans_s = []
    for mixture, part in (mixer.draw() for _ in range(24)):
        spans_s.append((np.abs(part) > 0.1 * np.abs(part).max()).sum() / RATE)
        assert np.abs(mixture - part).max() > 0
    assert min(spans_s) > 0.1
    assert np.mean(np.array(spans_s) < 1.4) > 0.6


def test_the_recipe_runs_on_synthesis_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tiny(monkeypatch, tmp_path)
    prepare.name(small)
    assert (tmp_path / "trained_on.sha256").read_text() == ""
    banks = prepare.prepare(small, tmp_path)
    weights = tmp_path / "model.safetensors"
    train.write_weights(weights, train.train(small, banks, tmp_path).mean.module)
    figures = evaluate.evaluate(weights, evaluate.drawn_cases(small))
    assert {"synthetic, clean", "synthetic, adult"} <= set(figures)
    assert np.isfinite([v for name, v in figures.items() if name.startswith("synthetic")]).all()
    further = small.model_copy(update={"steps": 3})
    assert [step for step, *_ in train.train(further, banks, tmp_path).curve] == [2, 3]


def test_processes_learn_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tiny(monkeypatch, tmp_path).model_copy(update={"processes": 2})
    banks = prepare.prepare(small, tmp_path)
    train.train(small, banks, tmp_path)
    states = [torch.load(tmp_path / f"state-{rank}.pt", weights_only=True) for rank in (0, 1)]
    learned = [name for name, _ in train.Training(small).network.named_parameters()]
    for name in learned:
        assert torch.equal(*(state["network"][name] for state in states)), name
    assert states[0]["curve"] != states[1]["curve"]
    (tmp_path / "state-1.pt").unlink()
    with pytest.raises(torch.multiprocessing.ProcessRaisedException, match=r"steps \[0, 2\]"):
        train.train(small.model_copy(update={"steps": 3}), banks, tmp_path)


ENDLESS = """
import os, signal, sys
from pathlib import Path
from models.separator.abreast import abreast

def work(rank):
    os.write(1, b"begun\\n")
    signal.signal(signal.SIGALRM, lambda *_: os.write(1, b"still here\\n"))
    signal.alarm(20)
    signal.pause()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    abreast(work, 2, Path(sys.argv[1]))
"""


def test_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    """Also where they were begun in the background, which leaves an interrupt without effect."""
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    words = [sys.executable, str(script), str(tmp_path / "meeting")]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=env) as begun:
        out = begun.stdout
        assert out is not None
        # What they meet through has something to say as well.
        assert len([*islice((line for line in out if b"begun" in line), 2)]) == 2
        begun.kill()
        # Ends once nobody is left that could write.
        assert b"still here\n" not in out.readlines()


def test_the_ablation_tells_synthetic_from_real_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tiny(monkeypatch, tmp_path)
    (tmp_path / "real" / "cry").mkdir(parents=True)
    for n in range(4):
        soundfile.write(tmp_path / "real" / "cry" / f"{n}.wav", tone(500.0 + n, 2.0), RATE)
    with_real = small.model_copy(update={"real": str(tmp_path / "real"), "held_out": ("3",)})
    figures = ablate.ablate(with_real, steps=2)
    assert set(figures) == {"synthetic", "real", "both"}
    assert len({values["real cry, clean"] for values in figures.values()}) == 3
    drawn = {
        sounds: {
            part
            for part in ("synthetic", "real")
            if stems.load(tmp_path / "ablation" / sounds / f"{part}.npz")
        }
        for sounds in figures
    }
    assert drawn == {
        "synthetic": {"synthetic"},
        "real": {"real"},
        "both": {"synthetic", "real"},
    }


def test_what_was_learned_from_can_be_asked_for_beside_what_was_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tiny(monkeypatch, tmp_path)
    tones_hz = {"learned": 500.0, "other": 900.0}
    (tmp_path / "cry").mkdir()
    for name, hz in tones_hz.items():
        soundfile.write(tmp_path / "cry" / f"{name}.wav", tone(hz, 2.0), RATE)
    wanted = small.model_copy(update={"real": str(tmp_path), "held_out": ("other",)})
    for learned, hz in ((True, 500.0), (False, 900.0)):
        [(wave, _)] = evaluate.drawn_cases(wanted, learned)["real cry, clean"]
        peak = np.abs(np.fft.rfft(wave)).argmax() * RATE / len(wave)
        assert peak == pytest.approx(hz, abs=5)
