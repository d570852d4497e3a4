"""Draws a head into a frame, and knows which of its points can be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.morph import pose, render
from pipeline.morph.appearance import Appearance, Light
from pipeline.nursery.relief import Map, blur

Array = NDArray[np.float64]

_SOFT_PX = 0.7
_NEAR_MM = 3.0


@dataclass(frozen=True)
class Placed:
    """A head in front of the camera for one frame.

    Attributes:
        vertices: (V, 3) head axes, mm.
        rotation: (3, 3) matrix, head axes.
        translation: (3,) mm, camera axes.
        focal_px: of the camera.
        gaze_deg: where the eyes look beside straight ahead, to the infant's left and up.
    """

    vertices: NDArray[np.float32]
    rotation: Array
    translation: Array
    focal_px: float
    gaze_deg: tuple[float, float] = (0.0, 0.0)

    def px(self, points: Array, width: int, height: int) -> Array:
        """Pixels and depth (N, 3) of points (N, 3) of the head, for a frame of that size."""
        size = (height, width)
        return pose.project(points, self.rotation, self.translation, self.focal_px, size)


def draw(
    painter: render.Painter, frame: Map, placed: Placed, looks: Appearance, light: Light
) -> Map:
    """Draw a head into a frame (H, W, 3), in place.

    Returns:
        (H, W) distance to the camera along its axis in mm, infinite beside the head.
    """
    size = (frame.shape[0], frame.shape[1])
    camera = render.Camera(placed.rotation, placed.translation, placed.focal_px, size)
    picture = painter.draw(placed.vertices, camera, looks, replace(light, gaze_deg=placed.gaze_deg))
    _cover(frame, picture)
    return picture.depth


def in_sight(
    placed: Placed, points: Array, depth: Map, cover: Map, outward: Array
) -> NDArray[np.bool_]:
    """Tell which points (N, 3) of a head can be seen in its frame.

    Args:
        placed: the head.
        points: in head axes, mm.
        depth: (H, W) nearest distance of anything solid, as `draw` gives it.
        cover: (H, W) how much of each pixel something flat in front covers, 0..1.
        outward: (N, 3) normals at the points, in head axes.
    """
    height, width = depth.shape
    px = placed.px(points, width, height)
    inside = (px[:, 0] >= 0) & (px[:, 0] < width) & (px[:, 1] >= 0) & (px[:, 1] < height)
    column = np.clip(px[:, 0].astype(int), 0, width - 1)
    row = np.clip(px[:, 1].astype(int), 0, height - 1)
    toward = pose.to_camera(points, placed.rotation, placed.translation)
    normal = outward @ (pose.HEAD_TO_CAMERA @ placed.rotation).T
    faces = np.einsum("ij,ij->i", toward, normal) < 0
    nearest = np.minimum(depth[row, column], _around(depth, row, column))
    return inside & faces & (px[:, 2] <= nearest + _NEAR_MM) & (cover[row, column] < 0.5)


def _around(depth: Map, row: NDArray[np.int_], column: NDArray[np.int_]) -> NDArray[np.float32]:
    """Farthest depth in the pixels around, so that a silhouette's own points count as seen."""
    height, width = depth.shape
    best = np.zeros(len(row), np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = np.clip(row + dy, 0, height - 1), np.clip(column + dx, 0, width - 1)
            best = np.maximum(best, np.where(np.isfinite(depth[y, x]), depth[y, x], 0))
    return np.where(best > 0, best, np.inf).astype(np.float32)


def _cover(frame: Map, picture: render.Picture) -> None:
    """Lay a hard-edged picture over a frame, its outline softened."""
    rows, columns = picture.box
    part = (
        slice(max(rows.start - 3, 0), rows.stop + 3),
        slice(max(columns.start - 3, 0), columns.stop + 3),
    )
    alpha = picture.alpha[part]
    _mix(frame[part], picture.rgb[part], alpha, blur(alpha, _SOFT_PX))


@njit(cache=True)
def _mix(frame, rgb, alpha, soft):  # type: ignore[no-untyped-def]
    """Blend; just outside the outline, the colour is that of the nearest pixels inside."""
    height, width = alpha.shape
    for row in range(height):
        for column in range(width):
            share = soft[row, column]
            if share < 0.004:
                continue
            if alpha[row, column] > 0:
                for c in range(3):
                    colour = rgb[row, column, c] / 255.0
                    frame[row, column, c] += share * (colour - frame[row, column, c])
                continue
            red, green, blue, count = 0, 0, 0, 0
            for y in range(max(row - 2, 0), min(row + 3, height)):
                for x in range(max(column - 2, 0), min(column + 3, width)):
                    if alpha[y, x] > 0:
                        red += rgb[y, x, 0]
                        green += rgb[y, x, 1]
                        blue += rgb[y, x, 2]
                        count += 1
            if count > 0:
                for c, total in enumerate((red, green, blue)):
                    colour = total / count / 255.0
                    frame[row, column, c] += share * (colour - frame[row, column, c])
