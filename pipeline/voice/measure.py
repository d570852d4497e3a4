"""Measure one sound: the infant's stem, who sounds when, and what can be said of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
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
    sound = _sound(Path(inputs["sound"]))
    if not len(sound):
        raise ClipFailed(Reason.MEASURE_FAILED, "the sound is empty")
    separator: Separator = SEPARATORS.load(inputs["backend"], inputs["device"])
    stem, _ = separator.separate(heard(sound), RATE)
    write_sound(out / STEM, stem, RATE)


def measure_voices(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write who sounds in `inputs["sound"]`, of which `inputs["stem"]` is the infant's part."""
    tracker: VoiceTracker = VOICES.load(inputs["backend"], inputs["device"])
    sound, stem = heard(_sound(Path(inputs["sound"]))), _sound(Path(inputs["stem"]))
    voices = tracker.voices(sound, stem, inputs["labels"])
    np.savez(out / TRACKS, **voices.tracks())
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
