"""What the network that sees covers is shown of a track: colours and edges, freed from the light.

Colours are told against the face's own skin in the frame, against what the same place of the face
looks like where the track seems least covered, and against the other side of the face: a pacifier
that stays is foreign by the first, a hand of the infant's own colour that passes by the second, and
few covers are symmetric. None of the three depends on what faces look like in general.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.face.cover_grid import lay
from pipeline.face.swatches import chromaticity, edges, layout

Floats = NDArray[np.float32]

LOOKS = 4
CHANNELS = 3 * LOOKS + 1
"""Four against each of the three, and how far there is anything to see."""
SAME_SKIN = 0.12
"""Distance in colour up to which a frame's forehead and cheeks are taken for those of the track."""
SAMPLED_FRAMES = 64
"""Frames, evenly spread, of which some say what a track usually looks like."""
BARE_SHARE = 0.3
"""Of the frames, the least suspicious, that say so."""
BARE_FRAMES = 3
"""At least."""
ENOUGH = 8
"""Swatches that tell how light spreads over a face."""


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


def sample(frames: int, most: int = SAMPLED_FRAMES) -> NDArray[np.int64]:
    """Which frames of a track `usual` may be shown, at most so many."""
    return np.unique(np.linspace(0, frames - 1, min(frames, most)).astype(np.int64))


def barest(suspicion: NDArray[np.floating]) -> NDArray[np.int64]:
    """The least suspicious of frames (F,), which say what a track looks like with nothing on it."""
    count = min(max(round(BARE_SHARE * len(suspicion)), BARE_FRAMES), len(suspicion))
    return np.sort(np.argsort(suspicion, kind="stable")[:count])


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
    grid = lay(np.clip(both, -2.0, 2.0), usable)
    sides = grid[:, :LOOKS] - grid[:, :LOOKS, :, ::-1]
    shown = np.minimum(grid[:, -1:], grid[:, -1:, :, ::-1])
    return np.concatenate([grid, sides * shown], axis=1, dtype=np.float32)


def settle(looks: Floats, usable: NDArray[np.bool_], track_skin: Floats) -> Floats:
    """The face's own skin in each frame, (F, 4), by its forehead, cheeks and nose.

    A frame in which all of these have another colour than in the rest of the track (a hand over
    everything) is told by the track.
    """
    upper = layout().upper
    frame = median(np.where(usable[:, upper, None], looks[:, upper], np.nan), axis=1)
    apart = np.hypot(*(frame - track_skin)[:, :2].T)
    return np.where((apart < SAME_SKIN)[:, None], frame, track_skin).astype(np.float32)


def shading(looks: Floats, usable: NDArray[np.bool_]) -> Floats:
    """How far lightness spreads over forehead, cheeks and nose, (F,), from quarter to quarter.

    In logarithms; infinite where too little of them can be used to tell.
    """
    upper = layout().upper
    light = np.sort(np.where(usable[:, upper], looks[:, upper, 2], np.nan), axis=1)
    last = usable[:, upper].sum(axis=1, keepdims=True) - 1
    low, high = (
        np.take_along_axis(light, np.maximum(last, 0) * quarter // 4, axis=1)[:, 0]
        for quarter in (1, 3)
    )
    return np.where(last[:, 0] >= ENOUGH, high - low, np.inf).astype(np.float32)


def median(values: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    """Median without nan, and nan where there is nothing else, in silence."""
    ordered = np.sort(values, axis=axis)
    count = (~np.isnan(values)).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis=axis)
    return np.squeeze(np.where(count > 0, (low + high) / 2, np.nan), axis=axis)
