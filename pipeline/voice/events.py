"""Tracks to events: from when to when who sounds, and what an infant's event is like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.voice.backends import RATE, TRACK_HZ, Samples, Track, Voices
from pipeline.voice.measures import LIKELY, clipped_share, decay_s, snr_db
from pipeline.voice.tags import tags_of
from pipeline.voice.vocalizations_features import NAMES, slope, vector

NUMBERS = len(NAMES)
_GOES_ON = 0.35
_GAP_S = 0.2
_SHORTEST_S = 0.1
_NAN = float("nan")


@dataclass(frozen=True)
class Event:
    """A stretch in which somebody sounds; what follows `score` is nan for who is no infant.

    `who` is infant, adult or other; `score` is the mean of the track; `snr_db` the infant's stem
    against the rest. Of the infant's pitch, `f0_hz` is the median, `f0_range_octaves` goes from the
    10th to the 90th percentile, `f0_slope_octaves_s` is of the line through it. `adult_overlap` is
    the share of it in which an adult sounds too; `clipped_share` and `decay_s` see `measures`.
    `numbers` (NUMBERS,) is what its kind is told by, see `vocalizations_features`; none for others.
    `tags` (WORDS,) is what else it sounds like, a byte each, see `tags`, and empty where nobody
    listened: where nothing was like an infant.
    """

    start_s: float
    end_s: float
    who: str
    score: float
    snr_db: float = _NAN
    f0_hz: float = _NAN
    f0_range_octaves: float = _NAN
    f0_slope_octaves_s: float = _NAN
    adult_overlap: float = _NAN
    clipped_share: float = _NAN
    decay_s: float = _NAN
    numbers: tuple[float, ...] = ()
    tags: bytes = b""


def events(voices: Voices, sound: Samples, stem: Samples) -> list[Event]:
    """Events in order of their start."""
    found = []
    for who in ("infant", "adult", "other"):
        track = getattr(voices, who)
        for start, end in stretches(track):
            if who == "infant":
                found.append(_infants(voices, sound, stem, start, end))
            else:
                score = float(track[start:end].mean())
                end_s, tags = _end_s(end, sound), _tags(voices, start, end)
                found.append(Event(start / TRACK_HZ, end_s, who, score, tags=tags))
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


def _infants(voices: Voices, sound: Samples, stem: Samples, start: int, end: int) -> Event:
    start_s, end_s = start / TRACK_HZ, _end_s(end, sound)
    here, heard = slice(start, end), slice(round(start_s * RATE), round(end_s * RATE))
    adult = (voices.adult[here] >= LIKELY) & (voices.adult[here] > voices.other[here])
    return Event(
        start_s,
        end_s,
        "infant",
        float(voices.infant[here].mean()),
        snr_db(sound[heard], stem[heard], np.ones(end - start, bool)),
        *_pitch(voices.f0_hz[here]),
        adult_overlap=float(adult.mean()),
        clipped_share=clipped_share(sound[heard]),
        # What rings on does so after the event.
        decay_s=decay_s(sound[heard.start : heard.stop + round(0.5 * RATE)]),
        numbers=tuple(vector(stem, voices.f0_hz, start_s, end_s).tolist()),
        tags=_tags(voices, start, end),
    )


def _tags(voices: Voices, start: int, end: int) -> bytes:
    found = tags_of(voices.tags, start, end)
    return found.tobytes() if found.any() else b""


def _pitch(f0_hz: Track) -> tuple[float, float, float]:
    """Median, range in octaves and slope in octaves a second of a pitch (T,); nan if unknown."""
    known = np.flatnonzero(~np.isnan(f0_hz))
    if len(known) < 3:
        return _NAN, _NAN, _NAN
    octaves: NDArray[np.float64] = np.log2(f0_hz[known].astype(np.float64))
    low, high = np.quantile(octaves, [0.1, 0.9])
    rise = slope(known / TRACK_HZ, octaves)
    return float(np.median(f0_hz[known])), float(high - low), rise


def _end_s(end: int, sound: Samples) -> float:
    return min(end / TRACK_HZ, len(sound) / RATE)
