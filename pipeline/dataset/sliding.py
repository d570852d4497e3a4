"""Thresholds on a slider: what a whole dataset would keep, fast enough to follow a hand.

    sliding = Sliding(tables)
    sliding.kept(thresholds)       the spans of the whole dataset that would be kept

It is the decision of `weigh` without its reasons, which is what costs time: each gate is asked
anew only when its own threshold has moved, and what the others say together is kept in mind.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from pipeline.dataset import overrides, spans
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Bools, Failures, Gate
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.overrides import DROP, KEEP
from pipeline.dataset.params import Select
from pipeline.dataset.spans import Runs
from pipeline.dataset.weigh import in_force


class Sliding:
    """The measurements of a dataset, with what each gate said of them last."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._faces, self._voices = Failures(tables.frames), Failures(tables.voice)
        self._last: Select | None = None
        self._moved: Gate = FRAME_GATES[0]
        self._others: tuple[tuple[float, ...], Bools] = (), np.zeros(0, bool)
        self._words: dict[str, NDArray[np.int8]] = {}

    def with_words(self, tables: Tables) -> Sliding:
        """The same measurements, about which reviewers have said more since."""
        other = copy(self)
        other.tables, other._words = tables, {}
        return other

    def kept(self, thresholds: Select) -> Runs:
        """The spans that would be kept, on the grid of all clips' frames."""
        tables, word = self.tables, self._word(thresholds)
        good = ~self._unseen(thresholds)
        unheard = np.zeros(len(tables), bool)
        for gate in VOICE_GATES:
            unheard |= self._voices.of(gate, thresholds)
        if word is not None:
            good &= ~unheard[tables.clip_of_frame]
            good = (good | (word == KEEP)) & (word != DROP)
        dropped = None if word is None else word == DROP
        found = spans.runs(good, tables.begins)
        found = spans.bridge(found, tables.shot_of_frame, dropped, thresholds.max_gap_frames)
        shortest_s = thresholds.min_span_s - spans.TOLERANCE_S
        found = found.where((found.end - found.start) / FPS >= shortest_s)
        clip = tables.clip_of_frame[found.start]
        if word is None:
            # A clip whose voice fails keeps no frame, unless a reviewer says so.
            found, clip = found.where(~unheard[clip]), clip[~unheard[clip]]
        voice_s = spans.voice_inside_s(found, clip, tables.first, tables.events, FPS)
        heard = voice_s >= tables.clips["min_event_s"][clip] - spans.TOLERANCE_S
        if word is not None:
            heard |= spans.count(word == KEEP, found) / FPS >= shortest_s
        return found.where(heard)

    def seconds(self, kept: Runs) -> NDArray[np.float64]:
        """(C,) how much of each clip is kept."""
        clip = self.tables.clip_of_frame[kept.start]
        return np.bincount(clip, kept.end - kept.start, len(self.tables)) / FPS

    def of_clip(self, kept: Runs, number: int) -> list[list[int]]:
        """Start and end of every span of one clip, counted from its beginning."""
        first, last = self.tables.first[number], self.tables.first[number + 1]
        mine = kept.where((kept.start >= first) & (kept.start < last))
        return np.stack([mine.start - first, mine.end - first], 1).tolist()

    def _unseen(self, thresholds: Select) -> Bools:
        """(N,) where any gate of a frame says no."""
        for gate in FRAME_GATES:
            if self._last is not None and _limit(gate, self._last) != _limit(gate, thresholds):
                self._moved = gate
        self._last = thresholds
        others = [gate for gate in FRAME_GATES if gate is not self._moved]
        limits = (*(_limit(gate, thresholds) for gate in others), FRAME_GATES.index(self._moved))
        if self._others[0] != limits:
            said = self._faces.of(others[0], thresholds).copy()
            for gate in others[1:]:
                said |= self._faces.of(gate, thresholds)
            self._others = limits, said
        return self._others[1] | self._faces.of(self._moved, thresholds)

    def _word(self, thresholds: Select) -> NDArray[np.int8] | None:
        """(N,) what reviewers said, where they said anything."""
        if not self.tables.overrides:
            return None
        rule = thresholds.stale_overrides
        if rule not in self._words:
            said = in_force(self.tables, thresholds)
            self._words[rule] = overrides.paint(said, self.tables.place, self.tables.first)
        return self._words[rule]


def _limit(gate: Gate, thresholds: Select) -> float:
    return float(getattr(thresholds, gate.threshold))
