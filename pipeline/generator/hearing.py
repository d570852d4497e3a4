"""Audio features of a sound that comes piece by piece, the same as those of the whole.

hearing = Hearing(features.load("logmel"))
rows = hearing.push(samples)     # (m, width): every frame that no later sound can change
rows = hearing.finish()          # the rest, when there is no more sound
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.generator.features import FPS, RATE_HZ, Features, instants

Floats = NDArray[np.float32]


class Hearing:
    """Features by frame as soon as they are known; it keeps as much sound as a window needs."""

    def __init__(self, features: Features) -> None:
        """Begin at sample 0.

        Raises:
            CradleError: the encoder hears a clip whole, so that nothing is known before its end.
        """
        if features.encoder.reach_samples is None:
            raise CradleError(
                f"features {features.name!r} hear a whole sound at once and cannot follow one as "
                f"it comes; give a file, or a generator that was trained on logmel"
            )
        self._features, self._reach = features, features.encoder.reach_samples
        self._sound = np.zeros(0, np.float32)
        self._start = self._done = 0

    def push(self, sound: Floats) -> Floats:
        """Hear (n,) more samples at 16 kHz."""
        self._sound = np.concatenate([self._sound, np.asarray(sound, np.float32)])
        known = (self._end - self._features.look_ahead_samples) * FPS / RATE_HZ
        return self._until(max(self._done, int(np.floor(known)) + 1))

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
        needed = float(instants(self._done, self._done + 1)[0]) - encoder.first_centre_samples
        strides = int((needed - encoder.hop_samples - self._reach) // encoder.hop_samples)
        start = max(self._start, strides * encoder.hop_samples)
        self._sound, self._start = self._sound[start - self._start :].copy(), start
