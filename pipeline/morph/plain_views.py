"""Random pictures of a model that nothing is known of but its mesh, framed about its face.

The embedded model has views of its own (views.py): its lips and lashes can be painted. Any other is
drawn plain; where its face is, mediapipe is asked of the mean head from the front.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.morph.interface import MorphableModel
from pipeline.morph.plain import PlainPainter
from pipeline.morph.pose import HEAD_TO_CAMERA
from pipeline.morph.render import Camera, Picture
from pipeline.morph.views import Range, View, find

Array = NDArray[np.float64]

# `Camera.facing` fills the picture with so much of a head, and its landmarks take up this much.
_FACING_MM, _LANDMARKS_MM = 165.0, 102.4
_LOOK_PX = 640
# Of the picture's height, that the mesh fills while the face is looked for: a head, a bust.
_LOOKS = (0.85, 0.6, 1.5)
_SAMPLED_POSES_DEG = ((0.0, 0.0, 0.0), (30.0, 0.0, 0.0), (-30.0, 0.0, 0.0),
                      (0.0, 20.0, 0.0), (0.0, -20.0, 0.0))  # fmt: skip


@dataclass(frozen=True)
class Framing:
    """Where the face of a model is."""

    centre_mm: Array
    """(3,) inside the head, behind the middle of the face."""
    scale: float
    """Its size, 1 being that of an infant six months old."""

    def camera(
        self, side_px: int, pose_deg: tuple[float, float, float], distance_mm: float, filling: float
    ) -> Camera:
        """`Camera.facing` with lengths in infants' mm, for a face of this size and place."""
        far, share = distance_mm * self.scale, filling / self.scale
        return Camera.facing((side_px, side_px), pose_deg, far, share, self.centre_mm)


def framing(model: MorphableModel, painter: PlainPainter, finder: Any) -> Framing:
    """Look for the face of the mean head, from the front.

    Raises:
        CradleError: there is none to be found.
    """
    low, high = model.mean.min(0).astype(float), model.mean.max(0).astype(float)
    height = float(max(high[0] - low[0], high[1] - low[1]))
    for share in _LOOKS:
        camera = Camera.facing(
            (_LOOK_PX, _LOOK_PX), (0.0, 0.0, 0.0), 5 * height, share * _FACING_MM / height,
            (low + high) / 2,
        )  # fmt: skip
        picture = painter.draw(model.mean, camera)
        found = find(finder, picture.over((120, 130, 140)))
        if found is not None:
            return _about(found[:468].astype(float), picture, camera)
    raise CradleError(
        f"'{model.name}': no face is seen on its mean head from the front; its axes should be "
        "x to the infant's left, y up, z out of the face"
    )


def _about(landmark: Array, picture: Picture, camera: Camera) -> Framing:
    column, row = np.clip(landmark.astype(int), 0, _LOOK_PX - 1).T
    depth = picture.depth[row, column]
    away = float(np.median(depth[np.isfinite(depth)]))
    low, high = landmark.min(0), landmark.max(0)
    scale = float(high[1] - low[1]) * away / camera.focal_px / _LANDMARKS_MM
    side = ((low + high) / 2 - _LOOK_PX / 2) * away / camera.focal_px
    middle = np.array([*side, away + 50.0 * scale]) - camera.translation
    return Framing(HEAD_TO_CAMERA.T @ middle, scale)


def plain_views(
    model: MorphableModel, frame: Framing, count: int, seed: int, spread: Range, side_px: int = 384
) -> Iterator[View]:
    """Random heads: all latents, pose, distance and the plain background vary."""
    rng = np.random.default_rng(seed)
    painter = PlainPainter(model)
    for _ in range(count):
        vertices = _drawn(model, rng, spread)
        pose = (
            rng.uniform(-1, 1) * spread.yaw_deg,
            rng.uniform(-1, 1) * spread.pitch_deg,
            rng.uniform(-1, 1) * spread.roll_deg,
        )
        camera = frame.camera(side_px, pose, rng.uniform(450, 900), rng.uniform(0.55, 0.8))
        r, g, b = (int(c) for c in rng.uniform(40, 215, 3))
        yield View(painter.draw(vertices, camera).over((r, g, b)), vertices, camera, pose)


def _drawn(model: MorphableModel, rng: np.random.Generator, spread: Range) -> NDArray[np.float32]:
    layout = model.layout
    identity = rng.normal(0, spread.identity, (1, layout["identity"]))
    strength = rng.uniform(0.2, 0.8) * spread.expression
    expression = rng.normal(0, strength, (1, layout["expression"]))
    age = rng.normal(size=(1, layout["age"])).clip(-2, 2)
    vertices: NDArray[np.float32] = model.decode(identity, expression, age)[0].cpu().numpy()
    return vertices


def facing_triangles(model: MorphableModel, frame: Framing, side_px: int = 512) -> NDArray:
    """Triangles of the mean face that show from the front or a little beside it."""
    painter = PlainPainter(model)
    seen = [
        painter.draw(model.mean, frame.camera(side_px, pose, 700.0, 0.9)).triangle
        for pose in _SAMPLED_POSES_DEG
    ]
    shown = np.unique(np.stack(seen))
    return shown[shown >= 0].astype(np.int64)
