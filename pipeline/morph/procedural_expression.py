"""Movements of an infant's face, named after facial actions.

The names follow the Neonatal Facial Coding System (brow bulge, eye squeeze, nasolabial furrow,
open lips, stretched mouth, taut tongue) and Baby FACS. Each function gives the displacement
(V,3) in mm of the full action; one-sided actions are made for the left and mirrored.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.morph import procedural_shape as shape
from pipeline.morph.procedural_fields import Ground, along, ramp
from pipeline.morph.procedural_parts import Part

Array = NDArray[np.float64]
Movement = Callable[[Ground], Array]

COUNT = 64
ACTION_STD = 3.0
"""The full action lies this many standard deviations from rest."""

_SMOOTH_MM = 0.55
_HINGE = np.array([0.0, -14.0, 2.0])
_CORNER = (18.0, -41.5, 50.0)


def names() -> list[str]:
    """Names of all named actions, in the order of their latents."""
    sided = [f"{name}_{side}" for name in SIDED for side in ("left", "right")]
    return sided + list(MIDDLE)


def movements(ground: Ground) -> Array:
    """Displacement (64,V,3) in mm of one standard deviation of every expression latent."""
    named: list[Array] = []
    for make in SIDED.values():
        left = _over_eyeball(ground, make(ground))
        named += [left, ground.mirrored(left)]
    named += [make(ground) for make in MIDDLE.values()]
    basis = np.stack(named) / ACTION_STD
    return np.concatenate([basis, _smooth_modes(ground, basis, COUNT - len(basis))])


def jaw_share(ground: Ground) -> Array:
    """How far (V,), 0 to 1, each vertex follows the jaw."""
    q = ground.q - _HINGE
    below = np.degrees(np.arctan2(-q[:, 1], np.maximum(q[:, 2], 1.0)))
    slit = np.degrees(np.arctan2(-(shape.MOUTH_Y - _HINGE[1]), 59.0 - _HINGE[2]))
    width = 5.5 + 9.0 * ramp(np.abs(q[:, 0]), 12.0, 40.0)
    share = ramp((below - slit) / width, -1.0, 1.0) * ramp(ground.p[:, 2], -6.0, 22.0)
    share *= ramp(ground.p[:, 1], -98.0, -70.0)
    part = ground.mesh.part
    share[part == Part.TONGUE] = 0.92
    share[np.isin(part, [Part.EYE, Part.EAR, Part.RIM])] = 0.0
    return share


def _jaw_drop(g: Ground) -> Array:
    arm = g.p - _HINGE
    turn = 0.30
    fall = np.column_stack([np.zeros(len(arm)), -turn * arm[:, 2], turn * arm[:, 1] * 0.8])
    narrow = along(g.both(_CORNER, (9, 9, 20)), (1.0, 0, 0)) * -np.sign(g.p[:, :1]) * 1.2
    hollow = along(g.both((34, -38, 35), (11, 13, 16)), (0, 0, -1.2))
    return jaw_share(g)[:, None] * fall + narrow + hollow


def _jaw_sideways(g: Ground) -> Array:
    return along(jaw_share(g), (4.0, 0, 0))


def _jaw_thrust(g: Ground) -> Array:
    return along(jaw_share(g), (0, 0, 3.5))


def _brow_bulge(g: Ground) -> Array:
    inner = g.bump((9, 18, 62), (6.5, 6, 16)) * g.left
    ridge = g.bump((5, 21, 63), (4, 6, 16)) * g.left
    return along(inner, (-2.6, -1.2, 0.8)) + along(ridge, (0, 0, 2.2))


def _brow_lower(g: Ground) -> Array:
    brow = g.bump((20, 18, 56), (12, 6.5, 18)) * g.left
    fold = g.bump((20, 10.5, 52), (11, 3.5, 16)) * g.left
    return along(brow, (-1.6, -4.4, 0.4)) + along(fold, (0, -0.8, 1.0))


def _brow_raise(g: Ground) -> Array:
    brow = g.bump((21, 20, 56), (14, 8, 20)) * g.left
    return along(brow, (0, 5.0, -0.2))


def _lid_paths(g: Ground, close: float) -> Array:
    """Both lids of the left eye brought together by a share of the way, sliding on the eyeball."""
    p, turn = g.p, g.mesh.turn
    upper = np.sin(turn) > 1e-6
    x = p[:, 0] - shape.EYE_X
    rise = np.sin(turn)
    height = np.where(rise > 0, shape.LID_UP, shape.LID_DOWN)
    margin = 0.05 * x + np.sign(rise) * np.abs(rise) ** 1.1 * height
    seam = 0.05 * x - 0.78 * shape.LID_DOWN * np.abs(rise) ** 1.1
    weight = np.where(
        upper,
        g.lid_weight([1.0, 1.0, 0.96, 0.84, 0.50, 0.16, 0.0]),
        g.lid_weight([1.0, 1.0, 0.75, 0.45, 0.2, 0.06, 0.0]),
    )
    weight = weight * (p[:, 0] > 0)
    down = close * weight * (seam - margin - np.where(upper, 0.7 * np.abs(rise), 0.0))
    moved = p.copy()
    moved[:, 1] += down
    rise_z = np.where(np.abs(g.mesh.eye_ring) < 5, _dome(moved) - _dome(p), 0.0)
    return np.column_stack([np.zeros(len(p)), down, rise_z * (np.abs(down) > 0)])


def _dome(points: Array) -> Array:
    """Height of the sphere the left lids ride on at points (N,3); flat outside it."""
    offset = points[:, :2] - shape.EYEBALL_CENTRE[:2]
    radius = shape.LID_SPHERE_RADIUS
    return np.sqrt(np.maximum(radius**2 - (offset**2).sum(1), 0.3 * radius**2))


def _lid_closure(g: Ground) -> Array:
    return _lid_paths(g, 1.0)


def _eye_squeeze(g: Ground) -> Array:
    centre = np.array([shape.EYE_X, shape.EYE_Y, 48.0])
    offset = (g.p - centre) * [1.0, 1.0, 0.0]
    distance = np.linalg.norm(offset, axis=1)
    ring = np.exp(-0.5 * ((distance - 17.0) / 6.5) ** 2) * g.soft * g.left * (g.p[:, 2] > 15)
    pull = -(offset / np.maximum(distance, 1.0)[:, None]) * ring[:, None] * [1.8, 2.9, 0.0]
    bag = g.bump((24, -11, 50), (10, 3.4, 16)) * g.left
    crow = g.bump((40, -1, 36), (4, 7, 12)) * g.left
    return pull + along(bag, (0, 0.8, 1.6)) + along(crow, (-1.5, 0, -0.8)) + _lid_paths(g, 0.22)


def _cheek_raise(g: Ground) -> Array:
    apple = g.bump((31, -19, 50), (13, 10, 20)) * g.left
    lower_lid = g.bump((25, -7, 52), (10, 4.5, 16)) * g.left
    return along(apple, (0.6, 3.6, 2.6)) + along(lower_lid, (0, 1.9, 0.6))


def _nose_wrinkle(g: Ground) -> Array:
    ala = g.bump((9, -19, 58), (5, 6, 14)) * g.left
    bridge = g.bump((6, -4, 58), (4, 7, 14)) * g.left
    return along(ala, (0.6, 2.6, 0.3)) + along(bridge, (0, 1.4, 1.3))


def _nasolabial_furrow(g: Ground) -> Array:
    share = np.clip((-22.0 - g.q[:, 1]) / 22.0, -0.4, 1.2)
    off = g.q[:, 0] - (14.0 + 10.0 * share)
    reach = np.exp(-0.5 * ((g.q[:, 1] + 31.0) / 9.5) ** 2) * g.soft * (g.q[:, 2] > 25)
    groove = np.exp(-0.5 * (off / 2.6) ** 2)
    fold = np.exp(-0.5 * ((off - 6.0) / 4.0) ** 2)
    return along(reach * fold, (0.2, 1.3, 2.1)) - along(reach * groove, (0, 0, 1.9))


def _upper_lip_raise(g: Ground) -> Array:
    lip = g.bump((8.5, -33, 62), (7.5, 9, 20)) * g.left * g.upper_lip
    return along(lip, (0.4, 4.8, 0.6))


def _lower_lip_depress(g: Ground) -> Array:
    lip = g.bump((8.5, -49.5, 60), (8, 7.5, 20)) * g.left * (1.0 - g.upper_lip)
    return along(lip, (0.6, -4.6, 0.3))


def _lip_corner_pull(g: Ground) -> Array:
    corner = g.bump(_CORNER, (10.5, 9.5, 22)) * g.left
    cheek = g.bump((32, -26, 48), (10, 9, 18)) * g.left
    sag = g.bump((7, -40, 60), (7, 8, 20)) * g.left
    return along(corner, (5.8, 5.8, -2.8)) + along(cheek, (0.8, 1.6, 2.0)) - along(sag, (0, 1, 0))


def _lip_corner_depress(g: Ground) -> Array:
    corner = g.bump(_CORNER, (8.5, 9, 22)) * g.left
    return along(corner, (1.4, -5.4, -1.0))


def _lip_stretch(g: Ground) -> Array:
    corner = g.bump(_CORNER, (10.5, 9.5, 22)) * g.left
    return along(corner, (6.0, -0.8, -2.8))


def _cheek_puff(g: Ground) -> Array:
    cheek = g.bump((34, -33, 42), (12, 12, 18)) * g.left
    return along(cheek, (4.0, 0.0, 3.6))


def _mouth_stretch_horizontal(g: Ground) -> Array:
    """The square mouth of a cry: corners apart, upper and lower lip drawn taut to the sides."""
    upper = g.both((11, -34.5, 58), (6, 6, 20)) * g.upper_lip
    lower = g.both((11, -48.5, 56), (6.5, 6.5, 20)) * (1 - g.upper_lip)
    side = np.sign(g.p[:, :1])
    corner = along(g.both(_CORNER, (9, 10, 22)), (4.6, 0.2, -2.2)) * np.hstack(
        [side, np.ones((len(side), 2))]
    )
    return corner + along(upper, (0, 2.2, 0)) + along(lower, (0, -2.6, 0))


def _mouth_stretch_vertical(g: Ground) -> Array:
    upper = g.bump((0, -33, 62), (13, 8, 20)) * g.upper_lip
    lower = g.bump((0, -50, 60), (13, 9, 20)) * (1 - g.upper_lip)
    corner = along(g.both(_CORNER, (8, 9, 22)), (1.8, 0, 0)) * -np.sign(g.p[:, :1])
    return along(upper, (0, 4.2, 0.4)) + along(lower, (0, -5.2, 0.4)) + corner


def _lip_pucker(g: Ground) -> Array:
    corner = along(g.both(_CORNER, (9, 9, 22)), (5.6, 0, -1.8)) * -np.sign(g.p[:, :1])
    forward = g.bump((0, -41.5, 62), (12, 9, 20))
    return corner * [1, 1, -1] + along(forward, (0, 0, 4.2))


def _lip_funnel(g: Ground) -> Array:
    """Both lips rolled out and apart, the corners drawn in: the mouth of a wail or a coo."""
    upper = g.bump((0, -36, 62), (9, 6.5, 20)) * g.upper_lip
    lower = g.bump((0, -47, 60), (9, 7, 20)) * (1 - g.upper_lip)
    corner = along(g.both(_CORNER, (8, 9, 22)), (3.6, 0, 0)) * -np.sign(g.p[:, :1])
    return along(upper, (0, 2.4, 3.0)) + along(lower, (0, -2.8, 3.2)) + corner


def _lip_press(g: Ground) -> Array:
    ring = g.mesh.mouth_ring
    rise = np.sin(g.mesh.turn)
    inward = np.select([ring == 1, ring == 2, ring == 3], [0.45, 1.0, 0.55], 0.0)
    reach = np.where(rise > 0, 1.9, 2.2)
    back = np.select([ring == 0, ring == 1, ring == 2], [0.5, 1.0, 0.4], 0.0)
    return np.column_stack([0 * rise, -rise * inward * reach, -1.8 * back * np.abs(rise)])


def _tongue(g: Ground) -> Array:
    """Tongue forward and up over the lower gum."""
    tip = (g.mesh.part == Part.TONGUE) * ramp(g.p[:, 2], 22.0, 50.0)
    return along(tip, (0, 3.5, 9.0))


def _tongue_raise(g: Ground) -> Array:
    """The taut, cupped tongue of a hard cry, lifted in the open mouth."""
    body = (g.mesh.part == Part.TONGUE) * ramp(g.p[:, 2], 22.0, 46.0)
    edge = body * np.abs(g.p[:, 0]) / 12.0
    return along(body, (0, 6.0, -3.0)) + along(edge, (0, 2.5, 0))


def _chin_raise(g: Ground) -> Array:
    boss = g.bump((0, -58, 55), (11, 6, 16))
    lip = g.bump((0, -47, 60), (12, 6, 18)) * (1 - g.upper_lip)
    meet = g.bump((0, -35, 62), (11, 6, 18)) * g.upper_lip
    return along(boss, (0, 2.6, 1.6)) + along(lip, (0, 2.0, 1.4)) + along(meet, (0, 1.5, 0.6))


SIDED: dict[str, Movement] = {
    "brow_bulge": _brow_bulge,
    "brow_lower": _brow_lower,
    "brow_raise": _brow_raise,
    "eye_squeeze": _eye_squeeze,
    "lid_closure": _lid_closure,
    "cheek_raise": _cheek_raise,
    "nose_wrinkle": _nose_wrinkle,
    "nasolabial_furrow": _nasolabial_furrow,
    "upper_lip_raise": _upper_lip_raise,
    "lower_lip_depress": _lower_lip_depress,
    "lip_corner_pull": _lip_corner_pull,
    "lip_corner_depress": _lip_corner_depress,
    "lip_stretch": _lip_stretch,
    "cheek_puff": _cheek_puff,
}
MIDDLE: dict[str, Movement] = {
    "mouth_stretch_horizontal": _mouth_stretch_horizontal,
    "mouth_stretch_vertical": _mouth_stretch_vertical,
    "jaw_drop": _jaw_drop,
    "jaw_sideways": _jaw_sideways,
    "jaw_thrust": _jaw_thrust,
    "lip_pucker": _lip_pucker,
    "lip_funnel": _lip_funnel,
    "lip_press": _lip_press,
    "tongue": _tongue,
    "tongue_raise": _tongue_raise,
    "chin_raise": _chin_raise,
}


def _over_eyeball(g: Ground, movement: Array) -> Array:
    """Keep the left lids' edge outside the eyeball at the full movement."""
    lid = (g.mesh.eye_ring >= 0) & (g.mesh.eye_ring <= 2) & (g.p[:, 0] > 0)
    moved = (g.p + movement)[lid] - shape.EYEBALL_CENTRE
    flat = (moved[:, :2] ** 2).sum(1)
    floor = np.sqrt(np.maximum((shape.EYEBALL_RADIUS + 0.7) ** 2 - flat, 0.0))
    out = movement.copy()
    out[lid, 2] += np.maximum(floor - moved[:, 2], 0.0)
    return out


