"""Where the lips of one morphable model lie on another, whose mesh has nothing in common with it.

    other = on_other(ours, theirs, ours.lips)
    other.place(their_vertices)          # (..., len(ours.lips), 3) mm, comparable row by row

Both carry the same landmarks, which say how one mean face is bent onto the other (a thin-plate
spline, Bookstein 1989); a bent vertex is then laid on the nearest triangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from pipeline.core.errors import CradleError
from pipeline.morph.embedding import Embedding
from pipeline.morph.interface import MorphableModel

Array = NDArray[np.float64]

MIN_SHARED = 20
_CANDIDATES = 24
# Landmarks lie where a detector saw them, to about a millimetre; the bending need not hit each.
_SMOOTHING = 1.0


@dataclass(frozen=True)
class Laid:
    """Points on the triangles of a mesh."""

    corners: NDArray[np.int64]
    """(N, 3) vertices."""
    share: Array
    """(N, 3) how much of each."""
    gap_mm: Array
    """(N,) how far the surface was from where the point was bent to."""

    def place(self, vertices: ArrayLike) -> Array:
        """The points (..., N, 3) on a head of vertices (..., V, 3)."""
        points = np.asarray(vertices, float)[..., self.corners, :]
        return np.asarray((points * self.share[..., None]).sum(-2))


def on_other(
    ours: tuple[MorphableModel, Embedding],
    theirs: tuple[MorphableModel, Embedding],
    vertices: ArrayLike,
) -> Laid:
    """Points of their surface that vertices (N,) of ours, such as its lips, correspond to.

    Raises:
        CradleError: they share too few landmarks.
    """
    (our_model, our_places), (their_model, their_places) = ours, theirs
    _, mine, other = np.intersect1d(our_places.landmark, their_places.landmark, return_indices=True)
    if len(mine) < MIN_SHARED:
        raise CradleError(
            f"'{our_model.name}' and '{their_model.name}' share {len(mine)} landmarks; "
            f"a correspondence wants {MIN_SHARED}"
        )
    source = our_places.place(our_model.mean)[mine]
    target = their_places.place(their_model.mean)[other]
    bend = RBFInterpolator(source, target, kernel="thin_plate_spline", smoothing=_SMOOTHING)
    points = bend(np.asarray(our_model.mean, float)[np.asarray(vertices)])
    return nearest(points, np.asarray(their_model.mean, float), np.asarray(their_model.triangles))


def nearest(points: Array, vertices: Array, triangles: NDArray) -> Laid:
    """The nearest points of a mesh to points (N, 3)."""
    tree = cKDTree(vertices[triangles].mean(1))
    _, near = tree.query(points, min(_CANDIDATES, len(triangles)))
    near = near.reshape(len(points), -1)
    share = _closest(points[:, None], vertices[triangles[near]])
    placed = (vertices[triangles[near]] * share[..., None]).sum(2)
    gap = np.linalg.norm(placed - points[:, None], axis=2)
    best, row = gap.argmin(1), np.arange(len(points))
    return Laid(triangles[near[row, best]].astype(np.int64), share[row, best], gap[row, best])


def _closest(points: Array, corners: Array) -> Array:
    """Shares (N, C, 3) of the corners (N, C, 3, 3) at the triangles' points nearest to (N, 1, 3).

    The foot on the plane where it lies inside, else the best foot on the three edges.
    """
    a, b, c = (corners[..., i, :] for i in range(3))
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = np.maximum(d00 * d11 - d01**2, 1e-12)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = np.stack([1 - v - w, v, w], -1)
    options = np.stack([inside, *(_edge(points, corners, i) for i in range(3))], -2)
    placed = (options[..., None] * corners[..., None, :, :]).sum(-2)
    gap = np.linalg.norm(placed - points[..., None, :], axis=-1)
    gap[..., 0] = np.where((inside >= 0).all(-1), gap[..., 0], np.inf)
    pick = gap.argmin(-1)
    return np.take_along_axis(options, pick[..., None, None], -2)[..., 0, :]


def _edge(points: Array, corners: Array, first: int) -> Array:
    """Shares at the nearest point of the edge from corner `first` to the next."""
    second = (first + 1) % 3
    start, along = corners[..., first, :], corners[..., second, :] - corners[..., first, :]
    length = np.maximum((along**2).sum(-1), 1e-12)
    t = np.clip(((points - start) * along).sum(-1) / length, 0, 1)
    share = np.zeros((*t.shape, 3))
    share[..., first], share[..., second] = 1 - t, t
    return share
