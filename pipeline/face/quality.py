"""How much light and how much detail there is on a face, from its cut."""

from __future__ import annotations

import math
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.face.crop import Crop, bordered
from pipeline.face.mesh import OVAL

BANDS_PX = (1.0, 2.0, 4.0)
"""Spreads, in px of the halved cut, between which detail is fine, and then coarse."""
_FROM_MIDDLE_PX = math.sqrt(BANDS_PX[2] ** 2 - BANDS_PX[1] ** 2)
"""Spread that takes what is blurred by the second of them to the third."""
DIRECTIONS = 8
"""In which the smear of what moved is looked for, over half a turn."""

Floats = NDArray[np.float32]
Mask = NDArray[np.uint8]
_TURN = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
_SHARES = (np.cos(_TURN) ** 2, 2 * np.cos(_TURN) * np.sin(_TURN), np.sin(_TURN) ** 2)
"""Of the second derivatives across, both ways, and down in that along each direction."""
_WEIGHTS = np.stack(
    [
        *(one * one for one in _SHARES),
        *(2 * one * other for one, other in combinations(_SHARES, 2)),
    ],
    axis=1,
)
"""Of their products in its energy."""
_ACROSS = np.roll(np.arange(DIRECTIONS), DIRECTIONS // 2)
"""The direction at a right angle to each."""


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


def quality(crop: Crop) -> Quality:
    """Measure a face that is cut out, as far as it lies in the picture."""
    from pipeline.face.pixels import median

    there = _face(crop)
    if not there.any():
        return Quality(float("nan"), float("nan"), float("nan"))
    halved = cv2.resize(crop.grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    half = np.asarray(halved, np.uint8)
    light = half.astype(np.float32)
    small, middle = (cv2.GaussianBlur(light, (0, 0), spread) for spread in BANDS_PX[:2])
    fine = small - middle
    # What is blurred by so much is told by every second pixel, across and down.
    middle, rough = np.ascontiguousarray(middle[::2, ::2]), np.ascontiguousarray(there[::2, ::2])
    coarse = middle - cv2.GaussianBlur(middle, (0, 0), _FROM_MIDDLE_PX / 2)
    return Quality(
        median(half, there) / 255.0,
        _strength(fine, there) / (_strength(coarse, rough) or float("inf")),
        _motion_blur(_along(fine, there), _along(coarse, rough)),
    )


def _strength(band: Floats, there: Mask) -> float:
    """Root of the mean energy of a band."""
    return cv2.norm(band, cv2.NORM_L2, there) / math.sqrt(max(cv2.countNonZero(there), 1))


def _motion_blur(fine: Floats, coarse: Floats) -> float:
    """Of energies (DIRECTIONS,): coarse detail tells how much a face has of its own that way."""
    if not (fine > 0).all() or not (coarse > 0).all():
        return 0.0
    kept = np.sqrt(fine / coarse)
    return float(1.0 - (kept / kept[_ACROSS]).min())


def _along(band: Floats, there: Mask) -> Floats:
    """Energy (DIRECTIONS,) of the second derivative of a band along each direction.

    Of the first, edges at an angle to the motion would show in it and across it alike.
    """
    from pipeline.face.pixels import bends

    return np.asarray(_WEIGHTS @ bends(bordered(band, 1), there), np.float32)


def _face(crop: Crop) -> Mask:
    """1 where in the halved cut the face is, (H / 2, W / 2)."""
    outline = np.round(crop.landmarks[OVAL] / 2).astype(np.int32)
    mask = np.zeros((crop.grey.shape[0] // 2, crop.grey.shape[1] // 2), dtype=np.uint8)
    cv2.fillPoly(mask, [outline], (1,))
    return mask
