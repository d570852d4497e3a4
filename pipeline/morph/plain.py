"""Pictures of any morphable model, without paint: skin, or the file's colours, in soft light.

    picture = PlainPainter(model).draw(vertices, Camera.facing())

The embedded model's own `Painter` knows where lips, lashes and brows are; other meshes do not say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.morph.interface import MorphableModel
from pipeline.morph.pose import to_camera, to_pixels
from pipeline.morph.raster import interpolate, normals, visible
from pipeline.morph.render import Camera, Picture

SKIN = (0.86, 0.66, 0.57)
# Toward the lamp, in camera axes: above, to the left, in front.
_LAMP = np.array([-0.35, -0.55, -0.76]) / np.linalg.norm([-0.35, -0.55, -0.76])
_AMBIENT, _DIRECT = 0.42, 0.62


class PlainPainter:
    """Draws one model."""

    def __init__(self, model: MorphableModel) -> None:
        self._triangles = np.ascontiguousarray(model.triangles, np.int32)
        given = getattr(model, "colours", None)
        colours = np.broadcast_to(SKIN, np.shape(model.mean)) if given is None else given
        self._colours = np.ascontiguousarray(colours, np.float32)

    def draw(self, vertices: ArrayLike, camera: Camera) -> Picture:
        """Draw vertices (V, 3) mm as seen by a camera."""
        points = np.asarray(vertices, np.float32)
        px = to_pixels(
            to_camera(points, camera.matrix, camera.translation), camera.focal_px, camera.size
        )
        facing = to_camera(normals(points, self._triangles), camera.matrix, np.zeros(3)) @ _LAMP
        shade = _AMBIENT + _DIRECT * np.clip(facing, 0.0, 1.0)
        seen = visible(px, self._triangles, *camera.size, cull=True)
        lit = interpolate(seen, self._triangles, self._colours * shade[:, None])
        rgb = (np.clip(lit, 0, 1) * 255 + 0.5).astype(np.uint8)
        alpha: NDArray[np.float32] = (seen.triangle >= 0).astype(np.float32)
        return Picture(rgb, alpha, seen.depth, seen.triangle)
