"""A sheet of drawn infants, to look at: `python -m pipeline.morph.sheet OUT.png`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.appearance import draw_appearance, draw_light
from pipeline.morph.model import Morphable, load
from pipeline.morph.render import Camera, Painter

EXPRESSIONS: tuple[dict[str, float], ...] = (
    {},
    {"jaw_drop": 0.85, "mouth_stretch_horizontal": 0.8, "lid_closure": 0.85, "eye_squeeze": 1.0,
     "brow_bulge": 1.0, "brow_lower": 0.8, "cheek_raise": 0.7, "nasolabial_furrow": 1.0,
     "upper_lip_raise": 0.4, "nose_wrinkle": 0.6, "tongue_raise": 0.6},
    {"lip_corner_pull": 0.9, "cheek_raise": 0.8, "jaw_drop": 0.3, "lid_closure": 0.1},
    {"brow_raise": 0.7, "jaw_drop": 0.3, "lip_funnel": 0.4},
    {"lip_corner_depress": 0.8, "chin_raise": 0.7, "brow_bulge": 0.6},
    {"lid_closure": 1.0},
)  # fmt: skip
"""Rest, cry, smile, wonder, pout, sleep."""


def draw_sheet(
    model: Morphable, count: int = 24, columns: int = 6, side_px: int = 256, seed: int = 3
) -> NDArray[np.uint8]:
    """`count` random infants in rows: identity, age, looks, light, pose and expression vary."""
    rng = np.random.default_rng(seed)
    painter = Painter(model, detail=2)
    tiles = [_tile(model, painter, rng, n, side_px) for n in range(count)]
    rows = [np.hstack(tiles[r : r + columns]) for r in range(0, count, columns)]
    return np.vstack(rows)


def _tile(
    model: Morphable, painter: Painter, rng: np.random.Generator, number: int, side_px: int
) -> NDArray[np.uint8]:
    identity = rng.normal(size=model.layout["identity"])
    age = float(np.clip(rng.normal(), -2, 2))
    actions = EXPRESSIONS[number % len(EXPRESSIONS)]
    pose = (rng.normal(0, 15), rng.normal(0, 8), rng.normal(0, 7))
    camera = Camera.facing((side_px, side_px), pose, filling=0.80)
    vertices = model.shape(identity, model.action_vector(actions), age)
    looks, light = draw_appearance(rng), draw_light(rng)
    colour = tuple(int(c) for c in rng.uniform(70, 215, 3))
    return painter.draw(vertices, camera, looks, light).over((colour[0], colour[1], colour[2]))


def main(argv: Sequence[str]) -> int:
    """Write the sheet as a PNG."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m pipeline.morph.sheet OUT.png\n")
        return 2
    import cv2

    picture = draw_sheet(load())
    Path(argv[0]).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(argv[0], picture[..., ::-1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
