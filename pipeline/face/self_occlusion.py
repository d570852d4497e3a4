"""What a head hides of itself: landmarks that face away, or lie behind another part of the mesh."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh import canonical

BEHIND_MM = 6.0
"""How far behind another triangle a landmark counts as hidden; the mesh is no finer."""
AWAY = -1.0
"""How far a landmark faces the camera that lies behind another part of the mesh."""
TURNED = Path(__file__).parents[2] / "models" / "face" / "turned.npz"
"""Of each landmark that faces the camera so far, the share that was seen of synthetic infants, as
`make_turned.py` beside it counted."""


def facing(points: NDArray[np.floating], px_per_mm: NDArray[np.floating]) -> NDArray[np.float32]:
    """How far each landmark (F, 478) faces the camera: the cosine between its normal and the view.

    `AWAY` where it lies behind another part of the head.

    Args:
        points: (F, 478, 3) px, x right, y down, z away from the camera.
        px_per_mm: scale of each face (F,), to know how deep is behind.
    """
    from pipeline.face.meshes import behind

    placed = points.astype(np.float64)
    hidden = behind(placed, canonical().triangles, BEHIND_MM * px_per_mm.astype(np.float64))
    return np.where(hidden, AWAY, -normals(placed)[..., 2]).astype(np.float32)


def seen(facing: NDArray[np.floating]) -> NDArray[np.float32]:
    """Share in [0, 1] of landmarks (F, 478) that face the camera so far which the head itself
    leaves to be seen."""
    from pipeline.face.meshes import drawn_through

    return drawn_through(np.ascontiguousarray(facing, np.float32), *_shares())


@cache
def _shares() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far landmarks face the camera (K,), and what is seen of them then, (K, 478)."""
    with np.load(TURNED, allow_pickle=False) as file:
        return file["facing"], file["seen"]


def normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normals (F, 478, 3) of meshes, outward; irises take those of their eye's corners."""
    from pipeline.face.meshes import spanned

    # y and z both point the other way than in the canonical face, which leaves handedness as it is.
    total = spanned(points, canonical().triangles)
    total[:, 468:473] = total[:, [33, 133]].sum(axis=1, keepdims=True)
    total[:, 473:478] = total[:, [263, 362]].sum(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("fni,fni->fn", total, total))
    return total / np.maximum(length, 1e-9)[..., None]
