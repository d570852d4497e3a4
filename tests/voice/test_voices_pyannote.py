"""Checkpoints of pyannote.audio: real ones, made on the spot, and ones that must be refused."""

from __future__ import annotations

import pickle
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pipeline.core.backends import file_digest
from pipeline.core.errors import BackendError, WeightsError
from pipeline.core.weights import Weights
from pipeline.voice import voices_pyannote
from pipeline.voice.backends import VOICES
from pipeline.voice.params import Isolate
from pipeline.voice.voices_network import PyanNet, Shape
from pipeline.voice.voices_pyannote import Pyannote
from tests.voice.mixing import RATE, mixture

SIZES = {
    "sincnet": {"stride": 10, "sample_rate": RATE},
    "lstm": {
        "hidden_size": 8,
        "num_layers": 2,
        "bidirectional": True,
        "monolithic": True,
        "dropout": 0.0,
        "batch_first": True,
    },
    "linear": {"hidden_size": 8, "num_layers": 1},
}
LABELS = Isolate().pyannote_labels
TYPES = ["KCHI", "OCH", "MAL", "FEM", "SPEECH"]


def checkpoint(path: Path, classes: list[str], powerset: int | None = None) -> PyanNet:
    """Write what pytorch_model.bin holds, pickled under pyannote.audio's own names."""
    torch.manual_seed(7)
    subsets = len(classes) if powerset is None else 1 + len(classes)
    network = PyanNet(Shape(subsets, SIZES["sincnet"], SIZES["lstm"], SIZES["linear"]))
    named = [voices_pyannote.Problem, voices_pyannote.Resolution, voices_pyannote.Specifications]
    specifications = voices_pyannote.Specifications(
        problem=voices_pyannote.Problem(1 if powerset else 2),
        duration=2.0,
        classes=classes,
        powerset_max_classes=powerset,
    )
    content = {
        "pyannote.audio": {
            "versions": {"torch": torch.__version__, "pyannote.audio": "3.4.0"},
            "architecture": {
                "module": "pyannote.audio.models.segmentation.PyanNet",
                "class": "PyanNet",
            },
            "specifications": specifications,
        },
        "hyper_parameters": {**SIZES, "sample_rate": RATE, "num_channels": 1},
        "state_dict": network.state_dict(),
    }
    _save_as_pyannote(path, content, named)
    return network.eval()


def _save_as_pyannote(path: Path, content: Any, named: list[type]) -> None:
    import sys
    from types import ModuleType

    module = ModuleType("pyannote.audio.core.task")
    kept = {cls: cls.__module__ for cls in named}
    before = {name: sys.modules.get(name) for name in _parents(module.__name__)}
    try:
        for name in _parents(module.__name__):
            sys.modules[name] = sys.modules.get(name) or ModuleType(name)
        sys.modules[module.__name__] = module
        for cls in named:
            cls.__module__ = module.__name__
            setattr(module, cls.__name__, cls)
        torch.save(content, path)
    finally:
        for cls, own in kept.items():
            cls.__module__ = own
        for name, old in before.items():
            if old is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = old


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


@pytest.fixture
def sound() -> tuple[np.ndarray, np.ndarray]:
    both, stem, _ = mixture("cry", "adult", 5, span_s=5.3)
    return both, stem


