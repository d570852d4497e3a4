"""The rows of a morphable model that mediapipe's landmarks lie on, ready for the solver."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.morph import embedding, model, response, strays
from pipeline.morph.fit_system import Face
from pipeline.morph.params import Fit
from pipeline.morph.surface import LinearSurface

OPENINGS = (
    # Inner lips, upper to lower, from the middle outward.
    (13, 14),
    (82, 87),
    (312, 317),
    (81, 178),
    (311, 402),
    (80, 88),
    (310, 318),
    # Corners of the mouth.
    (78, 308),
    (61, 291),
    # Lids, upper to lower, right eye and left.
    (159, 145),
    (158, 153),
    (160, 144),
    (386, 374),
    (385, 380),
    (387, 373),
)
"""Pairs of mediapipe's landmarks between which a face opens."""


def embedded(name: str, params: Fit) -> tuple[Face, NDArray[np.int64]]:
    """The landmarks' rows of a morphable model, and which of mediapipe's 478 landmarks they are.

    Args:
        name: of the morphable model.
        params: how far landmarks and openings stray.
    """
    return _embedded(name, params.noise_mm, params.opening_noise_mm)


@lru_cache(maxsize=4)
def _embedded(
    name: str, noise_mm: float, opening_noise_mm: float
) -> tuple[Face, NDArray[np.int64]]:
    morphable, lies = model.load(name), embedding.load(name)
    if lies.model_digest != morphable.digest:
        raise CradleError(
            f"{embedding.path_of(name)}: made for another model than '{name}' now is; "
            f"make it again with `cradle embed {name} -o {embedding.path_of(name)}`"
        )
    noise = np.hypot(noise_mm, np.asarray(lies.scatter_mm, np.float64))
    landmark = np.asarray(lies.landmark, np.int64)
    surface = morphable.surface(lies.corners, np.asarray(lies.barycentric, np.float64))
    habits = response.read(name, morphable.digest, landmark)
    if habits is not None and isinstance(surface, LinearSurface):
        surface = response.corrected(surface, habits)
    known = strays.read(name, morphable.digest, landmark)
    face = Face(surface, torch.from_numpy(noise), openings(landmark), opening_noise_mm)
    if known is not None and isinstance(surface, LinearSurface):
        surface = strays.shifted(surface, known)
        face = replace(face, surface=surface, loose=strays.loosened(face, surface, known))
    return face, landmark


def openings(landmark: NDArray[np.int64]) -> torch.Tensor:
    """Rows (P, 2) of the pairs whose two landmarks are both embedded."""
    row = {int(number): index for index, number in enumerate(landmark)}
    found = [(row[a], row[b]) for a, b in OPENINGS if a in row and b in row]
    return torch.tensor(found, dtype=torch.int64).reshape(-1, 2)
