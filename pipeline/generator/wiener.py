"""A fit's noise, taken out of the latents that are learned from.

A face moves smoothly and in few ways; a fit errs anew in every frame, and in all latents alike.
Learned from as it is, that tremble is learned too: a mouth that is shut is never quite, and samples
tremble as fits do. Wiener's filter (1949) keeps of each frequency what stands out of the noise,
here of all latents together: a mouth's quick opening stands out of it as in no latent alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.generator.spans import Pack, Span

_PIECE, _HOP = 64, 16
"""Frames over which frequencies are told apart, and after which the filter looks again."""
_NOISE_ALONE = 3 * _PIECE // 8
"""The frequency from which on there is nothing but noise, 11 Hz at 30 frames a second."""
_LEAST = 16
"""Frames of the shortest span that tells anything of it."""
_AT_ONCE = 256
_WINDOW = np.sqrt(np.hanning(_PIECE + 1)[:-1, None])

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Wiener:
    """How much of each way to move, and how fast, is more than noise."""

    mean: Doubles
    """(64,) of the latents."""
    noise: Doubles
    """(64,) of each latent, its standard deviation in a frame."""
    kept: Doubles
    """(_PIECE // 2 + 1, 64, 64) of each frequency, symmetric, in units of the noise."""

    @classmethod
    def of(cls, spans: Sequence[Span]) -> Wiener | None:
        """Measure motion and noise; None of spans of which none is long enough."""
        told = [span for span in spans if span.valid.any() and span.frames >= _LEAST]
        if not told:
            return None
        frames = [span.frames for span in told]
        mean = np.average([_bridged(span).mean(0) for span in told], 0, frames)
        power, pieces = _power(piece for span in told for piece in _pieces(_bridged(span) - mean))
        alone = np.diagonal(power[_NOISE_ALONE:], axis1=1, axis2=2)
        noise = np.sqrt(np.median(alone, 0)).clip(1e-6)
        values, ways = np.linalg.eigh(power / np.outer(noise, noise))
        # In so few pieces noise alone is as strong as this in some way (Marchenko & Pastur 1967).
        by_chance = (1 + np.sqrt(len(noise) / pieces)) ** 2
        share = np.where(values > by_chance, 1 - 1 / values.clip(1.0), 0.0)
        return cls(mean, noise, (ways * share[:, None]) @ ways.swapaxes(1, 2))

    def __call__(self, span: Span) -> Span:
        """The same span without what is noise; frames that were not measured stay as they are."""
        if not span.valid.any():
            return span
        path = self._filtered((_bridged(span) - self.mean) / self.noise) * self.noise + self.mean
        clean = np.where(span.valid[:, None], path, span.expression)
        return dataclasses.replace(span, expression=clean.astype(np.float32))

    def _filtered(self, path: Doubles) -> Doubles:
        """Piece by piece, each fading into the next; before and after (T, 64) nothing moves."""
        around = np.pad(path, ((_PIECE, _PIECE + _HOP), (0, 0)), mode="edge")
        starts = np.arange(0, len(around) - _PIECE + 1, _HOP)
        pieces = np.stack([around[start : start + _PIECE] for start in starts], 1)
        spectra = np.fft.rfft(pieces * _WINDOW[:, None], axis=0)
        kept = spectra.real @ self.kept + 1j * (spectra.imag @ self.kept)
        moved = np.fft.irfft(kept, _PIECE, axis=0) * _WINDOW[:, None]
        total, weight = np.zeros_like(around), np.zeros((len(around), 1))
        for start, piece in zip(starts, moved.swapaxes(0, 1), strict=True):
            total[start : start + _PIECE] += piece
            weight[start : start + _PIECE] += _WINDOW**2
        inner = slice(_PIECE, _PIECE + len(path))
        return np.asarray(total[inner] / weight[inner])


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


def _pieces(path: Doubles) -> Iterator[Doubles]:
    last = max(1, len(path) - _LEAST + 1)
    yield from (path[first : first + _PIECE] for first in range(0, last, _PIECE))


def _power(pieces: Iterator[Doubles]) -> tuple[Doubles, int]:
    """Mean power of each frequency in and between columns (_PIECE // 2 + 1, 64, 64); of how many.

    What moves moves at once in all columns: lags between them are left out. After Welch (1967).
    """
    total, count = np.zeros(()), 0
    while some := [_spectrum(piece) for piece in islice(pieces, _AT_ONCE)]:
        spectra = np.stack(some, 1)
        for part in (spectra.real, spectra.imag):
            total = total + part.swapaxes(1, 2) @ part
        count += len(some)
    return total / count, count


def _spectrum(piece: Doubles) -> NDArray[np.complex128]:
    window = np.sqrt(np.hanning(len(piece) + 2)[1:-1, None])
    return np.fft.rfft(piece * window, _PIECE, axis=0) / np.sqrt((window**2).sum())
