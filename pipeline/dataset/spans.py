"""From good frames to spans: contiguous runs, short gaps bridged, long enough, with a voice inside.

All clips lie one after another on one grid of N frames, each cut into shots; no span crosses from
one shot into the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class Runs:
    """R stretches of the grid, in order and apart from one another."""

    start: Ints
    end: Ints
    """Exclusive."""

    def __len__(self) -> int:
        return len(self.start)

    def where(self, chosen: Bools) -> Runs:
        """Some of them."""
        return Runs(self.start[chosen], self.end[chosen])

    def number_of_frame(self, count: int) -> Ints:
        """(count,) number of the run that each frame of the grid lies in, or -1."""
        return self.painted(np.arange(1, len(self) + 1), count) - 1

    def painted(self, values: NDArray, count: int) -> NDArray:
        """(count,) the value (R,) of the run that each frame of the grid lies in, or 0."""
        edges = np.zeros(count + 1, values.dtype)
        # Runs may touch, but no two begin or end at one place.
        edges[self.start] += values
        edges[self.end] -= values
        return np.cumsum(edges[:count], dtype=values.dtype)


def runs(good: Bools, begins: Bools) -> Runs:
    """Contiguous good frames of one shot; `begins` (N,) is where shots do."""
    if not len(good):
        return Runs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    # A run opens where the frame before is not good or of another shot, and closes likewise.
    goes_on = good[1:] & good[:-1] & ~begins[1:]
    opens, closes = good.copy(), good.copy()
    opens[1:] &= ~goes_on
    closes[:-1] &= ~goes_on
    return Runs(np.flatnonzero(opens), np.flatnonzero(closes) + 1)


def bridge(
    found: Runs, shot_of_frame: NDArray[np.int32], barrier: Bools | None, max_gap_frames: int
) -> Runs:
    """Join runs of one shot with at most `max_gap_frames` between them and no `barrier` frame."""
    if len(found) < 2:
        return found
    gap_start, gap_end = found.end[:-1], found.start[1:]
    joined = gap_end - gap_start <= max_gap_frames
    joined &= shot_of_frame[found.start[:-1]] == shot_of_frame[found.start[1:]]
    if barrier is not None:
        joined &= count(barrier, Runs(gap_start, gap_end)) == 0
    return Runs(
        found.start[np.concatenate([[True], ~joined])],
        found.end[np.concatenate([~joined, [True]])],
    )


def count(mask: Bools, found: Runs) -> Ints:
    """(R,) frames of each run at which a mask (N,) holds."""
    total = np.concatenate([[0], np.cumsum(mask)])
    return total[found.end] - total[found.start]


def voice_inside_s(
    found: Runs, clip: NDArray, first: Ints, events: Mapping[str, NDArray], fps: float
) -> NDArray[np.float64]:
    """Longest part of one of the infant's events that lies inside each run, seconds, (R,).

    Args:
        found: the runs.
        clip: (R,) number of each run's clip.
        first: (C + 1,) where clips begin.
        events: clip_number, start_s, end_s, by clip.
        fps: frames a second; frame i lasts from i / fps to (i + 1) / fps.
    """
    of_clip = events["clip_number"]
    low, high = np.searchsorted(of_clip, clip), np.searchsorted(of_clip, clip, "right")
    # Every run beside every event of its clip.
    run = np.repeat(np.arange(len(found)), high - low)
    event = np.arange(len(run)) - np.repeat(np.cumsum(high - low) - high, high - low)
    begin, until = (found.start - first[clip]) / fps, (found.end - first[clip]) / fps
    ends = np.minimum(until[run], events["end_s"][event])
    starts = np.maximum(begin[run], events["start_s"][event])
    longest = np.zeros(len(found))
    np.maximum.at(longest, run, np.maximum(ends - starts, 0.0))
    return longest
