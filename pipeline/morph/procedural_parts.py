"""The structured parts of the infant's head: rings round eye and mouth, eyeball, ear and tongue.

Each function returns a `Patch` on the infant's left half (x >= 0). Rings are what lets lids and
lips move apart: around the mouth every vertex also carries a `topo` position, that of the same
vertex with the mouth drawn open, on which fields of movement are smooth although the lips touch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.morph import procedural_shape as shape

Array = NDArray[np.float64]
Index = NDArray[np.int64]

NO_RING = 99
MOUTH_STEPS = 21
EYE_STEPS = 28
MOUTH_OUTER, EYE_OUTER = 6, 5


class Part(IntEnum):
    """What a vertex is made of."""

    SKIN = 0
    LIP = 1
    MOUTH = 2
    TONGUE = 3
    EYE = 4
    RIM = 5
    EAR = 6


@dataclass
class Patch:
    """Vertices (V,3) and triangles (T,3) of one part, with its tags (V,)."""

    points: Array
    triangles: Index
    part: Index
    topo: Array = field(default_factory=lambda: np.zeros((0, 3)))
    mouth_ring: Index = field(default_factory=lambda: np.zeros(0, int))
    eye_ring: Index = field(default_factory=lambda: np.zeros(0, int))
    turn: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        count = len(self.points)
        if not len(self.topo):
            self.topo = self.points.copy()
        if not len(self.mouth_ring):
            self.mouth_ring = np.full(count, NO_RING)
        if not len(self.eye_ring):
            self.eye_ring = np.full(count, NO_RING)
        if not len(self.turn):
            self.turn = np.zeros(count)


def strip(rows: int, columns: int, closed: bool) -> Index:
    """Triangles of a grid of vertices, row after row; `closed` joins last column and first."""
    r, c = np.meshgrid(
        np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij"
    )
    here, right = r * columns + c, r * columns + (c + 1) % columns
    lower = np.stack([here, here + columns, right], -1).reshape(-1, 3)
    upper = np.stack([right, here + columns, right + columns], -1).reshape(-1, 3)
    return np.concatenate([lower, upper])


def slit_y(x: Array) -> Array:
    """Height of the line on which the closed lips meet."""
    return shape.MOUTH_Y - 0.5 * np.exp(-((x / 4.5) ** 2)) + 0.7 * (x / 17.0) ** 2


# ring:         0     1     2     3     4     5     6
_WIDTH = [17.2, 17.9, 18.6, 20.4, 23.0, 26.2, 29.5]
_UP = [0.08, 2.3, 4.6, 6.5, 8.5, 10.7, 13.0]
_DOWN = [0.08, 2.7, 5.2, 7.4, 10.0, 12.8, 15.6]
_BULGE = [-1.6, 1.9, 1.1, 0.2, 0.0, 0.0, 0.0]
_OPEN = 6.0
# inward ring:  -1    -2    -3    -4    -5
_IN_WIDTH = [0.99, 0.98, 0.90, 0.78, 0.62]
_IN_HEIGHT = [1.0, 5.0, 1.4, 7.0, 8.0]
_IN_DEPTH = [2.2, 5.0, 8.0, 17.0, 34.0]


def mouth() -> Patch:
    """Lips, the skin round them and the cavity behind, as half rings from inside out."""
    turn = np.linspace(np.pi / 2, -np.pi / 2, MOUTH_STEPS)
    rings = [_lip_ring(k, turn) for k in range(MOUTH_OUTER + 1)]
    contact = rings[0][0]
    inward = [_cavity_ring(k, turn, contact) for k in range(5)]
    ordered = inward[::-1] + rings
    points = np.concatenate([p for p, _ in ordered])
    topo = np.concatenate([t for _, t in ordered])
    ring = np.repeat(np.arange(-5, MOUTH_OUTER + 1), MOUTH_STEPS)
    part = np.where(ring < 0, Part.MOUTH, np.where(ring <= 2, Part.LIP, Part.SKIN))
    triangles = strip(len(ordered), MOUTH_STEPS, closed=False)
    back = len(points)
    fan = np.column_stack(
        [np.full(MOUTH_STEPS - 1, back), np.arange(MOUTH_STEPS - 1), np.arange(1, MOUTH_STEPS)]
    )
    hole = np.array([[0.0, shape.MOUTH_Y, 14.0]])
    return Patch(
        np.concatenate([points, hole]),
        np.concatenate([triangles, fan])[:, ::-1],
        np.append(part, Part.MOUTH),
        np.concatenate([topo, hole]),
        np.append(ring, -5),
        turn=np.append(np.tile(turn, len(ordered)), 0.0),
    )


def _lip_ring(k: int, turn: Array) -> tuple[Array, Array]:
    x = _WIDTH[k] * np.cos(turn)
    rise = np.sin(turn)
    height = np.where(rise > 0, _UP[k], _DOWN[k])
    if k in (2, 3):  # the bow of the upper lip
        bow = 0.9 * np.exp(-((x / 2.2) ** 2)) - 0.45 * np.exp(-(((x - 4.6) / 2.4) ** 2))
        height = height - np.where(rise > 0, bow, 0.0) * (1.0 if k == 2 else 0.4)
    share = 1.0 - k / MOUTH_OUTER
    middle = shape.MOUTH_Y + share * (slit_y(x) - shape.MOUTH_Y)
    y = middle + rise * height
    bulge = _BULGE[k] * (0.2 + 0.8 * np.abs(rise))
    if 3 <= k <= 5:
        groove = -0.9 * np.exp(-((x / 1.9) ** 2)) + 0.5 * np.exp(-(((x - 4.2) / 1.7) ** 2))
        bulge = bulge + np.where(rise > 0.3, groove, 0.0) * (0.9 if k < 5 else 0.5)
    z = shape.front(np.column_stack([x, y])) + bulge
    topo_y = middle + rise * (height + _OPEN * share)
    return np.column_stack([x, y, z]), np.column_stack([x, topo_y, z])


def _cavity_ring(k: int, turn: Array, contact: Array) -> tuple[Array, Array]:
    rise = np.sin(turn)
    x = contact[:, 0] * _IN_WIDTH[k]
    y = slit_y(contact[:, 0]) + np.sign(rise) * np.abs(rise) ** 0.5 * _IN_HEIGHT[k]
    z = contact[:, 2] - _IN_DEPTH[k] * (0.75 + 0.25 * np.abs(rise))
    topo_y = slit_y(contact[:, 0]) + rise * _OPEN
    return np.column_stack([x, y, z]), np.column_stack([x, topo_y, contact[:, 2]])


_LID_OUT = [0.0, 1.3, 2.8, 4.8, 7.4, 10.4]
_CREASE = [0.0, 0.25, 0.1, -0.9, -0.1, 0.0]


def eye() -> Patch:
    """Rings of the left eye's lids from the rim on the eyeball out to the orbit."""
    turn = np.linspace(0, 2 * np.pi, EYE_STEPS, endpoint=False)
    rings = [lid_ring(k, turn) for k in range(EYE_OUTER + 1)]
    rim = rings[0] * [1, 1, 0]
    rim[:, 2] = _sphere_z(rim, shape.EYEBALL_RADIUS) - 0.3
    points = np.concatenate([rim, *rings])
    ring = np.repeat(np.arange(-1, EYE_OUTER + 1), EYE_STEPS)
    part = np.where(ring < 0, Part.RIM, Part.SKIN)
    triangles = strip(EYE_OUTER + 2, EYE_STEPS, closed=True)
    return Patch(
        points,
        triangles,
        part,
        eye_ring=ring,
        turn=np.tile(turn, EYE_OUTER + 2),
    )


