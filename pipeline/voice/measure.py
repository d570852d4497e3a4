"""Measure one sound: the infant's stem, who sounds when, and what can be said of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason
from pipeline.media.sound import read_sound, write_sound
from pipeline.voice.backends import RATE, VOICES, VoiceBackend, Voices, Wave, heard

STEM = "stem_16k.flac"
TRACKS = "voice.npz"


@dataclass(frozen=True)
class Isolated:
    """A sound (n,), the infant's part of it (n,), and the tracks at 50 Hz."""

    sound: Wave
    stem: Wave
    voices: Voices


def isolate(sound: Wave, backend: VoiceBackend) -> Isolated:
    """Take the infant's voice out of a sound (n,) or (n, channels) at 16 kHz."""
    wave = heard(sound)
    stem = backend.separate(wave)
    return Isolated(wave, stem, backend.voices(wave, stem))


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write the stem and the tracks of the sound file `inputs["sound"]` into the folder `out`.

    Raises:
        ClipFailed: there is not one sample of sound.
    """
    sound, rate = read_sound(Path(inputs["sound"]))
    if rate != RATE:
        raise ValueError(f"{inputs['sound']}: {rate} Hz where {RATE} were expected")
    if not len(sound):
        raise ClipFailed(Reason.MEASURE_FAILED, "the sound is empty")
    found = isolate(sound, VOICES.load(inputs["backend"], inputs["device"]))
    write(out, found)


def write(out: Path, found: Isolated) -> None:
    """Write the stem and the tracks into the folder `out`."""
    write_sound(out / STEM, found.stem, RATE)
    np.savez(out / TRACKS, **found.voices.tracks())


def read(folder: Path, sound: Path) -> Isolated:
    """Read back what `write` wrote of the sound file `sound`."""
    wave, _ = read_sound(sound)
    stem, _ = read_sound(folder / STEM)
    with np.load(folder / TRACKS, allow_pickle=False) as tracks:
        voices = Voices(**{name: tracks[name] for name in tracks.files})
    return Isolated(heard(wave), stem, voices)
