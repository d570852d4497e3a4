"""The kinds of things that choices are made on: nothing is learned from them, and none is reported.

They are as unlike what is reported as that is unlike what is learned from: narrow ones that come
from the mouth, large flat ones, things of a skin's colour without fingers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench._stamps import (
    Canvas,
    Colour,
    Rng,
    Stamp,
    blurred,
    dyed,
    mottled,
    sharp,
)


def spoon(rng: Rng, _: Colour) -> Stamp:
    """Draw a spoon with or without purée, of steel or plastic."""
    canvas = Canvas(rng)
    steel = rng.random() < 0.5
    grey = rng.uniform(0.55, 0.8)
    made_of = (grey, grey, grey * 1.03) if steel else dyed(rng)
    wide, high = rng.uniform(12, 18), rng.uniform(17, 24)
    shine = 0.5 if steel else 0.25
    canvas.lay(canvas.capsule((0, high - 4), (0, 150), (3.2, 6.0)), made_of, 4, shine)
    canvas.lay(canvas.disc((0, 0), wide, high), made_of, 9, shine)
    if rng.random() < 0.6:
        heap = sharp(
            0.75 * wide - np.hypot(canvas.x, 0.8 * canvas.y) + 1.5 * (mottled(rng, 8, 1) - 1)
        )
        food = np.asarray(dyed(rng, (0.4, 0.9), (0.4, 0.9))) * mottled(rng, 4, 0.06)[..., None]
        canvas.lay(heap, food.astype(np.float32), 6, 0.15)
    return canvas.stamp()


def syringe(rng: Rng, _: Colour) -> Stamp:
    """Draw a syringe that medicine is given with: its tip in the mouth, marks along its barrel."""
    canvas = Canvas(rng)
    clear, fluid = dyed(rng, (0.0, 0.12), (0.75, 0.98)), dyed(rng, (0.3, 0.9))
    wide, foot = rng.uniform(9, 14), rng.uniform(70, 95)
    canvas.lay(canvas.capsule((0, foot), (0, foot + 60), (0.5 * wide, 0.5 * wide)), clear, 5, 0.3)
    canvas.lay(canvas.capsule((0, -8), (0, 16), (0.35 * wide, 0.5 * wide)), clear, 4, 0.3)
    barrel = canvas.hull(
        [(-wide + 3, 18, 3), (wide - 3, 18, 3), (3 - wide, foot, 3), (wide - 3, foot, 3)]
    )
    canvas.lay(barrel, clear, wide, 0.4)
    canvas.tint(barrel * sharp(canvas.y * -1 + rng.uniform(30, foot)), fluid, 0.7)
    marks = sharp(0.5 - np.abs((canvas.y % 6) - 3)) * sharp(canvas.x)
    canvas.tint(barrel * marks, (0.1, 0.1, 0.15), 0.8)
    canvas.lay(canvas.capsule((-2 * wide, foot), (2 * wide, foot), (3, 3)), clear, 3, 0.3)
    return canvas.stamp()


def phone(rng: Rng, _: Colour) -> Stamp:
    """Draw a telephone held before the face: its back with a camera, or its screen."""
    canvas = Canvas(rng)
    wide, high = rng.uniform(30, 37), rng.uniform(65, 78)
    corners = [(x * (wide - 8), y * (high - 8), 8) for x in (-1, 1) for y in (-1, 1)]
    body = canvas.hull(corners)
    canvas.lay(body, dyed(rng, (0.0, 0.5), (0.05, 0.9)), 4, 0.3)
    if rng.random() < 0.5:
        screen = canvas.hull([(0.93 * x, 0.95 * y, r) for x, y, r in corners])
        picture = np.asarray(dyed(rng)) * mottled(rng, 18, 0.4)[..., None]
        canvas.tint(screen, np.clip(picture, 0, 1).astype(np.float32), 1.0)
    else:
        canvas.lay(canvas.disc((-0.5 * wide, -0.75 * high), 7, 7), (0.04, 0.04, 0.05), 3, 0.6)
    return canvas.stamp()


def rusk(rng: Rng, _: Colour) -> Stamp:
    """Draw a rusk, a slice of bread or of fruit, bitten into."""
    canvas = Canvas(rng)
    wide, high = rng.uniform(16, 34), rng.uniform(16, 42)
    crumb = 1.2 * (mottled(rng, 5, 1.0) - 1)
    round_ = np.hypot(canvas.x / wide, (canvas.y - 0.5 * high) / high)
    bite = np.hypot(canvas.x - rng.uniform(-8, 8), canvas.y + 0.6 * high) - rng.uniform(5, 12)
    whole = np.minimum((1 - round_) * min(wide, high), bite) + crumb
    hue = rng.choice(
        [[0.86, 0.70, 0.46], [0.93, 0.86, 0.66], [0.80, 0.25, 0.15], [0.62, 0.75, 0.3]]
    )
    inside = hue * mottled(rng, 3, 0.08)[..., None] * rng.lognormal(0, 0.1)
    canvas.lay(sharp(whole), np.clip(inside, 0, 1).astype(np.float32), 7, 0.05)
    crust = sharp(whole) * (1 - blurred(sharp(whole - 3), 0.5))
    canvas.tint(crust, tuple(0.62 * hue), 0.7)
    return canvas.stamp()


def arm(rng: Rng, skin: Colour) -> Stamp:
    """Draw a bare forearm across the face, of skin like the face's, with or without a sleeve."""
    canvas = Canvas(rng)
    tone = np.asarray(skin) * rng.lognormal(0, 0.1) * rng.normal(1, 0.02, 3)
    flesh = np.clip(tone * mottled(rng, 18, 0.05)[..., None], 0, 1).astype(np.float32)
    thin, thick = rng.uniform(15, 22), rng.uniform(24, 34)
    top = rng.uniform(-130, -10)
    canvas.lay(canvas.capsule((0, top), (0, 160), (thin, thick)), flesh, 26)
    if rng.random() < 0.5:
        knit = 1 + 0.08 * np.sin(canvas.x / 1.1) * np.sin(canvas.y / 1.4)
        wool = np.asarray(dyed(rng, (0.0, 0.7))) * knit[..., None]
        cuff = rng.uniform(-10, 60)
        sleeve = canvas.capsule((0, cuff), (0, 160), (thin + 6, thick + 8))
        canvas.lay(sleeve, np.clip(wool, 0, 1).astype(np.float32), 26)
    return canvas.stamp(takes_light=False)


