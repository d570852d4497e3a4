"""Retrieval: the face of the training window that sounds most alike.

A window is described by its whitened sound features at every third frame. Windows of a span overlap
by half and are blended, so that there are no jumps where another window begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.generator.baselines.interface import Floats
from pipeline.generator.spans import Span

_EVERY = 3
_STRIDE = 3


@dataclass(frozen=True)
class Retrieval:
    """Training windows by what they sound like."""

    frames: int
    middle: Floats
    spread: Floats
    sounds: Floats
    """(N, D)"""
    powers: Floats
    """(N,) squared lengths of these."""
    faces: Floats
    """(M, 64) of all training frames, one span after another."""
    begins: NDArray[np.intp]
    """(N,) at which of these each window begins."""

    def predict(self, span: Span) -> Floats:
        """Latents (T, 64): those of the nearest training windows, blended."""
        length = max(span.frames, self.frames)
        audio = np.pad(span.audio, ((0, length - span.frames), (0, 0)), mode="edge")
        starts = _starts(length, self.frames, max(1, self.frames // 2))
        asked = np.stack([self._described(audio[s : s + self.frames]) for s in starts])
        begins = self.begins[self._nearest(asked)]
        found = self.faces[begins[:, None] + np.arange(self.frames)]
        weight = np.hanning(self.frames + 2)[1:-1, None].astype(np.float32)
        total = np.zeros((length, found.shape[-1]), np.float32)
        weights = np.zeros((length, 1), np.float32)
        for start, face in zip(starts, found, strict=True):
            total[start : start + self.frames] += weight * face
            weights[start : start + self.frames] += weight
        return (total / weights)[: span.frames]

    def _described(self, audio: Floats) -> Floats:
        return described(audio, self.middle, self.spread)

    def _nearest(self, asked: Floats) -> NDArray[np.intp]:
        # |a - b|^2 without |a|^2, which is the same for every b.
        apart = self.powers - 2 * asked @ self.sounds.T
        return apart.argmin(axis=1)

    @classmethod
    def fit(cls, spans: Sequence[Span], frames: int) -> Retrieval:
        """Remember every third window of `frames` whose latents are all valid.

        Windows are shorter where no span has so many valid frames on end.
        """
        frames = min(frames, max((_longest(span.valid) for span in spans), default=1))
        audio = np.concatenate([span.audio for span in spans])
        middle = audio.mean(axis=0, dtype=np.float64).astype(np.float32)
        spread = np.maximum(audio.std(axis=0, dtype=np.float64), 1e-3).astype(np.float32)
        firsts = np.cumsum([0, *(span.frames for span in spans)])
        begins = [
            first + start
            for first, span in zip(firsts, spans, strict=False)
            for start in _windows(span, frames)
        ]
        # Of a large dataset these are gigabytes, written where they stay.
        sounds = np.empty((len(begins), len(range(0, frames, _EVERY)) * len(middle)), np.float32)
        for row, begin in zip(sounds, begins, strict=True):
            row[:] = described(audio[begin : begin + frames], middle, spread)
        powers = np.einsum("nd,nd->n", sounds, sounds)
        faces = np.concatenate([span.expression for span in spans])
        return cls(frames, middle, spread, sounds, powers, faces, np.array(begins, np.intp))


def _windows(span: Span, frames: int) -> Iterator[int]:
    """Where every third window begins, or any where some frames are not valid."""
    for start in range(0, span.frames - frames + 1, _STRIDE if span.valid.all() else 1):
        if span.valid[start : start + frames].all():
            yield start


def described(audio: Floats, middle: Floats, spread: Floats) -> Floats:
    """Describe a window's features (frames, C) by one row."""
    described: Floats = ((audio[::_EVERY] - middle) / spread).ravel()
    return described


def _starts(length: int, frames: int, step: int) -> list[int]:
    return sorted({*range(0, length - frames + 1, step), length - frames})


def _longest(valid: NDArray[np.bool_]) -> int:
    """Length of the longest run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], valid.astype(int), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=1))
