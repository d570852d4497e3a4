"""What a device is given at a time: what keeps it busy, and no more than there is room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def padded(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Places in `sizes` (n,), the largest first, in groups that are filled up to their largest.

    So filled, a group comes to `most` together, or is of one that is larger.
    """
    group: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda it: -sizes[it]):
        if group and (len(group) + 1) * sizes[group[0]] > most:
            yield group
            group = []
        group.append(place)
    if group:
        yield group