def book(rng: Rng, _: Colour) -> Stamp:
    """Draw a page of a picture book: its lines, its picture, its rim."""
    canvas = Canvas(rng)
    wide, high = rng.uniform(40, 75), rng.uniform(45, 70)
    middle = 0.4 * high
    corners = np.array([(-wide, -high), (wide, -high), (wide, high), (-wide, high)])
    page = canvas.polygon(corners + np.array([0, middle]))
    canvas.lay(page, dyed(rng, (0.0, 0.3), (0.7, 0.98)), 2)
    lines = sharp(0.8 - np.abs((canvas.y % 7) - 3.5)) * sharp(mottled(rng, 4, 1.0) - 0.7)
    below = sharp(canvas.y - middle)
    canvas.tint(page * lines * below, (0.1, 0.1, 0.12), 0.9)
    for _blob in range(4):
        place = (rng.uniform(-wide, wide), rng.uniform(-high, 0) + middle)
        blob = canvas.disc(place, rng.uniform(8, 24), rng.uniform(8, 20))
        canvas.tint(page * blob * (1 - below), dyed(rng), 0.9)
    return canvas.stamp()


KINDS: dict[str, Callable[[Rng, Colour], Stamp]] = {
    "spoon": spoon,
    "syringe": syringe,
    "phone": phone,
    "rusk": rusk,
    "arm": arm,
    "book": book,
}
