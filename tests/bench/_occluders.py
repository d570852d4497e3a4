"""The kinds of things that cover a face in `cradle bench face`: one function draws each.

    stamp = KINDS["cup"](np.random.default_rng(3), skin)

`skin` is the colour of the face's own skin as the camera saw it, 0..1: the hands take it, more or
less. A head is cut out of another clip, by `head`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.bench._stamps import (
    PX_PER_MM,
    SIDE_MM,
    SIDE_PX,
    Canvas,
    Colour,
    Map,
    Rng,
    Stamp,
    blurred,
    dyed,
    mottled,
    sharp,
)

HEAD_MM = (60.0, 84.0)
"""Half axes of a head that is cut out: the face, its hair and its ears."""


def hand(rng: Rng, skin: Colour) -> Stamp:
    """Draw a hand: flat with its fingers together or spread, a fist, or two fingers put out."""
    canvas = Canvas(rng)
    tone = np.asarray(skin) * rng.lognormal(0, 0.10) * rng.normal(1, 0.02, 3)
    flesh = (tone * mottled(rng, 14, 0.04)[..., None]).astype(np.float32)
    flesh[..., 1:] *= mottled(rng, 25, 0.03)[..., None]
    size = rng.uniform(0.72, 1.0)
    side = rng.choice([-1.0, 1.0])
    canvas.lay(_hull(canvas, size, [(-26, 95, 20), (26, 95, 20), (0, 230, 38)]), flesh, 30)
    palm = [(-27, 8, 12), (27, 6, 12), (-22, 62, 14), (22, 66, 16), (-20, 95, 16), (20, 95, 16)]
    canvas.lay(_hull(canvas, size, palm), flesh, 16)
    style = rng.choice(["flat", "spread", "fist", "two"])
    thumb = [(side * 26, 60), (side * 42, 38), (side * (46 if style != "fist" else 22), 14)]
    _finger(canvas, np.array(thumb) * size, 11 * size, flesh, tone)
    for number, base in enumerate((-27.0, -9.0, 9.0, 27.0)):
        out = style in ("flat", "spread") or (style == "two" and number in (1, 2))
        length = (68.0, 78.0, 76.0, 60.0)[number] if out else 24.0
        fan = np.radians(base * (0.75 if style == "spread" else 0.22) + rng.normal(0, 2))
        bend = fan + np.radians(rng.normal(0, 5))
        joints = [np.array([base, 4.0])]
        for share, angle in ((0.45, fan), (0.3, bend), (0.25, 2 * bend - fan)):
            joints.append(joints[-1] + share * length * np.array([np.sin(angle), -np.cos(angle)]))
        _finger(canvas, np.array(joints) * size, 9.3 * size, flesh, tone, nail=out)
    return canvas.stamp(takes_light=False)


def _hull(canvas: Canvas, size: float, discs: Sequence[tuple[float, float, float]]) -> Map:
    return canvas.hull([(x * size, y * size, r * size) for x, y, r in discs])


def _finger(
    canvas: Canvas,
    joints: NDArray[np.float64],
    radius_mm: float,
    flesh: Map,
    tone: NDArray[np.float64],
    nail: bool = False,
) -> None:
    cover = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    thick = np.linspace(radius_mm, 0.78 * radius_mm, len(joints))
    for n, (a, b) in enumerate(pairwise(joints)):
        cover = np.maximum(cover, canvas.capsule(_xy(a), _xy(b), (thick[n], thick[n + 1])))
    canvas.lay(cover, flesh, 0.95 * radius_mm, shine=0.08)
    along = joints[-1] - joints[-2]
    along /= max(float(np.linalg.norm(along)), 1e-6)
    across = np.array([along[1], -along[0]]) * 0.65 * radius_mm
    for joint in joints[1:-1]:
        for apart in (-1.3, 1.3):
            middle = joint + apart * along
            crease = canvas.capsule(_xy(middle - across), _xy(middle + across), (0.6, 0.6))
            canvas.tint(blurred(crease, 0.5), tuple(0.62 * tone), 0.55)
        canvas.tint(blurred(canvas.disc(_xy(joint), 4, 4), 2.5), tone * [1.04, 0.86, 0.84], 0.5)
    if nail:
        place = canvas.capsule(_xy(joints[-1] - 2 * along), _xy(joints[-1] + 3 * along), (4.2, 4.6))
        canvas.tint(place, np.clip(tone * [1.12, 1.05, 1.05] + 0.04, 0, 1), 0.8)


def pacifier(rng: Rng, _: Colour) -> Stamp:
    """Draw a pacifier with a butterfly's shield and a bar to pull it by."""
    canvas = Canvas(rng)
    shield, bar = dyed(rng), dyed(rng)
    lobe, high = rng.uniform(17, 21), rng.uniform(17, 23)
    wings = [canvas.disc((side * 16, -2), lobe, high) for side in (-1, 1)]
    cover = np.maximum(np.maximum(*wings), canvas.disc((0, 2), 20, 14))
    for side in (-1, 1):
        cover *= 1 - canvas.disc((side * 23, -3), 3.2, 5.0)
    canvas.lay(cover, shield, 5, shine=0.25)
    canvas.tint(sharp(np.abs(np.hypot(canvas.x, canvas.y) - 14) * -1 + 1.0), dyed(rng), 0.6)
    canvas.lay(canvas.disc((0, 0), 9.5, 9.5), bar, 6, shine=0.3)
    canvas.lay(canvas.capsule((0, -3), (0, rng.uniform(14, 24)), (4.5, 6.5)), bar, 5, shine=0.3)
    return canvas.stamp()


