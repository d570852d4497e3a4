"""A fit's noise, taken out of the latents that are learned from.

A face moves smoothly and in few ways; a fit errs anew in every frame, and in all latents alike.
Learned from as it is, that tremble is learned too: a mouth that is shut is never quite, and samples
tremble as fits do. Wiener's filter (1949) keeps of each frequency as much as stands out of the
noise, here along the ways in which faces change from frame to frame, in which a mouth's quick
opening stands out of it as it does in no latent alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from pipeline.generator.spans import Pack, Span

_PIECE = 64
"""Frames over which frequencies are told apart, and which the filter reaches over."""
_NOISE_ALONE = 3 * _PIECE // 8
"""The frequency from which on there is nothing but noise, 11 Hz at 30 frames a second."""
_LEAST = 16
"""Frames of the shortest span that tells anything of it."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Wiener:
    """What of each way to move, and how fast, is more than noise."""

    mean: Doubles
    """(64,) of the latents."""
    noise: Doubles
    """(64,) of each latent, in each frame."""
    ways: Doubles
    """(64, 64), a way to move a column, in units of the noise."""
    kernels: Doubles
    """(_PIECE - 1, 64), what of the frames around counts for the one in the middle."""

    @classmethod
    def of(cls, spans: Sequence[Span]) -> Wiener | None:
        """Measure motion and noise; None of spans of which none is long enough."""
        paths = [_bridged(s) for s in spans if s.valid.any() and s.frames >= _LEAST]
        if not paths:
            return None
        mean = np.concatenate(paths).mean(0)
        noise = np.sqrt(_floor(_power([path - mean for path in paths]))).clip(1e-6)
        paths = [(path - mean) / noise for path in paths]
        changes = np.concatenate([np.diff(path, axis=0) for path in paths])
        ways = np.linalg.eigh(changes.T @ changes)[1]
        power = _power([path @ ways for path in paths])
        kept = np.clip(1 - _floor(power) / power.clip(1e-12), 0, 1)
        kernels = np.fft.fftshift(np.fft.irfft(kept, _PIECE, axis=0), axes=0)[1:]
        return cls(mean, noise, ways, kernels * np.hanning(_PIECE + 1)[1:-1, None])

    def __call__(self, span: Span) -> Span:
        """The same span without what is noise; frames that were not measured stay as they are."""
        if not span.valid.any():
            return span
        moved = (_bridged(span) - self.mean) / self.noise @ self.ways
        smooth = np.stack(
            [
                convolve1d(way, kernel, mode="nearest")
                for way, kernel in zip(moved.T, self.kernels.T, strict=True)
            ],
            1,
        )
        clean = (smooth @ self.ways.T * self.noise + self.mean).astype(np.float32)
        return dataclasses.replace(
            span, expression=np.where(span.valid[:, None], clean, span.expression)
        )


def filtered(pack: Pack) -> Pack:
    """The same dataset, of which training and validation hold no noise that training spans tell."""
    wiener = Wiener.of(pack.spans["train"])
    if wiener is None:
        return pack
    clean = {split: [wiener(span) for span in pack.spans[split]] for split in ("train", "val")}
    return dataclasses.replace(pack, spans={**pack.spans, **clean})


def _bridged(span: Span) -> Doubles:
    """Latents (T, 64), straight from one measured frame to the next where some were not."""
    path = span.expression.astype(np.float64)
    if span.valid.all():
        return path
    places, known = np.arange(len(path)), np.flatnonzero(span.valid)
    return np.stack([np.interp(places, known, latent[known]) for latent in path.T], 1)


def _power(paths: Sequence[Doubles]) -> Doubles:
    """Mean power of each frequency in each column (_PIECE // 2 + 1, 64), after Welch (1967)."""
    total, pieces = np.zeros((_PIECE // 2 + 1, paths[0].shape[1])), 0
    for piece in _pieces(paths):
        window = np.hanning(len(piece) + 2)[1:-1, None]
        total += np.abs(np.fft.rfft(piece * window, _PIECE, axis=0)) ** 2 / (window**2).sum()
        pieces += 1
    return total / pieces


def _pieces(paths: Sequence[Doubles]) -> Iterator[Doubles]:
    for path in paths:
        last = max(1, len(path) - _LEAST + 1)
        yield from (path[first : first + _PIECE] for first in range(0, last, _PIECE))


def _floor(power: Doubles) -> Doubles:
    """Power of the noise (64,), where there is nothing else."""
    return np.asarray(np.median(power[_NOISE_ALONE:], 0))
