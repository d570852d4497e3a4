"""Sound to one row of numbers a video frame, through whichever encoder params name.

Column 0 is always the sound's own energy in dB, whatever the encoder, so that the energy baseline
means the same for each; the encoder's columns follow.

    features = load("logmel")
    features.name, features.width          # "logmel", 75
    features.look_ahead_s                  # 0.033: of a sound that is still coming
    features.extract(stem, frames=150)     # (150, 75) float32

Another encoder is one more module with `info()` and `load(device)`; what it loads is an `Encoder`.
pipeline/generator/hearing.py does the same for a sound that comes piece by piece.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import BackendInfo, Registry

RATE_HZ = 16_000
FPS = 30.0
FLOOR_DB = -80.0
ENERGY_COLUMN = 0

Floats = NDArray[np.float32]

ENCODERS = Registry(
    "audio_features",
    {"logmel": "pipeline.generator.logmel", "voc2vec": "pipeline.generator.voc2vec"},
)


class Encoder(Protocol):
    """What every encoder offers; it is given a clip whole, never padded or in a batch."""

    name: str
    width: int
    hop_samples: int
    """From one window's start to the next one's."""
    first_centre_samples: float
    """Middle of the first window, counted from the first sample; negative where it is padded."""
    reach_samples: int | None
    """How far to either side of its middle a window hears; None where each hears the whole clip,
    be it by attention or by a norm over time."""

    def encode(self, sound: Floats) -> Floats:
        """Encode (N,) sound at 16 kHz as (windows, width)."""


@runtime_checkable
class TakesSeveral(Protocol):
    """What an encoder offers beside that where a GPU is better used by several sounds at a time."""

    def encode_all(self, sounds: Sequence[Floats]) -> list[Floats]:
        """What `encode` gives of each, within rounding."""


@dataclass(frozen=True)
class Features:
    """An encoder brought to the video's frame rate."""

    encoder: Encoder

    @property
    def name(self) -> str:
        """The encoder's name, which the dataset and the generator both record."""
        return self.encoder.name

    @property
    def width(self) -> int:
        """Numbers a frame: the energy and the encoder's own."""
        return 1 + self.encoder.width

    @property
    def described(self) -> dict[str, Any]:
        """What dataset and generator record: name, width, and of a network its digest and layer.

        `mixed` is how many layers lie side by side for the generator to learn the mix of.
        """
        plain = {"name": self.name, "width": self.width}
        told = {name: getattr(self.encoder, name, None) for name in ("digest", "layer", "mixed")}
        return plain | {name: value for name, value in told.items() if value is not None}

    @property
    def rate_hz(self) -> float:
        """Windows a second, before they are brought to the video's rate."""
        return RATE_HZ / self.encoder.hop_samples

    @property
    def look_ahead_samples(self) -> float:
        """For how much sound after its own instant a frame waits; infinite for all of a clip.

        That is until the next window's middle and half a window more. Frames and windows meet again
        and again, so that no frame comes a whole stride before the next window.
        """
        encoder = self.encoder
        if encoder.reach_samples is None:
            return math.inf
        at = instants(0, encoder.hop_samples) - encoder.first_centre_samples
        until_next = -(at % -encoder.hop_samples)
        # Where a frame lies on a window's middle, rounding must not send it on to the next one.
        until_next[until_next > encoder.hop_samples - 1e-6] = 0.0
        return max(encoder.reach_samples + round(float(until_next.max()), 6), RATE_HZ / FPS)

    @property
    def look_ahead_s(self) -> float:
        """The same in seconds."""
        return self.look_ahead_samples / RATE_HZ

    def extract(self, sound: Floats, frames: int, fps: float = FPS) -> Floats:
        """Describe the sound around every video frame.

        Args:
            sound: (N,) the infant's stem at 16 kHz, -1..1, from the time of frame 0 on.
            frames: how many video frames it belongs to.
            fps: their rate; frame i stands for the instant i / fps.

        Returns:
            (frames, width) float32, finite.
        """
        sound = np.asarray(sound, np.float32)
        if sound.ndim != 1:
            raise ValueError(f"sound should be mono (N,), is {sound.shape}")
        return self.at(sound, instants(0, frames, fps), fps)

    def at(self, sound: Floats, at_samples: NDArray[np.float64], fps: float = FPS) -> Floats:
        """Describe the sound (N,) around instants counted in samples, (frames, width)."""
        return self._described(sound, self.encoder.encode(sound), at_samples, fps)

    @property
    def takes_several(self) -> bool:
        """Whether the encoder takes several sounds at a time, as networks do."""
        return isinstance(self.encoder, TakesSeveral)

    def extract_all(self, sounds: Sequence[Floats], frames: Sequence[int]) -> list[Floats]:
        """What `extract` gives of each of several sounds, within rounding, by one that does."""
        if not isinstance(self.encoder, TakesSeveral):
            raise TypeError(f"{self.name} takes one sound at a time")
        encoded = self.encoder.encode_all(sounds)
        return [
            self._described(sound, rows, instants(0, count), FPS)
            for sound, rows, count in zip(sounds, encoded, frames, strict=True)
        ]

    def _described(
        self, sound: Floats, encoded: Floats, at_samples: NDArray[np.float64], fps: float
    ) -> Floats:
        encoded = interpolate(self.encoder, encoded, at_samples)
        energy = energy_db(sound, at_samples, round(RATE_HZ / fps))
        return np.column_stack([energy, encoded]).astype(np.float32)


def instants(start: int, stop: int, fps: float = FPS) -> NDArray[np.float64]:
    """Where frames `start` to `stop` are, in samples."""
    return np.arange(start, stop) * RATE_HZ / fps


def info(name: str) -> BackendInfo:
    """Describe an encoder without loading it."""
    return ENCODERS.info(name)


def load(name: str, device: str = "cpu", layer: int | str | None = None) -> Features:
    """Load an encoder and bring it to the video's frame rate.

    Args:
        name: of the encoder.
        device: where it runs.
        layer: of an encoder that has layers: its number, or "mix" for all of them side by side.

    Raises:
        BackendError: there is none of that name, or no such layer.
        WeightsError: it has no weights here, or others than it should.
    """
    encoder = ENCODERS.load(name, device)
    layered = layer is not None and hasattr(encoder, "at")
    return Features(encoder.at(layer) if layered else encoder)


def interpolate(encoder: Encoder, encoded: Floats, at_samples: NDArray[np.float64]) -> Floats:
    """Read (windows, C) at other instants, linearly between the true middles of the windows."""
    if not len(encoded):
        return np.zeros((len(at_samples), encoder.width), np.float32)
    place = (at_samples - encoder.first_centre_samples) / encoder.hop_samples
    place = np.clip(place, 0, len(encoded) - 1)
    before = np.floor(place).astype(np.intp)
    after = np.minimum(before + 1, len(encoded) - 1)
    share = (place - before)[:, None].astype(np.float32)
    return encoded[before] * (1 - share) + encoded[after] * share


def energy_db(sound: Floats, at_samples: NDArray[np.float64], span: int) -> Floats:
    """Mean power of the `span` samples around every instant, dB of full scale, (frames,)."""
    around = np.pad(sound.astype(np.float64) ** 2, span)
    start = np.round(at_samples - span / 2).astype(np.intp) + span
    windows = np.lib.stride_tricks.sliding_window_view(around, span)
    power = windows[np.clip(start, 0, len(windows) - 1)].sum(1) / span
    return np.maximum(10 * np.log10(power + 1e-12), FLOOR_DB).astype(np.float32)
