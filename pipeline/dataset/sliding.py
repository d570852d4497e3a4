"""Thresholds on a slider: what a whole dataset would keep, fast enough to follow a hand.

    sliding = Sliding(tables)
    sliding.kept(thresholds)       the spans of the whole dataset that would be kept

It is the decision of `decide` without its reasons, which is what costs time: each gate is asked
anew only when its own threshold has moved.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from pipeline.dataset import overrides, spans
from pipeline.dataset.weigh import in_force
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Gate
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.overrides import DROP, KEEP
from pipeline.dataset.params import Select
from pipeline.dataset.spans import Runs

Bools = NDArray[np.bool_]


class Sliding:
    """The measurements of a dataset, with what each gate said of them last."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.clip, self.shot = tables.clip_of_frame, tables.shot_of_frame
        self.first = tables.first
        self.nowhere = np.zeros(self.first[-1], bool)
        self.needed_s = tables.clips["min_event_s"].to_numpy(float)
        self._failed: dict[str, tuple[float, Bools]] = {}
        self._words: dict[str, NDArray[np.int8]] = {}

    def with_words(self, tables: Tables) -> Sliding:
        """The same measurements, about which reviewers have said more since."""
        other = copy(self)
        other.tables, other._words = tables, {}
        return other

    def kept(self, thresholds: Select) -> Runs:
        """The spans that would be kept, on the grid of all clips' frames."""
        word = self._word(thresholds)
        failed = self._any(FRAME_GATES, thresholds)
        failed |= self._any(VOICE_GATES, thresholds)[self.clip]
        good = ~failed if word is None else (~failed | (word == KEEP)) & (word != DROP)
        dropped = self.nowhere if word is None else word == DROP
        found = spans.runs(good, self.shot)
        found = spans.bridge(found, self.shot, dropped, thresholds.max_gap_frames)
        clip = self.clip[found.start]
        shortest_s = thresholds.min_span_s - spans.TOLERANCE_S
        long = (found.end - found.start) / FPS >= shortest_s
        voice_s = spans.voice_inside_s(found, clip, self.first, self.tables.events, FPS)
        heard = voice_s >= self.needed_s[clip] - spans.TOLERANCE_S
        if word is not None:
            vouched = np.concatenate([[0], np.cumsum(word == KEEP)])
            heard |= (vouched[found.end] - vouched[found.start]) / FPS >= shortest_s
        return found.where(long & heard)

    def seconds(self, kept: Runs) -> NDArray[np.float64]:
        """(C,) how much of each clip is kept."""
        frames = kept.end - kept.start
        return np.bincount(self.clip[kept.start], frames, len(self.needed_s)) / FPS

    def of_clip(self, kept: Runs, number: int) -> list[list[int]]:
        """Start and end of every span of one clip, counted from its beginning."""
        first, last = self.first[number], self.first[number + 1]
        mine = kept.where((kept.start >= first) & (kept.start < last))
        return np.stack([mine.start - first, mine.end - first], 1).tolist()

    def _any(self, gates: tuple[Gate, ...], thresholds: Select) -> Bools:
        failed = self._fails(gates[0], thresholds).copy()
        for gate in gates[1:]:
            failed |= self._fails(gate, thresholds)
        return failed

    def _fails(self, gate: Gate, thresholds: Select) -> Bools:
        limit = float(getattr(thresholds, gate.threshold))
        known = self._failed.get(gate.threshold)
        if known is None or known[0] != limit:
            columns = self.tables.frames if gate in FRAME_GATES else self.tables.voice
            known = limit, gate.fails(columns[gate.measure], limit)
            self._failed[gate.threshold] = known
        return known[1]

    def _word(self, thresholds: Select) -> NDArray[np.int8] | None:
        """(N,) what reviewers said, where they said anything."""
        if not self.tables.overrides:
            return None
        rule = thresholds.stale_overrides
        if rule not in self._words:
            place = {str(clip): number for number, clip in enumerate(self.tables.clips["clip"])}
            said = in_force(self.tables, thresholds)
            self._words[rule] = overrides.paint(said, place, self.first)
        return self._words[rule]
