"""Which vertices are the upper and the lower face, on any head that is given in mm.

The lips say where the face is and how large: everything is measured in widths of the mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.integer]


@dataclass(frozen=True)
class Regions:
    """Vertices that metrics look at."""

    lips: Index
    aperture_pair: tuple[int, int]
    upper: Index
    """Brows, lids, forehead: FDD's."""
    lower: Index
    """Mouth, chin and what is around them."""


def regions(rest: NDArray, lips: Index, aperture_pair: tuple[int, int]) -> Regions:
    """Part a face at rest, (V, 3) mm, y up and z out of the face.

    The upper face begins a mouth's width above the lips' middle, the lower one ends half a width
    above it and reaches a width and a half below; both are the front alone. A face without
    vertices in one of them gives all of its front, or of itself, in its place.
    """
    mouth = rest[lips]
    width = float(np.ptp(mouth[:, 0])) or 1.0
    _, level, depth = mouth.mean(axis=0)
    up = (rest[:, 1] - level) / width
    front = rest[:, 2] > depth - 1.2 * width
    upper = np.flatnonzero(front & (up > 1.0) & (up < 2.8))
    lower = np.flatnonzero(front & (up < 0.5) & (up > -1.5))
    everything = np.arange(len(rest))
    return Regions(
        np.asarray(lips),
        aperture_pair,
        upper if len(upper) else everything,
        lower if len(lower) else everything,
    )
