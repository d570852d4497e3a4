"""What is behind and under an infant: a room out of focus or a sheet, and its own body."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.morph.appearance import Colour
from pipeline.nursery.light import Light
from pipeline.nursery.relief import Map, Relief, Sprite, blur

MARGIN = 1.12
"""How much larger than the frame a backdrop is drawn, so that the camera can sway."""


def room(rng: np.random.Generator, light: Light, width_px: int, height_px: int) -> Map:
    """Draw a room: a wall, furniture and toys, out of focus as behind a close subject.

    Returns:
        (H, W, 3) float32 colours, `MARGIN` times as large as asked.
    """
    width, height = round(width_px * MARGIN), round(height_px * MARGIN)
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = pastel(rng, 0.05, 0.22, 0.55, 0.85)
    floor = int(height * rng.uniform(0.7, 0.95))
    canvas[floor:] = pastel(rng, 0.15, 0.4, 0.35, 0.6)
    if rng.random() < 0.6:
        _window(rng, canvas)
    for _ in range(int(rng.integers(4, 9))):
        _thing(rng, canvas)
    if rng.random() < 0.35:
        _bars(rng, canvas)
    soft = blur(canvas, height * rng.uniform(0.012, 0.03))
    return _lit(rng, soft, light)


def sheet(rng: np.random.Generator, light: Light, width_px: int, height_px: int) -> Map:
    """Draw the sheet or mat that an infant lies on, seen from above, with creases and a print.

    Returns:
        (H, W, 3) float32 colours, `MARGIN` times as large as asked.
    """
    width, height = round(width_px * MARGIN), round(height_px * MARGIN)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    base = np.asarray(pastel(rng, 0.05, 0.3, 0.72, 0.92), np.float32)
    canvas = np.tile(base, (height, width, 1))
    pitch = rng.uniform(0.09, 0.16)
    row = np.round(y / pitch)
    across = x + 0.5 * pitch * (row % 2)
    apart = np.hypot(across - pitch * np.round(across / pitch), y - pitch * row)
    print_ = np.clip((rng.uniform(0.12, 0.3) * pitch - apart) * 150, 0, 1)[..., None]
    canvas += 0.7 * print_ * (np.asarray(pastel(rng, 0.2, 0.5, 0.6, 0.9), np.float32) - canvas)
    creases = _noise(rng, height, width, 14) + 0.5 * _noise(rng, height, width, 40)
    slope = np.gradient(creases, axis=1) * light.direction[0]
    slope = slope - np.gradient(creases, axis=0) * light.direction[1]
    canvas *= (1.0 + 1.3 * slope)[..., None]
    soft = blur(canvas, height * rng.uniform(0.002, 0.006))
    return _lit(rng, soft, light)


class Body(NamedTuple):
    """A body in two layers: all of it behind the head, its clothes once more before the neck."""

    whole: Sprite
    clothes: Sprite


def body(rng: np.random.Generator, light: Light, skin: Colour, size: float = 1.0) -> Body:
    """Draw neck, shoulders and chest in clothes, in mm with the chin's middle at the origin."""
    relief = Relief(-190 * size, -260 * size, 190 * size, 70 * size, 1.5)
    cloth = pastel(rng, 0.15, 0.5, 0.5, 0.92)
    s = size
    relief.capsule((0, 45 * s), (0, -30 * s), (30 * s, 34 * s), skin, (-40, -30), 0.0, 0.8)
    for side in (-1, 1):
        shoulder, elbow = (side * 60 * s, -44 * s), (side * 98 * s, -128 * s)
        relief.capsule(shoulder, elbow, (30 * s, 28 * s), cloth, (-18, -10), 14.0, 0.7)
        relief.capsule((0, -42 * s), shoulder, (30 * s, 30 * s), cloth, (-12, -16), 14.0, 0.7)
    relief.capsule((0, -70 * s), (0, -240 * s), (68 * s, 84 * s), cloth, (-20, -10), 14.0, 0.5)
    collar = np.hypot(relief.x / (44 * s), (relief.y + 12 * s) / (22 * s))
    ring = np.exp(-(((collar - 1.0) / 0.10) ** 2)) * (relief.y < -14 * s)
    relief.paint(0.8 * ring, pastel(rng, 0.1, 0.5, 0.6, 0.98), 2.0)
    relief.colour = np.where(
        ((collar < 1.0) & (relief.y > -34 * s))[..., None], np.asarray(skin), relief.colour
    ).astype(np.float32)
    dressed = (relief.y < -14 * s) & (collar > 1.05)
    relief.colour *= np.where(dressed, _print(rng, relief), 1.0)[..., None].astype(np.float32)
    weave = 0.03 * rng.standard_normal(relief.x.shape).astype(np.float32)
    relief.height_mm += 3.0 * _noise(rng, relief.x.shape[0], relief.x.shape[1], 9)
    relief.colour = np.clip(relief.colour * (1 + weave[..., None]), 0, 1)
    whole = relief.shade(light, smooth_mm=1.4, occlusion_mm=14.0)
    return Body(whole, whole.where(blur(dressed | (ring > 0.3), 0.6)))


