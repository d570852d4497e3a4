"""Shapes as height over a plane: enough to draw hands, toys and clothes that catch the light.

A relief is a small map in millimetres, drawn once a clip at a fixed resolution and laid into each
frame by an affine warp. Round parts are capsules (a bone with flesh around it) that melt together.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.morph.appearance import Colour
from pipeline.nursery.light import Light

Map = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Point = tuple[float, float]

_NOTHING_MM = -1e3


@dataclass(frozen=True)
class Sprite:
    """A drawn thing to lay into frames.

    Attributes:
        rgba: (h, w, 4) uint8; colour premultiplied by coverage, then coverage.
        shadow: (h / 4, w / 4) uint8 coverage, widely blurred, for the shadow that it casts.
        to_px: (2, 3) maps (x, y) in mm (x right, y up) to pixels of `rgba`.
    """

    rgba: Bytes
    shadow: Bytes
    to_px: NDArray[np.float64]

    def where(self, mask: Map) -> Sprite:
        """The part of it where a mask (h, w), 0..1, says, and without a shadow."""
        rows, columns = (np.flatnonzero((mask > 0).any(axis)) for axis in (1, 0))
        if not len(rows):
            rows = columns = np.zeros(1, int)
        top, left = rows[0], columns[0]
        part = (slice(top, rows[-1] + 1), slice(left, columns[-1] + 1))
        rgba = np.asarray(self.rgba[part] * mask[part][..., None], np.uint8)
        nothing = np.zeros((1, 1), np.uint8)
        return Sprite(rgba, nothing, self.to_px - np.array([[0, 0, left], [0, 0, top]]))


class Relief:
    """A height map with a colour for every place.

    Args:
        left, bottom, right, top: bounds in mm, x right and y up.
        px_per_mm: resolution.
    """

    def __init__(
        self, left: float, bottom: float, right: float, top: float, px_per_mm: float = 2.0
    ) -> None:
        self.px_per_mm = px_per_mm
        width = round((right - left) * px_per_mm)
        height = round((top - bottom) * px_per_mm)
        x = left + (np.arange(width) + 0.5) / px_per_mm
        y = top - (np.arange(height) + 0.5) / px_per_mm
        self.x, self.y = (m.astype(np.float32) for m in np.meshgrid(x, y))
        self.height_mm = np.full((height, width), _NOTHING_MM, np.float32)
        self.coverage = np.zeros((height, width), np.float32)
        self.colour = np.zeros((height, width, 3), np.float32)
        self.shine = np.zeros((height, width), np.float32)
        self._to_px = np.array(
            [[px_per_mm, 0.0, -left * px_per_mm - 0.5], [0.0, -px_per_mm, top * px_per_mm - 0.5]]
        )

    def near(self, points: Sequence[Point], reach_mm: float) -> Relief:
        """The part of this relief around some points; what is drawn there is drawn here."""
        x, y = np.array(points).T
        column, row = self._to_px @ [x, y, np.ones_like(x)]
        reach = reach_mm * self.px_per_mm + 2
        rows = slice(max(int(row.min() - reach), 0), max(int(row.max() + reach) + 1, 0))
        columns = slice(max(int(column.min() - reach), 0), max(int(column.max() + reach) + 1, 0))
        part = copy(self)
        for name in ("x", "y", "height_mm", "coverage", "colour", "shine"):
            setattr(part, name, getattr(self, name)[rows, columns])
        return part

    def capsule(
        self,
        start: Point,
        end: Point,
        radii_mm: Point,
        colour: Colour,
        base_mm: Point = (0.0, 0.0),
        melt_mm: float = 0.0,
        flatness: float = 1.0,
        shine: float = 0.0,
    ) -> None:
        """Add a round bar whose radius and base height go from the first to the second value.

        `melt_mm` is how widely it flows into what is there; `flatness` under 1 squashes it.
        """
        part = self.near((start, end), max(radii_mm))
        along, apart = part._bone(start, end)
        radius = radii_mm[0] + along * (radii_mm[1] - radii_mm[0])
        base = base_mm[0] + along * (base_mm[1] - base_mm[0])
        height = base + flatness * np.sqrt(np.maximum(radius**2 - apart**2, 0.0))
        cover = np.clip((radius - apart) * self.px_per_mm + 0.5, 0.0, 1.0)
        part.lay(np.where(cover > 0, height, _NOTHING_MM), cover, colour, melt_mm, shine)

    def lay(
        self,
        height: NDArray[np.floating],
        cover: NDArray[np.floating],
        colour: Colour,
        melt_mm: float = 0.0,
        shine: float = 0.0,
    ) -> None:
        """Add a surface where `cover` is above 0; the higher surface is the one seen."""
        height = np.asarray(height, np.float32)
        new = np.asarray(colour, np.float32)
        top = (height >= self.height_mm) & (cover > 0)
        self.colour[self.coverage <= 0] = new
        mix = np.where(top, cover, 0.0)[..., None].astype(np.float32)
        self.colour += mix * (new - self.colour)
        self.shine[top] = shine
        self.height_mm[:] = _melt(self.height_mm, height, melt_mm)
        self.coverage[:] = np.maximum(self.coverage, np.asarray(cover, np.float32))

    def paint(self, mask: NDArray[np.floating], colour: Colour, raised_mm: float = 0.0) -> None:
        """Tint what is there by `colour` where `mask` (0..1) says, and lift it."""
        weight = np.asarray(mask, np.float32)
        self.colour += weight[..., None] * (np.asarray(colour, np.float32) - self.colour)
        self.height_mm += np.float32(raised_mm) * weight

    def dot(
        self,
        centre: Point,
        radius_mm: float,
        colour: Colour,
        strength: float = 1.0,
        raised_mm: float = 0.0,
        soft_mm: float = 1.0,
    ) -> None:
        """Paint a disc with a soft edge."""
        part = self.near((centre,), radius_mm + soft_mm)
        apart = np.hypot(part.x - centre[0], part.y - centre[1])
        mask = np.clip((radius_mm - apart) / soft_mm + 0.5, 0.0, 1.0)
        part.paint(strength * mask, colour, raised_mm)

    def stroke(
        self,
        start: Point,
        end: Point,
        width_mm: float,
        colour: Colour,
        strength: float = 1.0,
        raised_mm: float = 0.0,
    ) -> None:
        """Paint a line that fades to its sides."""
        part = self.near((start, end), 3 * width_mm)
        _, apart = part._bone(start, end)
        part.paint(strength * np.exp(-((apart / width_mm) ** 2)), colour, raised_mm)

    def shade(self, light: Light, smooth_mm: float = 0.6, occlusion_mm: float = 9.0) -> Sprite:
        """Light the relief and cut it out."""
        there = self.coverage > 0
        floor = float(self.height_mm[there].min()) if there.any() else 0.0
        height = np.where(there, self.height_mm, floor).astype(np.float32)
        height = blur(height, smooth_mm * self.px_per_mm)
        slope_y, slope_x = np.gradient(height * self.px_per_mm)
        normals = np.stack([-slope_x, slope_y, np.ones_like(height)], axis=-1)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        sunken = blur(height, occlusion_mm * self.px_per_mm) - height
        shut = 1.0 / (1.0 + np.maximum(sunken, 0.0) / 14.0)
        rgb = self.colour * light.on(normals.astype(np.float32)) * shut[..., None]
        rgb += self._highlight(normals, light)[..., None]
        alpha = blur(self.coverage, 0.5)
        rgba = np.dstack([np.clip(rgb, 0, 1) * alpha[..., None], alpha])
        coarse = cv2.resize(self.coverage, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        shadow = blur(coarse, 7.0 * self.px_per_mm / 4)
        return Sprite(_bytes(rgba), _bytes(shadow), self._to_px)

    def _highlight(self, normals: NDArray[np.floating], light: Light) -> NDArray[np.floating]:
        half = np.asarray(light.direction) + np.array([0.0, 0.0, 1.0])
        half /= np.linalg.norm(half)
        return np.asarray(self.shine * np.clip(normals @ half, 0, 1) ** 40)

    def _bone(self, start: Point, end: Point) -> tuple[Map, Map]:
        """How far along a line each place is, 0..1, and how far from it, mm."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length2 = max(dx * dx + dy * dy, 1e-9)
        along = ((self.x - start[0]) * dx + (self.y - start[1]) * dy) / length2
        along = np.clip(along, 0.0, 1.0).astype(np.float32)
        apart = np.hypot(self.x - start[0] - along * dx, self.y - start[1] - along * dy)
        return along, apart.astype(np.float32)


