"""Things to hold before a real face, drawn in millimetres: no kind here is one of the nursery's.

What is learned is learned from other shapes than these. A stamp is drawn once a clip, around the
place that lies on the mouth, x to the right and y down, and laid into frames by `_compositing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Colour = tuple[float, float, float]
Place = tuple[float, float]
Rng = np.random.Generator

SIDE_MM = 340
PX_PER_MM = 2.0
SIDE_PX = round(SIDE_MM * PX_PER_MM)
AMBIENT = 0.58


@dataclass(frozen=True)
class Stamp:
    """A drawn thing."""

    rgb: Map
    """(680, 680, 3) in 0..1."""
    alpha: Map
    """(680, 680) in 0..1."""
    takes_light: bool = True
    """Whether its colours are those in white light, to be dimmed and tinted as the scene is."""


class Canvas:
    """Parts laid over one another, each rounded at its rim and lit from above."""

    def __init__(self, rng: Rng) -> None:
        place = (np.arange(SIDE_PX, dtype=np.float32) - SIDE_PX / 2) / PX_PER_MM
        self.x, self.y = np.meshgrid(place, place)
        self.rgb = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
        self.alpha = np.zeros((SIDE_PX, SIDE_PX), np.float32)
        aside = float(rng.uniform(-0.6, 0.6))
        self._light = np.array([aside, -0.6, 0.75]) / np.hypot(np.hypot(aside, 0.6), 0.75)

    def lay(self, cover: Map, colour: Map | Colour, round_mm: float, shine: float = 0.0) -> None:
        """Lay a part: where it covers (0..1), its colour or texture, and how thick it bulges."""
        light, gloss = self._lit(cover, round_mm)
        lit = np.asarray(colour, np.float32) * light[..., None] + shine * gloss[..., None]
        under = self.rgb * (1.0 - 0.4 * blurred(cover, 3.0))[..., None]
        self.rgb = under + cover[..., None] * (np.clip(lit, 0, 1) - under)
        self.alpha = np.maximum(self.alpha, cover)

    def tint(self, cover: Map, colour: Map | Colour, strength: float) -> None:
        """Paint what is there already."""
        share = (strength * cover * self.alpha)[..., None]
        self.rgb += share * (np.asarray(colour, np.float32) - self.rgb)

    def _lit(self, cover: Map, round_mm: float) -> tuple[Map, Map]:
        solid = (cover > 0.5).astype(np.uint8)
        inside = cv2.distanceTransform(solid, cv2.DIST_L2, 5) / PX_PER_MM
        rise = np.clip(inside / round_mm, 0, 1)
        height = blurred(np.asarray(round_mm * np.sqrt(rise * (2 - rise)), np.float32), 1.2)
        down, right = np.gradient(height, 1 / PX_PER_MM)
        steep = np.sqrt(1 + down**2 + right**2)
        facing = (-right * self._light[0] - down * self._light[1] + self._light[2]) / steep
        bright = np.clip(facing, 0, 1).astype(np.float32)
        return AMBIENT + (1.15 - AMBIENT) * bright, bright**30

    def capsule(self, a: Place, b: Place, radii_mm: Place) -> Map:
        """A bone from `a` to `b` with flesh around it, as thick as `radii_mm` at its ends."""
        ax, ay = b[0] - a[0], b[1] - a[1]
        along = ((self.x - a[0]) * ax + (self.y - a[1]) * ay) / max(ax * ax + ay * ay, 1e-6)
        along = np.clip(along, 0, 1)
        apart = np.hypot(self.x - a[0] - along * ax, self.y - a[1] - along * ay)
        return sharp(radii_mm[0] + along * (radii_mm[1] - radii_mm[0]) - apart)

    def disc(self, middle: Place, wide_mm: float, high_mm: float) -> Map:
        """An ellipse with these half axes."""
        apart = np.hypot((self.x - middle[0]) / wide_mm, (self.y - middle[1]) / high_mm)
        return sharp((1.0 - apart) * min(wide_mm, high_mm))

    def hull(self, discs: Sequence[tuple[float, float, float]]) -> Map:
        """The skin stretched around discs (x, y, radius)."""
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        rims = [(x + r * np.cos(turn), y + r * np.sin(turn)) for x, y, r in discs]
        return self.polygon(np.concatenate([np.stack(rim, axis=1) for rim in rims]), convex=True)

    def polygon(self, corners: NDArray[np.floating], convex: bool = False) -> Map:
        """A polygon (N, 2) mm."""
        px = np.round((corners + SIDE_MM / 2) * PX_PER_MM * 16).astype(np.int32)
        drawn = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        outline = cv2.convexHull(px) if convex else px
        cv2.fillPoly(drawn, [outline], (255,), cv2.LINE_AA, shift=4)
        return drawn.astype(np.float32) / 255

    def stamp(self, takes_light: bool = True) -> Stamp:
        """What was drawn."""
        return Stamp(np.clip(self.rgb, 0, 1), np.clip(self.alpha, 0, 1), takes_light)


def sharp(inside_mm: Map) -> Map:
    """Coverage from how far inside a place is."""
    return np.clip(inside_mm * PX_PER_MM + 0.5, 0, 1).astype(np.float32)


def blurred(values: Map, spread_mm: float) -> Map:
    """Values smoothed over a distance."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), spread_mm * PX_PER_MM), np.float32)


def mottled(rng: Rng, spread_mm: float, strength: float) -> Map:
    """Noise around 1 whose grains are that wide."""
    coarse = max(round(SIDE_MM / spread_mm), 2)
    grains = rng.standard_normal((coarse, coarse)).astype(np.float32)
    wide = cv2.resize(grains, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1 + strength * wide, np.float32)


def dyed(rng: Rng, saturation: Place = (0.15, 0.85), value: Place = (0.35, 0.95)) -> Colour:
    """Any colour a thing may have."""
    hsv = (rng.uniform(0, 360), rng.uniform(*saturation), rng.uniform(*value))
    red, green, blue = cv2.cvtColor(np.array([[hsv]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]
    return float(red), float(green), float(blue)
