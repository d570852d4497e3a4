"""Splits by source: what comes from one source is learned from, or judged by, never both.

Sources are put in an order that only their names decide, one order a vocalization; the first are
the test split, the next the validation split. So a split can be made again from the names alone,
and one more source moves at most its neighbours at the two borders.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable

TRAIN, VAL, TEST = "train", "val", "test"
SPLITS = (TRAIN, VAL, TEST)


def split(pairs: Iterable[tuple[str, str]], val_share: float, test_share: float) -> dict[str, str]:
    """Give every source a split.

    Args:
        pairs: (source, vocalization) of every span.
        val_share: share of the sources of each vocalization that go to `val`.
        test_share: the same for `test`.

    Returns:
        Split by source. Two sources of a vocalization are enough for train and test, three for all
        three splits; a source with several vocalizations counts as the most frequent.
    """
    groups = defaultdict(list)
    for source, vocalization in _main_vocalization(pairs).items():
        groups[vocalization].append(source)
    assigned = {}
    for sources in groups.values():
        ordered = sorted(sources, key=lambda source: (_digest(source), source))
        tested, validated = _quotas(len(ordered), val_share, test_share)
        for place, source in enumerate(ordered):
            held_out = TEST if place < tested else VAL
            assigned[source] = held_out if place < tested + validated else TRAIN
    return dict(sorted(assigned.items()))


def _quotas(count: int, val_share: float, test_share: float) -> tuple[int, int]:
    """How many sources to test and to validate on, at least one each where there are enough."""
    tested = max(1, round(count * test_share)) if test_share and count >= 2 else 0
    validated = max(1, round(count * val_share)) if val_share and count >= 3 else 0
    while tested + validated >= count > 0:
        if validated >= tested:
            validated -= 1
        else:
            tested -= 1
    return tested, validated


def _main_vocalization(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for source, vocalization in pairs:
        counts[source][vocalization] += 1
    # The first of the alphabet where two are equally frequent.
    return {
        source: sorted(counted.most_common(), key=_rank)[0][0] for source, counted in counts.items()
    }


def _rank(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
