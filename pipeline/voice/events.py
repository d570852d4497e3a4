"""Tracks to events: from when to when who sounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.voice.backends import RATE, TRACK_HZ, TYPES, Track, Voices, Wave
from pipeline.voice.measures import LIKELY, snr_db

_GOES_ON = 0.35
_GAP_S = 0.2
_SHORTEST_S = 0.1


@dataclass(frozen=True)
class Event:
    """A stretch in which somebody sounds.

    `who` is infant, adult or other; `type` is cry, laugh or babble, and empty for who is no
    infant. `score` is the mean of the track; `snr_db` the infant's stem against the rest (nan for
    others).
    """

    start_s: float
    end_s: float
    who: str
    type: str
    score: float
    snr_db: float


def events(voices: Voices, sound: Wave, stem: Wave) -> list[Event]:
    """Events in order of their start."""
    found = []
    for who in ("infant", "adult", "other"):
        track = getattr(voices, who)
        for start, end in stretches(track):
            end_s = min(end / TRACK_HZ, len(sound) / RATE)
            kind, ratio = "", float("nan")
            if who == "infant":
                kind = _type(voices, slice(start, end))
                ratio = snr_db(sound, stem, _only(len(track), start, end))
            score = float(track[start:end].mean())
            found.append(Event(start / TRACK_HZ, end_s, who, kind, score, ratio))
    return sorted(found, key=lambda event: (event.start_s, event.who))


def stretches(track: Track) -> Iterator[tuple[int, int]]:
    """Steps (start, end) in which a track says yes; short gaps are closed, blips left out.

    One begins where the score passes 0.5 and goes on for as long as it stays above 0.35.
    """
    edges = np.flatnonzero(np.diff(np.pad((track > _GOES_ON).astype(np.int8), 1)))
    runs = [
        (int(start), int(end))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if track[start:end].max() >= LIKELY
    ]
    joined: list[tuple[int, int]] = []
    for start, end in runs:
        if joined and start - joined[-1][1] <= _GAP_S * TRACK_HZ:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    yield from (run for run in joined if run[1] - run[0] >= _SHORTEST_S * TRACK_HZ)


def _type(voices: Voices, where: slice) -> str:
    weight = voices.infant[where] + 1e-6
    scores = [float(np.average(getattr(voices, name)[where], weights=weight)) for name in TYPES]
    return TYPES[int(np.argmax(scores))]


def _only(steps: int, start: int, end: int) -> NDArray[np.bool_]:
    where = np.zeros(steps, bool)
    where[start:end] = True
    return where
