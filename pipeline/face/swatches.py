"""Colour and texture of a face, patch by patch of its mesh: 852 swatches that follow the landmarks.

A swatch is the mean colour of some 3 mm of skin around the middle of a triangle and the strength of
the edges there. The open mouth and the open eyes have no triangles, so that a dark or red inside,
a tongue or teeth never count as something that covers the lips.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.crop import Crop, bordered
from pipeline.face.mesh import BROWS, EYES, LIPS_OUTER, canonical

SWATCHES = 852
CHANNELS = 4
"""Red, green, blue, and edges in quarters of a grey level a pixel of the crop."""
_EDGE_STEPS = 4.0
_DARK = 10.0
"""Added to each channel before its logarithm, so that noise in the dark is not colour."""


@dataclass(frozen=True)
class Layout:
    """Where swatches lie on the canonical face."""

    middle: NDArray[np.float64]
    """(852, 2) mm, x right, y up."""
    lips: NDArray[np.bool_]
    """(852,) on the red of the lips."""
    around: NDArray[np.bool_]
    """(852,) skin around the mouth."""
    upper: NDArray[np.bool_]
    """(852,) skin of forehead, cheeks and nose, away from eyes, brows and mouth."""
    corners: NDArray[np.int32]
    """(852, 3) landmarks of each."""


@cache
def layout() -> Layout:
    """The layout, once a process."""
    shape = canonical()
    middle = shape.points[shape.triangles].mean(axis=1)[:, :2].astype(float)
    outline = shape.points[LIPS_OUTER, :2]
    lips = _inside(outline, middle)
    mouth = outline.mean(axis=0)
    width = np.ptp(outline[:, 0])
    apart = np.hypot((middle[:, 0] - mouth[0]) / (0.85 * width), (middle[:, 1] - mouth[1]) / 20.0)
    eyes = np.isin(shape.triangles, EYES + BROWS).any(axis=1)
    upper = (middle[:, 1] > mouth[1] + 16.0) & (np.abs(middle[:, 0]) < 46.0) & ~eyes
    return Layout(middle, lips, (apart < 1.0) & ~lips, upper, shape.triangles)


def take(crop: Crop) -> NDArray[np.uint8]:
    """Swatches (852, 4) of a face cut out."""
    from pipeline.face.pixels import EDGE, swatches

    pixels, grey = bordered(crop.pixels, EDGE), bordered(crop.grey, EDGE)
    return swatches(pixels, grey, crop.landmarks, layout().corners, _EDGE_STEPS)


def chromaticity(swatches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What light leaves alone, of swatches (..., 4): log(R/G), log(B/G), and log lightness."""
    rgb = swatches[..., :3].astype(np.float32) + _DARK
    logs, found = np.log(rgb), np.empty_like(rgb)
    np.subtract(logs[..., ::2], logs[..., 1:2], out=found[..., :2])
    # The mean along an axis of three takes as long as all the rest.
    np.log((rgb[..., 0] + rgb[..., 1] + rgb[..., 2]) / 3, out=found[..., 2])
    return found


def edges(swatches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Strength of edges (...,) in grey levels a pixel."""
    return swatches[..., 3].astype(np.float32) / _EDGE_STEPS


def _inside(outline: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.bool_]:
    polygon = outline.astype(np.float32)[:, None]
    return np.array(
        [cv2.pointPolygonTest(polygon, (float(x), float(y)), False) > 0 for x, y in points]
    )
