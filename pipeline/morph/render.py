"""Pictures of a morphable head: what it looks like from here, in this light.

    >>> model = load()
    >>> camera = Camera.facing(model, size=(384, 384))
    >>> picture = Painter(model).draw(model.mean, camera)
    >>> picture.rgb.shape, picture.alpha.shape
    ((384, 384, 3), (384, 384))

A `Painter` keeps what stays the same from frame to frame. `picture.over(background)` puts the
infant before a background. Deterministic; one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.morph import body
from pipeline.morph import procedural_shape as shape
from pipeline.morph.appearance import Appearance, Light
from pipeline.morph.model import Morphable
from pipeline.morph.openness import openness
from pipeline.morph.pose import (
    HEAD_TO_CAMERA,
    from_vector,
    project,
    rotation_angles,
    rotation_matrix,
    rotation_vector,
    to_camera,
    to_pixels,
)
from pipeline.morph.procedural_parts import Part
from pipeline.morph.raster import Visible, interpolate, normals, rasterise, visible
from pipeline.morph.shading import NOISE_SIDE, develop, shade_pixels

__all__ = [
    "Camera",
    "Painter",
    "Picture",
    "interpolate",
    "normals",
    "project",
    "rasterise",
    "rotation_angles",
    "rotation_matrix",
    "rotation_vector",
    "shade",
    "to_camera",
    "visible",
]

Float = NDArray[np.float32]
Box = tuple[slice, slice]
"""Rows and columns of a picture."""

_CLOTH = len(Part)


@dataclass(frozen=True)
class Camera:
    """Where the head is and what looks at it.

    `rotation` (3,3) or rotation vector (3,), head axes; `translation` (3,) mm, camera axes;
    `size` (height, width).
    """

    rotation: NDArray
    translation: NDArray
    focal_px: float
    size: tuple[int, int]

    @classmethod
    def facing(
        cls,
        size: tuple[int, int] = (384, 384),
        pose_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
        distance_mm: float = 700.0,
        filling: float = 0.72,
        centre_mm: ArrayLike = (0.0, 8.0, 0.0),
    ) -> Camera:
        """A camera with the head in the middle, 165 mm of it filling a share of the height."""
        rotation = rotation_matrix(*pose_deg)
        middle = HEAD_TO_CAMERA @ rotation @ np.asarray(centre_mm, float)
        translation = np.array([0.0, 0.0, distance_mm]) - middle
        return cls(rotation, translation, filling * size[0] * distance_mm / 165.0, size)

    @property
    def matrix(self) -> NDArray:
        """Rotation (3,3)."""
        turn = np.asarray(self.rotation, float)
        return from_vector(turn) if turn.shape == (3,) else turn

    def project(self, points: ArrayLike) -> NDArray:
        """Image (N,3) of head points (N,3): x px, y px, depth mm."""
        return project(points, self.matrix, self.translation, self.focal_px, self.size)

    def scaled(self, factor: int) -> Camera:
        """The same view with `factor` times as many pixels a side."""
        height, width = self.size
        return Camera(
            self.rotation,
            self.translation,
            factor * self.focal_px,
            (factor * height, factor * width),
        )


@dataclass(frozen=True)
class Picture:
    """One drawn frame: rgb (H,W,3) uint8 sRGB, alpha (H,W) 0..1, depth (H,W) mm, triangle (H,W).

    Triangles past the model's own are the shirt; nothing is drawn outside `box`.
    """

    rgb: NDArray[np.uint8]
    alpha: Float
    depth: Float
    triangle: NDArray[np.int32]
    box: Box = (slice(None), slice(None))

    @classmethod
    def empty(cls, size: tuple[int, int], box: Box) -> Picture:
        """A picture (height, width) that shows nothing yet."""
        return cls(
            np.zeros((*size, 3), np.uint8),
            np.zeros(size, np.float32),
            np.full(size, np.inf, np.float32),
            np.full(size, -1, np.int32),
            box,
        )

    def over(self, background: NDArray[np.uint8] | tuple[int, int, int]) -> NDArray[np.uint8]:
        """The infant before a background (H,W,3) or plain colour, uint8."""
        behind = np.broadcast_to(np.asarray(background, np.float32), self.rgb.shape)
        share = self.alpha[..., None]
        return (self.rgb * share + behind * (1.0 - share) + 0.5).astype(np.uint8)


class _Scene(NamedTuple):
    """What the shader reads, one row a vertex (the triangles and their part apart)."""

    px: NDArray
    normal: Float
    toward: Float
    triangles: NDArray[np.int32]
    place: Float
    tags: Float
    part: NDArray[np.int32]

    @classmethod
    def of(cls, view: Camera, seen: NDArray, normal: NDArray, *fixed: NDArray) -> _Scene:
        """A scene of points in camera axes (V,3) with their normals (y up, z to the camera)."""
        toward = -(seen @ HEAD_TO_CAMERA)
        toward /= np.linalg.norm(toward, axis=1, keepdims=True)
        px = to_pixels(seen, view.focal_px, view.size)
        return cls(px, normal.astype(np.float32), toward.astype(np.float32), *fixed)


class Painter:
    """Draws one model; `detail` 2 draws at twice the size and averages (smooth edges)."""

    def __init__(self, model: Morphable, detail: int = 1) -> None:
        self.detail = detail
        self._triangles = np.ascontiguousarray(model.triangles, np.int32)
        self._place = _places(model)
        self._tags = _tags(model)
        self._part = _materials(model)
        shirt = body.torso()
        self._shirt_normal = normals(shirt.vertices, shirt.triangles)
        tags = np.zeros((len(shirt.vertices), 5), np.float32)
        tags[:, 2] = shirt.clear
        self._dressed = (
            np.concatenate([self._triangles, shirt.triangles + np.int32(model.vertices)]),
            np.concatenate([self._place, shirt.vertices]),
            np.concatenate([self._tags, tags]),
            np.concatenate([self._part, np.full(len(shirt.triangles), _CLOTH, np.int32)]),
        )

    def draw(
        self,
        vertices: ArrayLike,
        camera: Camera,
        looks: Appearance | None = None,
        light: Light | None = None,
    ) -> Picture:
        """Draw vertices (V,3) mm as seen by a camera."""
        looks = looks or Appearance()
        view = camera.scaled(self.detail)
        scene = self._scene(np.asarray(vertices, np.float32), view, looks.cloth is not None)
        box = _around(scene.px, view.size, self.detail)
        corner = np.array([box[1].start, box[0].start, 0.0])
        size = (box[0].stop - box[0].start, box[1].stop - box[1].start)
        seen = visible(scene.px - corner, scene.triangles, *size, cull=True)
        glow = np.zeros((*size, 3), np.float32)
        shade_pixels(
            seen.triangle,
            seen.weights,
            scene.triangles,
            scene.normal,
            scene.toward,
            scene.place,
            scene.tags,
            scene.part,
            _pack_looks(looks),
            _pack_light(light or Light()),
            _noise_cube(),
            glow,
        )
        return self._develop(camera.size, box, glow, seen)

    def _scene(self, points: Float, view: Camera, dressed: bool) -> _Scene:
        """Everything there is to draw, vertex by vertex."""
        seen = to_camera(points, view.matrix, view.translation)
        normal = normals(points, self._triangles) @ view.matrix.T.astype(np.float32)
        if not dressed:
            fixed = (self._triangles, self._place, self._tags, self._part)
            return _Scene.of(view, seen, normal, *fixed)
        shirt = body.torso()
        turned, top = body.placed(view.matrix)
        where = (shirt.vertices @ turned.T + top) @ HEAD_TO_CAMERA + view.translation
        return _Scene.of(
            view,
            np.concatenate([seen, where]),
            np.concatenate([normal, self._shirt_normal @ turned.T.astype(np.float32)]),
            *self._dressed,
        )

    def _develop(self, size: tuple[int, int], box: Box, glow: Float, seen: Visible) -> Picture:
        """Average the supersamples in a box of the picture, and encode them as sRGB."""
        step = self.detail
        rows, columns = (slice(side.start // step, side.stop // step) for side in box)
        picture = Picture.empty(size, (rows, columns))
        part = (rows.stop - rows.start, columns.stop - columns.start)
        rgb, alpha = np.zeros((*part, 3), np.uint8), np.zeros(part, np.float32)
        develop(glow, seen.triangle, step, _srgb_table(), rgb, alpha)
        picture.rgb[picture.box], picture.alpha[picture.box] = rgb, alpha
        picture.depth[picture.box] = seen.depth[::step, ::step]
        picture.triangle[picture.box] = seen.triangle[::step, ::step]
        return picture


def _around(px: NDArray, size: tuple[int, int], step: int) -> Box:
    """Rows and columns, in whole steps, that points (V,3) reach into, of a picture of that size."""
    ahead = px[px[:, 2] > 0.0]
    box = []
    for axis, whole in ((1, size[0]), (0, size[1])):
        low, high = (ahead[:, axis].min(), ahead[:, axis].max()) if len(ahead) else (0.0, 0.0)
        start = int(np.clip(low // step * step, 0, whole))
        box.append(slice(start, max(int(np.clip(-(-high // step) * step, 0, whole)), start)))
    return box[0], box[1]


def shade(
    model: Morphable,
    vertices: ArrayLike,
    camera: Camera,
    looks: Appearance | None = None,
    light: Light | None = None,
    detail: int = 1,
) -> Picture:
    """One picture of a head; a `Painter` is faster for many."""
    return _painter(model.name, model.digest, detail, model).draw(vertices, camera, looks, light)


_PAINTERS: dict[tuple[str, str, int], Painter] = {}


def _painter(name: str, digest: str, detail: int, model: Morphable) -> Painter:
    key = (name, digest, detail)
    if key not in _PAINTERS:
        _PAINTERS[key] = Painter(model, detail)
    return _PAINTERS[key]


def _places(model: Morphable) -> Float:
    """Place of each vertex on the mean head; for eyeballs, the direction from their middle."""
    place = model.mean.copy()
    eye = model.tags["part"] == Part.EYE
    side = np.sign(place[eye, :1])
    middle = shape.EYEBALL_CENTRE * np.hstack([side, np.ones((len(side), 2))])
    place[eye] = (place[eye] - middle) / shape.EYEBALL_RADIUS
    return np.ascontiguousarray(place, np.float32)


def _tags(model: Morphable) -> Float:
    """Lip, lash, openness to light, eyelid and blush (V,5), 0..1."""
    ring, eye = model.tags["mouth_ring"], model.tags["eye_ring"]
    rise = np.sin(model.tags["turn"])
    wet = [ring == k for k in (-1, -2, -3, -4, -5)]
    lip = np.select([*wet, ring <= 1, ring == 2], [0.9, 0.6, 0.85, 0.25, 0.0, 1.0, 0.62], 0.0)
    lash = np.select([eye == 0, eye == -1, eye == 1], [1.0, 1.0, 0.55], 0.0)
    lash = lash * np.where(rise > 0.05, 1.0, 0.2)
    lid = np.select([(eye >= 0) & (eye <= 2), eye == 3, eye == 4], [1.0, 0.7, 0.35], 0.0)
    columns = [lip, lash, openness(model), lid, _blush(model)]
    return np.column_stack(columns).astype(np.float32)


def _blush(model: Morphable) -> Float:
    """How much blood shows through (V,): cheeks 1, nose and chin less."""
    x, y, z = np.abs(model.mean[:, 0]), model.mean[:, 1], model.mean[:, 2]
    cheek = np.exp(-(((x - 33.0) / 15.0) ** 2) - ((y + 22.0) / 12.0) ** 2)
    nose = np.exp(-(x**2 + (y + 18.0) ** 2) / 90.0)
    chin = np.exp(-(x**2 + (y + 60.0) ** 2) / 160.0)
    return (cheek + 0.45 * nose + 0.3 * chin) * (z > 0.0)


def _materials(model: Morphable) -> NDArray[np.int32]:
    """Material of each triangle; where parts meet, lip before skin, mouth before lip."""
    part = model.tags["part"][model.triangles]
    mixed = part.max(axis=1)
    lids = (part == Part.RIM).any(axis=1) & (part == Part.SKIN).any(axis=1)
    mixed[lids] = Part.RIM
    mouth = (part == Part.MOUTH).sum(axis=1)
    mixed[(mouth > 0) & (mouth < 3)] = Part.LIP
    return mixed.astype(np.int32)


def _pack_looks(looks: Appearance) -> tuple[np.float32, ...]:
    grain = float(looks.grain % 9973) * 0.37
    packed = np.array(
        [
            *looks.skin, looks.lip_red, looks.blush, looks.flush, looks.mottle,
            *looks.iris, 0.0, looks.wet, 0.0, 0.0,
            *looks.hair, looks.hair_density, looks.brow, grain,
            *(looks.cloth or (0.0, 0.0, 0.0)),
        ],
        np.float32,
    )  # fmt: skip
    return tuple(packed)


def _pack_light(light: Light) -> tuple[np.float32, ...]:
    toward = np.asarray(light.direction, float)
    toward = toward / np.linalg.norm(toward)
    left, up = np.sin(np.radians(light.gaze_deg))
    iris = shape.IRIS_RADIUS / shape.EYEBALL_RADIUS
    packed = np.array(
        [
            *toward, *(light.strength * c for c in light.colour),
            *light.ambient, *light.ground, light.fill, left, up, iris,
        ],
        np.float32,
    )  # fmt: skip
    return tuple(packed)


@lru_cache(maxsize=1)
def _noise_cube() -> Float:
    draw = np.random.default_rng(7)
    return draw.uniform(-1, 1, (NOISE_SIDE,) * 3).astype(np.float32)


@lru_cache(maxsize=1)
def _srgb_table() -> NDArray[np.uint8]:
    light = np.linspace(0.0, 1.0, 4096)
    # A soft shoulder keeps bright skin from burning out.
    light = light * (1.0 + light / 1.96) / (1.0 + light) * 1.32
    encoded = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    return (np.clip(encoded, 0, 1) * 255.0 + 0.5).astype(np.uint8)
