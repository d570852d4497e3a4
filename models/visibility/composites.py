"""Endless faces with something in front of them: what the network that sees covers learns from.

Covers are drawn onto tracks of swatches of clean faces, in millimetres of the canonical face:
fingers, plates, bottles, cloth, toys, strands, another face, what is put into a mouth; of every
colour, the face's own included; still, passing, or coming to stay. What is no cover is drawn by
`faces`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from faces import another_face, lit, slope
from numpy.typing import NDArray

from pipeline.face.swatches import layout

Floats = NDArray[np.float32]
Rng = np.random.Generator

MOUTH_MM = np.array([0.0, -36.0])
SOFT_MM = 1.5


@dataclass(frozen=True)
class Track:
    """Some frames of one face: swatches (T, 852, 4) uint8, usable (T, 852), covered (T, 852)."""

    swatches: NDArray[np.uint8]
    usable: NDArray[np.bool_]
    covered: Floats
    photographed: bool = False
    """Whether its skin is of a photograph."""


def compose(clean: Track, other: Track, rng: Rng, as_is: bool = False) -> Track:
    """Draw zero to two covers and a fresh light over a clean track of T frames.

    Under them is another face than was filmed, or the same where it is to stay `as_is`.
    """
    rgb = clean.swatches[..., :3].astype(np.float32)
    detail = clean.swatches[..., 3].astype(np.float32) + 0.5
    if not as_is:
        rgb, detail = another_face(rgb, detail, rng)
    covered = np.zeros(rgb.shape[:2], np.float32)
    for _ in range(rng.choice([0, 1, 2], p=[0.35, 0.5, 0.15])):
        rgb, detail, covered = _cover(rgb, detail, covered, other, rng)
    return _lit(rgb, detail, clean.usable, covered, rng)


def relit(track: Track, rng: Rng) -> Track:
    """Put a track that was filmed covered into a fresh light."""
    rgb = track.swatches[..., :3].astype(np.float32)
    detail = track.swatches[..., 3].astype(np.float32) + 0.5
    return _lit(rgb, detail, track.usable, track.covered, rng)


def _lit(
    rgb: Floats, detail: Floats, usable: NDArray[np.bool_], covered: Floats, rng: Rng
) -> Track:
    rgb, detail = lit(rgb, detail, rng)
    swatches = np.concatenate([rgb, detail[..., None]], axis=-1)
    return Track(np.clip(swatches, 0, 255).astype(np.uint8), usable, covered)


def _cover(
    rgb: Floats, detail: Floats, covered: Floats, other: Track, rng: Rng
) -> tuple[Floats, Floats, Floats]:
    frames = len(rgb)
    drawn = _SHAPES[rng.integers(len(_SHAPES))]
    shape = drawn(rng)
    at_mouth = 0.85 if drawn in _IN_MOUTHS else 0.65
    places = _places(frames, at_mouth, rng)
    depth = np.stack([shape(place) for place in places]).astype(np.float32)
    alpha = 1.0 / (1.0 + np.exp(-np.clip(depth / SOFT_MM, -20, 20)))
    paint, texture = _surface(rgb, depth, other, rng)
    edge = np.exp(-0.5 * (depth / 2.0) ** 2)
    contrast = np.abs(paint.mean(-1) - rgb.mean(-1))
    shadow = rng.uniform(0, 0.35) * np.exp(np.minimum(depth, 0.0) / rng.uniform(3, 10))
    below = rgb * (1 - shadow)[..., None]
    # What lies behind plastic or thin cloth shows, and is hidden all the same.
    dense = rng.uniform(0.4, 1.0) if rng.random() < 0.25 else 1.0
    mixed = below + dense * alpha[..., None] * (paint - below)
    rough = detail + dense * alpha * (texture - detail)
    rough += edge * contrast * rng.uniform(0.3, 1.5)
    return mixed, rough, np.maximum(covered, alpha)


def _surface(rgb: Floats, depth: Floats, other: Track, rng: Rng) -> tuple[Floats, Floats]:
    """Colours (T, 852, 3) and edges (T, 852) of a cover, which may be another thing further in."""
    paint, texture = _paint(rgb, other, rng)
    if rng.random() < 0.35:
        inner, smooth = _paint(rgb, other, rng)
        within = (depth > rng.uniform(2, 15))[..., None]
        paint = np.where(within, inner, paint)
        texture = np.where(within[..., 0], smooth, texture)
    return _rounded(paint, depth, rng), texture


def _rounded(paint: Floats, depth: Floats, rng: Rng) -> Floats:
    """Darker or brighter toward its rim, and now and then with a highlight along it."""
    inside = np.clip(depth / rng.uniform(6, 25), 0, 1)[..., None]
    paint = paint * np.exp(rng.normal(0, 0.3) * (inside - 0.5))
    if rng.random() < 0.3:
        shine = np.exp(-0.5 * ((inside - rng.uniform(0.2, 1)) / rng.uniform(0.05, 0.2)) ** 2)
        paint = paint + rng.uniform(0.2, 0.9) * shine * (250 - paint)
    return np.asarray(paint, np.float32)


def _places(frames: int, at_mouth: float, rng: Rng) -> list[Floats]:
    """The middles of the swatches as the cover sees them, (852, 2) a frame."""
    anywhere = np.array([rng.uniform(-50, 50), rng.uniform(-60, 35)])
    aim = MOUTH_MM if rng.random() < at_mouth else anywhere
    aim = aim + rng.normal(0, 9, 2)
    turn = rng.uniform(0, 2 * np.pi)
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    way = rng.normal(0, 1, 2)
    way = way / np.linalg.norm(way) * rng.uniform(20, 90)
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    along = {
        0: np.zeros(frames),
        1: np.linspace(-1, 1, frames) + rng.uniform(-0.5, 0.5),
        2: np.maximum(0.0, np.linspace(rng.uniform(0.2, 2), -1, frames)),
    }[int(kind)]
    sway = np.cumsum(rng.normal(0, 0.6, (frames, 2)), axis=0)
    middle = layout().middle
    return [
        ((middle - aim - step * way - swing) @ rotate).astype(np.float32)
        for step, swing in zip(along, sway, strict=True)
    ]


# A shape maps places (852, 2) mm to how deep they lie inside it, in mm; negative outside.
Shape = Callable[[Floats], Floats]


def _plate(rng: Rng) -> Shape:
    wide, high = rng.uniform(12, 60), rng.uniform(10, 50)
    power = rng.choice([2.0, 2.0, 4.0, 8.0])
    return lambda p: (
        (1 - ((np.abs(p[:, 0]) / wide) ** power + (np.abs(p[:, 1]) / high) ** power) ** (1 / power))
        * min(wide, high)
    )


def _fingers(rng: Rng) -> Shape:
    count, radius = int(rng.integers(1, 6)), rng.uniform(4.5, 10)
    gap = rng.uniform(1.9, 2.6) * radius
    ends = rng.uniform(-20, 45, count)
    palm = rng.uniform(25, 60) if rng.random() < 0.6 else np.inf
    lean = rng.normal(0, 0.12, count)

    def depth(p: Floats) -> Floats:
        best = np.full(len(p), -100.0, np.float32)
        for number in range(count):
            across = p[:, 0] - (number - (count - 1) / 2) * gap - lean[number] * p[:, 1]
            past = np.maximum(p[:, 1] - ends[number], 0)
            best = np.maximum(best, radius - np.hypot(across, past))
        if np.isfinite(palm):
            half = 0.5 * count * gap
            best = np.maximum(best, np.minimum(half - np.abs(p[:, 0]), -palm + 25 - p[:, 1]))
        return best

    return depth


def _cloth(rng: Rng) -> Shape:
    waves = [(rng.uniform(15, 60), rng.uniform(0, 6), rng.uniform(0, 7)) for _ in range(3)]
    return lambda p: (
        -p[:, 1]
        + sum(high * np.sin(2 * np.pi * p[:, 0] / long + phase) for long, high, phase in waves)
    )


def _strands(rng: Rng) -> Shape:
    count = int(rng.integers(2, 7))
    at, bend = rng.uniform(-30, 30, count), rng.normal(0, 0.004, count)
    radius = rng.uniform(1.0, 3.5, count)
    return lambda p: np.max(
        [radius[k] - np.abs(p[:, 0] - at[k] - bend[k] * p[:, 1] ** 2) for k in range(count)], axis=0
    )


def _toy(rng: Rng) -> Shape:
    corners = int(rng.integers(3, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(10, 38, corners)

    def depth(p: Floats) -> Floats:
        angle = np.arctan2(p[:, 1], p[:, 0]) % (2 * np.pi)
        edge = np.interp(angle, angles, reach, period=2 * np.pi)
        return edge - np.hypot(p[:, 0], p[:, 1])

    return depth


def _bottle(rng: Rng) -> Shape:
    near, far, long = rng.uniform(7, 20), rng.uniform(18, 38), rng.uniform(15, 45)

    def depth(p: Floats) -> Floats:
        along = np.clip(-p[:, 1] / long, 0, 1)
        return np.minimum(near + (far - near) * along - np.abs(p[:, 0]), 8 - p[:, 1])

    return depth


def _stick(rng: Rng) -> Shape:
    """What is put into a mouth by its thin end, and may be thicker further out."""
    thin, out = rng.uniform(2.5, 9), rng.uniform(6, 35)
    thick = thin * rng.uniform(1, 3)
    within = rng.uniform(1, 8)

    def depth(p: Floats) -> Floats:
        share = 1 / (1 + np.exp(np.clip((p[:, 1] + out) / within, -20, 20)))
        half = thin + (thick - thin) * share
        return half - np.hypot(p[:, 0], np.maximum(p[:, 1], 0))

    return depth


def _lump(rng: Rng) -> Shape:
    """What is bitten off, or smeared: round, and its rim is not smooth."""
    wide, high = rng.uniform(6, 28), rng.uniform(6, 24)
    phases, rough = rng.uniform(0, 6, 3), rng.uniform(0, 0.12, 3)

    def depth(p: Floats) -> Floats:
        angle = np.arctan2(p[:, 1], p[:, 0])
        waves = zip((3, 5, 8), rough, phases, strict=True)
        rim = 1 + sum(deep * np.sin(k * angle + phase) for k, deep, phase in waves)
        return (rim - np.hypot(p[:, 0] / wide, p[:, 1] / high)) * min(wide, high)

    return depth


_IN_MOUTHS = (_stick, _lump)
_SHAPES = (
    *(_plate, _plate, _fingers, _fingers, _fingers, _cloth, _strands, _toy, _bottle),
    *(_stick, _stick, _lump, _lump),
)


def _paint(rgb: Floats, other: Track, rng: Rng) -> tuple[Floats, Floats]:
    """Colours (T, 852, 3) and edges (T, 852) of a cover."""
    kind = rng.choice(
        ["own", "near", "skin", "hue", "grey", "face"], p=[0.2, 0.1, 0.13, 0.22, 0.25, 0.1]
    )
    own = np.median(rgb[:, layout().upper], axis=(0, 1))
    middle = layout().middle
    if kind == "face":
        moved = other.swatches[rng.integers(len(other.swatches))][rng.permutation(852)]
        moved = other.swatches[0] if rng.random() < 0.5 else moved
        paint = np.broadcast_to(moved[None, :, :3].astype(np.float32), rgb.shape)
        return paint, np.broadcast_to(moved[None, :, 3].astype(np.float32), rgb.shape[:2])
    base = {
        "own": lambda: own * np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.05, 3)),
        # Bread, fruit, wood and biscuits are nearer to skin than most things are.
        "near": lambda: own * np.exp(rng.normal(0.1, 0.25) + rng.normal(0, 0.15, 3)),
        "skin": lambda: _skin(rng) * np.exp(rng.normal(0, 0.2)),
        "hue": lambda: rng.uniform(15, 245, 3),
        "grey": lambda: rng.uniform(8, 245) * np.exp(rng.normal(0, 0.04, 3)),
    }[str(kind)]().astype(np.float32)
    pattern = np.zeros(len(middle), np.float32)
    if kind in ("hue", "grey") and rng.random() < 0.5:
        turn, long = rng.uniform(0, np.pi), rng.uniform(6, 30)
        wave = np.sin(2 * np.pi / long * (middle @ [np.cos(turn), np.sin(turn)]))
        pattern = (wave > rng.uniform(-0.5, 0.8)).astype(np.float32) * rng.uniform(0.2, 0.9)
    second = rng.uniform(15, 245, 3).astype(np.float32)
    flat = base + pattern[:, None] * (second - base)
    shade = slope(middle, rng, 0.012) + rng.normal(0, rng.uniform(0.01, 0.1), len(middle))
    paint = flat * np.exp(shade)[:, None]
    texture = np.exp(rng.normal(2.0, 1.1) + rng.normal(0, 0.5, len(middle)))
    texture += 40 * pattern * (1 - pattern) + 0.1 * np.abs(shade) * base.mean()
    every = (len(rgb), 1, 1)
    return np.tile(paint.astype(np.float32), every), np.tile(texture.astype(np.float32), every[:2])


def _skin(rng: Rng) -> NDArray[np.float64]:
    """Human skin on screen, from pale to dark."""
    tones = np.array(
        [[240, 205, 185], [225, 180, 150], [198, 146, 112], [150, 100, 70], [90, 58, 42]]
    )
    at = rng.uniform(0, len(tones) - 1)
    low = int(at)
    high = min(low + 1, len(tones) - 1)
    return (tones[low] + (at - low) * (tones[high] - tones[low])) * np.exp(rng.normal(0, 0.05, 3))
