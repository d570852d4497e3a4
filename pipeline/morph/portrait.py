"""One face before a plain ground, always seen the same way: what videos of latents show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.appearance import Appearance, Light
from pipeline.morph.interface import MorphableModel
from pipeline.morph.model import Morphable
from pipeline.morph.plain import PlainPainter
from pipeline.morph.render import Camera, Painter

GROUND = (232, 230, 226)


def portrait(model: MorphableModel, side_px: int = 256) -> Callable[[NDArray], NDArray[np.uint8]]:
    """Return what draws vertices (V, 3) in mm, without pose, as (side_px, side_px, 3) RGB."""
    camera = Camera.facing((side_px, side_px))
    if not isinstance(model, Morphable):
        plain = PlainPainter(model)
        return lambda vertices: plain.draw(vertices, camera).over(GROUND)
    painter, looks, light = Painter(model), Appearance(), Light()

    def draw(vertices: NDArray) -> NDArray[np.uint8]:
        return painter.draw(np.asarray(vertices, np.float32), camera, looks, light).over(GROUND)

    return draw
