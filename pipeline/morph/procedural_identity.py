"""How infants' heads differ: 32 directions of identity and one of age.

Each direction moves every part of the head; one standard deviation of each is given in mm, such
that the proportions of drawn infants spread about as far as measured ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.morph import procedural_shape as shape
from pipeline.morph.procedural_fields import Ground, along, ramp
from pipeline.morph.procedural_parts import Part

Array = NDArray[np.float64]

NAMES = [
    "head_size",
    "face_width",
    "face_length",
    "skull_width",
    "skull_height",
    "forehead_bulge",
    "eye_spacing",
    "eye_size",
    "eye_height",
    "eye_tilt",
    "eye_depth",
    "brow_ridge",
    "eye_opening",
    "nose_length",
    "nose_width",
    "nose_projection",
    "nose_bridge",
    "nose_tilt",
    "nose_bulb",
    "mouth_width",
    "mouth_height",
    "upper_lip",
    "lower_lip",
    "mouth_projection",
    "cheek_fullness",
    "cheek_height",
    "chin_projection",
    "chin_width",
    "chin_height",
    "jaw_width",
    "ear_size",
    "lopsided",
]


def directions(g: Ground) -> Array:
    """Displacement (32,V,3) in mm of one standard deviation of each identity latent."""
    parts = [*_skull(g), *_eyes(g), *_nose(g), *_mouth(g), *_lower_face(g)]
    return np.stack(parts)


def age_direction(g: Ground) -> Array:
    """Displacement (1,V,3) in mm of one standard deviation (about five months) of age."""
    grow = 0.020 * (g.p - shape.CENTRE)
    longer = along(ramp(g.p[:, 1], -15.0, -62.0) * _face(g), (0, -1.1, 0.3))
    nose = along(_soft(g, (0, -18, 62), (8, 10, 14)), (0, -0.5, 0.5))
    bridge = along(_soft(g, (0, 0, 56), (7, 10, 14)), (0, 0, 0.6))
    lean = along(_pair(g, (34, -30, 40), (13, 13, 18)), (0, 0, -0.9))
    brow = along(_pair(g, (20, 17, 58), (14, 7, 16)), (0, 0, 0.4))
    return (grow + longer + nose + bridge + lean + brow)[None]


def _soft(g: Ground, centre: ArrayLike, sigma: ArrayLike) -> Array:
    offset = (g.p - np.asarray(centre, float)) / np.asarray(sigma, float)
    return np.exp(-0.5 * (offset**2).sum(1))


def _pair(g: Ground, centre: ArrayLike, sigma: ArrayLike) -> Array:
    x, y, z = np.asarray(centre, float)
    return _soft(g, (x, y, z), sigma) + _soft(g, (-x, y, z), sigma)


def _out(weight: Array, g: Ground, direction: ArrayLike) -> Array:
    """Like `along`, the x component pointing away from the plane of symmetry."""
    move = along(weight, direction)
    move[:, 0] *= np.tanh(g.p[:, 0] / 4.0)
    return move


def _face(g: Ground) -> Array:
    return ramp(g.p[:, 2], -15.0, 25.0)


def _skull(g: Ground) -> list[Array]:
    p = g.p - shape.CENTRE
    x = p * [1, 0, 0]
    face = ramp(g.p[:, 1], 35.0, 0.0)
    above = ramp(g.p[:, 1], 12.0, 60.0)
    return [
        0.022 * p,
        0.028 * x * face[:, None],
        along(ramp(g.p[:, 1], -8.0, -60.0) * _face(g), (0, -1.7, 0.2)),
        0.030 * x - 0.028 * p * [0, 0, 1] * ramp(g.p[:, 2], 20.0, -30.0)[:, None],
        along(above, (0, 2.6, 0)),
        along(_soft(g, (0, 40, 58), (34, 20, 26)), (0, 0.5, 2.0)),
    ]


def _near_eye(g: Ground, reach: float = 15.0) -> Array:
    """1 on an eyeball and its lids, fading to 0 at twice the distance (V,)."""
    offset = np.abs(g.p[:, 0]) - shape.EYE_X
    distance = np.hypot(offset, g.p[:, 1] - shape.EYE_Y)
    return ramp(distance, 1.75 * reach, reach) * ramp(g.p[:, 2], 10.0, 25.0)


def _eyes(g: Ground) -> list[Array]:
    near = _near_eye(g)
    side = np.sign(g.p[:, 0])
    centre = np.column_stack(
        [side * shape.EYE_X, np.zeros(len(side)), 0 * side + shape.EYEBALL_CENTRE[2]]
    )
    from_eye = g.p - centre
    tilt = np.column_stack([-from_eye[:, 1] * side, from_eye[:, 0] * side, 0 * side])
    lids = g.lid_weight([1.0, 1.0, 0.9, 0.7, 0.4, 0.15, 0.0])
    opening = lids * np.sin(g.mesh.turn)
    return [
        along(near * side, (0.85, 0, -0.25)),
        0.045 * from_eye * near[:, None],
        along(near, (0, 0.8, 0)),
        0.045 * tilt * near[:, None],
        along(near, (0, 0, 0.8)),
        along(_pair(g, (19, 15, 56), (13, 5.5, 16)), (0, 0, 1.0)),
        along(opening, (0, 0.38, 0)),
    ]


def _nose(g: Ground) -> list[Array]:
    tip = _soft(g, shape.NOSE_TIP, (9.5, 8.5, 14))
    bulb = (g.p - shape.NOSE_TIP) * _soft(g, shape.NOSE_TIP, (7, 6.5, 9))[:, None]
    return [
        along(tip, (0, -1.1, 0.1)),
        _out(_pair(g, shape.ALA, (4.5, 6, 9)), g, (0.95, 0, 0)),
        along(_soft(g, shape.NOSE_TIP, (6.5, 8, 12)), (0, 0, 1.3)),
        along(_soft(g, (0, 1, 56), (6.5, 10, 14)), (0, 0, 1.1)),
        along(_soft(g, (0, -15, 66), (6.5, 6, 10)), (0, 1.0, 0.2)),
        0.075 * bulb,
    ]


def _mouth(g: Ground) -> list[Array]:
    corner = _pair(g, (18, -41.5, 50), (8.5, 11, 18))
    whole = _soft(g, (0, -41, 60), (22, 9, 22))
    ring, rise = g.mesh.mouth_ring, np.sin(g.mesh.turn)
    red = np.select([ring == 1, ring == 2, ring == 3, ring == 4], [0.5, 1.0, 0.7, 0.35], 0.0)
    plump = np.select([ring == 0, ring == 1, ring == 2], [0.4, 1.0, 0.6], 0.0)
    lips = [
        np.column_stack([0 * rise, part * red * 0.55 * np.sign(rise), part * plump * 0.6])
        for part in (np.maximum(rise, 0.0), np.maximum(-rise, 0.0))
    ]
    return [
        _out(corner, g, (1.5, 0, 0)),
        along(whole, (0, 0.9, 0)),
        *lips,
        along(whole, (0, 0, 1.2)),
    ]


def _lower_face(g: Ground) -> list[Array]:
    ear = g.mesh.part == Part.EAR
    root = np.array([60.0, -7.0, -10.0])
    side = np.sign(g.p[:, :1])
    on_ear = (g.p - root * np.hstack([side, np.ones((len(side), 2))])) * ear[:, None]
    shift = np.sin(np.clip(g.p[:, 1] / 70.0, -1, 1) * np.pi / 2) * _face(g)
    return [
        _out(_pair(g, (38, -30, 36), (13, 13, 20)), g, (1.7, -0.3, 1.3)),
        along(_pair(g, (33, -22, 44), (12, 10, 18)), (0, 1.1, 0.5)),
        along(_soft(g, (0, -59, 52), (13, 8, 16)), (0, 0, 1.4)),
        _out(_pair(g, (13, -60, 48), (8, 8, 16)), g, (1.3, 0.2, 0.2)),
        along(_soft(g, (0, -66, 48), (18, 9, 18)), (0, -1.3, 0)),
        _out(_pair(g, (44, -42, 12), (14, 15, 22)), g, (1.9, -0.4, 0)),
        0.07 * on_ear + 0.9 * np.hstack([side, np.zeros((len(side), 2))]) * ear[:, None],
        along(-shift, (0.6, 0, 0)) + along(g.left * _face(g), (0, 0.3, 0)),
    ]
