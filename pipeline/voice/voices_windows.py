"""A network over a sound of any length: windows that overlap, scores averaged where they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.voice.backends import Samples

Scores = NDArray[np.float32]
_BATCH = 6
"""Windows heard at once, on cores; more do not fit into their caches, and take a fifth longer."""


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
        [scores] = self.scores([sound], network)
        return scores

    def scores(
        self,
        sounds: Sequence[Samples],
        network: Callable[[NDArray[np.float32]], Scores],
        at_once: int | None = None,
    ) -> list[Scores]:
        """The same of several sounds, so many windows at a time, whosever they are."""
        at_once = at_once or _BATCH
        asked = [(of, start) for of, it in enumerate(sounds) for start in self._starts(len(it))]
        last = dict(asked)
        means: dict[int, _Mean] = {}
        for first in range(0, len(asked), at_once):
            some = asked[first : first + at_once]
            said = network(np.stack([self._cut(sounds[of], start) for of, start in some]))
            for (of, start), scores in zip(some, said, strict=True):
                if of not in means:
                    means[of] = _Mean(round(last[of] / self.hop), *scores.shape)
                means[of].add(round(start / self.hop), scores)
        return [means[of].so_far() for of in range(len(sounds))]

    def _starts(self, samples: int) -> list[int]:
        whole = (samples - self.size) // self.step + 1 if samples >= self.size else 0
        rest = samples < self.size or (samples - self.size) % self.step > 0
        return [n * self.step for n in range(whole + rest)]

    def _cut(self, sound: Samples, start: int) -> NDArray[np.float32]:
        window = sound[start : start + self.size]
        return np.pad(window, (0, self.size - len(window)))


class _Mean:
    """Of scores (frames, classes) that overlap, weighted with a window each."""

    def __init__(self, last: int, frames: int, classes: int) -> None:
        """Of windows of `frames`, of which the last starts at `last` and brings all of its own."""
        self._window = np.hamming(frames)[:, None].astype(np.float32)
        self._total = np.zeros((last + frames, classes), np.float32)
        self._weights = np.zeros((last + frames, 1), np.float32)

    def add(self, at: int, scores: Scores) -> None:
        """Take in the scores of one window."""
        self._total[at : at + len(scores)] += self._window * scores
        self._weights[at : at + len(scores)] += self._window

    def so_far(self) -> Scores:
        """Of the windows that were added."""
        return np.asarray(self._total / self._weights, np.float32)


def on_grid(scores: Scores, middle: float, hop: int, grid: int, steps: int) -> Scores:
    """Scores (frames, k), the first in the middle of `middle` samples, at steps of `grid`."""
    places = np.clip((np.arange(steps) * grid - middle) / hop, 0, len(scores) - 1)
    low = np.minimum(places.astype(int), max(len(scores) - 2, 0))
    high = np.minimum(low + 1, len(scores) - 1)
    part = (places - low)[:, None].astype(np.float32)
    return np.asarray(scores[low] * (1 - part) + scores[high] * part, np.float32)
