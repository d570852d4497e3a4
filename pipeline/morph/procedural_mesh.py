"""The infant's head as one symmetric triangle mesh.

The left half is made of structured parts and of skin scattered between them, triangulated on the
sphere of directions (Delaunay after a stereographic projection, which keeps circles circles);
the right half is its mirror image, so that left and right correspond vertex by vertex.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from pipeline.morph import procedural_parts as parts
from pipeline.morph import procedural_shape as shape
from pipeline.morph.procedural_parts import NO_RING, Part, Patch

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_NECK_EDGE_DEG = 166.0
_CANDIDATES = 6_000
_SEED = 20_240_501


@dataclass(frozen=True)
class HeadMesh:
    """Mean head: vertices (V,3) mm, triangles (T,3), tags (V,) and mirror images (V,)."""

    vertices: Array
    topo: Array
    triangles: Index
    part: Index
    mouth_ring: Index
    eye_ring: Index
    turn: Array
    mirror: Index


@lru_cache(maxsize=1)
def build() -> HeadMesh:
    """The mean head; the same arrays on every call."""
    patches = [parts.mouth(), parts.eye(), parts.eyeball(), parts.tongue(), parts.ear()]
    half = _join([_skin(patches[0], patches[1]), *patches])
    half = _weld(half)
    return _mirrored(half)


def _skin(mouth: Patch, eye: Patch) -> Patch:
    """Scattered skin of the left half, stitched to the outer rings of eye and mouth."""
    ring_mouth = mouth.points[mouth.mouth_ring == parts.MOUTH_OUTER]
    ring_eye = eye.points[eye.eye_ring == parts.EYE_OUTER]
    fixed = np.concatenate([ring_mouth, ring_eye, _midline(ring_mouth), _neck_edge()])
    loose = _scatter(fixed, ring_mouth, ring_eye)
    for _ in range(4):
        triangles = _triangulate(np.concatenate([fixed, loose]), ring_mouth, ring_eye)
        loose = _relax(fixed, loose, triangles)
    points = np.concatenate([fixed, loose])
    triangles = _triangulate(points, ring_mouth, ring_eye)
    return Patch(points, triangles, np.full(len(points), Part.SKIN))


def spacing(points: Array) -> Array:
    """Wanted distance (N,) in mm between neighbouring skin vertices at points (N,3)."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    wide = 2.9 + 2.6 * np.clip((np.hypot(x, y + 10.0) - 45.0) / 35.0, 0.0, 1.0)
    wide = np.where(z < 15.0, np.clip(4.6 + (15.0 - z) * 0.06, 4.6, 8.0), wide)
    nose = np.where(z > 30.0, np.hypot(x, (y + 17.0) / 1.1), 99.0)
    return np.minimum(wide, 1.6 + np.maximum(nose - 9.0, 0.0) / 6.0)


def _chart(points: Array) -> Array:
    """Stereographic chart (N,2) of directions from the head's centre, neck at infinity."""
    d = points - shape.CENTRE
    d = d / np.linalg.norm(d, axis=1, keepdims=True)
    pole = -shape.NECK_AXIS
    forward = np.cross([1.0, 0.0, 0.0], pole)
    height = d @ pole
    return np.column_stack([d[:, 0], d @ forward]) / (1.0 + height)[:, None]


def _in_front(points: Array) -> NDArray[np.bool_]:
    """Whether skin here is a height over the frontal plane rather than seen from the centre."""
    inside = (points[:, 0] / 44.0) ** 2 + ((points[:, 1] + 4.0) / 58.0) ** 2 < 1.0
    return inside & (points[:, 2] > 0.0)


def _midline(ring: Array) -> Array:
    """Vertices on the plane of symmetry: neck to lower lip, upper lip over the crown to neck."""
    pole = -shape.NECK_AXIS
    forward = np.cross([1.0, 0.0, 0.0], pole)
    angle = np.radians(np.linspace(_NECK_EDGE_DEG, -_NECK_EDGE_DEG, 2400))
    sign = 1.0 if forward[2] > 0 else -1.0
    rays = np.cos(angle)[:, None] * pole + sign * np.sin(angle)[:, None] * forward
    curve = shape.around(rays)
    front = curve[:, 2] > 20.0
    top, bottom = ring[0], ring[-1]
    below = curve[front & (curve[:, 1] < bottom[1]) | (~front & (angle > np.radians(90)))]
    above = curve[(curve[:, 1] > top[1]) & (angle < np.radians(110)) | (angle < 0)]
    chin = _march(np.concatenate([below, bottom[None]]))[:-1]
    crown = _march(np.concatenate([top[None], above]))[1:]
    line = np.concatenate([chin, crown])
    line[:, 0] = 0.0
    return line


