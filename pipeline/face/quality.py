"""How much light and how much detail there is on a face, from its upright 256 px cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.crop import SIZE_PX, Crop
from pipeline.face.mesh import OVAL

_BLUR_PX = 9


def brightness_and_sharpness(crop: Crop, points: NDArray[np.floating]) -> tuple[float, float]:
    """Measure the face, as far as it lies in the picture; nan where none of it does.

    Args:
        crop: the face cut out.
        points: (478, 3) px of the picture.

    Returns:
        Median lightness in [0, 1], and the share in [0, 1] of the contrast between neighbours that
        blurring would take away. A picture that is blurred already loses little more: Crete et al.,
        "The blur effect: perception and estimation with a new no-reference perceptual blur metric",
        2007. A share does not depend on how strong light and contrast are, which the variance of a
        Laplacian does.
    """
    there = _face(crop, points)
    if not there.any():
        return float("nan"), float("nan")
    grey = cv2.cvtColor(crop.pixels, cv2.COLOR_RGB2GRAY)
    fine = np.asarray(grey, dtype=np.float32)
    sharpness = max(_lost(fine, there, axis) for axis in (0, 1))
    return float(np.median(grey[there])) / 255.0, sharpness


def _lost(grey: NDArray[np.float32], there: NDArray[np.bool_], axis: int) -> float:
    size = (1, _BLUR_PX) if axis == 0 else (_BLUR_PX, 1)
    smooth = cv2.blur(grey, size)
    inner = there[1:, :] if axis == 0 else there[:, 1:]
    before = np.abs(np.diff(grey, axis=axis)) * inner
    after = np.abs(np.diff(smooth, axis=axis))
    total = float(before.sum())
    return float(np.maximum(before - after, 0).sum()) / total if total > 0 else 0.0


def _face(crop: Crop, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    outline = np.round(crop.place(points[OVAL])).astype(np.int32)
    mask = np.zeros((SIZE_PX, SIZE_PX), dtype=np.uint8)
    cv2.fillPoly(mask, [outline], (1,))
    return np.asarray((mask > 0) & crop.inside)
