"""The decision itself: measurements and thresholds in, what becomes of every frame and span out.

Nothing is read, written or measured here, so the same function serves the stage, a sweep over
thresholds, and the question what would have been if.

A frame is judged in this order: a reviewer's word; the gates of its own picture; the gates of its
clip's voice; the rules of spans. A frame that fails is kept all the same, as `bridged`, where the
gap that it lies in is short.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.core.reasons import Reason
from pipeline.dataset import gates, overrides, spans
from pipeline.dataset.gates import FRAME_GATES, PASSED, VOICE_GATES, Bools, Failures, Floats
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.spans import Runs

RULES: tuple[tuple[str, str], ...] = (
    *((gate.measure, gate.op) for gate in (*FRAME_GATES, *VOICE_GATES)),
    ("span_s", ">="),
    ("voice_in_span_s", ">="),
)
"""Every (measure, op) that a frame can be judged by."""
VOICE_RULE = len(FRAME_GATES)
SPAN_RULE = VOICE_RULE + len(VOICE_GATES)
SPAN_VOICE_RULE = SPAN_RULE + 1
NO_RULE = -1

REASONS = tuple(Reason)
NUMBER = {reason: np.int8(number) for number, reason in enumerate(REASONS)}
STAYS = (NUMBER[Reason.KEPT], NUMBER[Reason.BRIDGED])
OUTSIDE, KEPT, SHORT, SILENT, BRIEF = range(5)
"""What becomes of a run of good frames; `outside` of what is in none."""


@dataclass(frozen=True)
class Spans:
    """R runs of good frames, short gaps bridged."""

    runs: Runs
    voice_s: Floats
    """(R,) longest part of one of the infant's events inside."""
    needed_s: Floats
    """(R,) how long it must be."""
    fate: NDArray[np.int8]
    """(R,) KEPT, SHORT, SILENT or BRIEF, of its voice."""

    @property
    def length_s(self) -> Floats:
        """(R,) how long they are."""
        return (self.runs.end - self.runs.start) / FPS


