"""Where the landmarks of mediapipe's face mesh lie on a morphable model's surface.

    >>> embedding = load("procedural")
    >>> points = embedding.place(model.mean)      # (L,3) mm, one a landmark

The file `models/morph/NAME.embedding.npz` holds mediapipe's indices (L,), the triangle each lies
in (L,), its barycentric weights there (L,3), and how far the detector strays from that point
(`scatter_mm`, the median over views). `python -m pipeline.morph.embed NAME` computes it; its
header names the digest of the model it was computed for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.core.errors import CradleError

FOLDER = Path(__file__).resolve().parents[2] / "models" / "morph"


@dataclass(frozen=True)
class Embedding:
    """Landmarks on a surface; arrays have one row a landmark."""

    model_digest: str
    landmark: NDArray[np.int64]
    triangle: NDArray[np.int64]
    barycentric: NDArray[np.float32]
    scatter_mm: NDArray[np.float32]
    corners: NDArray[np.int64]
    """Vertices (L,3) of each landmark's triangle."""

    def place(self, vertices: ArrayLike) -> NDArray:
        """Landmarks (...,L,3) on a head given by vertices (...,V,3)."""
        points = np.asarray(vertices)
        return (points[..., self.corners, :] * self.barycentric[:, :, None]).sum(-2)


def path_of(name: str) -> Path:
    """Where the embedding of model `name` is kept."""
    return FOLDER / f"{name}.embedding.npz"


@lru_cache(maxsize=4)
def load(name: str = "procedural") -> Embedding:
    """The embedding of model `name`; a missing or broken file raises `CradleError`."""
    path = path_of(name)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Embedding(
                str(stored["model_digest"]),
                stored["landmark"].astype(np.int64),
                stored["triangle"].astype(np.int64),
                stored["barycentric"].astype(np.float32),
                stored["scatter_mm"].astype(np.float32),
                stored["corners"].astype(np.int64),
            )
    except (OSError, KeyError, ValueError) as error:
        raise CradleError(f"{path}: no landmark embedding of '{name}': {error}") from error


def save(name: str, embedding: Embedding) -> Path:
    """Write an embedding; returns its path."""
    path = path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        model_digest=np.array(embedding.model_digest),
        landmark=embedding.landmark.astype(np.int16),
        triangle=embedding.triangle.astype(np.int32),
        barycentric=embedding.barycentric.astype(np.float32),
        scatter_mm=embedding.scatter_mm.astype(np.float32),
        corners=embedding.corners.astype(np.int32),
    )
    return path
