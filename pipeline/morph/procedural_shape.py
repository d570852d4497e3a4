"""The solid of a six-month-old's head, and where its features lie on it.

Lengths in mm, x to the infant's left, y up, z toward the viewer, y = 0 at the pupils. Distances
between features follow the proportions measured on infants' pictures (InfAnFace, divided by the
distance of the outer corners of the eyes) and the INFACE template for their scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.solids import blend, capsule, carve, ellipsoid, first_hit

Array = NDArray[np.float64]

CENTRE = np.array([0.0, 5.0, -10.0])
NECK_AXIS = np.array([0.0, -0.99620, -0.08716])

# Eyes: 71.6 mm between the outer corners, 29.6 mm between the inner ones.
EYE_X, EYE_Y = 25.4, 0.0
FISSURE_HALF_WIDTH = 10.5
LID_UP, LID_DOWN = 6.0, 4.7
EYEBALL_CENTRE = np.array([EYE_X, EYE_Y, 42.0])
EYEBALL_RADIUS = 12.0
IRIS_RADIUS = 5.7
LID_SPHERE_RADIUS = 13.0

# Mouth: 37.4 mm wide, 41.1 mm below the eyes.
MOUTH_Y = -41.0
SLIT_HALF_WIDTH = 17.2
CORNER_X = 18.6
UPPER_RED, LOWER_RED = 4.6, 5.2

# Nose: base 24.3 mm below the eyes.
NOSE_TIP = np.array([0.0, -17.0, 63.5])
NOSE_BASE_Y = -24.5
ALA = np.array([8.4, -20.3, 58.0])

CHIN_Y = -67.5
BROW_Y = 19.0


def head(points: Array) -> Array:
    """Distance bound (N,) of points (N,3) to the whole head without ears."""
    p = points.copy()
    p[:, 0] = np.abs(p[:, 0])
    solid = blend(
        ellipsoid(p, (0, 17, -9), (62.5, 69, 72)), ellipsoid(p, (0, -16, 10), (52, 48, 47)), 26.0
    )
    solid = blend(solid, ellipsoid(p, (0, 34, 22), (53, 43, 41)), 26.0)
    solid = blend(solid, ellipsoid(p, (32, -26, 26.5), (25.5, 22.5, 25)), 16.0)
    solid = blend(solid, ellipsoid(p, (0, -43, 20), (38, 24, 32)), 16.0)
    solid = blend(solid, ellipsoid(p, (0, -38, 37), (23, 17, 23.5)), 13.0)
    solid = blend(solid, ellipsoid(p, (0, -55.5, 41), (14.5, 11.5, 13.5)), 14.0)
    solid = blend(solid, capsule(p, (0, -30, -16), (0, -190, -26), 31.0), 24.0)
    solid = carve(solid, ellipsoid(p, (EYE_X - 2, 3, 64), (15, 9, 10.0)), 14.0)
    lids = ellipsoid(p, EYEBALL_CENTRE, [LID_SPHERE_RADIUS] * 3)
    return blend(_with_nose(solid, p), lids, 3.4)


def _with_nose(solid: Array, p: Array) -> Array:
    """Add a button nose with a low bridge; p holds the points folded to one side."""
    nose = capsule(p, (0, 5, 50.5), (0, -13, 58.0), 5.0)
    nose = blend(nose, ellipsoid(p, NOSE_TIP, (6.8, 5.8, 6.0)), 6.0)
    nose = blend(nose, ellipsoid(p, ALA, (4.2, 4.0, 5.2)), 3.6)
    solid = blend(solid, nose, 7.0)
    return carve(solid, ellipsoid(p, (4.5, -24.0, 62.0), (2.2, 2.3, 4.2)), 1.6)


def front(xy: Array) -> Array:
    """Height z (N,) of the face in front of xy (N,2)."""
    origin = np.column_stack([xy, np.full(len(xy), 110.0)])
    direction = np.broadcast_to([0.0, 0.0, -1.0], origin.shape)
    return 110.0 - first_hit(head, origin, direction, 120.0)


def around(directions: Array) -> Array:
    """Surface points (N,3) seen from the head's centre along unit `directions` (N,3)."""
    reach = 170.0
    hit = first_hit(head, CENTRE + reach * directions, -directions, reach)
    return CENTRE + (reach - hit)[:, None] * directions


def beside(yz: Array) -> Array:
    """Distance x (N,) of the head's left side from the plane of symmetry at (y, z) (N,2)."""
    origin = np.column_stack([np.full(len(yz), 110.0), yz])
    direction = np.broadcast_to([-1.0, 0.0, 0.0], origin.shape)
    return 110.0 - first_hit(head, origin, direction, 110.0)
