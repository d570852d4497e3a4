"""The two doors of this domain: to what separates, and to what tells who sounds.

    stem, residual = SEPARATORS.load("embedded").separate(sound, rate)    # they add up to sound
    voices = VOICES.load("embedded").voices(sound, stem, labels)          # at 50 Hz

A further backend is one more module with `info()` and `load(device)`, and one more line here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import Registry
from pipeline.voice.tags import Tags, nothing

RATE = 16000
TRACK_HZ = 50.0
AT_ONCE_S = 120
"""Sound that a GPU is given at a time: it takes 0.9 GB in the embedded separator and 0.2 GB in the
embedded tracker, so that processes find room beside one another: ten and twenty on one of 16 GB."""

Wave = NDArray[np.float32]
Track = NDArray[np.float32]


class Samples(Protocol):
    """A wave (n,) of which a slice is an array; the whole need not be in memory."""

    def __len__(self) -> int:
        """How many samples."""

    def __getitem__(self, where: slice, /) -> Wave:
        """Neighbouring samples."""


@dataclass(frozen=True)
class Voices:
    """Who sounds when: tracks (T,) at `TRACK_HZ`, T = n // 320 + 1, scores in 0..1.

    `f0_hz` is the infant's pitch, nan where it does not sound or has none; `tags` (patches, WORDS)
    what is heard where an infant may be, see `tags`.
    """

    infant: Track
    adult: Track
    other: Track
    f0_hz: Track
    tags: Tags = field(default_factory=nothing)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it by name."""
        return {it.name: getattr(self, it.name) for it in fields(self)}


class Separator(Protocol):
    """What takes the infant's voice out of a mixture."""

    def separate(self, sound: Wave, rate: int) -> tuple[Wave, Wave]:
        """Part a sound (n,) at `rate` Hz into the infant's voice (n,) and all else (n,), float32.

        The two add up to the sound within 1e-4.
        """

    def stems(self, sounds: Sequence[Wave]) -> list[Wave]:
        """Give the infant's voice (n,) in each of several sounds (n,) at 16 kHz.

        They go through the device `AT_ONCE_S` at a time, and each comes to what `separate` makes of
        it, within rounding.
        """

    def stream(self, blocks: Iterable[Wave]) -> Iterator[Wave]:
        """Give the infant's voice in a sound that comes in blocks, at 16 kHz, of any length.

        As many samples come out as went in; how the sound was cut into blocks does not matter.
        """


class VoiceTracker(Protocol):
    """What tells who sounds when."""

    def voices(self, sound: Samples, stem: Samples, labels: Mapping[str, str]) -> Voices:
        """Tell who sounds when in a sound (n,) at 16 kHz of which `stem` (n,) is the infant's.

        `labels` says whom a backend means that has words of its own: infant, adult, other, voice
        (of whomever) or none, by its word.
        """

    def voices_of(
        self, sounds: Sequence[Samples], stems: Sequence[Samples], labels: Mapping[str, str]
    ) -> list[Voices]:
        """The same of several sounds and their stems, `AT_ONCE_S` through the device at a time.

        Each comes to what `voices` makes of it, within rounding.
        """


SEPARATORS = Registry(
    "separation",
    {"embedded": "pipeline.voice.separator", "demucs": "pipeline.voice.separator_demucs"},
)
VOICES = Registry(
    "voices",
    {"embedded": "pipeline.voice.voices_embedded", "pyannote": "pipeline.voice.voices_pyannote"},
)


def heard(sound: NDArray[np.floating]) -> Wave:
    """Make any array a sound that a backend can take: one channel, finite, no constant part."""
    wave = np.nan_to_num(np.asarray(sound, np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    wave = wave.mean(1) if wave.ndim == 2 else wave
    return (wave - wave.mean(dtype=np.float64)).astype(np.float32) if len(wave) else wave
