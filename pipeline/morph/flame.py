"""FLAME, the head model of adults, as a baseline: the mesh and blendshapes of a user's own file.

    v_template (V, 3), shapedirs (V, 3, K), faces (T, 3)      metres or mm

Li et al. 2017, "Learning a model of facial shape and expression from 4D scans". Its licence lets
nobody pass it on; models/weights.lock names your copy, a .safetensors or an .npz of plain arrays:

    flame:
      path: models/morph/flame.safetensors
      sha256: ...
      licence: https://flame.is.tue.mpg.de/modellicense.html
      origin: https://flame.is.tue.mpg.de

The published .pkl runs code when it is read, and is refused: save its arrays first. Of 400
directions the first 300 are identity, of 150 the first 100; a file of another number says so in
`identity_count`. Only blendshapes are used: the jaw opens as far as expressions open it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.backends import file_digest
from pipeline.core.errors import WeightsError
from pipeline.core.restoring import reading
from pipeline.core.weights import locked, of_the_user
from pipeline.morph.linear import Basis, Linear
from pipeline.morph.mouth import Mouthed

NAME = "flame"

_IDENTITY = {400: 300, 150: 100}
# A head in metres is less than one across, in mm it is more than 50.
_METRES_BELOW = 10.0
_LAYOUT = "FLAME's v_template, shapedirs and faces as plain arrays"


class Flame(Mouthed, Linear):
    """A `MorphableModel` without age and without encoder."""


def load(device: str = "cpu") -> Flame:
    """The file that models/weights.lock calls `flame`.

    Raises:
        WeightsError: it is not named there, missing, another, or not of this layout.
    """
    of_the_user(NAME, "FLAME's arrays in a .safetensors or .npz file")
    return read(locked(NAME), device)


def read(path: Path, device: str = "cpu") -> Flame:
    """A model from a .safetensors or .npz.

    Raises:
        WeightsError: an array is missing, of another shape, or the file holds objects.
    """
    arrays = _arrays(path)
    template = _checked(path, arrays, "v_template", (None, 3)).astype(np.float64)
    V = len(template)
    directions = _checked(path, arrays, "shapedirs", (V, 3, None)).astype(np.float64)
    key = "faces" if "faces" in arrays else "f"
    triangles = _checked(path, arrays, key, (None, 3)).astype(np.int64)
    if not len(triangles) or triangles.min() < 0 or triangles.max() >= V:
        raise WeightsError(f"{path}: {key}: names vertices beyond the {V} that there are")
    unit = 1000.0 if np.ptp(template) < _METRES_BELOW else 1.0
    split = _identity_count(path, arrays, directions.shape[2])
    basis = np.ascontiguousarray(np.moveaxis(directions, 2, 0) * unit, np.float32)
    none = np.zeros((0, V, 3), np.float32)
    counts = {"identity": split, "expression": len(basis) - split, "age": 0}
    return Flame(
        name=NAME,
        digest=file_digest(path),
        device=device,
        triangles=triangles,
        arrays=Basis(
            np.ascontiguousarray(template * unit, np.float32), basis[:split], basis[split:], none
        ),
        latent_mean={part: np.zeros(n, np.float32) for part, n in counts.items()},
        latent_std={part: np.ones(n, np.float32) for part, n in counts.items()},
    )


def _arrays(path: Path) -> Mapping[str, NDArray]:
    if path.suffix not in (".safetensors", ".npz"):
        raise WeightsError(
            f"{path}: should be a .safetensors or .npz of {_LAYOUT}; "
            "a .pkl can run code and is not read"
        )
    with reading(path, _LAYOUT):
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        return _safetensors(path)


def _safetensors(path: Path) -> Mapping[str, NDArray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found: dict[str, NDArray] = load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    return found


def _checked(
    path: Path, arrays: Mapping[str, NDArray], name: str, shape: tuple[int | None, ...]
) -> NDArray:
    if name not in arrays:
        there = ", ".join(sorted(arrays)[:12]) or "nothing"
        raise WeightsError(f"{path}: {name}: missing; the file holds {there}")
    array = arrays[name]
    if array.ndim != len(shape) or any(
        wanted not in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
    ):
        spelt = ", ".join("any" if n is None else str(n) for n in shape)
        raise WeightsError(f"{path}: {name}: shape {array.shape}, should be ({spelt})")
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise WeightsError(f"{path}: {name}: should hold finite numbers")
    return array


def _identity_count(path: Path, arrays: Mapping[str, NDArray], directions: int) -> int:
    if "identity_count" in arrays:
        count = int(_checked(path, arrays, "identity_count", ()))
    elif directions in _IDENTITY:
        count = _IDENTITY[directions]
    else:
        raise WeightsError(
            f"{path}: shapedirs: {directions} directions, should be 400 or 150, or "
            "`identity_count` should say how many of them are identity"
        )
    if not 0 <= count < directions:
        raise WeightsError(f"{path}: identity_count: {count} leaves no expression")
    return count