def pastel(
    rng: np.random.Generator, dull: float, vivid: float, dim: float, bright: float
) -> Colour:
    """Draw a colour between the two saturations and the two values (of HSV)."""
    hsv = [rng.uniform(0, 360), rng.uniform(dull, vivid), rng.uniform(dim, bright)]
    rgb = cv2.cvtColor(np.array([[hsv]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]
    return (float(rgb[0]), float(rgb[1]), float(rgb[2]))


def _print(rng: np.random.Generator, relief: Relief) -> NDArray[np.floating]:
    pitch = rng.uniform(12, 22)
    if rng.random() < 0.5:
        return 0.86 + 0.14 * np.clip(2 * np.sin(2 * np.pi * relief.y / pitch), -1, 1)
    row = np.round(relief.y / pitch)
    x = relief.x + 0.5 * pitch * (row % 2)
    apart = np.hypot(x - pitch * np.round(x / pitch), relief.y - pitch * row)
    return np.where(apart < 0.25 * pitch, 0.75, 1.0)


def _window(rng: np.random.Generator, canvas: Map) -> None:
    height, width = canvas.shape[:2]
    left, top = rng.uniform(-0.1, 0.75) * width, rng.uniform(-0.1, 0.15) * height
    right, bottom = left + rng.uniform(0.2, 0.35) * width, top + rng.uniform(0.3, 0.5) * height
    middle = (left + right) / 2
    _box(canvas, (left, top, right, bottom), (0.90, 0.94, 0.98))
    _box(canvas, (middle - 0.01 * width, top, middle + 0.01 * width, bottom), (0.75, 0.73, 0.7))


def _thing(rng: np.random.Generator, canvas: Map) -> None:
    height, width = canvas.shape[:2]
    x, y = rng.uniform(0, width), rng.uniform(0.25, 1.0) * height
    size = rng.uniform(0.05, 0.16) * height
    colour = pastel(rng, 0.15, 0.6, 0.3, 0.9)
    if rng.random() < 0.5:
        cv2.circle(canvas, (int(x), int(y)), int(size), colour, -1, cv2.LINE_AA)
        return
    tall = rng.uniform(0.6, 2.5)
    _box(canvas, (x - size, y - tall * size, x + size, y + tall * size), colour)


def _bars(rng: np.random.Generator, canvas: Map) -> None:
    height, width = canvas.shape[:2]
    colour = pastel(rng, 0.1, 0.35, 0.6, 0.9)
    for x in np.arange(rng.uniform(0, 0.1), 1.0, rng.uniform(0.11, 0.16)) * width:
        _box(canvas, (x, 0.12 * height, x + 0.03 * height, height), colour)
    _box(canvas, (0, 0.10 * height, width, 0.15 * height), colour)


def _box(canvas: Map, bounds: tuple[float, float, float, float], colour: Colour) -> None:
    left, top, right, bottom = (int(v) for v in bounds)
    cv2.rectangle(canvas, (left, top), (right, bottom), colour, -1)


def _lit(rng: np.random.Generator, canvas: Map, light: Light) -> Map:
    height, width = canvas.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slant = 1.0 + 0.22 * light.direction[0] * (2 * x / width - 1)
    slant += 0.15 * light.direction[1] * (1 - 2 * y / height)
    level = np.asarray(light.key, np.float32) * 0.65 + np.asarray(light.ambient, np.float32)
    grain = 1.0 + 0.012 * _noise(rng, height, width, 60)
    return np.asarray(np.clip(canvas * (slant * grain)[..., None] * level, 0, 1), np.float32)


def _noise(rng: np.random.Generator, height: int, width: int, cells: int) -> Map:
    coarse = rng.standard_normal((cells, max(2, cells * width // height))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
