"""How much light and how much detail there is on a face, from its upright cut."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.crop import Crop
from pipeline.face.mesh import OVAL

BANDS_PX = (1.0, 2.0, 4.0)
"""Spreads, in px of the halved cut, between which detail is fine, and then coarse."""
DIRECTIONS = 8
"""In which the smear of what moved is looked for, over half a turn."""

Floats = NDArray[np.float32]


class Quality(NamedTuple):
    """What the picture is worth where the face is; nan where none of it lies in the picture."""

    brightness: float
    """Median lightness in [0, 1]."""
    sharpness: float
    """How strong detail of 1.4 to 2.8 mm is against detail of 2.8 to 5.6 mm: 0.6 to 1 in sharp
    faces, 0.5 at a blur of 2% of the face's width and 0.3 at 6%. It depends neither on light nor on
    contrast, as the variance of a Laplacian does, nor much on noise, which lies in finer detail
    still."""
    motion_blur: float
    """How much less of the fine detail is left along one direction than across it, in [0, 1]: up to
    0.2 in sharp faces and in such as are out of focus, 0.25 to 0.55 where the face moved by 8 mm
    while the shutter was open, least along the diagonals. Beyond 12 mm nothing fine is left either
    way, and it is `sharpness` that tells."""


def quality(crop: Crop, points: NDArray[np.floating]) -> Quality:
    """Measure the face, as far as it lies in the picture.

    Args:
        crop: the face cut out.
        points: (478, 3) px of the picture.
    """
    there = _face(crop, points)
    if not there.any():
        return Quality(float("nan"), float("nan"), float("nan"))
    half = cv2.resize(crop.grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small, middle, large = (
        cv2.GaussianBlur(half.astype(np.float32), (0, 0), spread) for spread in BANDS_PX
    )
    fine, coarse = small - middle, middle - large
    return Quality(
        float(np.median(half[there])) / 255.0,
        _sharpness(fine[there], coarse[there]),
        _motion_blur(_along(fine, there), _along(coarse, there)),
    )


def _sharpness(fine: Floats, coarse: Floats) -> float:
    strength = float(np.square(coarse).sum())
    return float(np.sqrt(np.square(fine).sum() / strength)) if strength > 0 else 0.0


def _motion_blur(fine: Floats, coarse: Floats) -> float:
    """Of energies (DIRECTIONS,): coarse detail tells how much a face has of its own that way."""
    if not (fine > 0).all() or not (coarse > 0).all():
        return 0.0
    kept = np.sqrt(fine / coarse)
    across = np.roll(kept, DIRECTIONS // 2)
    return float(1.0 - (kept / across).min())


def _along(band: Floats, there: NDArray[np.bool_]) -> Floats:
    """Energy (DIRECTIONS,) of the second derivative of a band along each direction.

    Of the first, edges at an angle to the motion would show in it and across it alike.
    """
    second = [cv2.Sobel(band, cv2.CV_32F, x, y)[there] for x, y in ((2, 0), (1, 1), (0, 2))]
    turn = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    cos, sin = np.cos(turn), np.sin(turn)
    weights = np.stack([cos * cos, 2 * cos * sin, sin * sin], axis=1)
    products = np.asarray(second, np.float64) @ np.asarray(second, np.float64).T
    return np.einsum("di,ij,dj->d", weights, products, weights).astype(np.float32)


def _face(crop: Crop, points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where in the halved cut the face is, (H / 2, W / 2)."""
    outline = np.round(crop.place(points[OVAL]) / 2).astype(np.int32)
    mask = np.zeros((crop.grey.shape[0] // 2, crop.grey.shape[1] // 2), dtype=np.uint8)
    cv2.fillPoly(mask, [outline], (1,))
    return np.asarray((mask > 0) & crop.inside[::2, ::2])