def lid_ring(k: int, turn: Array) -> Array:
    """Positions (N,3) of the lid's ring k at angles `turn`, 0 at the outer corner."""
    x = shape.EYE_X + (shape.FISSURE_HALF_WIDTH + 0.75 * _LID_OUT[k]) * np.cos(turn)
    rise = np.sin(turn)
    height = np.where(rise > 0, shape.LID_UP, shape.LID_DOWN) + _LID_OUT[k]
    tilt = 0.05 * (x - shape.EYE_X)
    y = shape.EYE_Y + tilt + np.sign(rise) * np.abs(rise) ** 1.1 * height
    crease = _CREASE[k] * np.clip(rise, 0.0 if k == 3 else -0.6, 1.0)
    z = shape.front(np.column_stack([x, y])) + crease
    return np.column_stack([x, y, z])


def _sphere_z(points: Array, radius: float) -> Array:
    offset = points[:, :2] - shape.EYEBALL_CENTRE[:2]
    return shape.EYEBALL_CENTRE[2] + np.sqrt(np.maximum(radius**2 - (offset**2).sum(1), 1.0))


def eyeball() -> Patch:
    """The front of the left eyeball, one vertex at its pole."""
    polar = np.radians([6, 12, 18, 24, 29, 36, 46, 58, 72])
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    p, t = np.meshgrid(polar, turn, indexing="ij")
    around = np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], -1).reshape(-1, 3)
    points = shape.EYEBALL_CENTRE + shape.EYEBALL_RADIUS * np.concatenate([[[0, 0, 1]], around])
    cap = np.column_stack([np.zeros(20, int), np.arange(20) + 1, (np.arange(20) + 1) % 20 + 1])
    triangles = np.concatenate([cap, strip(len(polar), 20, closed=True) + 1])
    return Patch(points, triangles, np.full(len(points), Part.EYE))


