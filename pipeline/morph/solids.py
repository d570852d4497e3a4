"""Solids described by distance fields, and rays that look for their surface.

    >>> surface = lambda p: ellipsoid(p, (0, 0, 0), (10, 10, 10))
    >>> first_hit(surface, np.array([[0.0, 0.0, 50.0]]), np.array([[0.0, 0.0, -1.0]]), 60.0)
    array([40.])

All lengths are millimetres. The ellipsoid's bound and the polynomial smooth union follow the
usual constructions of implicit modelling (I. Quilez, "distance functions", "smooth minimum").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Field = Callable[[Array], Array]

_COARSE_STEPS = 96
_BISECTIONS = 26


def ellipsoid(points: Array, centre: ArrayLike, radii: ArrayLike) -> Array:
    """Distance bound (N,) of points (N,3) to an axis-aligned ellipsoid, negative inside."""
    offset = points - np.asarray(centre, float)
    semi = np.asarray(radii, float)
    k0 = np.linalg.norm(offset / semi, axis=-1)
    k1 = np.linalg.norm(offset / semi**2, axis=-1)
    inside = np.min(semi)
    return np.where(k1 > 1e-9, k0 * (k0 - 1.0) / np.maximum(k1, 1e-9), -inside)


def capsule(points: Array, start: ArrayLike, end: ArrayLike, radius: float) -> Array:
    """Distance (N,) of points (N,3) to a segment thickened by `radius`."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    along = b - a
    share = np.clip((points - a) @ along / (along @ along), 0.0, 1.0)
    return np.linalg.norm(points - (a + share[:, None] * along), axis=-1) - radius


def blend(a: Array, b: Array, width: float) -> Array:
    """Smooth union of two distances; surfaces closer than `width` melt into one."""
    h = np.maximum(width - np.abs(a - b), 0.0) / width
    return np.minimum(a, b) - h**3 * width / 6.0


def carve(a: Array, b: Array, width: float) -> Array:
    """Smoothly remove solid b from solid a."""
    return -blend(-a, b, width)


def first_hit(field: Field, origin: Array, direction: Array, reach: float) -> Array:
    """Distance (N,) along unit rays at which each first enters the solid.

    A ray that starts outside and never enters gets `reach`.
    """
    near = np.zeros(len(origin))
    far = np.full(len(origin), reach)
    going = np.arange(len(origin))
    for step in np.linspace(0.0, reach, _COARSE_STEPS)[1:]:
        inside = field(origin[going] + step * direction[going]) < 0.0
        far[going[inside]] = step
        going = going[~inside]
        near[going] = step
        if not len(going):
            break
    for _ in range(_BISECTIONS):
        middle = 0.5 * (near + far)
        inside = field(origin + middle[:, None] * direction) < 0.0
        far = np.where(inside, middle, far)
        near = np.where(inside, near, middle)
    far[going] = reach
    return far
