"""What a phone's camera does to a scene: exposure, softness, a darker rim, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.nursery.relief import Map, blur


@dataclass(frozen=True)
class Lens:
    """A camera.

    Attributes:
        exposure: brightness, 1 for a well-lit room.
        blur_px: spread of its blur.
        rim: (H, W) fall-off toward the corners.
        grain: (2H, 2W, 3) noise, read at another place in each frame.
    """

    exposure: float
    blur_px: float
    rim: Map
    grain: Map

    def take(self, frame: Map, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Turn colours (H, W, 3), 0..1, into a picture of bytes."""
        height, width = frame.shape[:2]
        picture = blur(frame, self.blur_px) if self.blur_px > 0.3 else frame
        top, left = rng.integers(0, height), rng.integers(0, width)
        grain = self.grain[top : top + height, left : left + width]
        out = np.empty((height, width, 3), np.uint8)
        _develop(picture, np.float32(self.exposure), self.rim, grain, out)
        return out


def make(
    rng: np.random.Generator, width_px: int, height_px: int, exposure: float, blur_px: float
) -> Lens:
    """Draw a camera; the darker the scene, the more its noise shows."""
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    apart = np.hypot((x / width_px - 0.5), (y / height_px - 0.5))
    rim = (1.0 - rng.uniform(0.1, 0.35) * apart**2 * 2.0).astype(np.float32)
    size = rng.uniform(0.004, 0.011) + (0.010 if exposure < 0.3 else 0.0)
    grain = rng.standard_normal((2 * height_px, 2 * width_px, 3), np.float32)
    grain = np.float32(size) * (0.5 * grain + 0.8 * grain.mean(-1, keepdims=True))
    return Lens(exposure * rng.uniform(0.95, 1.08), max(blur_px, rng.uniform(0.3, 0.7)), rim, grain)


@njit(cache=True)
def _develop(picture, exposure, rim, grain, out):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            level = exposure * rim[row, column]
            for c in range(3):
                value = 255.0 * (picture[row, column, c] * level + grain[row, column, c]) + 0.5
                out[row, column, c] = np.uint8(min(max(value, 0.0), 255.0))
