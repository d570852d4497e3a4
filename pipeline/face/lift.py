"""A whole mesh from the 68 points of iBUG: what they measure they keep, all else is interpolated.

The canonical face is laid over the points as it is, turned and scaled, and then bent smoothly until
the points lie where they were seen. Depth is that of the canonical face: 68 flat points have none.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.face import points68
from pipeline.face.mesh import canonical
from pipeline.face.pose import TO_IMAGE

Floats = NDArray[np.float64]

STEADY = np.r_[
    points68.BROW_RIGHT, points68.BROW_LEFT, points68.BRIDGE, points68.NOSE_BASE,
    points68.EYE_RIGHT, points68.EYE_LEFT, points68.MOUTH_CORNERS,
]  # fmt: skip
"""What neither the jaw nor the way a head is turned moves over the skin."""
NEAR_MM = 4.0
"""How far around a measured point its score counts."""


def onto_mesh(seen: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mediapipe's 478 points (478, 3) px of 68 points (68, 2) px; z away from the camera.

    The points of `points68.MEASURED` lie in x and y where they were seen.
    """
    laid = _lay(seen.astype(np.float64))
    shift = seen - laid[points68.MEASURED, :2]
    laid[:, :2] += _bending() @ shift
    return laid.astype(np.float32)


def spread(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scores (478,) of all points from those of the 68: of each the mean of its neighbours."""
    points = canonical().points.astype(np.float64)
    apart = np.linalg.norm(points[:, None] - points[points68.MEASURED], axis=2)
    nearest = apart.min(axis=1, keepdims=True)
    weight = np.exp(-0.5 * (apart**2 - nearest**2) / NEAR_MM**2)
    return np.asarray(weight @ scores / weight.sum(axis=1), np.float32)


def _lay(seen: Floats) -> Floats:
    """The canonical face turned, scaled and shifted onto points (68, 2), as (478, 3) px.

    DeMenthon & Davis, "Model-based object pose in 25 lines of code", 1995, without the iteration:
    perspective is left to the bending.
    """
    shape = canonical().points * TO_IMAGE
    source, target = shape[points68.MEASURED[STEADY]], seen[STEADY]
    middle, place = source.mean(axis=0), target.mean(axis=0)
    rows = np.linalg.lstsq(source - middle, target - place, rcond=None)[0].T
    u, singular, vt = np.linalg.svd(rows, full_matrices=False)
    flat = u @ vt
    rotation = np.vstack([flat, np.cross(flat[0], flat[1])])
    laid = (shape - middle) @ rotation.T * singular.mean()
    laid[:, :2] += place
    return np.asarray(laid, np.float64)


@cache
def _bending() -> Floats:
    """What a shift of the 68 does to all points, (478, 68): the biharmonic spline of 3D."""
    points = canonical().points.astype(np.float64)
    known = points[points68.MEASURED]

    def basis(at: Floats) -> Floats:
        far = np.linalg.norm(at[:, None] - known, axis=2)
        return np.hstack([far, np.ones((len(at), 1)), at])

    free = basis(known)[:, len(known) :]
    corner = np.zeros((free.shape[1], free.shape[1]))
    system = np.block([[basis(known)], [free.T, corner]])
    shifts = np.vstack([np.eye(len(known)), np.zeros((free.shape[1], len(known)))])
    return np.asarray(basis(points) @ np.linalg.solve(system, shifts))