def _melt(old: Map, new: Map, width_mm: float) -> Map:
    if width_mm <= 0:
        return np.maximum(old, new)
    both = (old > _NOTHING_MM) & (new > _NOTHING_MM)
    near = np.maximum(width_mm - np.abs(old - new), 0.0) / width_mm
    lift = near * near * width_mm / 4.0
    return np.asarray(np.maximum(old, new) + np.where(both, lift, 0.0), np.float32)


def _bytes(values: NDArray[Any]) -> Bytes:
    return np.asarray(np.clip(values, 0.0, 1.0) * 255.0 + 0.5, np.uint8)


def blur(image: NDArray[Any], sigma_px: float) -> Map:
    """Blur an image (H, W, ...) by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), max(sigma_px, 0.3)))


def lay_into(frame: Map, sprite: Sprite, plane: NDArray[np.float64], shadow: float = 0.0) -> Map:
    """Draw a sprite into a frame, in place.

    Args:
        frame: (H, W, 3) float32, 0..1.
        sprite: what to draw.
        plane: (2, 3) maps the sprite's (x, y) in mm to frame pixels.
        shadow: how much its shadow darkens what is behind, 0..1.

    Returns:
        (H, W) how much of each pixel it now covers.
    """
    height, width = frame.shape[:2]
    cover = np.zeros((height, width), np.float32)
    to_mm = cv2.invertAffineTransform(sprite.to_px)
    to_frame = plane @ np.vstack([to_mm, [0, 0, 1]])
    left, top, right, bottom = _reach(sprite, to_frame, width, height)
    if right <= left or bottom <= top:
        return cover
    near = to_frame - np.array([[0, 0, left], [0, 0, top]])
    size = (right - left, bottom - top)
    drawn = cv2.warpAffine(sprite.rgba, near, size, flags=cv2.INTER_LINEAR)
    cast = near * np.array([4.0, 4.0, 1.0]) + np.array([[0, 0, 0.01], [0, 0, 0.02]]) * height
    dark: NDArray[Any] = np.zeros(size[::-1], np.uint8)
    if shadow:
        dark = cv2.warpAffine(sprite.shadow, cast, size, flags=cv2.INTER_LINEAR)
    _blend(frame[top:bottom, left:right], drawn, dark, np.float32(shadow))
    cover[top:bottom, left:right] = drawn[..., 3] * np.float32(1 / 255)
    return cover


def _reach(
    sprite: Sprite, to_frame: NDArray[np.float64], width: int, height: int
) -> tuple[int, int, int, int]:
    """Bounds of a sprite in the frame: left, top, right, bottom."""
    tall, wide = sprite.rgba.shape[:2]
    corners = np.array([[0, wide, 0, wide], [0, 0, tall, tall], [1, 1, 1, 1]], float)
    x, y = to_frame @ corners
    slack = 2 + 0.02 * height
    left, right = np.floor(x.min()) - 2, np.ceil(x.max() + slack)
    top, bottom = np.floor(y.min()) - 2, np.ceil(y.max() + slack)
    return max(int(left), 0), max(int(top), 0), min(int(right), width), min(int(bottom), height)


@njit(cache=True)
def _blend(frame, drawn, dark, shadow):  # type: ignore[no-untyped-def]
    for row in range(frame.shape[0]):
        for column in range(frame.shape[1]):
            shade = 1.0 - shadow * dark[row, column] / np.float32(255)
            behind = (np.float32(1) - drawn[row, column, 3] / np.float32(255)) * shade
            for c in range(3):
                added = drawn[row, column, c] / np.float32(255)
                frame[row, column, c] = frame[row, column, c] * behind + added