_SEEDS = [
    (8.0, -35.0, 62.0),
    (8.0, -48.0, 60.0),
    (18.0, -41.5, 52.0),
    (10.0, -56.0, 55.0),
    (24.0, -30.0, 52.0),
    (33.0, -38.0, 40.0),
    (36.0, -15.0, 44.0),
    (12.0, -18.0, 56.0),
    (22.0, 20.0, 56.0),
    (10.0, 36.0, 64.0),
]


def _smooth_modes(g: Ground, basis: Array, count: int) -> Array:
    """Broad movements (count,V,3) that the named actions cannot make, most of them asymmetric."""
    away = 1.0 - 0.85 * ((g.mesh.eye_ring >= -1) & (g.mesh.eye_ring <= 3))
    directions = np.eye(3)
    raw = []
    for seed in _SEEDS:
        for axis in directions[[2, 1, 0]]:
            left = along(g.bump(seed, (9, 9, 18)) * away, axis)
            right = g.mirrored(left)
            raw += [left - right, left + right]
    return _new_directions(basis, raw, count)


def _new_directions(basis: Array, raw: list[Array], count: int) -> Array:
    """The `count` raw movements farthest from what is there already, made orthogonal to it."""
    span = np.linalg.qr(basis.reshape(len(basis), -1).T)[0]
    chosen: list[Array] = []
    rest = np.stack([r.ravel() for r in raw])
    rest -= (rest @ span) @ span.T
    for _ in range(count):
        size = np.linalg.norm(rest, axis=1)
        pick = int(np.argmax(size))
        unit = rest[pick] / size[pick]
        chosen.append(unit)
        rest -= np.outer(rest @ unit, unit)
    modes = np.stack(chosen).reshape(count, -1, 3)
    peak = np.linalg.norm(modes, axis=2).max(axis=1)
    return modes * (_SMOOTH_MM / peak)[:, None, None]
