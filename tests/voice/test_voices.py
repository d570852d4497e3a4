"""The network of who sounds: pyannote's own, in windows of any length, refused where it is odd."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core import restoring
from pipeline.core.code import PROJECT
from pipeline.core.errors import WeightsError
from pipeline.voice import voices_embedded, voices_evidence
from pipeline.voice.backends import TRACK_HZ
from pipeline.voice.sounding import audible, below_db, louder
from pipeline.voice.voices_network import PyanNet, Shape
from pipeline.voice.voices_windows import Windows, on_grid
from tests.voice.mixing import RATE, f1, mixture

# Importing pyannote.audio takes a dozen seconds and warns: both stay in a process of its own.
PEER = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
import pytorch_lightning as lightning
from pyannote.audio import Inference
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.segmentation import PyanNet
from pipeline.voice import voices_network as ours
from pipeline.voice.voices_pyannote import Pyannote
from pipeline.voice.voices_windows import Windows

torch.set_num_threads(1)


def check(monolithic):
    torch.manual_seed(3)
    lstm = {"hidden_size": 12, "num_layers": 2, "monolithic": monolithic}
    linear = {"hidden_size": 8, "num_layers": 2}
    peer = PyanNet(lstm=lstm, linear=linear)
    peer.specifications = Specifications(
        problem=Problem.MULTI_LABEL_CLASSIFICATION, resolution=Resolution.FRAME, duration=2.0,
        classes=["KCHI", "FEM"],
    )
    peer.build()
    peer.eval()
    own = ours.PyanNet(ours.Shape(2, {"stride": 10}, lstm, linear)).eval()
    own.load_state_dict(peer.state_dict())
    sound = 0.1 * torch.randn(1, 5 * 16000)
    with torch.inference_mode():
        assert torch.allclose(torch.sigmoid(own(sound[None])), peer(sound[None]), atol=1e-6)
    said = Inference(peer, step=0.2)({"waveform": sound, "sample_rate": 16000})
    windows = Windows(32000, 3200, own.shape.hop)
    def network(batch):
        with torch.inference_mode():
            return torch.sigmoid(own(torch.from_numpy(batch)[:, None])).numpy()
    mine = windows.score(sound[0].numpy(), network)
    # At the end pyannote adds zeros for frames that no window reaches.
    assert len(mine) <= len(said.data) and not said.data[len(mine):].any()
    assert np.abs(mine - said.data[:len(mine)]).max() < 1e-5
    frames = peer.receptive_field
    assert abs(frames.step * 16000 - own.shape.hop) < 1e-6
    assert abs(frames.duration * 16000 - own.shape.reach) < 1e-6
    # What pyannote itself writes is read without it.
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.strategy.connect(peer)
    trainer.save_checkpoint(sys.argv[1])
    read = Pyannote(sys.argv[1], "cpu")
    assert read.classes == ("KCHI", "FEM")
    with torch.inference_mode():
        scores = torch.sigmoid(read._network(sound[None]))
        assert torch.allclose(scores, peer(sound[None]), atol=1e-6)


for monolithic in (True, False):
    check(monolithic)
"""


def test_it_is_pyannotes_own_network_inference_and_checkpoint(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PEER, str(tmp_path / "pytorch_model.bin")]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def frames_of_ones(windows: np.ndarray) -> np.ndarray:
    return np.ones((len(windows), 175, 2), np.float32)


@pytest.mark.parametrize("samples", [10, 47999, 48000, 48001, 72000, 400000])
def test_windows_cover_any_length_and_average_to_one(samples: int) -> None:
    scores = Windows(48000, 24000, 270).score(np.zeros(samples, np.float32), frames_of_ones)
    assert np.allclose(scores, 1, atol=1e-5)
    assert len(scores) * 270 > samples - 1000


def test_scores_lie_where_their_frames_do() -> None:
    ramp = np.arange(40, dtype=np.float32)[:, None]
    grid = on_grid(ramp, 495.0, 270, 320, 30)[:, 0]
    assert grid[0] == 0
    assert grid[10] == pytest.approx((3200 - 495) / 270, abs=1e-4)


def test_the_frames_are_50_a_second_or_finer() -> None:
    assert RATE / Shape(3, voices_evidence.SINCNET).hop > 50


def test_what_can_be_heard_is_told_in_blocks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.random.default_rng(3).standard_normal(50000).astype(np.float32)
    wave *= (np.arange(50000) // 4000) % 2 * np.float32(0.1)
    whole = audible(wave, 157)
    monkeypatch.setattr("pipeline.voice.sounding._BLOCK_STEPS", 13)
    assert np.array_equal(whole, audible(wave, 157))
    assert 0.4 < whole.mean() < 0.7


def test_the_louder_of_two_is_told() -> None:
    stem = np.repeat([0.5, 0.0], 16000).astype(np.float32)
    nearer = louder(stem, stem + np.float32(0.1), 101)
    assert nearer[:49].all()
    assert not nearer[52:].any()


def test_weights_that_do_not_fit_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "model.safetensors"
    monkeypatch.setattr(restoring, "locked", lambda name: broken)
    from safetensors.torch import save_file

    small = PyanNet(Shape(3, {}, {"hidden_size": 4}, {"hidden_size": 4}))
    save_file(small.state_dict(), broken)
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        voices_embedded.load("cpu")
    broken.write_bytes(b"\x80\x04pickle")
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        voices_embedded.load("cpu")
    assert torch.get_num_threads() == 1


def test_an_infant_whom_the_separator_does_not_hear_is_doubted() -> None:
    wave = mixture("cry", None, 62)[0]
    tracker = voices_embedded.load("cpu")
    sure, halved, doubted = (
        tracker.voices(wave, np.float32(gain) * wave, {}) for gain in (1.0, 0.5, 0.03)
    )
    assert (sure.infant > 0.5).mean() > 0.3
    assert ((sure.infant > 0.5) == (halved.infant > 0.5)).mean() > 0.9
    assert (doubted.infant > 0.5).mean() < 0.1 * (sure.infant > 0.5).mean()
    assert np.array_equal(sure.adult, doubted.adult)


def test_how_far_a_stem_lies_below_its_sound() -> None:
    wave = np.random.default_rng(4).standard_normal(32000).astype(np.float32)
    stem = wave * np.where(np.arange(32000) < 16000, 1.0, 0.1).astype(np.float32)
    below = below_db(wave, stem, 101)
    assert np.allclose(below[:44], 0, atol=0.01)
    assert np.allclose(below[56:], 20, atol=0.01)


@pytest.mark.parametrize("kind", ["cry", "laugh", "babble"])
def test_an_infant_under_a_television_is_heard_in_the_stem(kind: str) -> None:
    tracker = voices_embedded.load("cpu")
    sound, stem, performance = mixture(kind, "television", 5, ratio_db=-5.0)
    true = performance.sampled(performance.energy, TRACK_HZ) > 0.12
    of_both = f1(tracker.voices(sound, stem, {}).infant > 0.5, true)
    of_sound = f1(tracker.voices(sound, sound, {}).infant > 0.5, true)
    assert of_both > 0.75
    assert of_both > of_sound + 0.1
