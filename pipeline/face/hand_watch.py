"""Looks for hands where one may have come: that costs as much as all landmarks of a frame.

A hand that comes before a face changes the colours of the face, and those of whole parts of it at
once, as no expression does. While none was seen and the colours stay as they were, none is looked
for, but now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pipeline.face import hands
from pipeline.face.backends import Face, HandDetector, Picture
from pipeline.face.cover_grid import bells
from pipeline.face.swatches import chromaticity, layout

Hands = list[NDArray[np.float32]]

ANOTHER_COLOUR = 0.06
"""Distance between logarithms of ratios of channels at which a part has another colour."""
ANOTHER_LIGHT = 0.25
"""Distance between logarithms of lightness at which it has another light."""
PART_MM = 5.0
"""Spread over which changes are averaged: what a face does to itself is finer, or changes sign."""
PARTS_EVERY = 3
"""Of the swatches, which lie closer than a part is wide, every so many is the middle of one."""
CHANGED_SHARE = 0.12
"""Share of the face's skin that changes when something comes."""
AT_LEAST_EVERY = 15
"""In so many times that a look is due, one is taken whatever the colours."""

MOST_PATIENCE = 4
"""In so many times that colours have changed, one leads to a look, while none has shown a hand."""


class HandWatch:
    """Looks for hands around the surest face of a clip, and remembers them in between.

    Args:
        detector: what finds hands.
        every: frames from one look that may be due to the next.
    """

    def __init__(self, detector: HandDetector, every: int) -> None:
        self._detector = detector
        self._every = every
        self.forget()

    def forget(self) -> None:
        """Look afresh at the next face."""
        self._detector.reset()
        self._hands: Hands = []
        self._wait, self._skipped = 0, 0
        self._ignored, self._patience = 0, 1
        self._last: NDArray[np.float32] | None = None

    def look(
        self, picture: Picture, faces: Sequence[Face], records: Sequence[NDArray[np.void]]
    ) -> Hands:
        """Hands near the surest face, each (21, 2) px.

        Args:
            picture: RGB, (H, W, 3).
            faces: the surest first.
            records: a `RECORD` each.
        """
        if not faces:
            self._hands, self._wait, self._last = [], 0, None
            return []
        if self._wait == 0:
            self._wait = self._every
            colours = chromaticity(records[0]["swatches"][~layout().lips])
            if self._due(colours):
                self._hands = hands.near(self._detector, picture, faces[0].box)
                self._last, self._skipped = colours, 0
                if self._hands:
                    self._patience = 1
        self._wait -= 1
        return self._hands

    def _due(self, colours: NDArray[np.float32]) -> bool:
        if self._hands or self._last is None or self._skipped + 1 >= AT_LEAST_EVERY:
            return True
        self._skipped += 1
        if not _changed(colours - self._last):
            self._ignored, self._patience = 0, max(self._patience // 2, 1)
            return False
        self._ignored += 1
        if self._ignored < self._patience:
            return False
        # What goes on changing and was no hand, such as a face that cries in the dark, is mostly
        # none the next time either.
        self._ignored, self._patience = 0, min(2 * self._patience, MOST_PATIENCE)
        return True


def _changed(by: NDArray[np.float32]) -> bool:
    """Whether colours that have changed by so much are more than a face does to itself."""
    apart = _parts() @ by
    light = np.abs(apart[:, 2] - np.median(apart[:, 2]))
    other = (np.hypot(apart[:, 0], apart[:, 1]) > ANOTHER_COLOUR) | (light > ANOTHER_LIGHT)
    return bool(other.mean() > CHANGED_SHARE)


@cache
def _parts() -> csr_array:
    """Weights (parts, N) that average skin's swatches over the parts of a face, which overlap."""
    middle = layout().middle[~layout().lips]
    near = bells(middle, middle, PART_MM)
    return csr_array((near / near.sum(axis=0)[:, None])[::PARTS_EVERY])
