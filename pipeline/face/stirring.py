"""How much a face moves in itself: a photograph, a poster and a doll do not, whoever moves them.

Sounds are laid under stills, and pictures hang on walls or are held before the camera. What can be
seen of such a face is a whole face, and it has nothing to do with the voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW, STEP = 60, 30
"""Frames, within which it is asked how much a face moves, and from one such stretch to the next. Of
a face that is there for less nothing is told: it may well hold still for a second."""
CALM = 15
"""Frames that landmarks are averaged over, as their trembling is no motion."""


def stirs_mm(points: NDArray[np.floating], px_per_mm: NDArray[np.floating]) -> float:
    """How far landmarks stray from a face that only moves, turns and tilts as a picture does.

    Root mean square over landmarks and two seconds, of the seconds in which it is most.

    Args:
        points: (F, N, 2 or more) px of one face, in the order of frames.
        px_per_mm: (F,) size of the face in the picture.

    Returns:
        mm; nan where the face is there for too short.
    """
    frames = len(points)
    if frames < WINDOW:
        return float("nan")
    starts = [*range(0, frames - WINDOW, STEP), frames - WINDOW]
    return max(_strays_mm(points[s : s + WINDOW], px_per_mm[s : s + WINDOW]) for s in starts)


def _strays_mm(points: NDArray[np.floating], px_per_mm: NDArray[np.floating]) -> float:
    calm = _averaged(points[..., :2].astype(np.float64))
    middle = calm - calm.mean(axis=1, keepdims=True)
    shape = middle.mean(axis=0)
    # The second time what is compared with is sharp.
    for _ in range(2):
        laid = _onto(middle, shape)
        shape = laid.mean(axis=0)
    strays_px = np.sqrt(np.square(laid - shape).sum(axis=2).mean())
    return float(strays_px / np.median(px_per_mm))


def _averaged(points: Floats) -> Floats:
    """Running mean (F - CALM + 1, N, 2)."""
    total = np.cumsum(np.concatenate([np.zeros_like(points[:1]), points]), axis=0)
    return (total[CALM:] - total[:-CALM]) / CALM


def _onto(faces: Floats, shape: Floats) -> Floats:
    """Faces (F, N, 2) laid onto a shape (N, 2) as well as any affine map can; all about 0."""
    spread = faces.transpose(0, 2, 1) @ faces
    return faces @ np.linalg.pinv(spread, hermitian=True) @ (faces.transpose(0, 2, 1) @ shape)