def tongue() -> Patch:
    """Left half of the tongue: a flat tapering ellipsoid behind the lower gum."""
    across = np.linspace(0.0, np.pi, 9)
    along = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 9)
    v, u = np.meshgrid(along, across, indexing="ij")
    radius = np.cos(v)
    x = 12.5 * radius * np.sin(u)
    y = shape.MOUTH_Y - 5.0 + 4.2 * radius * np.cos(u) - 1.0 * radius * (np.abs(x) < 1.0)
    z = 37.0 + 13.0 * np.sin(v)
    points = np.stack([np.maximum(x, 0.0), y, z], -1).reshape(-1, 3)
    part = np.full(len(points), Part.TONGUE)
    return Patch(points, strip(9, 9, closed=False), part)


EAR_STEPS = 22


def ear() -> Patch:
    """The left ear: a tilted cup with a rolled rim, a hollow and a lobe."""
    share = np.array([0.18, 0.36, 0.52, 0.66, 0.78, 0.88, 0.96, 1.0, 0.97, 0.86, 0.66])
    height = [_ear_relief(s) for s in share[:8]]
    turn = np.linspace(0, 2 * np.pi, EAR_STEPS, endpoint=False)
    rows = [_ear_ring(s, h, turn) for s, h in zip(share[:8], height, strict=True)]
    rows += [_ear_ring(s, h, turn) for s, h in zip(share[8:], (-0.6, -3.5, -9.0), strict=True)]
    points = np.concatenate([_ear_ring(0.0, _ear_relief(0.0), turn[:1]), *rows])
    step = np.arange(EAR_STEPS)
    cap = np.column_stack([np.zeros(EAR_STEPS, int), (step + 1) % EAR_STEPS + 1, step + 1])
    grid = strip(len(rows), EAR_STEPS, closed=True)[:, ::-1] + 1
    return Patch(points, np.concatenate([cap, grid]), np.full(len(points), Part.EAR))


def _ear_relief(share: float) -> float:
    hollow = -5.0 * np.exp(-((share / 0.42) ** 2))
    fold = 1.6 * np.exp(-(((share - 0.62) / 0.13) ** 2))
    helix = 2.0 * np.exp(-(((share - 0.93) / 0.10) ** 2))
    return float(hollow + fold + helix)


def _ear_ring(share: float, relief: float, turn: Array) -> Array:
    """One ring of the ear; turn 0 points backward, a quarter turn points up."""
    back = 12.5 * np.cos(turn) * np.where(np.cos(turn) > 0, 1.15, 0.8)
    up = 22.0 * np.sin(turn)
    back = back * (1.0 + 0.22 * np.sin(turn))
    back, up = share * back, share * up
    behind = np.clip((back + 9.0) / 12.0, 0.0, 1.0)
    flare = 0.50 * np.maximum(back + 8.0, -2.0) - 0.002 * up**2 - 1.2
    lobe = np.where(np.sin(turn) < -0.6, 0.4, 1.0)
    out = flare + relief * lobe * behind
    lean = np.radians(12.0)
    y = -7.0 + up * np.cos(lean) - back * np.sin(lean) * 0.4
    z = -8.0 - back * np.cos(lean) - up * np.sin(lean)
    return np.column_stack([shape.beside(np.column_stack([y, z])) + out, y, z])
