"""Smooth fields over the head from which its directions of variation are put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.morph.procedural_mesh import HeadMesh
from pipeline.morph.procedural_parts import NO_RING, Part

Array = NDArray[np.float64]


def ramp(x: ArrayLike, start: float, end: float) -> Array:
    """Smooth step from 0 at `start` to 1 at `end` (which may lie below start)."""
    t = np.clip((np.asarray(x, float) - start) / (end - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@dataclass(frozen=True)
class Ground:
    """The mean head as fields see it: positions p and, mouth drawn open, q, both (V,3) mm."""

    mesh: HeadMesh

    @property
    def p(self) -> Array:
        """Positions of the mean head."""
        return self.mesh.vertices

    @property
    def q(self) -> Array:
        """Positions with the mouth drawn open, where fields are smooth across the lips."""
        return self.mesh.topo

    @cached_property
    def left(self) -> Array:
        """Share (V,) of a one-sided movement each vertex takes: 1 left, 0.5 middle, 0 right."""
        return ramp(self.p[:, 0], -4.0, 4.0)

    @cached_property
    def soft(self) -> Array:
        """Share (V,) of soft tissue: skin and lips 1, fading into the cavity, bone and eye 0."""
        part, ring = self.mesh.part, self.mesh.mouth_ring
        skin = np.isin(part, [Part.SKIN, Part.LIP, Part.RIM]).astype(float)
        skin[ring == -1] = 0.9
        skin[ring == -2] = 0.6
        return skin

    @cached_property
    def upper_lip(self) -> Array:
        """1 above the slit, 0 below, smooth round the corners of the mouth (V,)."""
        return ramp(self.q[:, 1] + 41.0, -5.0, 5.0)

    def bump(self, centre: ArrayLike, sigma: ArrayLike) -> Array:
        """Gaussian (V,) of 1 at `centre`, spreads `sigma` mm an axis, on q, soft tissue only."""
        offset = (self.q - np.asarray(centre, float)) / np.asarray(sigma, float)
        return np.exp(-0.5 * (offset**2).sum(1)) * self.soft

    def both(self, centre: ArrayLike, sigma: ArrayLike) -> Array:
        """The sum of a bump and its mirror image."""
        x, y, z = np.asarray(centre, float)
        return self.bump((x, y, z), sigma) + self.bump((-x, y, z), sigma)

    def mirrored(self, movement: Array) -> Array:
        """The same movement (V,3) on the other side of the face."""
        return movement[self.mesh.mirror] * [-1.0, 1.0, 1.0]

    def lid_weight(self, shares: ArrayLike) -> Array:
        """Weight (V,) by ring of the lids, `shares` for rings -1, 0, 1, ..."""
        table = np.zeros(NO_RING + 2)
        table[: len(np.asarray(shares))] = shares
        return table[np.clip(self.mesh.eye_ring + 1, 0, NO_RING + 1)]


def along(weight: Array, direction: ArrayLike) -> Array:
    """Movement (V,3) in one direction (mm) scaled by a weight (V,)."""
    return weight[:, None] * np.asarray(direction, float)
