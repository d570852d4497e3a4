"""Frames in which the mesh has gone over to somebody else's face.

A head that comes before the infant's takes the landmarker along: from one frame to the next the
mesh leaps onto it, and goes on as sure as before. Nothing of that face is covered, so no other cue
speaks. Where the mesh leaps, or was lost, the two faces are compared: the colours of skin and the
pattern of light and dark that brows, eyes, nose and hair leave differ less through a clip of one
person than between any two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.face.cover_features import median, sample
from pipeline.face.mesh import RIGID
from pipeline.face.swatches import chromaticity, layout

Floats = NDArray[np.float32]
Frames = NDArray[np.int64]

LEAP = 0.4
"""From one frame to the next, in radii of the face: 0.3 at a jump cut, 0.7 and more onto another
head."""
ANOTHER_PERSON = 0.16
"""Distance of looks: up to 0.08 through a clip of one person, 0.19 and more between two."""
FEWEST = 200
"""Swatches seen of both without which they are not told apart."""
SAMPLED = 16
"""Frames, evenly spread, that say what somebody looks like."""


def own(records: NDArray[np.void], usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """In which frames (F,) of a track the mesh lies on the face that the track is of.

    What comes before a face leaves again: of two people it is the one who is there over the longer
    stretch, from the first frame to the last, whoever takes up more of it.

    Args:
        records: of one track, in the order of frames.
        usable: (F, 852) whether a swatch is skin in the picture that the head itself does not hide.
    """
    spells = _spells(records["points"][:, RIGID, :2], records["frame"])
    if len(spells) < 2:
        return np.ones(len(records), bool)
    people: list[tuple[Floats, list[Frames]]] = []
    for spell in sorted(spells, key=len, reverse=True):
        which = spell[sample(len(spell), SAMPLED)]
        look = _look(records["swatches"][which], usable[which])
        known = next((them for face, them in people if _alike(face, look)), None)
        if known is None:
            people.append((look, known := []))
        known.append(spell)
    mine = max((np.sort(np.concatenate(them)) for _, them in people), key=_stretch)
    there = np.zeros(len(records), bool)
    there[mine] = True
    return there


def _stretch(which: Frames) -> tuple[int, int]:
    """From the first to the last, and how many."""
    return int(which[-1] - which[0]), len(which)


def _spells(rigid: Floats, frame: NDArray[np.int32]) -> list[Frames]:
    """Numbers of records in runs without a leap, of what no expression moves, (F, N, 2) px."""
    if not len(rigid):
        return []
    middle = rigid.mean(axis=1)
    radius = np.sqrt(np.square(rigid - middle[:, None]).sum(axis=2).mean(axis=1))
    leap = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    leapt = leap > LEAP * np.minimum(radius[1:], radius[:-1])
    return np.split(np.arange(len(rigid)), np.flatnonzero(leapt | (np.diff(frame) > 1)) + 1)


def _look(swatches: NDArray[np.uint8], usable: NDArray[np.bool_]) -> Floats:
    """What somebody usually looks like, (852, 3), nan where it is never seen."""
    seen = np.where(usable[..., None], chromaticity(swatches), np.nan)
    return median(seen, axis=0).astype(np.float32)


def _alike(one: Floats, other: Floats) -> bool:
    """Whether two looks may be one person's; lips change too much to say."""
    apart = (one - other)[~layout().lips]
    apart = apart[~np.isnan(apart).any(axis=1)]
    if len(apart) < FEWEST:
        return True
    colour = np.median(np.hypot(apart[:, 0], apart[:, 1]))
    light = np.median(np.abs(apart[:, 2] - np.median(apart[:, 2])))
    return bool(colour + light < ANOTHER_PERSON)