@dataclass(frozen=True)
class Weighed:
    """What a decision comes to, before it is put into tables."""

    tables: Tables
    thresholds: Select
    reason: NDArray[np.int8]
    """(N,) place in REASONS."""
    rule: NDArray[np.int8]
    """(N,) place in RULES of what spoke against a frame, or NO_RULE."""
    voice: NDArray[np.int8]
    """(C,) number of the first voice gate that said no, or PASSED."""
    word: NDArray[np.int8]
    """(N,) what a reviewer said of each frame."""
    spans: Spans

    @property
    def kept(self) -> Runs:
        """Spans that are kept."""
        return self.spans.runs.where(self.spans.fate == KEPT)

    @property
    def stays(self) -> Bools:
        """(N,) whether a frame is kept."""
        kept, bridged = STAYS
        return (self.reason == kept) | (self.reason == bridged)

    @cached_property
    def _span_of_frame(self) -> NDArray[np.int64]:
        return self.spans.runs.number_of_frame(len(self.reason))

    def compared(self, rule: int, where: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Value and limit of one rule at frames `where` (W,), of which it judges all."""
        tables, limits = self.tables, self.thresholds
        if rule < VOICE_RULE:
            gate = FRAME_GATES[rule]
            values = tables.frames[gate.measure][where]
        elif rule < SPAN_RULE:
            gate = VOICE_GATES[rule - VOICE_RULE]
            values = tables.voice[gate.measure][tables.clip_of_frame[where]]
        else:
            number = self._span_of_frame[where]
            if rule == SPAN_VOICE_RULE:
                return self.spans.voice_s[number], self.spans.needed_s[number]
            return self.spans.length_s[number], np.full(len(where), limits.min_span_s)
        return values, np.full(len(where), float(getattr(limits, gate.threshold)))


class Scales:
    """Measurements that are weighed again and again: a gate that has not moved is not asked."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.faces, self.voices = Failures(tables.frames), Failures(tables.voice)

    def weigh(self, thresholds: Select) -> Weighed:
        """Decide without writing anything out."""
        tables = self.tables
        face = gates.first_failed([self.faces.of(gate, thresholds) for gate in FRAME_GATES])
        voice = gates.first_failed([self.voices.of(gate, thresholds) for gate in VOICE_GATES])
        word = overrides.paint(in_force(tables, thresholds), tables.place, tables.first)
        rule = _broken(tables, face, voice)
        good = ((rule == NO_RULE) | (word == overrides.KEEP)) & (word != overrides.DROP)
        rule[good | (word == overrides.DROP)] = NO_RULE
        reason = _REASON_OF_RULE[rule]
        np.copyto(reason, NUMBER[Reason.OVERRULED], where=word == overrides.DROP)
        found = _spans(tables, thresholds, word, good)
        _spans_say(found, good, reason, rule)
        return Weighed(tables, thresholds, reason, rule, voice, word, found)


def weigh(tables: Tables, thresholds: Select) -> Weighed:
    """Decide without writing anything out: what questions of what if are asked with."""
    return Scales(tables).weigh(thresholds)


def in_force(tables: Tables, thresholds: Select) -> list[overrides.Override]:
    """What reviewers said that still holds."""
    every = thresholds.stale_overrides == "apply"
    return [override for override in tables.overrides if every or not override.stale]


_REASON_OF_RULE = np.array(
    [
        *(NUMBER[gate.reason] for gate in (*FRAME_GATES, *VOICE_GATES)),
        NUMBER[Reason.SPAN_TOO_SHORT],
        NUMBER[Reason.TOO_SHORT],
        NUMBER[Reason.KEPT],  # of NO_RULE, which is the last
    ],
    np.int8,
)


def _broken(tables: Tables, face: NDArray[np.int8], voice: NDArray[np.int8]) -> NDArray[np.int8]:
    """(N,) place in RULES of the first gate that says no; a face's come before a voice's."""
    of_voice = np.where(voice == PASSED, NO_RULE, voice + VOICE_RULE).astype(np.int8)
    broken = np.repeat(of_voice, tables.counts)
    np.copyto(broken, face, where=face != PASSED)
    return broken


def _spans(tables: Tables, thresholds: Select, word: NDArray[np.int8], good: Bools) -> Spans:
    # What a reviewer dropped is never carried over.
    dropped = word == overrides.DROP if tables.overrides else None
    found = spans.bridge(
        spans.runs(good, tables.begins), tables.shot_of_frame, dropped, thresholds.max_gap_frames
    )
    clip = tables.clip_of_frame[found.start]
    needed_s = tables.clips["min_event_s"][clip]
    voice_s = spans.voice_inside_s(found, clip, tables.first, tables.events, FPS)
    shortest_s = thresholds.min_span_s - spans.TOLERANCE_S
    heard = voice_s >= needed_s - spans.TOLERANCE_S
    if tables.overrides:
        # A reviewer who keeps enough frames for a span answers for the voice in it as well.
        heard |= spans.count(word == overrides.KEEP, found) / FPS >= shortest_s
    unheard = np.where(voice_s <= spans.TOLERANCE_S, SILENT, BRIEF)
    long = (found.end - found.start) / FPS >= shortest_s
    fate = np.where(long, np.where(heard, KEPT, unheard), SHORT).astype(np.int8)
    return Spans(found, voice_s, needed_s, fate)


def _spans_say(found: Spans, good: Bools, reason: NDArray[np.int8], rule: NDArray[np.int8]) -> None:
    """Write into (N,) reasons and rules what becomes of runs."""
    fate = found.runs.painted(found.fate, len(good))
    np.copyto(reason, NUMBER[Reason.BRIDGED], where=~good & (fate == KEPT))
    for one, why, broken in (
        (SHORT, Reason.SPAN_TOO_SHORT, SPAN_RULE),
        (SILENT, Reason.NO_INFANT_VOICE, SPAN_VOICE_RULE),
        (BRIEF, Reason.TOO_SHORT, SPAN_VOICE_RULE),
    ):
        where = good & (fate == one)
        np.copyto(reason, NUMBER[why], where=where)
        np.copyto(rule, np.int8(broken), where=where)
