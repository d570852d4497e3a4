"""What covers a face by rules about its colours, which hold for any face and any camera.

Judged against the face's own skin on forehead, cheeks and nose, in colours that shading leaves
alone (logarithms of ratios of channels):

- `foreign`   a patch that has another colour than the face's skin or lips can have;
- `blank`     a mouth without what makes a mouth: edges, and lips redder and darker than the skin
              around them; a hand of the infant's own colour is told by that.

Each picture is judged by itself, because a pacifier may stay in for a whole clip and would become
what the mouth usually looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pipeline.face.areas import lips
from pipeline.face.cover_features import median
from pipeline.face.cover_grid import bells, carried
from pipeline.face.mesh import canonical
from pipeline.face.swatches import chromaticity, edges, layout

Floats = NDArray[np.float32]

SKIN_SPREAD = (0.04, 0.10)
"""Bounds on how much a face's own skin varies in colour from patch to patch."""
FOREIGN = (0.12, 1.5, 0.03)
"""Distance from skin at which a patch is as likely foreign as not, a + b * spread; and width."""
LIPS_MORE = ((-0.02, 0.65), (-0.12, 0.22))
"""How much redder, and how much bluer, lips are than skin, at the least and at the most."""
LIPS_FOREIGN = (0.10, 0.03)
"""Distance from that range at which a patch of lips is as likely foreign as not, and width."""
CONTRAST_COUNTS = 8.0
"""Weight of how much redder and darker lips are than the skin around them. Not of dark skin, whose
lips may be the lighter."""
TEXTURE_COUNTS = (2.5, 1.6)
"""Weight of the logarithm of edges on the lips, relative to the rest of the face and this."""
MOUTH_THERE = (0.3, 0.25)
"""Sum of the two at which a mouth is as likely there as not; and width."""
NEAR_MM = 5.0
MOUTH_NEAR_MM = 9.0
SURROUND_MM = 14.0


@dataclass(frozen=True)
class Weights:
    """How swatches are averaged onto landmarks."""

    local: csr_array
    """(478, 852) onto every landmark."""
    lips: csr_array
    """(N, 852) lips only, onto their landmarks."""
    surround: csr_array
    """(N, 852) skin around the mouth only, onto the same."""


@cache
def weights() -> Weights:
    """The weights, once a process."""
    where = layout()
    points = canonical().points[:, :2].astype(float)
    mouth = points[lips()]
    return Weights(
        local=csr_array(bells(where.middle, points, NEAR_MM).T),
        lips=csr_array((bells(where.middle, mouth, MOUTH_NEAR_MM) * where.lips[:, None]).T),
        surround=csr_array((bells(where.middle, mouth, SURROUND_MM) * where.around[:, None]).T),
    )


def foreign(swatches: NDArray[np.uint8], usable: NDArray[np.bool_], skin_: Floats) -> Floats:
    """How likely each landmark is covered, (F, 478) in [0, 1], nan where nothing near is usable.

    Args:
        swatches: (F, 852, 4) of one track.
        usable: (F, 852) whether a swatch is skin in the picture that the head itself does not hide.
        skin_: what `skin` says of the track, (3,).
    """
    offset = chromaticity(swatches) - _settled(_upper_skin(swatches, usable), skin_)[:, None]
    spread = _spread(offset, usable)
    apart = np.where(layout().lips, _foreign_lips(offset), _foreign_skin(offset, spread))
    covered = _average(apart, usable, weights().local)
    blank = _blank(offset, edges(swatches), usable)
    covered[:, lips()] = np.fmax(covered[:, lips()], blank)
    return covered


def skin(swatches: NDArray[np.uint8], usable: NDArray[np.bool_]) -> Floats:
    """The face's own skin through a track, (3,), from some of its frames."""
    return np.asarray(median(_upper_skin(swatches, usable), axis=0), np.float32)


def _upper_skin(swatches: NDArray[np.uint8], usable: NDArray[np.bool_]) -> Floats:
    """Colour (F, 3) of forehead, cheeks and nose in each frame."""
    upper = layout().upper
    colours = chromaticity(swatches[:, upper])
    masked = np.where(usable[:, upper, None], colours, np.nan)
    return median(masked, axis=1).astype(np.float32)


def _settled(frame_skin: Floats, track: Floats) -> Floats:
    """The face's own skin in each frame, (F, 3), from its colours there.

    A frame whose forehead and cheeks all have another colour than in the rest of the track (a hand
    over everything) is judged by the track.
    """
    apart = np.hypot(*(frame_skin - track)[:, :2].T)
    return np.where((apart < FOREIGN[0])[:, None], frame_skin, track).astype(np.float32)


def _spread(offset: Floats, usable: NDArray[np.bool_]) -> Floats:
    """How much skin varies in colour from patch to patch in each frame, (F,), within bounds."""
    upper = layout().upper
    away = np.abs(np.where(usable[:, upper, None], offset[:, upper, :2], np.nan))
    spread = 1.48 * np.hypot(*median(away, axis=1).T)
    return np.clip(np.nan_to_num(spread), *SKIN_SPREAD).astype(np.float32)


def _foreign_skin(offset: Floats, spread: Floats) -> Floats:
    base, share, width = FOREIGN
    apart = np.hypot(offset[..., 0], offset[..., 1])
    return _step(apart - (base + share * spread)[:, None], width)


def _foreign_lips(offset: Floats) -> Floats:
    (least_red, most_red), (least_blue, most_blue) = LIPS_MORE
    red = np.maximum(least_red - offset[..., 0], offset[..., 0] - most_red)
    blue = np.maximum(least_blue - offset[..., 1], offset[..., 1] - most_blue)
    return _step(
        np.hypot(np.maximum(red, 0), np.maximum(blue, 0)) - LIPS_FOREIGN[0], LIPS_FOREIGN[1]
    )


def _blank(offset: Floats, strength: Floats, usable: NDArray[np.bool_]) -> Floats:
    """How likely the landmarks of lips (F, N) lie on no mouth."""
    mouth = _average(offset, usable, weights().lips)
    around = _average(offset, usable, weights().surround)
    contrast = (mouth[..., 0] - around[..., 0]) - 0.5 * (mouth[..., 2] - around[..., 2])
    upper = layout().upper
    face = median(np.where(usable[:, upper], strength[:, upper], np.nan), axis=1)
    texture = _average(strength, usable, weights().lips) / np.maximum(face, 0.25)[:, None]
    weight, usual = TEXTURE_COUNTS
    there = CONTRAST_COUNTS * contrast + weight * np.log(np.maximum(texture, 0.05) / usual)
    return _step(MOUTH_THERE[0] - there, MOUTH_THERE[1])


def _average(values: Floats, usable: NDArray[np.bool_], onto: csr_array) -> Floats:
    """Weighted means over usable swatches: (F, 852, ...) onto (F, landmarks, ...)."""
    each = values if values.ndim == 3 else values[..., None]
    known = np.where(usable[..., None], each, np.float32(0.0))
    share = carried(usable.astype(np.float32)[..., None], onto)
    mean = carried(known, onto) / np.where(share > 1e-3, share, np.nan)
    return np.moveaxis(mean, 1, 2) if values.ndim == 3 else mean[:, 0]


def _step(value: NDArray[np.floating], width: float) -> Floats:
    return (1.0 / (1.0 + np.exp(-np.clip(value / width, -30, 30)))).astype(np.float32)
