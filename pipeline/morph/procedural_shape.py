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
NECK_AXIS = np.array([0.0, -0.985, -0.172])

# Eyes: 71.6 mm between the outer corners, 29.6 mm between the inner ones.
EYE_X, EYE_Y = 25.4, 0.0
FISSURE_HALF_WIDTH = 10.5
LID_UP, LID_DOWN = 5.1, 4.1
EYEBALL_CENTRE = np.array([EYE_X, EYE_Y, 38.6])
EYEBALL_RADIUS = 12.0
IRIS_RADIUS = 5.3
LID_SPHERE_RADIUS = 13.0

# Mouth: 37.4 mm wide, 41.1 mm below the eyes.
MOUTH_Y = -41.0
SLIT_HALF_WIDTH = 17.2
CORNER_X = 18.6
UPPER_RED, LOWER_RED = 4.6, 5.2

# Nose: base 24.3 mm below the eyes.
NOSE_TIP = np.array([0.0, -17.0, 63.5])
NOSE_BASE_Y = -24.5
ALA = np.array([8.0, -20.0, 55.5])

CHIN_Y = -67.5
BROW_Y = 19.0


def head(points: Array) -> Array:
    """Distance bound (N,) of points (N,3) to the whole head without ears."""
    p = points.copy()
    p[:, 0] = np.abs(p[:, 0])
    solid = blend(
        ellipsoid(p, (0, 17, -9), (64, 67, 72)), ellipsoid(p, (0, -16, 10), (53, 48, 47)), 26.0
    )
    solid = blend(solid, ellipsoid(p, (0, 31, 26), (50, 40, 37)), 24.0)
    solid = blend(solid, ellipsoid(p, (31, -26, 26), (24.5, 21.5, 24)), 15.0)
    solid = blend(solid, ellipsoid(p, (0, -38, 37), (23, 17, 23.5)), 13.0)
    solid = blend(solid, ellipsoid(p, (0, -56.5, 42), (13, 10.5, 13)), 13.0)
    solid = blend(solid, capsule(p, (0, -30, -22), (0, -125, -42), 28.0), 22.0)
    solid = carve(solid, ellipsoid(p, (EYE_X - 1, 2, 62), (14, 9, 10.5)), 13.0)
    return blend(_with_nose(solid, p), ellipsoid(p, EYEBALL_CENTRE, [LID_SPHERE_RADIUS] * 3), 2.6)


def _with_nose(solid: Array, p: Array) -> Array:
    """Add a button nose with a low bridge; p holds the points folded to one side."""
    nose = capsule(p, (0, 5, 51.0), (0, -13, 57.5), 5.2)
    nose = blend(nose, ellipsoid(p, NOSE_TIP, (6.6, 6.0, 6.2)), 6.0)
    nose = blend(nose, ellipsoid(p, ALA, (4.3, 4.3, 5.0)), 4.5)
    solid = blend(solid, nose, 8.0)
    return carve(solid, ellipsoid(p, (4.4, -24.3, 61.5), (2.3, 2.0, 3.4)), 1.6)


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
