"""Where the landmarks of mediapipe's face mesh lie on a morphable model's surface.

    >>> embedding = load("procedural")
    >>> points = embedding.place(model.mean)      # (L,3) mm, one a landmark

The file `models/morph/NAME.embedding.npz`, or `.safetensors`, holds mediapipe's indices (L,), the
triangle each lies in (L,), its corners (L,3) and barycentric weights there (L,3), and how far the
detector strays from that point (`scatter_mm`, the median over views). `cradle embed` computes it;
it names the digest of the model that it was computed for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.core.code import PROJECT
from pipeline.core.errors import CradleError
from pipeline.core.publishing import publish
from pipeline.core.restoring import reading

FOLDER = PROJECT / "models" / "morph"
LANDMARKS = 478
_ARRAYS = {"landmark": 1, "triangle": 1, "corners": 3, "barycentric": 3, "scatter_mm": 1}


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
    """Where the embedding of model `name` is kept: the .npz, or a .safetensors in its place."""
    plain = FOLDER / f"{name}.embedding.npz"
    other = plain.with_suffix(".safetensors")
    return other if other.is_file() and not plain.is_file() else plain


@lru_cache(maxsize=4)
def load(name: str = "procedural") -> Embedding:
    """The embedding of model `name`.

    Raises:
        CradleError: there is none, or the file is not one.
    """
    path = path_of(name)
    if not path.is_file():
        raise CradleError(
            f"{path}: no landmark embedding of '{name}'; "
            f"make it with `cradle embed {name} -o {_shown(path)}`"
        )
    return read(path)


def read(path: Path) -> Embedding:
    """An embedding from a .npz or .safetensors file.

    Raises:
        CradleError: an array is missing or of another shape; says which.
    """
    with reading(path, f"a landmark embedding: {', '.join(_ARRAYS)} and model_digest"):
        stored = _safetensors(path) if path.suffix == ".safetensors" else _npz(path)
        return _checked(stored)


def write(path: Path, made: Embedding) -> None:
    """Write an embedding whole or not at all; the name's ending, .npz or .safetensors, says how.

    Raises:
        CradleError: it ends otherwise, or cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "landmark": made.landmark.astype(np.int16),
        "triangle": made.triangle.astype(np.int32),
        "barycentric": made.barycentric.astype(np.float32),
        "scatter_mm": made.scatter_mm.astype(np.float32),
        "corners": made.corners.astype(np.int32),
    }
    allowed(path)
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        content = save(arrays, {"model_digest": made.model_digest})
    else:
        packed = io.BytesIO()
        np.savez_compressed(packed, model_digest=np.array(made.model_digest), **arrays)
        content = packed.getvalue()
    publish(path, content)


def allowed(path: Path) -> None:
    """Raise `CradleError` where an embedding cannot be written under this name."""
    if path.suffix not in (".npz", ".safetensors"):
        raise CradleError(f"{path}: an embedding ends in .npz or .safetensors")
    if not path.parent.is_dir():
        raise CradleError(f"{path}: there is no folder {path.parent}")


def _shown(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path


def _npz(path: Path) -> Mapping[str, NDArray]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _safetensors(path: Path) -> Mapping[str, NDArray]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            digest = (stored.metadata() or {}).get("model_digest")
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    return arrays if digest is None else {**arrays, "model_digest": np.array(digest)}


def _checked(stored: Mapping[str, NDArray]) -> Embedding:
    L = len(stored["landmark"])
    for name, width in _ARRAYS.items():
        wanted = (L,) if width == 1 else (L, width)
        if stored[name].shape != wanted:
            raise ValueError(f"{name} has shape {stored[name].shape}, should be {wanted}")
    if stored["landmark"].min(initial=0) < 0 or stored["landmark"].max(initial=0) >= LANDMARKS:
        raise ValueError(f"landmark should be mediapipe's numbers, 0 to {LANDMARKS - 1}")
    return Embedding(
        str(stored["model_digest"]),
        stored["landmark"].astype(np.int64),
        stored["triangle"].astype(np.int64),
        stored["barycentric"].astype(np.float32),
        stored["scatter_mm"].astype(np.float32),
        stored["corners"].astype(np.int64),
    )
