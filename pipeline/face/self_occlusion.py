"""What a head hides of itself: landmarks that face away, or lie behind another part of the mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh import canonical

GRAZING = 0.05
"""Cosine between a landmark's normal and the view below which nothing of it is seen."""
FACING = 0.35
"""Cosine above which it is seen in full."""
BEHIND_MM = 6.0
"""How far behind another triangle a landmark counts as hidden; the mesh is no finer."""


def facing(points: NDArray[np.floating], px_per_mm: NDArray[np.floating]) -> NDArray[np.float32]:
    """Share (F, 478) in [0, 1] of each landmark that the head itself leaves to be seen.

    Args:
        points: (F, 478, 3) px, x right, y down, z away from the camera.
        px_per_mm: scale of each face (F,), to know how deep is behind.
    """
    # Compiled code is loaded where it runs, not where a stage starts.
    from pipeline.face.behind import behind

    placed = points.astype(np.float64)
    seen = np.clip((-normals(placed)[..., 2] - GRAZING) / (FACING - GRAZING), 0.0, 1.0)
    hidden = behind(placed, canonical().triangles, BEHIND_MM * px_per_mm.astype(np.float64))
    return np.where(hidden, 0.0, seen).astype(np.float32)


def normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit normals (F, 478, 3) of meshes, outward; irises take those of their eye's corners."""
    from pipeline.face.behind import spanned

    # y and z both point the other way than in the canonical face, which leaves handedness as it is.
    total = spanned(points, canonical().triangles)
    total[:, 468:473] = total[:, [33, 133]].sum(axis=1, keepdims=True)
    total[:, 473:478] = total[:, [263, 362]].sum(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("fni,fni->fn", total, total))
    return total / np.maximum(length, 1e-9)[..., None]
