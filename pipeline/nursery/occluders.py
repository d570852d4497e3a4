"""Things that get in front of an infant's face: a hand, a pacifier, a bottle, a blanket.

Each is drawn once a clip, in millimetres around the infant's mouth (x to the right of the picture,
y toward the forehead), and follows the face or the camera from frame to frame.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.morph.appearance import SKIN_TONES, Colour
from pipeline.nursery.light import Light, on_screen
from pipeline.nursery.relief import Point, Relief, Sprite

Draw = Callable[[np.random.Generator, Light], Sprite]

# Fingers of a left hand seen from its back, wrist down, thumb to the right: knuckle (mm from the
# wrist), length of the three bones, angle from straight up in degrees, radius at knuckle and tip.
_FINGERS: tuple[tuple[Point, tuple[float, float, float], float, Point], ...] = (
    ((-31.0, 78.0), (29.0, 18.0, 15.0), -13.0, (9.4, 7.4)),
    ((-11.0, 87.0), (38.0, 25.0, 17.0), -4.0, (10.4, 8.2)),
    ((10.0, 88.0), (41.0, 27.0, 18.0), 3.0, (10.8, 8.4)),
    ((30.0, 82.0), (36.0, 23.0, 17.0), 11.0, (10.6, 8.2)),
)
_THUMB: tuple[Point, tuple[float, float, float], float, Point] = (
    (33.0, 34.0), (26.0, 27.0, 20.0), 42.0, (13.0, 9.6),
)  # fmt: skip


def hand(rng: np.random.Generator, light: Light) -> Sprite:
    """Draw the back of a hand laid over the mouth, coming from below or from the side."""
    skin = on_screen(SKIN_TONES[int(rng.integers(0, len(SKIN_TONES)))])
    relief = Relief(-170, -190, 170, 170)
    tilt_deg = float(rng.choice([-1.0, 1.0]) * rng.uniform(62.0, 84.0))
    upright = _Frame(scale=rng.uniform(0.72, 0.80), tilt_deg=tilt_deg)
    _palm(relief, upright, skin)
    spread = rng.uniform(0.8, 1.25)
    for knuckle, bones_mm, angle_deg, radii_mm in (*_FINGERS, _THUMB):
        bent = float(rng.normal(0.0, 2.5))
        _finger(
            relief, upright, knuckle, bones_mm, (angle_deg * spread + bent, bent), radii_mm, skin
        )
    return relief.shade(light, smooth_mm=0.9, occlusion_mm=7.0)


_BELOW_MM = 9.0


class _Frame:
    """Places a hand drawn wrist-down so that its knuckles lie over the mouth."""

    def __init__(self, scale: float, tilt_deg: float) -> None:
        angle = np.radians(tilt_deg)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        # Whichever way the fingers point, the thumb goes under the chin.
        self.matrix = scale * turn @ np.diag([np.sign(tilt_deg), 1.0])
        self.middle = np.array([0.0, 88.0])
        self.scale = scale

    def __call__(self, point: Point) -> Point:
        x, y = self.matrix @ (np.asarray(point) - self.middle)
        return (float(x), float(y) - _BELOW_MM)


def _palm(relief: Relief, at: _Frame, skin: Colour) -> None:
    s = at.scale
    sleeve_start, sleeve_end = at((0.0, -200.0)), at((0.0, 12.0))
    relief.capsule(sleeve_start, sleeve_end, (34 * s, 27 * s), skin, (-4, 0), 6, 0.6)
    for x0, x1 in ((-16.0, -27.0), (-6.0, -10.0), (6.0, 9.0), (15.0, 27.0)):
        start, end = at((x0, 14.0)), at((x1, 76.0))
        relief.capsule(start, end, (16 * s, 13.5 * s), skin, (0, 2), 9, 0.75)
    relief.capsule(at((15, 18)), at((31, 42)), (17 * s, 13 * s), skin, (0, 1), 9, 0.8)
    for x, y in ((-29.0, 78.0), (-10.0, 86.0), (10.0, 87.0), (29.0, 82.0)):
        relief.dot(at((x, y)), 5.0 * s, _redder(skin), 1.0, 1.0, soft_mm=6.0)
        relief.stroke(at((0.3 * x, 25)), at((x, y)), 1.6, _lighter(skin), 0.1, 0.4)


def _finger(
    relief: Relief,
    at: _Frame,
    knuckle: Point,
    bones_mm: tuple[float, float, float],
    angles_deg: Point,
    radii_mm: Point,
    skin: Colour,
) -> None:
    point, angle = np.asarray(knuckle), angles_deg[0]
    radii = np.linspace(radii_mm[0], radii_mm[1], 4) * at.scale
    for bone, length in enumerate(bones_mm):
        step = length * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
        after = point + step
        start, end = at((point[0], point[1])), at((after[0], after[1]))
        relief.capsule(start, end, (radii[bone], radii[bone + 1]), skin, (3 - bone, 2 - bone), 3.0)
        if bone:
            _creases(relief, at, point, step, radii[bone], skin)
        point, angle = after, angle + angles_deg[1]
    nail = point - 0.15 * step
    far = point + 0.1 * step
    relief.stroke(at(_xy(nail)), at(_xy(far)), 0.5 * radii[3], _nail(skin), 0.75, 0.5)


def _creases(
    relief: Relief,
    at: _Frame,
    joint: NDArray[np.float64],
    step: NDArray[np.float64],
    radius_mm: float,
    skin: Colour,
) -> None:
    along = step / np.linalg.norm(step)
    across = np.array([along[1], -along[0]]) * 0.6 * radius_mm / at.scale
    for offset in (-1.6, 0.2, 2.0):
        middle = joint + offset * along
        start, end = at(_xy(middle - across)), at(_xy(middle + across))
        relief.stroke(start, end, 0.6, _darker(skin), 0.45, -0.4)


def pacifier(rng: np.random.Generator, light: Light) -> Sprite:
    """Draw a pacifier in the mouth: a shield with two holes, a knob and a ring."""
    colour = _toy_colour(rng)
    second = _toy_colour(rng)
    relief = Relief(-40, -45, 40, 35, 3.0)
    wide, high = rng.uniform(25.0, 28.0), rng.uniform(18.5, 21.0)
    waist = 1.0 + 0.12 * np.abs(relief.x / wide) ** 2
    apart = np.sqrt((relief.x / wide) ** 2 + (relief.y / (high * waist)) ** 2)
    cover = np.clip((1.0 - apart) * high * 3.0, 0, 1)
    dome = 4.0 + 5.0 * (1 - np.clip(apart, 0, 1) ** 4) - 0.008 * relief.x**2
    relief.lay(dome, cover, colour, shine=0.25)
    for side in (-1, 1):
        relief.dot((side * 0.62 * wide, 0), 3.2, _darker(colour), 0.75, -2.5)
    relief.capsule((0, 0), (0, 0), (10.5, 10.5), second, (9, 9), 0.0, 0.7, 0.5)
    relief.dot((0, 0), 6.0, _lighter(second), 0.4, 0.8)
    hang = rng.uniform(-0.25, 0.25)
    ring = np.array([22.0 * np.sin(hang), -17.0])
    for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False):
        start = ring + 15.0 * np.array([np.sin(angle), np.cos(angle)])
        end = ring + 15.0 * np.array([np.sin(angle + 0.2), np.cos(angle + 0.2)])
        relief.capsule(_xy(start), _xy(end), (3.0, 3.0), second, (15, 15), 0.0, 1.0, 0.4)
    return relief.shade(light, smooth_mm=0.5, occlusion_mm=5.0)


def bottle(rng: np.random.Generator, light: Light) -> Sprite:
    """Draw a feeding bottle held to the mouth, its body coming toward the camera from below."""
    relief = Relief(-150, -190, 150, 40)
    tilt = np.radians(rng.choice([-1.0, 1.0]) * rng.uniform(12.0, 38.0))
    axis = np.array([np.sin(tilt), -np.cos(tilt)])
    collar = _toy_colour(rng)

    def at(mm: float, aside: float = 0.0) -> Point:
        return _xy(mm * axis + aside * np.array([-axis[1], axis[0]]))

    teat: Colour = (0.86, 0.76, 0.55)
    relief.capsule(at(-10), at(3), (9, 20), teat, (6, 10), 0.0, 0.7, 0.35)
    glass: Colour = (0.86, 0.90, 0.93)
    milk: Colour = (0.97, 0.95, 0.88)
    relief.capsule(at(42), at(160), (29, 35), glass, (14, 40), 0.0, 0.8, 0.55)
    full = relief.near((at(44), at(126)), 30.0)
    full.paint(0.85 * np.clip((full.y - at(128)[1]) / 2.0, 0, 1) * (full.shine > 0.5), milk)
    relief.capsule(at(10, -17), at(10, 17), (12, 12), collar, (15, 15), 0.0, 0.9, 0.4)
    relief.capsule(at(21, -19), at(21, 19), (11, 11), collar, (16, 16), 0.0, 0.9, 0.4)
    for mark in range(6):
        start, end = at(66 + 11 * mark, 4), at(66 + 11 * mark, 14 if mark % 2 else 20)
        relief.stroke(start, end, 0.8, (0.35, 0.45, 0.6), 0.7)
    skin = on_screen(SKIN_TONES[int(rng.integers(0, len(SKIN_TONES)))])
    relief.capsule(at(150, 60), at(230, 95), (24, 30), skin, (30, 20), 8.0, 0.8)
    relief.capsule(at(118, 52), at(152, 66), (24, 25), skin, (44, 38), 10.0, 0.8)
    for finger in range(4):
        y = 92 + 17.5 * finger
        lean = float(rng.normal(0, 2))
        relief.capsule(at(y, 46), at(y + lean, 8), (9.0, 8.6), skin, (52, 56), 3.0)
        relief.capsule(
            at(y + lean, 8), at(y + lean + 3, -22 + finger * 3), (8.6, 7.0), skin, (56, 46), 3.0
        )
    return relief.shade(light, smooth_mm=0.8, occlusion_mm=9.0)


def blanket(rng: np.random.Generator, light: Light) -> Sprite:
    """Draw a blanket pulled up over the mouth and nose, with folds and a pattern."""
    relief = Relief(-230, -250, 230, 80, 1.5)
    colour = _toy_colour(rng)
    edge = rng.uniform(28.0, 40.0) + _wave(rng, relief.x, 190.0, 6.0)
    cover = np.clip((edge - relief.y) * 1.5, 0, 1)
    height = 26.0 - 0.0011 * relief.x**2 - 0.0004 * (relief.y - 5.0) ** 2
    for size_mm, length_mm in ((4.0, 60.0), (2.6, 34.0), (1.2, 17.0)):
        height = height + _folds(rng, relief, length_mm, size_mm)
    relief.lay(height, cover, colour)
    _pattern(rng, relief, colour)
    hem = np.clip(1 - np.abs(edge - relief.y - 6.0) / 3.0, 0, 1)
    relief.paint(0.6 * hem, _lighter(colour), 1.2)
    stitch = 0.05 * rng.standard_normal(relief.x.shape).astype(np.float32)
    relief.colour = np.clip(relief.colour * (1 + stitch[..., None]), 0, 1)
    return relief.shade(light, smooth_mm=1.0, occlusion_mm=10.0)


OCCLUDERS: dict[str, Draw] = {
    "hand": hand,
    "pacifier": pacifier,
    "bottle": bottle,
    "blanket": blanket,
}


def _folds(
    rng: np.random.Generator, relief: Relief, length_mm: float, size_mm: float
) -> NDArray[np.float64]:
    angle = rng.uniform(0.2, 1.3) * rng.choice([-1.0, 1.0])
    across = relief.x * np.cos(angle) + relief.y * np.sin(angle)
    along = relief.y * np.cos(angle) - relief.x * np.sin(angle)
    bend = _wave(rng, along, 2.5 * length_mm, 0.35 * length_mm)
    ridge = 1.0 - np.abs(np.sin(np.pi * (across + bend) / length_mm))
    soft = cv2.GaussianBlur(ridge.astype(np.float32), (0, 0), 0.04 * length_mm * relief.px_per_mm)
    return np.asarray(size_mm * soft)


def _pattern(rng: np.random.Generator, relief: Relief, colour: Colour) -> None:
    light, pitch = _lighter(_lighter(colour)), rng.uniform(14.0, 24.0)
    if rng.random() < 0.5:
        stripe = np.clip(3 * np.sin(2 * np.pi * relief.y / pitch) - 1, 0, 1)
        relief.paint(0.6 * stripe, light)
        return
    row = np.round(relief.y / pitch)
    x = relief.x + 0.5 * pitch * (row % 2)
    apart = np.hypot(x - pitch * np.round(x / pitch), relief.y - pitch * row)
    relief.paint(0.7 * np.clip((0.22 * pitch - apart) * 1.5, 0, 1), light)


def _wave(
    rng: np.random.Generator, x: NDArray[np.floating], length_mm: float, size_mm: float
) -> NDArray[np.float64]:
    out = np.zeros(x.shape)
    for octave in (1.0, 2.1, 3.7):
        out = out + size_mm / octave * np.sin(
            2 * np.pi * octave * x / length_mm + rng.uniform(0, 7)
        )
    return out


def _toy_colour(rng: np.random.Generator) -> Colour:
    hue, saturation, value = rng.uniform(0, 360), rng.uniform(0.18, 0.5), rng.uniform(0.72, 0.95)
    pixel = np.array([[[hue, saturation, value]]], np.float32)
    red, green, blue = (float(v) for v in cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])
    return (red, green, blue)


def _xy(point: NDArray[np.float64]) -> Point:
    return (float(point[0]), float(point[1]))


def _redder(c: Colour) -> Colour:
    return (c[0] * 0.98, c[1] * 0.86, c[2] * 0.84)


def _darker(c: Colour) -> Colour:
    return (c[0] * 0.62, c[1] * 0.55, c[2] * 0.52)


def _lighter(c: Colour) -> Colour:
    return (1 - 0.7 * (1 - c[0]), 1 - 0.7 * (1 - c[1]), 1 - 0.7 * (1 - c[2]))


def _nail(c: Colour) -> Colour:
    return (0.5 * c[0] + 0.46, 0.5 * c[1] + 0.36, 0.5 * c[2] + 0.34)
