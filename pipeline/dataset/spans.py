"""From good frames to spans: contiguous runs, short gaps bridged, long enough, with a voice inside.

All clips lie one after another on one grid of N frames, each cut into shots; no span crosses from
one shot into the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
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
        edges = np.zeros(count + 1, np.int64)
        np.add.at(edges, self.start, np.arange(1, len(self) + 1))
        np.add.at(edges, self.end, -np.arange(1, len(self) + 1))
        return np.cumsum(edges)[:count] - 1


def runs(good: Bools, shot_of_frame: Ints) -> Runs:
    """Contiguous good frames of one shot, whose numbers are (N,)."""
    if not len(good):
        return Runs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    same_shot = shot_of_frame[1:] == shot_of_frame[:-1]
    opens = good.copy()
    opens[1:] &= ~(good[:-1] & same_shot)
    closes = good.copy()
    closes[:-1] &= ~(good[1:] & same_shot)
    return Runs(np.flatnonzero(opens), np.flatnonzero(closes) + 1)


def bridge(found: Runs, shot_of_frame: Ints, barrier: Bools, max_gap_frames: int) -> Runs:
    """Join runs of one shot with at most `max_gap_frames` between them and no `barrier` frame."""
    if len(found) < 2:
        return found
    gap_start, gap_end = found.end[:-1], found.start[1:]
    passed = np.concatenate([[0], np.cumsum(barrier, dtype=np.int32)])
    same_shot = shot_of_frame[found.start[:-1]] == shot_of_frame[found.start[1:]]
    free = passed[gap_end] == passed[gap_start]
    joined = same_shot & free & (gap_end - gap_start <= max_gap_frames)
    return Runs(
        found.start[np.concatenate([[True], ~joined])],
        found.end[np.concatenate([~joined, [True]])],
    )


def voice_inside_s(
    found: Runs, clip: Ints, first: Ints, events: pd.DataFrame, fps: float
) -> NDArray[np.float64]:
    """Longest part of one of the infant's events that lies inside each run, seconds, (R,).

    Args:
        found: the runs.
        clip: (R,) number of each run's clip.
        first: (C + 1,) where clips begin.
        events: clip_number, start_s, end_s.
        fps: frames a second; frame i lasts from i / fps to (i + 1) / fps.
    """
    order = np.argsort(events["clip_number"].to_numpy(np.int64), kind="stable")
    of_clip = events["clip_number"].to_numpy(np.int64)[order]
    low, high = np.searchsorted(of_clip, clip), np.searchsorted(of_clip, clip, "right")
    # Every run beside every event of its clip.
    run = np.repeat(np.arange(len(found)), high - low)
    event = order[np.arange(len(run)) - np.repeat(np.cumsum(high - low) - high, high - low)]
    begin, until = (found.start - first[clip]) / fps, (found.end - first[clip]) / fps
    ends = np.minimum(until[run], events["end_s"].to_numpy(float)[event])
    starts = np.maximum(begin[run], events["start_s"].to_numpy(float)[event])
    longest = np.zeros(len(found))
    np.maximum.at(longest, run, np.maximum(ends - starts, 0.0))
    return longest
