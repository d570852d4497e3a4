"""What several samples of one sound say together: how varied they are, how good the best one is.

diversity_mm      mean distance of a lip vertex between two samples (FaceDiffuser's, over pairs)
lve_mean_mm2      LVE of a sample, mean over samples
lve_best_mm2      LVE of the best one: the coverage error
lve_of_mean_mm2   LVE of the samples' mean, which is what a regressor would aim at: the mean
                  estimate error (ProbTalk3D)
aperture_pcc_best, aperture_pcc_mean, aperture_ccc_best, aperture_ccc_mean
                  the same two of the aperture's correlations
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pipeline.generator.metrics.correlation import series
from pipeline.generator.metrics.lips import squared_lve


def diversity(samples: NDArray) -> float:
    """Mean distance of a vertex between two samples, (S, T, V, 3) with S > 1, mm."""
    pairs = combinations(range(len(samples)), 2)
    gaps = [np.linalg.norm(samples[a] - samples[b], axis=-1).mean() for a, b in pairs]
    return float(np.mean(gaps))


def judge_samples(
    lips: NDArray, apertures: NDArray, true_lips: NDArray, true_aperture: NDArray
) -> dict[str, float]:
    """Judge samples of one sound together.

    Args:
        lips: (S, T, L, 3) mm, S > 1.
        apertures: (S, T) mm.
        true_lips, true_aperture: (T, L, 3) and (T,).
    """
    errors = [squared_lve(sample, true_lips) for sample in lips]
    pearson, lin = zip(*(series(one, true_aperture) for one in apertures), strict=True)
    return {
        "samples": len(lips),
        "frames": len(true_lips),
        "diversity_mm": diversity(lips),
        "lve_mean_mm2": float(np.mean(errors)),
        "lve_best_mm2": float(np.min(errors)),
        "lve_of_mean_mm2": squared_lve(lips.astype(np.float64).mean(axis=0), true_lips),
        "aperture_pcc_best": float(np.max(pearson)),
        "aperture_pcc_mean": float(np.mean(pearson)),
        "aperture_ccc_best": float(np.max(lin)),
        "aperture_ccc_mean": float(np.mean(lin)),
    }
