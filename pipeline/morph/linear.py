"""A morphable model that is a sum: vertices = mean + identity + expression + age, all in mm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.core.errors import CradleError
from pipeline.morph.interface import PARTS, Latents

if TYPE_CHECKING:
    import torch

    from pipeline.morph.surface import LinearSurface

Float = NDArray[np.float32]
Index = NDArray[np.int64]


class Basis(NamedTuple):
    """The linear model's arrays, float32 mm: (V,3), and (K,V,3) a standard deviation."""

    mean: Float
    identity: Float
    expression: Float
    age: Float


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A `MorphableModel` without encoder; latents are in standard deviations to begin with."""

    name: str
    digest: str
    device: str
    triangles: Index
    arrays: Basis
    latent_mean: Mapping[str, Float]
    latent_std: Mapping[str, Float]
    units: str = "mm"
    encodes: bool = False
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
        parts = [z @ b.flatten(1) for z, b in zip(latents, bases, strict=True)]
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

    def encode(self, vertices: ArrayLike | torch.Tensor) -> Latents:
        """Raise `CradleError`: a sum of directions has no encoder."""
        raise CradleError(f"the morphable model '{self.name}' has no encoder; fit it instead")

    def surface(self, corners: NDArray, share: NDArray) -> LinearSurface:
        """Points on triangles, corners (L,3) and their shares (L,3), as functions of latents."""
        import torch

        from pipeline.morph.surface import LinearSurface

        def rows(vertices: Float) -> torch.Tensor:
            """Vertices (..., V, 3) to points (..., L, 3)."""
            points = np.einsum("...lcd,lc->...ld", vertices[..., corners, :], share)
            return torch.from_numpy(points)

        mean, identity, expression, age = (rows(array) for array in self.arrays)
        return LinearSurface(mean, torch.cat([identity, age]), expression, len(identity))

    def _tensor(self, name: str) -> torch.Tensor:
        import torch

        if name not in self._cache:
            self._cache[name] = torch.as_tensor(getattr(self.arrays, name), device=self.device)
        return self._cache[name]
