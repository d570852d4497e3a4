"""Whether the colours of a face have changed, part by part.

What comes before a face changes the colours of whole parts of it at once, as no expression does.
Lips are left out: a mouth that opens is another colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pipeline.face.cover_grid import bells, carried
from pipeline.face.swatches import chromaticity, layout

Floats = NDArray[np.float32]

PART_MM = 5.0
"""Spread over which colours are averaged: what a face does to itself is finer, or changes sign."""
PARTS_EVERY = 3
"""Of the swatches, which lie closer than a part is wide, every so many is the middle of one."""


@dataclass(frozen=True)
class Changes:
    """How much is a change."""

    colour: float
    """Distance between logarithms of ratios of channels at which a part has another colour."""
    light: float
    """Distance between logarithms of lightness at which it has another light."""
    share: float
    """Share of the parts beyond which the face has changed."""

    def between(self, one: Floats, other: Floats) -> bool:
        """Whether a face whose parts (3, N) were the one has changed if they are the other."""
        apart = other - one
        middle = apart.shape[1] // 2
        light = np.abs(apart[2] - np.partition(apart[2], middle)[middle])
        changed = (np.hypot(apart[0], apart[1]) > self.colour) | (light > self.light)
        return bool(changed.mean() > self.share)


def parts(swatches: NDArray[np.uint8]) -> Floats:
    """Colours of the parts of faces, (F, 3, N), of swatches (F, 852, 4); see `chromaticity`."""
    return carried(chromaticity(swatches[:, ~layout().lips]), _weights())


@cache
def _weights() -> csr_array:
    """Weights (N, swatches of skin) that average them over the parts of a face, which overlap."""
    middle = layout().middle[~layout().lips]
    near = bells(middle, middle, PART_MM)
    return csr_array((near / near.sum(axis=0)[:, None])[::PARTS_EVERY])
