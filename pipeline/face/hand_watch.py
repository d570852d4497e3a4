"""Looks for hands where one may have come: that costs as much as all landmarks of a frame.

A hand that comes before a face changes its colours (`changes`). While none was seen and the colours
stay as they were, none is looked for, but now and then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.face import hands
from pipeline.face.backends import Face, HandDetector, Picture
from pipeline.face.changes import Changes

Hands = list[NDArray[np.float32]]

SOMETHING_COMES = Changes(colour=0.06, light=0.25, share=0.12)
"""Since hands were last looked for."""
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
        self, picture: Picture, faces: Sequence[Face], colours: Sequence[NDArray[np.float32]]
    ) -> Hands:
        """Hands near the surest face, each (21, 2) px.

        Args:
            picture: RGB, (H, W, 3).
            faces: the surest first.
            colours: of the parts of each, see `changes.parts`.
        """
        if not faces:
            self._hands, self._wait, self._last = [], 0, None
            return []
        if self._wait == 0:
            self._wait = self._every
            if self._due(colours[0]):
                self._hands = hands.near(self._detector, picture, faces[0].box)
                self._last, self._skipped = colours[0], 0
                if self._hands:
                    self._patience = 1
        self._wait -= 1
        return self._hands

    def _due(self, colours: NDArray[np.float32]) -> bool:
        if self._hands or self._last is None or self._skipped + 1 >= AT_LEAST_EVERY:
            return True
        self._skipped += 1
        if not SOMETHING_COMES.between(self._last, colours):
            self._ignored, self._patience = 0, max(self._patience // 2, 1)
            return False
        self._ignored += 1
        if self._ignored < self._patience:
            return False
        # What goes on changing and was no hand, such as a face that cries in the dark, is mostly
        # none the next time either.
        self._ignored, self._patience = 0, min(2 * self._patience, MOST_PATIENCE)
        return True
