"""The face as a small picture: swatches laid onto a grid in canonical millimetres, and back.

The grid is 32 x 28 cells of 4 mm, the first row at the forehead, columns from the image's left to
its right when the face is seen from the front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh import canonical
from pipeline.face.swatches import layout

Floats = NDArray[np.float32]

WIDTH, HEIGHT = 32, 28
CELL_MM = 4.0
LEFT_MM, TOP_MM = -64.0, 44.0
CELLS = WIDTH * HEIGHT
ONTO_CELL_MM = 3.0
ONTO_LANDMARK_MM = 2.5


@dataclass(frozen=True)
class Weights:
    """How values travel."""

    onto_cells: Floats
    """(852, CELLS) from swatches."""
    onto_landmarks: Floats
    """(CELLS, 478), columns that add up to 1."""


@cache
def weights() -> Weights:
    """The weights, once a process."""
    points = canonical().points[:, :2].astype(float)
    back = _bells(middles(), points, ONTO_LANDMARK_MM)
    return Weights(
        onto_cells=_bells(layout().middle, middles(), ONTO_CELL_MM),
        onto_landmarks=back / back.sum(axis=0),
    )


@cache
def middles() -> NDArray[np.float64]:
    """Where cells lie, (CELLS, 2) mm, x right, y up."""
    x = LEFT_MM + CELL_MM * (np.arange(WIDTH) + 0.5)
    y = TOP_MM - CELL_MM * (np.arange(HEIGHT) + 0.5)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(CELLS, 2)


def lay(values: Floats, usable: NDArray[np.bool_]) -> Floats:
    """Means over usable swatches: values (F, 852, C) onto (F, C + 1, HEIGHT, WIDTH).

    The last channel is how much of a cell usable swatches fill, 0..1; where none is near, means
    are 0.
    """
    onto = weights().onto_cells
    share = usable.astype(np.float32) @ onto
    known = np.where(usable[..., None], values, np.float32(0.0))
    sums = np.moveaxis(known, -1, 1) @ onto
    mean = sums / np.maximum(share, 1e-2)[:, None]
    filled = np.minimum(share, 1.0)[:, None]
    grid = np.concatenate([mean, filled], axis=1, dtype=np.float32)
    return grid.reshape(len(values), -1, HEIGHT, WIDTH)


def pick(cells: Floats) -> Floats:
    """Values of cells (F, HEIGHT, WIDTH) at the landmarks, (F, 478)."""
    return np.asarray(cells.reshape(len(cells), CELLS) @ weights().onto_landmarks, np.float32)


def _bells(
    middles_mm: NDArray[np.float64], points_mm: NDArray[np.float64], width_mm: float
) -> Floats:
    apart2 = ((middles_mm[:, None] - points_mm[None]) ** 2).sum(axis=-1)
    return np.exp(-0.5 * apart2 / width_mm**2).astype(np.float32)
