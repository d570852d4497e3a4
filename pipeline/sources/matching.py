"""Which clips show the same: sound that agrees on one offset, and pictures that bear it out.

    index = Index({"a": print_a, "b": print_b})
    index.like(print_of_a_reupload)        [Match("a", ...)]

Neither alone is enough: one song lies under many films, and two films of one room look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.sources.fingerprint import TIMES_A_SECOND, Fingerprint

_PICTURES_A_SECOND = media.FPS / media.EVERY
_BITS = 63
_STEP = 2
"""Times that count as one offset."""
MIN_MARKS = 24
MIN_AGREEMENT = 0.84
"""Between what copies reach and what strangers do: `cradle bench sources` measures both."""


@dataclass(frozen=True)
class Match:
    """A clip that shows the same as what was asked about."""

    name: str
    marks: int
    """Of the sound, that agree on one offset."""
    agreement: float
    """Share of the pictures' signs that agree at that offset."""
    offset_s: float
    """When in it begins what was asked about."""


class Index:
    """Fingerprints by name, to be searched."""

    def __init__(self, prints: Mapping[str, Fingerprint]) -> None:
        self._names = list(prints)
        self._prints = list(prints.values())
        counts = [len(it.marks) for it in self._prints]
        marks = np.concatenate([np.empty(0, np.uint32), *(it.marks for it in self._prints)])
        times = np.concatenate([np.empty(0, np.uint32), *(it.times for it in self._prints)])
        order = np.argsort(marks, kind="stable")
        self._marks = marks[order]
        self._times = times[order].astype(np.int64)
        self._owners = np.repeat(np.arange(len(counts)), counts)[order]

    def like(self, asked: Fingerprint) -> list[Match]:
        """Every clip that shows what `asked` shows, the surest first."""
        found = [self._match(owner, *told, asked) for owner, told in self.votes(asked).items()]
        sure = [it for it in found if it.marks >= MIN_MARKS and it.agreement >= MIN_AGREEMENT]
        return sorted(sure, key=lambda it: (-it.marks, it.name))

    def votes(self, asked: Fingerprint) -> dict[int, tuple[int, int]]:
        """By clip: the most marks that agree on one offset, and that offset in times."""
        first = np.searchsorted(self._marks, asked.marks, "left")
        count = np.searchsorted(self._marks, asked.marks, "right") - first
        places = np.repeat(first, count) + _counting(count)
        offsets = self._times[places] - np.repeat(asked.times.astype(np.int64), count)
        votes: dict[int, tuple[int, int]] = {}
        for owner in np.unique(self._owners[places]):
            there = offsets[self._owners[places] == owner]
            votes[int(owner)] = _most(there)
        return votes

    def _match(self, owner: int, count: int, offset: int, asked: Fingerprint) -> Match:
        shift = offset / TIMES_A_SECOND * _PICTURES_A_SECOND
        agreement = max(
            agreeing(self._prints[owner].pictures, asked.pictures, round(shift) + near)
            for near in (-1, 0, 1)
        )
        return Match(self._names[owner], count, agreement, offset / TIMES_A_SECOND)


def _counting(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, ... anew for every count."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _most(offsets: NDArray[np.int64]) -> tuple[int, int]:
    """How many agree within `_STEP`, and on which offset."""
    different, counts = np.unique(offsets, return_counts=True)
    reach = np.searchsorted(different, different + _STEP, "right")
    total = np.concatenate([[0], np.cumsum(counts)])
    sums = total[reach] - total[:-1]
    best = int(np.argmax(sums))
    return int(sums[best]), int(different[best])


def agreeing(one: media.Looks, other: media.Looks, shift: int) -> float:
    """Share of signs that agree where `other` begins `shift` pictures after `one` does.

    Either may be a window into the other, and the same one all the time.
    """
    here = one[max(0, shift) : len(other) + shift]
    there = other[max(0, -shift) :][: len(here)]
    here = here[: len(there)]
    if not len(here):
        return 0.0
    differ = np.concatenate([here ^ there[:, :1], here[:, :1] ^ there], axis=1)
    bits = np.unpackbits(differ.view(np.uint8), axis=1).reshape(*differ.shape, 64).sum(axis=2)
    return float(1 - bits.mean(axis=0).min() / _BITS)
