"""How the landmarker strays from a face beyond its habits: many landmarks together, a few ways.

    found = learn(rows)                     # strays of many frames of clips whose truth is known
    face = loosened(face, found)            # frames are fitted with the strays as further unknowns

Its errors are no independent noise: of 914 coordinates seven err by themselves, and half of what
it errs stays the same throughout a clip. Where a face is thought to err so, the directions that
errors take are told from expressions as well as they can be, and landmarks are believed as exactly
as they deserve beside them (generalised least squares, the errors' covariance a few directions and
a diagonal). A model without such a file is fitted with independent noise alone.

`python -m models.morph.strays` makes models/morph/strays/procedural.npz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.core.errors import CradleError
from pipeline.morph import embedding
from pipeline.morph.fit_system import Face
from pipeline.morph.surface import LinearSurface

Array = NDArray[np.float64]

DIRECTIONS = 20
# A landmark is never believed closer than this, however well it did on what was drawn.
LEAST_NOISE_MM = 1.2


@dataclass(frozen=True)
class Strays:
    """In the plane of the face, head axes."""

    mean_mm: Array
    """(L, 2) in every clip."""
    directions_mm: Array
    """(K, L, 2), a standard deviation each."""
    noise_mm: Array
    """(L,) what each landmark strays beside."""

    def save(self, path: Path, digest: str, landmark: NDArray[np.int64]) -> None:
        """Write the file for the model of this digest and these of mediapipe's landmarks."""
        arrays = {name: np.asarray(value, np.float16) for name, value in vars(self).items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez_compressed(
                file, model_digest=np.array(digest), landmark=landmark.astype(np.int16), **arrays
            )


def path_of(name: str) -> Path:
    """Where the strays from model `name` are kept."""
    return embedding.FOLDER / "strays" / f"{name}.npz"


def read(name: str, digest: str, landmark: NDArray[np.int64]) -> Strays | None:
    """What is kept for a model, or None where nothing is.

    Raises:
        CradleError: it was made for another model or other landmarks.
    """
    path = path_of(name)
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        same = np.array_equal(stored["landmark"], landmark)
        if str(stored["model_digest"]) != digest or not same:
            raise CradleError(
                f"{path}: made for another model or embedding than '{name}' now has; "
                "make it again with `python -m models.morph.strays`"
            )
        names = ("mean_mm", "directions_mm", "noise_mm")
        return Strays(*(stored[key].astype(np.float64) for key in names))


def learn(clips: Sequence[tuple[Array, Array]], directions: int = DIRECTIONS) -> Strays:
    """Learn from clips: strays (F, L, 2) mm, and the points (F, L, 3) mm that they are from."""
    rows = np.concatenate([_unposed(strays, points) for strays, points in clips])
    mean = rows.mean(0)
    off = (rows - mean).reshape(len(rows), -1)
    _, sizes, ways = np.linalg.svd(off / np.sqrt(len(off)), full_matrices=False)
    found = (sizes[:directions, None] * ways[:directions]).reshape(-1, *mean.shape)
    left = (off**2).mean(0).reshape(mean.shape) - (found**2).sum(0)
    noise = np.sqrt(left.mean(-1).clip(LEAST_NOISE_MM**2))
    return Strays(mean, found, noise)


def _unposed(strays: Array, points: Array) -> Array:
    """What is left of strays once heads are moved, turned and scaled to meet them."""
    x, y, z = np.moveaxis(points, -1, 0)
    none, one = np.zeros_like(x), np.ones_like(x)
    pairs = [(one, none), (none, one), (x, y), (-y, x), (z, none), (none, z)]
    moves = np.stack([np.stack(pair, -1) for pair in pairs], 1).reshape(len(x), len(pairs), -1)
    flat = strays.reshape(len(x), -1)
    fitted = np.linalg.solve(moves @ np.swapaxes(moves, 1, 2), moves @ flat[..., None])[..., 0]
    return (flat - np.einsum("fk,fkn->fn", fitted, moves)).reshape(strays.shape)


def shifted(surface: LinearSurface, strays: Strays) -> LinearSurface:
    """The surface with what landmarks stray in every clip."""
    return replace(surface, mean=surface.mean + _solid(strays.mean_mm).to(surface.mean))


def loosened(face: Face, surface: LinearSurface, strays: Strays) -> Face:
    """A face whose last expressions are the strays, to be dropped once it is fitted."""
    ways = _solid(strays.directions_mm).to(surface.expression)
    return replace(
        face,
        surface=replace(surface, expression=torch.cat([surface.expression, ways])),
        noise_mm=torch.from_numpy(strays.noise_mm),
        # Openings are differences of landmarks, of which the strays say all.
        pairs=face.pairs[:0],
    )


def _solid(flat: Array) -> Tensor:
    return torch.nn.functional.pad(torch.from_numpy(flat), (0, 1))