def bottle(rng: Rng, _: Colour) -> Stamp:
    """Draw a training bottle with a spout, two handles and a printed body, upright."""
    canvas = Canvas(rng)
    body, top = dyed(rng, (0.05, 0.6), (0.6, 0.98)), dyed(rng)
    wide, long_ = rng.uniform(28, 36), rng.uniform(95, 130)
    for side in (-1, 1):
        loop = np.hypot((canvas.x - side * wide) / 0.75, canvas.y - 68) - 24
        canvas.lay(sharp(5 - np.abs(loop)), top, 5, shine=0.2)
    canvas.lay(canvas.hull([(-7, -2, 6), (7, -2, 6), (-12, 16, 6), (12, 16, 6)]), top, 8, 0.3)
    top_mm, foot_mm = wide - 8, 0.9 * wide - 8
    high = long_ + 20
    cover = canvas.hull(
        [(-top_mm, 48, 8), (top_mm, 48, 8), (-foot_mm, high, 8), (foot_mm, high, 8)]
    )
    canvas.lay(cover, body, 0.9 * wide, shine=0.35)
    print_ = np.sin(canvas.y / rng.uniform(3, 7)) * np.sin(canvas.x / rng.uniform(3, 7))
    canvas.tint(cover * sharp(print_.astype(np.float32) - 0.3), dyed(rng), 0.7)
    ring = canvas.hull(
        [(-wide + 3, 24, 8), (wide - 3, 24, 8), (wide - 3, 36, 8), (3 - wide, 36, 8)]
    )
    canvas.lay(ring, top, 0.9 * wide, shine=0.3)
    return canvas.stamp()


