"""Measure one sound: the infant's stem, who sounds when, and what can be said of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.core.runner import Write
from pipeline.media.sound import read_sound, write_sound
from pipeline.voice import events_table
from pipeline.voice.backends import (
    RATE,
    SEPARATORS,
    VOICES,
    Separator,
    Voices,
    VoiceTracker,
    Wave,
    heard,
)
from pipeline.voice.events import events

EVENTS = "events.parquet"
STEM = "stem_16k.flac"
TRACKS = "voice.npz"


@dataclass(frozen=True)
class Isolated:
    """A sound (n,), the infant's part of it (n,), and the tracks at 50 Hz."""

    sound: Wave
    stem: Wave
    voices: Voices


def isolate(
    sound: Wave,
    separator: Separator,
    tracker: VoiceTracker,
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Isolated:
    """Take the infant's voice out of a sound (n,) or (n, channels) at 16 kHz."""
    wave = heard(sound)
    stem, _ = separator.separate(wave, RATE)
    return Isolated(wave, stem, tracker.voices(wave, stem, labels))


def measure_stem(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write the infant's part of the sound file `inputs["sound"]` into the folder `out`.

    Raises:
        ClipFailed: there is not one sample of sound.
    """
    separator: Separator = SEPARATORS.load(inputs["backend"], inputs["device"])
    sound = heard(_sound(Path(inputs["sound"])))
    _write_stem(separator.separate(sound, RATE)[0], out)


def measure_stems(inputs: Sequence[Mapping[str, Any]]) -> list[Write]:
    """The same of several sound files, which go through the device together."""
    separator: Separator = SEPARATORS.load(inputs[0]["backend"], inputs[0]["device"])
    sounds = [heard(_sound(Path(one["sound"]))) for one in inputs]
    return [partial(_write_stem, stem) for stem in separator.stems(sounds)]


def _write_stem(stem: Wave, out: Path) -> None:
    if not len(stem):
        raise ClipFailed(Reason.MEASURE_FAILED, "the sound is empty")
    write_sound(out / STEM, stem, RATE)


def measure_voices(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write who sounds in `inputs["sound"]`, of which `inputs["stem"]` is the infant's part."""
    tracker: VoiceTracker = VOICES.load(inputs["backend"], inputs["device"])
    sound, stem = _with_stem(inputs)
    _write_voices(tracker.voices(sound, stem, inputs["labels"]), sound, stem, out)


def measure_voices_of(inputs: Sequence[Mapping[str, Any]]) -> list[Write]:
    """The same of several sound files, whose windows go through the device together."""
    tracker: VoiceTracker = VOICES.load(inputs[0]["backend"], inputs[0]["device"])
    pairs = [_with_stem(one) for one in inputs]
    sounds, stems = zip(*pairs, strict=True)
    found = tracker.voices_of(sounds, stems, inputs[0]["labels"])
    return [
        partial(_write_voices, voices, *pair) for voices, pair in zip(found, pairs, strict=True)
    ]


def _with_stem(inputs: Mapping[str, Any]) -> tuple[Wave, Wave]:
    return heard(_sound(Path(inputs["sound"]))), _sound(Path(inputs["stem"]))


def _write_voices(voices: Voices, sound: Wave, stem: Wave, out: Path) -> None:
    np.savez(out / TRACKS, **voices.arrays())
    events_table.write(out / EVENTS, events(voices, sound, stem))


def read(sound: Path, stem: Path, tracks: Path) -> Isolated:
    """Read back what was measured of the sound file `sound`."""
    with np.load(tracks, allow_pickle=False) as file:
        voices = Voices(**{name: file[name] for name in file.files})
    return Isolated(heard(_sound(sound)), _sound(stem), voices)


def _sound(path: Path) -> Wave:
    sound, rate = read_sound(path)
    if rate != RATE:
        raise ValueError(f"{path}: {rate} Hz where {RATE} were expected")
    return sound