def _march(curve: Array) -> Array:
    """Points along a polyline, `spacing` apart, its two ends included."""
    length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))]
    steps = np.r_[0.0, np.cumsum(np.diff(length) / spacing(curve[1:]))]
    count = max(int(np.round(steps[-1])), 1)
    at = np.interp(np.linspace(0.0, steps[-1], count + 1), steps, length)
    return np.column_stack([np.interp(at, length, curve[:, k]) for k in range(3)])


def _neck_edge() -> Array:
    """Vertices of the neck's cut edge, the plane of symmetry left out."""
    pole = -shape.NECK_AXIS
    forward = np.cross([1.0, 0.0, 0.0], pole)
    turn = np.linspace(0, np.pi, 13)[1:-1]
    side = np.sin(turn)[:, None] * [1.0, 0.0, 0.0] + np.cos(turn)[:, None] * forward
    edge = np.radians(_NECK_EDGE_DEG)
    return shape.around(np.cos(edge) * pole + np.sin(edge) * side)


def _scatter(fixed: Array, ring_mouth: Array, ring_eye: Array) -> Array:
    """Dart throwing at the wanted spacing among the fixed vertices."""
    draw = np.random.default_rng(_SEED)
    xy = np.column_stack([draw.uniform(0, 45, _CANDIDATES), draw.uniform(-63, 55, _CANDIDATES)])
    face = np.column_stack([xy, shape.front(xy)])
    sphere = draw.normal(size=(_CANDIDATES, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    sphere[:, 0] = np.abs(sphere[:, 0])
    sphere = sphere[sphere @ -shape.NECK_AXIS > np.cos(np.radians(_NECK_EDGE_DEG - 3))]
    skull = shape.around(sphere)
    darts = np.concatenate([face[_in_front(face)], skull[~_in_front(skull)]])
    darts = darts[~_inside(darts, ring_mouth, ring_eye)]
    darts = darts[draw.permutation(len(darts))]
    gap = spacing(darts)
    darts, gap = darts[darts[:, 0] > 0.45 * gap], gap[darts[:, 0] > 0.45 * gap]
    clear = cKDTree(fixed).query(darts)[0] > 0.72 * gap
    return _thin(darts[clear], gap[clear])


def _thin(darts: Array, gap: Array) -> Array:
    """Keep each dart that lands no nearer than its gap to one kept before."""
    near = cKDTree(darts).query_ball_point(darts, gap)
    alive = np.ones(len(darts), bool)
    kept = []
    for i in range(len(darts)):
        if alive[i]:
            kept.append(i)
            alive[near[i]] = False
    return darts[kept]


def _inside(points: Array, ring_mouth: Array, ring_eye: Array) -> NDArray[np.bool_]:
    """Whether points (N,3) lie within the outer ring of eye or mouth in the chart."""
    chart = _chart(points)
    inside = np.zeros(len(points), bool)
    for ring in (ring_mouth, ring_eye):
        inside |= _in_polygon(chart, _chart(ring))
    return inside


def _in_polygon(points: Array, polygon: Array) -> NDArray[np.bool_]:
    """Even-odd rule for points (N,2) in a polygon (M,2)."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    rise = np.where(np.abs(b[:, 1] - a[:, 1]) < 1e-12, 1e-12, b[:, 1] - a[:, 1])
    cross = a[:, 0] + (y - a[:, 1]) / rise * (b[:, 0] - a[:, 0])
    return ((spans & (x < cross)).sum(1) % 2).astype(bool)


def _triangulate(points: Array, ring_mouth: Array, ring_eye: Array) -> Index:
    """Triangles (T,3) over the left half, none within the rings, counter-clockwise outside."""
    chart = _chart(points)
    found = Delaunay(chart).simplices.astype(np.int64)
    centre = chart[found].mean(axis=1)
    within = np.zeros(len(found), bool)
    for ring in (ring_mouth, ring_eye):
        within |= _in_polygon(centre, _chart(ring))
    found = found[~within]
    flat = np.abs(np.linalg.det(chart[found[:, 1:]] - chart[found[:, :1]])) < 1e-9
    return _outward(points, found[~flat])


def _outward(points: Array, triangles: Index) -> Index:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    inward = (np.cross(b - a, c - a) * (a - shape.CENTRE)).sum(1) < 0
    triangles = triangles.copy()
    triangles[inward] = triangles[inward][:, ::-1]
    return triangles


def _relax(fixed: Array, loose: Array, triangles: Index) -> Array:
    """Move loose vertices toward their neighbours' mean and back onto the solid."""
    points = np.concatenate([fixed, loose])
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    total, count = np.zeros_like(points), np.zeros(len(points))
    for a, b in (edges.T, edges.T[::-1]):
        np.add.at(total, a, points[b])
        np.add.at(count, a, 1.0)
    goal = (0.4 * points + 0.6 * total / np.maximum(count, 1.0)[:, None])[len(fixed) :]
    front = _in_front(loose)
    moved = goal.copy()
    moved[front, 2] = shape.front(goal[front, :2])
    rays = goal[~front] - shape.CENTRE
    moved[~front] = shape.around(rays / np.linalg.norm(rays, axis=1, keepdims=True))
    return moved


def _join(patches: list[Patch]) -> Patch:
    """One patch of several, vertices concatenated."""
    start = np.cumsum([0] + [len(p.points) for p in patches[:-1]])
    return Patch(
        np.concatenate([p.points for p in patches]),
        np.concatenate([p.triangles + s for p, s in zip(patches, start, strict=True)]),
        np.concatenate([p.part for p in patches]),
        np.concatenate([p.topo for p in patches]),
        np.concatenate([p.mouth_ring for p in patches]),
        np.concatenate([p.eye_ring for p in patches]),
        np.concatenate([p.turn for p in patches]),
    )


def _weld(half: Patch) -> Patch:
    """Merge the skin's copies of ring vertices with the rings' own, which carry the tags."""
    tagged = (half.mouth_ring != NO_RING) | (half.eye_ring != NO_RING)
    order = np.argsort(~tagged, kind="stable")
    tree = cKDTree(half.points[order])
    first = np.arange(len(order))
    for a, b in sorted(tree.query_pairs(1e-6)):
        first[b] = min(first[b], first[a])
    place = np.empty(len(order), int)
    place[order] = order[first]
    kept = np.unique(place)
    new = np.full(len(order), -1)
    new[kept] = np.arange(len(kept))
    triangles = new[place[half.triangles]]
    good = (np.diff(np.sort(triangles, axis=1), axis=1) > 0).all(1)
    return Patch(
        half.points[kept],
        triangles[good],
        half.part[kept],
        half.topo[kept],
        half.mouth_ring[kept],
        half.eye_ring[kept],
        half.turn[kept],
    )


def _mirrored(half: Patch) -> HeadMesh:
    """The whole head from its left half; vertices on x = 0 are shared."""
    points = half.points.copy()
    middle = np.abs(points[:, 0]) < 1e-6
    points[middle, 0] = 0.0
    side = np.flatnonzero(~middle)
    count = len(points)
    mirror = np.arange(count)
    mirror[side] = count + np.arange(len(side))
    flip = np.array([-1.0, 1.0, 1.0])
    both = np.concatenate([mirror, side])

    def doubled(values: Array | Index) -> NDArray:
        return np.concatenate([values, values[side]])

    topo = half.topo.copy()
    topo[middle, 0] = 0.0
    return HeadMesh(
        np.concatenate([points, points[side] * flip]),
        np.concatenate([topo, topo[side] * flip]),
        np.concatenate([half.triangles, mirror[half.triangles][:, ::-1]]),
        doubled(half.part),
        doubled(half.mouth_ring),
        doubled(half.eye_ring),
        doubled(half.turn),
        both,
    )
