"""What is heard, in the 521 words of the AudioSet ontology that the tagger knows.

    tags[patch]                        how likely each word is in a patch of 0.96 s, in a byte each
    tags_of(tags, start, end)          the same of one event, whose steps are those of the tracks

A byte is the score's logit in tenths, 128 where both are as likely; 0 says that nobody listened.
So a kind of vocalization that is added later asks old clips for nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.core.weights import locked

PATCH = 15360
"""Samples at 16 kHz from one patch to the next."""
WORDS = 521
LOCKED_WORDS = "tagger_words"
_STEPS_A_PATCH = 48.0
_EVEN, _TENTHS, _MOST = 128, 10.0, 12.7
_MOST_WORDS, _WORTH_A_WORD = 3, 0.1

Tags = NDArray[np.uint8]
"""(patches, WORDS)"""
Floats = NDArray[np.float64]


def nothing(patches: int = 0) -> Tags:
    """Tags of so many patches that nobody listened to."""
    return np.zeros((patches, WORDS), np.uint8)


def written(logits: NDArray[np.floating]) -> Tags:
    """Logits of scores as bytes, of the same shape."""
    kept = np.clip(np.asarray(logits, np.float64), -_MOST, _MOST)
    return (np.round(kept * _TENTHS) + _EVEN).astype(np.uint8)


def of_scores(scores: NDArray[np.floating]) -> Tags:
    """Scores 0..1 as bytes, of the same shape."""
    kept = np.clip(np.asarray(scores, np.float64), 1e-6, 1 - 1e-6)
    return written(np.log(kept / (1 - kept)))


_LOGITS = (np.maximum(np.arange(256), 1) - _EVEN) / _TENTHS
_SCORES = np.append(0.0, 1 / (1 + np.exp(-_LOGITS[1:])))


def logits(tags: Tags) -> Floats:
    """Logits of the same shape; of what nobody listened to, those of the least that is written."""
    return np.asarray(_LOGITS[tags])


def scores(tags: Tags) -> Floats:
    """Scores 0..1 of the same shape; 0 where nobody listened."""
    return np.asarray(_SCORES[tags])


def patches_of(start: int, end: int) -> range:
    """The patches that an event's steps at 50 Hz lie in."""
    return range(int(start / _STEPS_A_PATCH), int(np.ceil(end / _STEPS_A_PATCH)))


def tags_of(tags: Tags, start: int, end: int) -> Tags:
    """What is heard (WORDS,) from one step at 50 Hz to another: the mean over time of scores."""
    patches = [number for number in patches_of(start, end) if number < len(tags)]
    edges = np.clip([[it, it + 1] for it in patches], start / _STEPS_A_PATCH, end / _STEPS_A_PATCH)
    listened = [tags[number].any() for number in patches]
    if not any(listened):
        return nothing(1)[0]
    weight = np.diff(edges)[:, 0] * listened
    return of_scores(weight @ scores(tags[patches]) / weight.sum())


def tags_in(column: Iterable[bytes]) -> Tags:
    """Tags (n, WORDS) of a table's column, in which empty ones are of what nobody listened to."""
    whole = b"".join(row or bytes(WORDS) for row in column)
    return np.frombuffer(whole, np.uint8).reshape(-1, WORDS)


def in_words(tags: Tags) -> list[str]:
    """What each of (n, WORDS) sounds most like, the likeliest first: `Dog 0.81, Bark 0.40`."""
    names, found = list(words().values()), []
    best = np.argsort(255 - tags, axis=1, kind="stable")[:, :_MOST_WORDS]
    for places, said in zip(best, np.take_along_axis(scores(tags), best, axis=1), strict=True):
        pairs = zip(places, said, strict=True)
        found.append(", ".join(f"{names[at]} {it:.2f}" for at, it in pairs if it >= _WORTH_A_WORD))
    return found


def heard_as(tags: Tags, ids: Iterable[str]) -> Floats:
    """The highest score (n,) of the given AudioSet ids in each of (n, WORDS) tags; 0 for none."""
    known = [place for place, mid in enumerate(words()) if mid in set(ids)]
    return scores(tags[:, known]).max(1, initial=0.0)


@cache
def words() -> dict[str, str]:
    """Names by AudioSet id, in the order of the tags.

    Raises:
        WeightsError: the list is missing or another file than models/weights.lock says.
    """
    with locked(LOCKED_WORDS).open(encoding="utf-8", newline="") as file:
        return {row["mid"]: row["display_name"] for row in csv.DictReader(file)}
