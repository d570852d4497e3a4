"""What the network that sees covers is shown of a track: colours and edges, freed from the light.

Colours are told against the face's own skin in the frame, and against what the same place of the
face looks like in the rest of the track: a pacifier that stays is foreign by the first, a hand of
the infant's own colour that passes by the second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.face.cover_grid import lay
from pipeline.face.swatches import chromaticity, edges, layout

Floats = NDArray[np.float32]

CHANNELS = 9
"""Four against the skin, four against the track, and how far there is anything to see."""
SAME_SKIN = 0.12
"""Distance in colour up to which a frame's forehead and cheeks are taken for those of the track."""
MEDIAN_FRAMES = 512
"""Frames, evenly spread, that say what a track usually looks like."""


def look(swatches: NDArray[np.uint8]) -> Floats:
    """Appearance (F, 852, 4): log(R/G), log(B/G), log lightness, log of edges."""
    detail = np.log(edges(swatches) + np.float32(0.5))
    return np.concatenate([chromaticity(swatches), detail[..., None]], axis=-1, dtype=np.float32)


def usual(looks: Floats, usable: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """What a track usually looks like: every swatch (852, 4), and its skin (4,)."""
    masked = np.where(usable[..., None], looks, np.nan)
    swatch = median(masked, axis=0)
    skin = median(swatch[layout().upper], axis=0)
    return np.nan_to_num(swatch).astype(np.float32), np.nan_to_num(skin).astype(np.float32)


def sample(frames: int) -> NDArray[np.int64]:
    """Which frames of a track `usual` is shown."""
    return np.unique(np.linspace(0, frames - 1, min(frames, MEDIAN_FRAMES)).astype(np.int64))


def features(
    looks: Floats, usable: NDArray[np.bool_], swatch: Floats, track_skin: Floats
) -> Floats:
    """The grid that is shown, (F, CHANNELS, HEIGHT, WIDTH)."""
    skin = settle(looks, usable, track_skin)
    against_skin = looks - skin[:, None]
    light = skin[:, 2] - track_skin[2]
    against_track = looks - swatch
    against_track[..., 2] -= light[:, None]
    both = np.concatenate([against_skin, against_track], axis=-1)
    return lay(np.clip(both, -2.0, 2.0), usable)


def settle(looks: Floats, usable: NDArray[np.bool_], track_skin: Floats) -> Floats:
    """The face's own skin in each frame, (F, 4), by its forehead, cheeks and nose.

    A frame in which all of these have another colour than in the rest of the track (a hand over
    everything) is told by the track.
    """
    upper = layout().upper
    frame = median(np.where(usable[:, upper, None], looks[:, upper], np.nan), axis=1)
    apart = np.hypot(*(frame - track_skin)[:, :2].T)
    return np.where((apart < SAME_SKIN)[:, None], frame, track_skin).astype(np.float32)


def median(values: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    """Median without nan, and nan where there is nothing else, in silence."""
    ordered = np.sort(values, axis=axis)
    count = (~np.isnan(values)).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis=axis)
    return np.squeeze(np.where(count > 0, (low + high) / 2, np.nan), axis=axis)
