"""One number a landmark: the share of it that can be seen, from everything that could hide it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.face.covering import hidden
from pipeline.face.mesh import canonical

UNDER_HAND = 0.1
"""What is left of a landmark under a hand: the hand model is sometimes wrong."""
USABLE_FACING = 0.2
STEADY_FRAMES = 5


def visibility(records: NDArray[np.void]) -> NDArray[np.float32]:
    """Visibility (F, 478) in [0, 1] of the landmarks of one track, whose frames are in order.

    mediapipe's own `visibility` is always 0 for faces: it carries no such measure.
    """
    seen = 1.0 - steady(hidden(records["swatches"], usable(records)))
    seen *= np.where(records["under_hand"], UNDER_HAND, 1.0)
    return np.asarray(seen * records["facing"] * records["inside"], dtype=np.float32)


def usable(records: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which swatches (F, 852) show a face that neither the head nor the picture's edge hides."""
    triangles = canonical().triangles
    facing = records["facing"].astype(np.float32)[:, triangles].mean(axis=2)
    return np.asarray((facing > USABLE_FACING) & records["inside"][:, triangles].all(axis=2))


def steady(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Running median over a few frames (F, N): what flickers for a frame covers nothing."""
    reach = STEADY_FRAMES // 2
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    shifted = [padded[start : start + len(values)] for start in range(STEADY_FRAMES)]
    return np.asarray(np.median(np.stack(shifted), axis=0), dtype=np.float32)