def cloth(rng: Rng, _: Colour) -> Stamp:
    """Draw a muslin with a woven check, hanging in folds, its rim wavy."""
    canvas = Canvas(rng)
    wide, high = rng.uniform(42, 75), rng.uniform(55, 80)
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    square = 1 / np.maximum(np.abs(np.cos(turn)), np.abs(np.sin(turn)))
    ripple = 1 + 0.05 * np.sin(7 * turn + rng.uniform(0, 6)) + 0.03 * np.sin(13 * turn)
    rim = np.stack([wide * np.cos(turn), high * np.sin(turn)], axis=1) * (square * ripple)[:, None]
    cover = canvas.polygon(rim + np.array([0, 0.55 * high]))
    ground, thread = np.asarray(dyed(rng, (0.0, 0.7))), np.asarray(dyed(rng, (0.0, 0.7)))
    pitch, lean = rng.uniform(5, 16), rng.uniform(-0.5, 0.5)
    warp = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * (canvas.x + lean * canvas.y) / pitch))
    weft = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * (canvas.y - lean * canvas.x) / pitch))
    check = (0.5 * (warp + weft) * rng.choice([0.0, 0.5, 1.0]))[..., None]
    fabric = (1 - check) * ground + check * thread
    drape = canvas.x * np.cos(lean) + canvas.y * np.sin(lean) + 9 * mottled(rng, 50, 1.0)
    folds = 1 + 0.20 * np.sin(drape / rng.uniform(4, 8)) * mottled(rng, 60, 0.3)
    weave = 1 + 0.05 * rng.standard_normal(folds.shape)
    canvas.lay(cover, (fabric * (folds * weave)[..., None]).astype(np.float32), 4)
    return canvas.stamp()


def toy(rng: Rng, _: Colour) -> Stamp:
    """Draw a plush animal, a wooden ring, or a rubber duck's worth of plain discs."""
    canvas = Canvas(rng)
    colour, second = np.asarray(dyed(rng, (0.1, 0.7))), dyed(rng)
    if rng.random() < 0.35:
        apart = np.hypot(canvas.x, canvas.y + 4)
        grain = 1 + 0.12 * np.sin(canvas.x / 1.3 + 4 * mottled(rng, 30, 0.5))
        wood = (np.array([0.80, 0.60, 0.38]) * grain[..., None]).astype(np.float32)
        canvas.lay(sharp((11 - np.abs(apart - 27)).astype(np.float32)), wood, 10, shine=0.15)
        canvas.lay(canvas.disc((0, 24), 17, 17), second, 15, shine=0.2)
        return canvas.stamp()
    fur = (colour * (1 + 0.13 * rng.standard_normal((SIDE_PX, SIDE_PX)))[..., None]).astype("f4")
    fluff = 1.5 * (mottled(rng, 1.5, 1.0) - 1)
    for side in (-1, 1):
        canvas.lay(sharp(14 - np.hypot(canvas.x - side * 27, canvas.y + 30) + fluff), fur, 9)
    canvas.lay(sharp(33 - np.hypot(canvas.x, 1.1 * canvas.y) + fluff), fur, 26)
    canvas.lay(sharp(36 - np.hypot(canvas.x, 0.8 * (canvas.y - 66)) + fluff), fur, 26)
    canvas.lay(canvas.disc((0, 9), 14, 11), np.clip(colour + 0.2, 0, 1).astype("f4"), 9)
    for side in (-1, 1):
        canvas.lay(canvas.disc((side * 12, -8), 3.5, 4), (0.05, 0.05, 0.06), 3, shine=0.7)
    canvas.lay(canvas.disc((0, 4), 5, 3.5), second, 3, shine=0.3)
    return canvas.stamp()


