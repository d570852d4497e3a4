"""Where the mouth of a model is that does not say so: by the landmarks embedded on it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.morph import embedding

OUTER_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
INNER_LIPS = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
UPPER, LOWER = 13, 14
"""mediapipe's numbers of the lips' landmarks, and of the middle of both inner lips."""


class Mouthed:
    """A model that finds its lips through its landmark embedding."""

    name: str

    @cached_property
    def lips(self) -> NDArray[np.int64]:
        """Vertices of both lips: the corners that carry a landmark of theirs.

        Raises:
            CradleError: the model has no landmark embedding yet.
        """
        return np.unique([self._corner(n) for n in (*OUTER_LIPS, *INNER_LIPS) if n in self._rows])

    @cached_property
    def aperture_pair(self) -> tuple[int, int]:
        """Vertices in the middle of the upper and of the lower inner lip.

        Raises:
            CradleError: the model has no landmark embedding yet, or none of these two.
        """
        if UPPER not in self._rows or LOWER not in self._rows:
            raise CradleError(f"the embedding of '{self.name}' lacks landmark {UPPER} or {LOWER}")
        return self._corner(UPPER), self._corner(LOWER)

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {int(n): row for row, n in enumerate(embedding.load(self.name).landmark)}

    def _corner(self, landmark: int) -> int:
        placed, row = embedding.load(self.name), self._rows[landmark]
        return int(placed.corners[row][np.argmax(placed.barycentric[row])])
