"""An embedding to look at: its landmarks on the mean face, green where the detector keeps to them.

shown = picture(model, embedding)      # (768, 768, 3) RGB
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.embedding import Embedding
from pipeline.morph.interface import MorphableModel
from pipeline.morph.plain import PlainPainter
from pipeline.morph.portrait import GROUND
from pipeline.morph.render import Camera

SIDE_PX = 768
_STEADY_RGB, _STRAYING_RGB = (40, 170, 80), (225, 45, 40)
_MARGIN = 1.35
_SUBPIXEL_BITS = 4


def picture(model: MorphableModel, placed: Embedding) -> NDArray[np.uint8]:
    """The mean face with a dot a landmark, from green to red as `scatter_mm` grows."""
    import cv2

    points = placed.place(model.mean.astype(float))
    camera = _camera(points)
    drawn = PlainPainter(model).draw(model.mean, camera).over(GROUND)
    share = (placed.scatter_mm / max(float(placed.scatter_mm.max()), 1e-9))[:, None]
    colours = (1 - share) * np.array(_STEADY_RGB) + share * np.array(_STRAYING_RGB)
    unit = 2**_SUBPIXEL_BITS
    px = np.round(camera.project(points)[:, :2] * unit).astype(int)
    for place, colour in zip(px.tolist(), colours.tolist(), strict=True):
        cv2.circle(drawn, place, 3 * unit, colour, -1, cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return drawn


def png(model: MorphableModel, placed: Embedding) -> bytes:
    """The picture as a file's content."""
    import cv2

    _, coded = cv2.imencode(".png", picture(model, placed)[..., ::-1])
    return coded.tobytes()


def _camera(points: NDArray) -> Camera:
    low, high = points.min(0), points.max(0)
    height = _MARGIN * float((high - low)[:2].max())
    return Camera.facing(
        (SIDE_PX, SIDE_PX), (0.0, 0.0, 0.0), 5 * height, 165.0 / height, (low + high) / 2
    )
