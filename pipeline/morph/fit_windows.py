"""Which frames are coupled at a time: windows of clips, as many as make a batch.

Coupling reaches a few frames far, so that windows which overlap by more give what one would. A
window never reaches from one clip into the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

_FRAMES, _MARGIN = 240, 12


@dataclass(frozen=True)
class Window:
    """Frames first to last of all, those of them that it speaks for, and the clip that has them."""

    first: int
    start: int
    end: int
    last: int
    clip: int

    @property
    def frames(self) -> int:
        """How many, margins included."""
        return self.last - self.first


@dataclass(frozen=True)
class Together:
    """Windows that are worked on at a time, their frames one after another."""

    windows: Sequence[Window]

    @property
    def rows(self) -> Tensor:
        """Which of all frames those are, margins included."""
        return torch.cat([torch.arange(w.first, w.last) for w in self.windows])

    @property
    def spans(self) -> list[slice]:
        """Where each window lies among them."""
        ends = accumulate((w.frames for w in self.windows), initial=0)
        return [slice(start, end) for start, end in pairwise(ends)]

    @property
    def own(self) -> Tensor:
        """Where, among them, those lie that a window speaks for."""
        return torch.cat(
            [
                torch.arange(w.start, w.end) - w.first + span.start
                for w, span in zip(self.windows, self.spans, strict=True)
            ]
        )


def together(clips: Sequence[slice], at_once: int) -> Iterator[Together]:
    """Windows over all frames of clips, in batches of `at_once` frames or a few more."""
    some: list[Window] = []
    for window in _windows(clips):
        some.append(window)
        if sum(w.frames for w in some) >= at_once:
            yield Together(some)
            some = []
    if some:
        yield Together(some)


def _windows(clips: Sequence[slice]) -> Iterator[Window]:
    for clip, frames in enumerate(clips):
        for start in range(frames.start, frames.stop, _FRAMES):
            end = min(start + _FRAMES, frames.stop)
            first, last = max(frames.start, start - _MARGIN), min(frames.stop, end + _MARGIN)
            yield Window(first, start, end, last, clip)
