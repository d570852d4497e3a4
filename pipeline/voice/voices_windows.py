"""A network over a sound of any length: windows that overlap, scores averaged where they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.voice.backends import Samples

Scores = NDArray[np.float32]
_BATCH = 16


@dataclass(frozen=True)
class Windows:
    """How a sound is cut, in samples: windows of `size` every `step`, scores every `hop`."""

    size: int
    step: int
    hop: int

    def score(self, sound: Samples, network: Callable[[NDArray[np.float32]], Scores]) -> Scores:
        """Scores (frames, classes) of a sound (n,), as `pyannote.audio.Inference` gives them.

        `network` takes windows (batch, size) and gives (batch, frames, classes). Scores are
        weighted with a Hamming window; the last window is filled up with zeros. Memory beyond the
        sound's own grows with the frames alone.
        """
        starts = self._starts(len(sound))
        total: Scores | None = None
        for first in range(0, len(starts), _BATCH):
            batch = [self._cut(sound, start) for start in starts[first : first + _BATCH]]
            said = network(np.stack(batch))
            frames, classes = said.shape[1:]
            if total is None:
                # The last window starts here and brings all its frames.
                length = round(starts[-1] / self.hop) + frames
                total = np.zeros((length, classes), np.float32)
                weights = np.zeros((length, 1), np.float32)
                shape = np.hamming(frames)[:, None].astype(np.float32)
            for start, scores in zip(starts[first : first + _BATCH], said, strict=True):
                at = round(start / self.hop)
                total[at : at + frames] += shape * scores
                weights[at : at + frames] += shape
        assert total is not None
        return np.asarray(total / weights, np.float32)

    def _starts(self, samples: int) -> list[int]:
        whole = (samples - self.size) // self.step + 1 if samples >= self.size else 0
        rest = samples < self.size or (samples - self.size) % self.step > 0
        return [n * self.step for n in range(whole + rest)]

    def _cut(self, sound: Samples, start: int) -> NDArray[np.float32]:
        window = sound[start : start + self.size]
        return np.pad(window, (0, self.size - len(window)))


def on_grid(scores: Scores, middle: float, hop: int, grid: int, steps: int) -> Scores:
    """Scores (frames, k), the first in the middle of `middle` samples, at steps of `grid`."""
    places = np.clip((np.arange(steps) * grid - middle) / hop, 0, len(scores) - 1)
    low = np.minimum(places.astype(int), max(len(scores) - 2, 0))
    high = np.minimum(low + 1, len(scores) - 1)
    part = (places - low)[:, None].astype(np.float32)
    return np.asarray(scores[low] * (1 - part) + scores[high] * part, np.float32)
