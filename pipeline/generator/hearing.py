"""Audio features of a sound that comes piece by piece, the same as those of the whole.

hearing = Hearing(features.load("logmel"))
rows = hearing.push(samples)     # (m, width): every frame that no later sound can change
rows = hearing.finish()          # the rest, when there is no more sound

An encoder that hears a clip whole is asked once, at the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.generator.features import FPS, RATE_HZ, Features, instants

Floats = NDArray[np.float32]


class Hearing:
    """Features by frame as soon as they are known; it keeps as much sound as a window needs."""

    def __init__(self, features: Features) -> None:
        """Begin at sample 0."""
        self._features = features
        self._sound = np.zeros(0, np.float32)
        self._start = self._done = 0

    def push(self, sound: Floats) -> Floats:
        """Hear (n,) more samples at 16 kHz."""
        self._sound = np.concatenate([self._sound, np.asarray(sound, np.float32)])
        known = self._end - self._features.look_ahead_samples
        return self._until(int(known * FPS / RATE_HZ) + 1 if known >= 0 else 0)

    def finish(self) -> Floats:
        """Take it that there is no more sound."""
        return self._until(int(self._end * FPS / RATE_HZ))

    @property
    def _end(self) -> int:
        return self._start + len(self._sound)

    def _until(self, stop: int) -> Floats:
        if stop <= self._done:
            return np.zeros((0, self._features.width), np.float32)
        rows = self._features.at(self._sound, instants(self._done, stop) - self._start)
        self._done = stop
        self._forget()
        return rows

    def _forget(self) -> None:
        """Let go of sound that no window of a later frame begins in, by whole strides."""
        encoder = self._features.encoder
        if encoder.reach_samples is None:
            return
        needed = float(instants(self._done, self._done + 1)[0]) - encoder.first_centre_samples
        strides = int((needed - encoder.hop_samples - encoder.reach_samples) // encoder.hop_samples)
        start = max(self._start, strides * encoder.hop_samples)
        self._sound, self._start = self._sound[start - self._start :].copy(), start
