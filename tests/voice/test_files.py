"""Files given by hand: odd ones are heard as good ones are, and where nothing sounds nothing is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy.signal import resample_poly

from pipeline import media
from pipeline.core.code import PROJECT
from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.params import load
from pipeline.voice import events_table, separation_file
from pipeline.voice.backends import SEPARATORS, VOICES
from pipeline.voice.events import events
from pipeline.voice.files import events_of_file
from pipeline.voice.measure import isolate
from pipeline.voice.on_disk import OnDisk
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations import learn
from tests.voice.mixing import RATE, f1, mixture

TYPIST = learn(load(PROJECT).vocalizations, PROJECT)
CRY = mixture("cry", None, 62)[0]

Odd = Callable[[np.ndarray], tuple[np.ndarray, int]]


def with_a_hole(wave: np.ndarray) -> np.ndarray:
    """A few samples that are no numbers, in a pause of the infant's."""
    broken = wave.copy()
    at = int(np.convolve(wave**2, np.ones(800), "valid").argmin())
    broken[at : at + 8] = [np.nan, np.inf, -np.inf, np.nan] * 2
    return broken


ODD: dict[str, Odd] = {
    "8 kHz": lambda wave: (resample_poly(wave, 1, 2), 8000),
    "96 kHz": lambda wave: (resample_poly(wave, 6, 1), 96000),
    "44.1 kHz": lambda wave: (resample_poly(wave, 441, 160), 44100),
    "6 channels": lambda wave: (np.stack([wave] * 6, 1), RATE),
    "a constant part": lambda wave: (0.5 * wave + 0.4, RATE),
    "cut off": lambda wave: (np.clip(1.8 * wave, -1, 1), RATE),
    "not all numbers": lambda wave: (with_a_hole(wave), RATE),
}

NOTHING: dict[str, tuple[np.ndarray, int]] = {
    "50 ms": (CRY[8000:8800], RATE),
    "one sample": (np.ones(1), 96000),
    "silence": (np.zeros(4 * RATE), RATE),
    "a constant": (np.full(4 * RATE, 0.7), RATE),
    "no numbers": (np.full(4 * RATE, np.nan), RATE),
    "a whisper of noise": (1e-4 * np.random.default_rng(1).standard_normal(4 * RATE), RATE),
}


def heard(folder: Path, wave: np.ndarray, rate: int) -> list[dict[str, object]]:
    path = folder / "given.wav"
    soundfile.write(path, wave, rate, "FLOAT")
    return events_of_file(path, Isolate(), TYPIST)


def infant(told: list[dict[str, object]]) -> np.ndarray:
    """Steps of 20 ms in which the infant sounds."""
    steps = np.arange(200) / 50
    inside = [
        (steps >= float(str(event["start_s"]))) & (steps < float(str(event["end_s"])))
        for event in told
        if event["who"] == "infant"
    ]
    return np.any(inside, axis=0) if inside else np.zeros(200, bool)


@pytest.mark.parametrize("name", list(ODD))
def test_an_infant_is_heard_in_files_of_any_form(tmp_path: Path, name: str) -> None:
    plain = infant(heard(tmp_path, CRY, RATE))
    assert plain.mean() > 0.3
    assert f1(infant(heard(tmp_path, *ODD[name](CRY))), plain) > 0.85


@pytest.mark.parametrize("name", list(NOTHING))
def test_where_nothing_sounds_no_event_is_invented(tmp_path: Path, name: str) -> None:
    assert heard(tmp_path, *NOTHING[name]) == []


def test_a_file_without_a_sample_is_refused_with_a_reason(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(ClipFailed, match=r"empty\.wav") as refused:
        events_of_file(tmp_path / "empty.wav", Isolate(), TYPIST)
    assert refused.value.reason is Reason.NO_SOUND


def test_a_file_is_heard_in_pieces_as_the_stage_hears_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = mixture("laugh", "adult", 63)[0]
    path = tmp_path / "long.flac"
    media.write_sound(path, wave, RATE)
    monkeypatch.setattr(separation_file, "_BLOCK", 4000)
    told = pd.DataFrame(events_of_file(path, Isolate(), TYPIST))
    whole = isolate(media.read_sound(path)[0], SEPARATORS.load("embedded"), VOICES.load("embedded"))
    at_once = events_table.rows(events(whole.voices, whole.sound, whole.stem))
    assert np.allclose(told["start_s"], at_once["start_s"], atol=1e-3)
    assert told["who"].tolist() == at_once["who"].tolist()
    snr_db = told["snr_db"].astype(float)
    assert np.allclose(snr_db, at_once["snr_db"], atol=0.01, equal_nan=True)


def test_slices_of_a_wave_on_disk_are_those_of_the_wave(tmp_path: Path) -> None:
    CRY.astype(np.float32).tofile(tmp_path / "wave.f32")
    wave = OnDisk(tmp_path / "wave.f32")
    assert len(wave) == len(CRY)
    for part in (slice(0, 100), slice(777, 900), slice(len(CRY) - 5, len(CRY) + 5), slice(9, 3)):
        assert np.array_equal(wave[part], CRY.astype(np.float32)[part])
    with pytest.raises(ValueError, match="neighbouring"):
        wave[::2]
