"""What a morphable model of an infant's head is, whichever one is behind it.

    >>> model = load("procedural")
    >>> cry = model.action_vector({"jaw_drop": 0.8, "lid_closure": 1.0, "brow_bulge": 0.7})
    >>> model.decode(np.zeros((1, 32)), cry[None], np.zeros((1, 1))).shape
    torch.Size([1, 4000, 3])

Axes: x to the infant's left, y up, z out of the face; origin inside the head; mm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.core.errors import CradleError

if TYPE_CHECKING:
    import torch

Float = NDArray[np.float32]
Index = NDArray[np.int64]

PARTS = ("identity", "expression", "age")
MODELS = {"procedural": "pipeline.morph.procedural"}


class Basis(NamedTuple):
    """The linear model's arrays, float32 mm."""

    mean: Float
    identity: Float
    expression: Float
    age: Float


@dataclass(frozen=True)
class Morphable:
    """A linear morphable model: vertices = mean + identity + expression + age, all in mm."""

    name: str
    digest: str
    device: str
    triangles: Index
    arrays: Basis
    latent_mean: Mapping[str, Float]
    latent_std: Mapping[str, Float]
    actions: Mapping[str, int]
    action_scale: Float
    lips: Index
    aperture_pair: tuple[int, int]
    lid_pairs: Mapping[str, tuple[int, int]]
    regions: Mapping[str, Index]
    mirror: Index
    tags: Mapping[str, NDArray]
    units: str = "mm"
    _cache: dict[str, torch.Tensor] = field(default_factory=dict, repr=False, compare=False)

    @property
    def vertices(self) -> int:
        """Number of vertices V."""
        return len(self.arrays.mean)

    @property
    def mean(self) -> Float:
        """Mean head (V,3) mm."""
        return self.arrays.mean

    @property
    def layout(self) -> dict[str, int]:
        """Number of latents of each part."""
        return {part: len(getattr(self.arrays, part)) for part in PARTS}

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

    def decode(
        self,
        identity: ArrayLike | torch.Tensor,
        expression: ArrayLike | torch.Tensor,
        age: ArrayLike | torch.Tensor,
        rows: ArrayLike | None = None,
    ) -> torch.Tensor:
        """Vertices (N, V or len(rows), 3) in mm, float32, differentiable in the latents.

        `identity` (N or 1, 32), `expression` (N,64) and `age` (N or 1, 1); a part with one row
        serves all frames. `rows` picks vertices.
        """
        import torch

        latents = [
            torch.as_tensor(x, dtype=torch.float32, device=self.device)
            for x in (identity, expression, age)
        ]
        table = self._tensor("mean"), *(self._tensor(part) for part in PARTS)
        if rows is not None:
            picked = torch.as_tensor(np.asarray(rows), device=self.device)
            table = tuple(t.index_select(-2, picked) for t in table)
        mean, *bases = table
        count = mean.shape[0]
        parts = [z @ b.reshape(len(b), -1) for z, b in zip(latents, bases, strict=True)]
        return mean + (parts[0] + parts[1] + parts[2]).reshape(-1, count, 3)

    def shape(
        self,
        identity: ArrayLike | None = None,
        expression: ArrayLike | None = None,
        age: float = 0.0,
    ) -> Float:
        """Vertices (V,3) in mm of one head, in numpy: what drawing a frame needs."""
        out = self.arrays.mean + np.float32(age) * self.arrays.age[0]
        for latent, basis in (
            (identity, self.arrays.identity),
            (expression, self.arrays.expression),
        ):
            if latent is not None:
                z = np.asarray(latent, np.float32)
                out = out + (z @ basis.reshape(len(basis), -1)).reshape(-1, 3)
        return out

    def _tensor(self, name: str) -> torch.Tensor:
        import torch

        if name not in self._cache:
            self._cache[name] = torch.as_tensor(getattr(self.arrays, name), device=self.device)
        return self._cache[name]


def load(name: str = "procedural", device: str = "cpu") -> Morphable:
    """The morphable model called `name`, its arrays decoded on `device`; loaded once a process."""
    if name not in MODELS:
        raise CradleError(f"no morphable model '{name}'; known: {', '.join(MODELS)}")
    return _loaded(name, device)


@lru_cache(maxsize=4)
def _loaded(name: str, device: str) -> Morphable:
    from importlib import import_module

    return import_module(MODELS[name]).load(device)


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