def hair(rng: Rng, _: Colour) -> Stamp:
    """Draw a lock of long hair that falls across the face, thin toward its rims."""
    drawn = np.zeros((SIDE_PX, SIDE_PX, 4), np.uint8)
    base = rng.choice(
        [[0.10, 0.07, 0.05], [0.26, 0.16, 0.09], [0.55, 0.40, 0.22], [0.35, 0.32, 0.3]]
    )
    wide, sway = rng.uniform(22, 45), rng.uniform(-45, 45)
    down = np.linspace(-150, rng.uniform(45, 100), 24)
    for _strand in range(round(26 * wide)):
        start, stray = rng.normal(0, 0.5 * wide), rng.normal(0, 4)
        across = (
            start
            + stray * (down / 100)
            + sway * np.sin(down / 70 + 0.01 * start)
            + rng.normal(0, 0.4, 24)
        )
        shown = rng.integers(16, 25)
        line = np.stack([across, down], axis=1)[:shown]
        colour = np.clip(base * rng.lognormal(0, 0.35), 0, 1) * 255
        px = np.round((line + SIDE_MM / 2) * PX_PER_MM * 16).astype(np.int32)
        thick = int(rng.integers(1, 3))
        cv2.polylines(drawn, [px], False, (*colour.tolist(), 255), thick, cv2.LINE_AA, shift=4)
    alpha = blurred(drawn[..., 3].astype(np.float32) / 255, 0.3)
    sheen = 1 + 0.5 * np.exp(-(((np.arange(SIDE_PX) / PX_PER_MM - 110) / 14) ** 2))
    rgb = drawn[..., :3].astype(np.float32) / 255 * sheen[:, None, None]
    return Stamp(np.clip(rgb, 0, 1).astype(np.float32), alpha)


def cup(rng: Rng, _: Colour) -> Stamp:
    """Draw a mug tipped to the mouth: its rim an ellipse, one handle, a printed band."""
    canvas = Canvas(rng)
    glaze, inside = dyed(rng, (0.0, 0.8)), dyed(rng, (0.0, 0.3), (0.5, 0.95))
    wide, high, side = rng.uniform(32, 40), rng.uniform(60, 80), rng.choice([-1.0, 1.0])
    loop = np.hypot((canvas.x - side * wide) / 0.8, canvas.y - 0.5 * high) - 20
    canvas.lay(sharp((4.5 - np.abs(loop)).astype(np.float32)), glaze, 4, shine=0.3)
    cover = canvas.hull(
        [(-wide + 4, 0, 4), (wide - 4, 0, 4), (-0.75 * wide, high, 6), (0.75 * wide, high, 6)]
    )
    canvas.lay(cover, glaze, 0.9 * wide, shine=0.4)
    dots = np.hypot((canvas.x % 14) - 7, (canvas.y % 14) - 7)
    canvas.tint(cover * sharp((4.0 - dots).astype(np.float32)), dyed(rng), 0.8)
    canvas.lay(canvas.disc((0, 0), wide, 0.28 * wide), glaze, 2, shine=0.2)
    canvas.lay(
        canvas.disc((0, 0.6), wide - 3, 0.28 * wide - 2.5), 0.7 * np.asarray(inside, np.float32), 1
    )
    return canvas.stamp()


KINDS: dict[str, Callable[[Rng, Colour], Stamp]] = {
    "hand": hand,
    "cloth": cloth,
    "pacifier": pacifier,
    "bottle": bottle,
    "toy": toy,
    "hair": hair,
    "cup": cup,
}


def head(picture: NDArray[np.uint8], to_stamp: NDArray[np.float64]) -> Stamp:
    """Cut a head out of a picture, (H, W, 3): an ellipse with a feathered rim.

    Args:
        picture: RGB.
        to_stamp: (2, 3) from its px to the stamp's mm, the middle of the face at 0.
    """
    shift = np.array([[PX_PER_MM], [PX_PER_MM]]) * to_stamp + [[0, 0, SIDE_PX / 2]]
    warped = cv2.warpAffine(picture, shift, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
    place = (np.arange(SIDE_PX) - SIDE_PX / 2) / PX_PER_MM
    apart = np.hypot(place[None] / HEAD_MM[0], place[:, None] / HEAD_MM[1])
    alpha = np.clip((1 - apart) * HEAD_MM[0] / 5.0 + 0.5, 0, 1)
    return Stamp(warped.astype(np.float32) / 255, alpha.astype(np.float32), takes_light=False)


def _xy(place: NDArray[np.float64]) -> tuple[float, float]:
    return float(place[0]), float(place[1])
