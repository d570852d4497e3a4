"""Landmarks of one frame as a drawing on plain ground, which shows what was seen and no face.

drawing = draw(points, visibility, width=682, height=384)
drawing.paths       # [(0, "M120 93h0m4 1h0..."), (4, "M...")]   hidden first, seen last
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONG_SIDE = 320
"""Units of the drawing, whatever the picture's size."""
LEVELS = 5
"""Steps from hidden to seen; report.css gives each its colour."""


@dataclass(frozen=True)
class Drawing:
    """An SVG's size and its dots."""

    width: int
    height: int
    paths: list[tuple[int, str]]
    """Level from 0, hidden, to 4, seen, and dots as strokes without length."""


def draw(
    points: NDArray[np.floating], visible: NDArray[np.floating], width: int, height: int
) -> Drawing:
    """Draw landmarks (478, 2+) px of a picture of that size, of which so much is seen (478,).

    A frame in which no face was found has points that are nan, and an empty drawing.
    """
    scale = LONG_SIDE / max(width, height, 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    there = np.isfinite(points[:, :2]).all(axis=1)
    # What lies far outside is not seen anyway, and its numbers would only be long.
    places = np.clip(np.round(points[there, :2] * scale), -LONG_SIDE, 2 * LONG_SIDE).astype(int)
    shares = np.clip(np.nan_to_num(visible[there].astype(float)), 0.0, 1.0)
    levels = np.minimum((shares * LEVELS).astype(int), LEVELS - 1)
    paths = [(level, _dots(places[levels == level])) for level in range(LEVELS)]
    return Drawing(*size, [(level, path) for level, path in paths if path])


def _dots(places: NDArray[np.int_]) -> str:
    """An SVG path with a dot at each of the places (N, 2)."""
    if not len(places):
        return ""
    ordered = np.unique(places[:, ::-1], axis=0)[:, ::-1]
    first, steps = ordered[0], np.diff(ordered, axis=0)
    return f"M{first[0]} {first[1]}h0" + "".join(f"m{x} {y}h0" for x, y in steps)
