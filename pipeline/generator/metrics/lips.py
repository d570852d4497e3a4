"""How far the lips are from where they should be: the lip vertex error, by every convention.

Five definitions go by one name, and their numbers differ by powers of ten. Each has its own here:

    lve_mm2          squared: over all frames, mean of the largest squared distance of a lip vertex
                     (CodeTalker, FaceDiffuser, DiffSpeaker, ProbTalk3D, torchmetrics)
    lve_l2_mm        mean of the largest distance, not squared (UniTalker, Imitator)
    lve_rms_mm       root of lve_mm2 (ARTalk, UniLS)
    lve_centred_mm   as lve_l2_mm after taking out each frame's mean lip position (MeshTalk)
    lve_xyz_mm2      mean over x, y, z and frames of the largest squared difference (3DiFACE)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CONVENTIONS = ("lve_mm2", "lve_l2_mm", "lve_rms_mm", "lve_centred_mm", "lve_xyz_mm2")


def lip_errors(predicted: NDArray, true: NDArray) -> dict[str, float]:
    """Take the LVE by every convention, from lips (T, L, 3) in mm."""
    gap = predicted.astype(np.float64) - true
    squared = (gap**2).sum(-1).max(-1)
    centred = gap - gap.mean(axis=1, keepdims=True)
    return {
        "lve_mm2": float(squared.mean()),
        "lve_l2_mm": float(np.sqrt(squared).mean()),
        "lve_rms_mm": float(np.sqrt(squared.mean())),
        "lve_centred_mm": float(np.sqrt((centred**2).sum(-1).max(-1)).mean()),
        "lve_xyz_mm2": float((gap**2).max(axis=1).mean()),
    }


def squared_lve(predicted: NDArray, true: NDArray) -> float:
    """`lve_mm2` alone, from lips (..., T, L, 3) in mm."""
    gap = predicted.astype(np.float64) - true
    return float((gap**2).sum(-1).max(-1).mean())


def mean_vertex_error(predicted: NDArray, true: NDArray) -> float:
    """Mean distance over vertices and frames, (T, V, 3), mm."""
    return float(np.linalg.norm(predicted - true, axis=-1).mean(dtype=np.float64))
