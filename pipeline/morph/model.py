"""Morphable models of an infant's head by name; what they offer is in interface.py.

    >>> model = load("procedural")
    >>> cry = model.action_vector({"jaw_drop": 0.8, "lid_closure": 1.0, "brow_bulge": 0.7})
    >>> model.decode(np.zeros((1, 32)), cry[None], np.zeros((1, 1))).shape
    torch.Size([1, 4000, 3])

Axes: x to the infant's left, y up, z out of the face; origin inside the head; mm. The embedded
model alone has named facial actions and parts that can be painted; it is a `Morphable`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.morph.interface import PARTS, MorphableModel
from pipeline.morph.linear import Basis, Float, Index, Linear

__all__ = [
    "MODELS",
    "PARTS",
    "Basis",
    "Morphable",
    "MorphableModel",
    "array_digest",
    "load",
    "opened",
]

MODELS = {
    "procedural": "pipeline.morph.procedural",
    "inface": "pipeline.morph.inface",
    "flame": "pipeline.morph.flame",
}

LAYOUTS = {".h5": "inface", ".hdf5": "inface", ".npz": "flame", ".safetensors": "flame"}
"""Which model's layout a user's file has, by its ending."""


@dataclass(frozen=True, kw_only=True)
class Morphable(Linear):
    """A linear model of which it is known where everything is and what its directions do."""

    actions: Mapping[str, int]
    action_scale: Float
    lips: Index
    aperture_pair: tuple[int, int]
    lid_pairs: Mapping[str, tuple[int, int]]
    regions: Mapping[str, Index]
    mirror: Index
    tags: Mapping[str, NDArray]

    def basis(self) -> Basis:
        """Mean (V,3), identity (32,V,3), expression (64,V,3) and age (1,V,3), mm a latent unit."""
        return self.arrays

    def action_vector(self, actions: Mapping[str, float]) -> Float:
        """Expression latent (64,) of facial actions, each 0 at rest and 1 when full.

        A name without its side (`lid_closure`) moves both sides; with it (`lid_closure_left`),
        one. An unknown name raises `CradleError`.
        """
        latent = np.zeros(self.layout["expression"], np.float32)
        for name, amount in actions.items():
            for index in self._indices(name):
                latent[index] += amount * self.action_scale[index]
        return latent

    def _indices(self, name: str) -> list[int]:
        names = [name] if name in self.actions else [f"{name}_left", f"{name}_right"]
        if any(n not in self.actions for n in names):
            known = ", ".join(self.actions)
            raise CradleError(f"no facial action '{name}' in model '{self.name}'; known: {known}")
        return [self.actions[n] for n in names]


@overload
def load(name: Literal["procedural"] = ..., device: str = ...) -> Morphable: ...


@overload
def load(name: str, device: str = ...) -> MorphableModel: ...


def load(name: str = "procedural", device: str = "cpu") -> MorphableModel:
    """The morphable model called `name`, decoding on `device`; loaded once a process.

    Raises:
        CradleError: there is none of that name.
        WeightsError: its file is not named by models/weights.lock, or is not what it should be.
    """
    if name not in MODELS:
        raise CradleError(f"no morphable model '{name}'; known: {', '.join(MODELS)}")
    return _loaded(name, device)


def opened(what: str) -> MorphableModel:
    """The morphable model of that name, or the one in that file of a known layout.

    Raises:
        CradleError: it is neither a name nor a file with a known ending.
        WeightsError: the file is not of its layout.
    """
    path, layout = Path(what), LAYOUTS.get(Path(what).suffix)
    if what in MODELS or (layout is None and not path.is_file()):
        return load(what)
    if layout is None:
        raise CradleError(
            f"{path}: no layout of a morphable model ends so; allowed: {', '.join(LAYOUTS)}"
        )
    if not path.is_file():
        raise CradleError(f"{path}: there is no such file")
    read: MorphableModel = import_module(MODELS[layout]).read(path)
    return read


@lru_cache(maxsize=4)
def _loaded(name: str, device: str) -> MorphableModel:
    loaded: MorphableModel = import_module(MODELS[name]).load(device)
    return loaded


def array_digest(arrays: Mapping[str, NDArray]) -> str:
    """SHA-256 of arrays, floats taken to a hundredth so that machines agree.

    The offset keeps round design values (12.5 mm) away from the edge between two hundredths.
    """
    total = hashlib.sha256()
    for key in sorted(arrays):
        values = arrays[key]
        if values.dtype.kind == "f":
            values = np.floor(values.astype(np.float64) * 100.0 + 0.37)
        total.update(f"{key}{values.shape}".encode())
        total.update(np.ascontiguousarray(values.astype("<i4")).tobytes())
    return total.hexdigest()