def test_a_voice_type_classifier(tmp_path: Path, sound: tuple[np.ndarray, np.ndarray]) -> None:
    network = checkpoint(tmp_path / "pytorch_model.bin", TYPES)
    tracker = Pyannote(tmp_path / "pytorch_model.bin", "cpu")
    assert tracker.classes == tuple(TYPES)
    voices = tracker.voices(*sound, LABELS)
    assert voices.infant.shape == (len(sound[0]) // 320 + 1,)
    with torch.inference_mode():
        first = torch.sigmoid(network(torch.from_numpy(sound[0][None, None, : 2 * RATE])))[0]
    # The first frame of a sound is seen by the first window alone.
    assert voices.adult[0] == pytest.approx(float(first[0, 2:4].max()), abs=1e-5)
    assert voices.infant[3] <= 1
    assert voices.other.max() > 0


def test_several_sounds_at_a_time_are_as_each_alone(
    tmp_path: Path, sound: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path / "model.bin", ["KCHI", "OCH", "FEM", "MAL"])
    tracker = Pyannote(tmp_path / "model.bin", "cpu")
    wave, stem = sound
    pairs = [(wave, stem), (wave[:9_000], stem[:9_000]), (wave[:100], stem[:100])]
    # Three windows of the model at a time: of one sound, and of two.
    monkeypatch.setattr(voices_pyannote, "AT_ONCE_S", 3 * tracker._task.duration)
    waves, stems = zip(*pairs, strict=True)
    for found, pair in zip(tracker.voices_of(waves, stems, LABELS), pairs, strict=True):
        alone = tracker.voices(*pair, LABELS)
        for name, track in found.arrays().items():
            wanted = getattr(alone, name)
            assert np.allclose(track, wanted, rtol=0, atol=1e-5, equal_nan=True), name


def test_voice_activity_and_speakers_leave_it_to_the_stem(
    tmp_path: Path, sound: tuple[np.ndarray, np.ndarray]
) -> None:
    for classes, powerset in ((["speech"], None), (["speaker#1", "speaker#2"], 1)):
        checkpoint(tmp_path / "model.bin", classes, powerset)
        voices = Pyannote(tmp_path / "model.bin", "cpu").voices(*sound, LABELS)
        assert np.all(np.minimum(voices.infant, voices.adult) == 0)
        assert voices.infant.max() > 0
        assert voices.adult.max() > 0


def test_a_pipelines_config_names_its_checkpoint_by_digest(tmp_path: Path) -> None:
    checkpoint(tmp_path / "model.bin", TYPES)
    config = {"pipeline": {"name": "pyannote.audio.pipelines.MultiLabelSegmentation"}}
    config["pipeline"]["params"] = {
        "segmentation": "model.bin",
        "segmentation_sha256": file_digest(tmp_path / "model.bin"),
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    assert voices_pyannote._checkpoint_of(path) == tmp_path / "model.bin"
    config["pipeline"]["params"]["segmentation_sha256"] = "0" * 64
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(WeightsError, match="expected 000000000000"):
        voices_pyannote._checkpoint_of(path)
    path.write_text("pipeline: 3")
    with pytest.raises(WeightsError, match="segmentation_sha256"):
        voices_pyannote._checkpoint_of(path)


def test_labels_must_cover_the_classes(tmp_path: Path, sound: tuple) -> None:
    checkpoint(tmp_path / "model.bin", ["KCHI", "DOG"])
    tracker = Pyannote(tmp_path / "model.bin", "cpu")
    with pytest.raises(BackendError, match="says nothing of DOG"):
        tracker.voices(*sound, LABELS)
    with pytest.raises(BackendError, match="none of KCHI, DOG"):
        tracker.voices(*sound, {"KCHI": "adult", "DOG": "other"})


@pytest.mark.parametrize("by", ["value", "name"])
def test_enumerations_are_read_as_either_python_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    def reduced(member: Enum, _: int) -> tuple[Any, tuple[Any, ...]]:
        cls = type(member)
        return (cls, (member.value,)) if by == "value" else (getattr, (cls, member.name))

    for cls in (voices_pyannote.Problem, voices_pyannote.Resolution):
        monkeypatch.setattr(cls, "__reduce_ex__", reduced)
    checkpoint(tmp_path / "model.bin", TYPES)
    assert Pyannote(tmp_path / "model.bin", "cpu").classes == tuple(TYPES)


class Attribute:
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (getattr, (torch.torch_version.TorchVersion, "_convert_to_version"))


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("owned",))


def test_what_is_more_than_numbers_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole.bin"
    checkpoint(whole, TYPES)
    (tmp_path / "short.bin").write_bytes(whole.read_bytes()[:5000])
    (tmp_path / "pickle.bin").write_bytes(pickle.dumps({"state_dict": Evil()}))
    torch.save({"state_dict": Evil()}, tmp_path / "evil.bin")
    torch.save({"state_dict": Attribute()}, tmp_path / "attribute.bin")
    torch.save({"state_dict": {}}, tmp_path / "other.bin")
    (tmp_path / "empty.bin").write_bytes(b"")
    for name in ("short", "pickle", "evil", "attribute", "other", "empty"):
        with pytest.raises(WeightsError, match=rf"{name}\.bin: expected a whole checkpoint"):
            Pyannote(tmp_path / f"{name}.bin", "cpu")
    assert "owned" not in capsys.readouterr().out


def test_the_lock_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="pyannote_voices"):
        VOICES.info("pyannote")
    checkpoint(tmp_path / "model.bin", TYPES)
    digest, found = file_digest(tmp_path / "model.bin"), []
    row = Weights(path=str(tmp_path / "model.bin"), sha256=digest, licence="MIT", origin="here")
    for mine in (row, row.model_copy(update={"sha256": "0" * 64})):
        known = {"pyannote_voices": mine}
        monkeypatch.setattr("pipeline.core.weights.listed", lambda known=known: known)
        found.append(VOICES.info("pyannote"))
    assert len({info.digest for info in found}) == 2
    assert not found[0].embedded
