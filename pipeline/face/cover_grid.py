"""The face as a small picture: swatches laid onto a grid in canonical millimetres, and back.

The grid is 32 x 28 cells of 4 mm, the first row at the forehead, columns from the image's left to
its right when the face is seen from the front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pipeline.face.mesh import canonical
from pipeline.face.swatches import layout

Floats = NDArray[np.float32]

WIDTH, HEIGHT = 32, 28
CELL_MM = 4.0
LEFT_MM, TOP_MM = -64.0, 44.0
CELLS = WIDTH * HEIGHT
ONTO_CELL_MM = 3.0
ONTO_LANDMARK_MM = 2.5
NEGLIGIBLE = 1e-3
"""Weight below which a place does not count: what is far away is most of a face."""


@dataclass(frozen=True)
class Weights:
    """How values travel."""

    onto_cells: csr_array
    """(CELLS, 852) from swatches."""
    onto_landmarks: csr_array
    """(478, CELLS), rows that add up to 1."""


@cache
def weights() -> Weights:
    """The weights, once a process."""
    points = canonical().points[:, :2].astype(float)
    back = bells(middles(), points, ONTO_LANDMARK_MM)
    return Weights(
        onto_cells=csr_array(bells(layout().middle, middles(), ONTO_CELL_MM).T),
        onto_landmarks=csr_array((back / back.sum(axis=0)).T),
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
    known = np.where(usable[..., None], values, np.float32(0.0))
    share = carried(usable.astype(np.float32)[..., None], weights().onto_cells)
    mean = carried(known, weights().onto_cells) / np.maximum(share, 1e-2)
    filled = np.minimum(share, 1.0)
    grid = np.concatenate([mean, filled], axis=1, dtype=np.float32)
    return grid.reshape(len(values), -1, HEIGHT, WIDTH)


def pick(cells: Floats) -> Floats:
    """Values of cells (F, HEIGHT, WIDTH) at the landmarks, (F, 478)."""
    return carried(cells.reshape(len(cells), CELLS, 1), weights().onto_landmarks)[:, 0]


def carried(values: Floats, onto: csr_array) -> Floats:
    """Weighted sums of values (F, N, C) by weights (M, N), as (F, C, M)."""
    frames, places, channels = values.shape
    columns = np.moveaxis(values, 1, 0).reshape(places, frames * channels)
    sums = np.asarray(onto @ np.ascontiguousarray(columns, np.float32))
    return np.ascontiguousarray(sums.T).reshape(frames, channels, onto.shape[0])


def bells(
    middles_mm: NDArray[np.float64], points_mm: NDArray[np.float64], width_mm: float
) -> Floats:
    """Weights (N, M) of places (N, 2) at points (M, 2), a bell of that width around each."""
    apart2 = ((middles_mm[:, None] - points_mm[None]) ** 2).sum(axis=-1)
    weight = np.exp(-0.5 * apart2 / width_mm**2)
    return np.where(weight > NEGLIGIBLE, weight, 0.0).astype(np.float32)
