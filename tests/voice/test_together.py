"""Several sounds at a time, as a GPU is given them, held against each by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import media
from pipeline.core.code import PROJECT
from pipeline.core.errors import ClipFailed
from pipeline.core.ledger import read_clips
from pipeline.core.runner import Run
from pipeline.params import load
from pipeline.voice import measure, separator, voices_evidence
from pipeline.voice.backends import RATE, SEPARATORS, VOICES, Voices, Wave
from tests.voice.mixing import mixture
from tests.voice.world import downloaded, isolated

ROUNDING = 1e-6
"""Of samples and scores, which lie in -1..1: a few of the last bits of float32."""


def sounds() -> dict[str, Wave]:
    """Of every length that is cut or filled in a way of its own."""
    cry, talk = mixture("cry", "adult", 70)[0], mixture("babble", "music", 71)[0]
    return {
        "cry": cry,
        "longer": np.concatenate([talk, cry, talk]),
        "shorter": talk[:20_000],
        "a sample more than whole frames": cry[:32_001],
        "a sample less": cry[:31_999],
        "quiet": 1e-4 * talk,
        "silent": np.zeros(RATE, np.float32),
        "too short to be heard": cry[:1_000],
        "hardly long enough": cry[:1_600],
        "empty": cry[:0],
    }


@pytest.mark.parametrize("at_once_s", [1, 7, 120])
@pytest.mark.parametrize("chunk_s", [2, 60])
def test_stems_are_what_each_sound_comes_to_alone(
    at_once_s: int, chunk_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separator, "AT_ONCE_S", at_once_s)
    monkeypatch.setattr(separator, "_CHUNK_S", chunk_s)
    backend = SEPARATORS.load("embedded")
    many = sounds()
    for (name, sound), stem in zip(many.items(), backend.stems([*many.values()]), strict=True):
        alone, _ = backend.separate(sound, RATE)
        assert (stem.dtype, stem.shape) == (alone.dtype, alone.shape), name
        assert np.allclose(stem, alone, rtol=0, atol=ROUNDING), name


def test_no_more_goes_through_the_network_at_a_time_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(separator, "AT_ONCE_S", 9)
    backend, passed = separator.load("cpu"), []
    plain = backend._network.forward

    def noted(spectra: torch.Tensor, *rest: object) -> torch.Tensor:
        passed.append(spectra.shape[0] * (spectra.shape[2] - 1) / 50)
        return plain(spectra, *rest)

    monkeypatch.setattr(backend._network, "forward", noted)
    backend.stems([np.zeros(round(span_s * RATE), np.float32) for span_s in (2, 4, 1, 4, 12, 3)])
    # The longest alone, then two of 4 s, 3 with 2 and 1 filled up to it.
    assert passed == [12, 8, 9]


def close(ours: Voices, theirs: Voices) -> None:
    for name, track in ours.arrays().items():
        other = getattr(theirs, name)
        assert (track.dtype, track.shape) == (other.dtype, other.shape), name
        # Scores, and bytes of them; the pitch is told of the sound alone where there is an infant.
        near = 1 if name == "tags" else 1e-5
        assert np.allclose(track.astype(float), other.astype(float), 0, near, equal_nan=True), name


@pytest.mark.parametrize("at_once_s", [3, 120])
def test_voices_are_what_each_sound_comes_to_alone(
    at_once_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voices_evidence, "AT_ONCE_S", at_once_s)
    tracker, many = VOICES.load("embedded"), [*sounds().values()]
    stems = SEPARATORS.load("embedded").stems(many)
    for found, sound, stem in zip(tracker.voices_of(many, stems, {}), many, stems, strict=True):
        close(found, tracker.voices(sound, stem, {}))


def test_files_together_are_written_as_each_alone(tmp_path: Path) -> None:
    many = [dict(inputs) for inputs in written(tmp_path)]
    for number, (one, write) in enumerate(zip(many, measure.measure_stems(many), strict=True)):
        ours, theirs = folder(tmp_path / "many", number), folder(tmp_path / "one", number)
        if "empty" in str(one["sound"]):
            for make in (write, lambda out, one=one: measure.measure_stem(out, one)):
                with pytest.raises(ClipFailed, match="the sound is empty"):
                    make(ours)
            continue
        write(ours)
        measure.measure_stem(theirs, one)
        stem, alone = (media.read_sound(out / measure.STEM)[0] for out in (ours, theirs))
        # Of 16 bits one may round the other way.
        assert np.allclose(stem, alone, rtol=0, atol=1.01 / 32768)
        one["stem"] = theirs / measure.STEM
    heard = [one for one in many if "stem" in one]
    for number, (one, write) in enumerate(
        zip(heard, measure.measure_voices_of(heard), strict=True)
    ):
        ours, theirs = folder(tmp_path / "voices", number), folder(tmp_path / "voice", number)
        write(ours)
        measure.measure_voices(theirs, one)
        paths = Path(one["sound"]), one["stem"]
        close(*(measure.read(*paths, out / measure.TRACKS).voices for out in (ours, theirs)))
        assert (ours / measure.EVENTS).is_file()


def written(folder: Path) -> list[dict[str, object]]:
    rows = []
    for name, sound in sounds().items():
        path = folder / f"{name}.wav"
        media.write_sound(path, sound, RATE)
        rows.append({"sound": path, "backend": "embedded", "device": "cpu", "labels": {}})
    return rows


def folder(*parts: object) -> Path:
    path = Path(*map(str, parts))
    path.mkdir(parents=True)
    return path


def test_a_stage_gives_a_device_several_clips_and_loses_none_to_a_bad_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    plain = separator.Embedded.stems
    monkeypatch.setattr(
        separator.Embedded,
        "stems",
        lambda self, sounds: asked.append(len(sounds)) or plain(self, sounds),
    )
    mixed = {"cry_1": mixture("cry", None, 60)[0], "talk_1": mixture("laugh", "adult", 61)[0]}
    kinds = load(PROJECT).vocalizations
    whole, ill = downloaded(tmp_path / "whole", mixed), {**mixed, "zz_broken": b"no sound at all"}
    # To the stage no core of this machine, but a device like any other.
    there = Run(executor="serial", device="cpu:0")
    isolated(whole, kinds, there)
    assert asked == [2]
    isolated(downloaded(tmp_path / "ill", ill), kinds, there)
    assert asked == [2], "where one cannot be read, each is measured alone"
    ledger = read_clips(tmp_path / "ill/data/isolate/ledger.parquet").set_index("clip")
    assert ledger["state"].to_dict() == {"cry_1": "kept", "talk_1": "kept", "zz_broken": "errored"}
    isolated(downloaded(tmp_path / "cores", mixed), kinds, Run(executor="serial", device="cpu"))
    assert asked == [2], "a core is given one clip at a time"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU to compare with")
def test_a_gpu_hears_what_a_processor_hears() -> None:
    many = [sound for sound in sounds().values() if len(sound)]
    here, there = SEPARATORS.load("embedded"), SEPARATORS.load("embedded", "cuda")
    stems = here.stems(many)
    for found in (there.stems(many), [there.separate(sound, RATE)[0] for sound in many]):
        for stem, wanted in zip(found, stems, strict=True):
            assert np.allclose(stem, wanted, rtol=0, atol=1e-4)
    near, far = (VOICES.load("embedded", device) for device in ("cpu", "cuda"))
    for sound, stem, found in zip(many, stems, far.voices_of(many, stems, {}), strict=True):
        wanted = near.voices(sound, stem, {})
        for name in ("infant", "adult", "other"):
            assert np.allclose(getattr(found, name), getattr(wanted, name), rtol=0, atol=1e-3), name
