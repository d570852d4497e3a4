"""What the generator needs of a morphable model; whoever calls it hands one in."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.generator.losses import DecodeLips, Mouth


class Face(Protocol):
    """A morphable model of an infant's face, in mm."""

    @property
    def name(self) -> str:
        """Which one it is; a generator speaks for one alone."""

    @property
    def digest(self) -> str:
        """Of its arrays."""

    @property
    def triangles(self) -> NDArray[np.integer]:
        """(T, 3) vertices' numbers."""

    @property
    def lips(self) -> NDArray[np.integer]:
        """Indices of the vertices of both lips."""

    @property
    def aperture_pair(self) -> tuple[int, int]:
        """Vertices in the middle of the upper and of the lower inner lip."""

    def decode(
        self,
        identity: Tensor,
        expression: Tensor,
        age: Tensor,
        rows: NDArray[np.integer] | None = None,
    ) -> Tensor:
        """Decode (N, 32), (N, 64), (N, 1) to (N, V or rows, 3)."""


def mouth_rows(face: Face) -> NDArray[np.integer]:
    """List the lips and, where it is not among them, the aperture's pair."""
    lips = np.asarray(face.lips)
    missing = [vertex for vertex in face.aperture_pair if vertex not in lips]
    return np.concatenate([lips, np.array(missing, dtype=lips.dtype)])


def mouth_of(face: Face, closed_mm: float, softness_mm: float = 1.0) -> Mouth:
    """Say where the aperture's pair lies among `mouth_rows`."""
    rows = mouth_rows(face).tolist()
    upper, lower = (rows.index(vertex) for vertex in face.aperture_pair)
    return Mouth(upper, lower, closed_mm, softness_mm)


def lip_decoder(face: Face, identity: Tensor, age: Tensor) -> DecodeLips:
    """Bind (B, 32) identities and (B, 1) ages to a function from latents to lip vertices."""
    rows = mouth_rows(face)

    def decode(expression: Tensor) -> Tensor:
        batch, frames, width = expression.shape
        who = identity.repeat_interleave(frames, 0)
        old = age.repeat_interleave(frames, 0)
        lips = face.decode(who, expression.reshape(-1, width), old, rows=rows)
        return lips.reshape(batch, frames, len(rows), 3)

    return decode


class Moving:
    """Vertices (T, V, 3) in mm of latents on a face, made as they are asked for."""

    def __init__(self, face: Face, identity: NDArray, latents: NDArray, age: NDArray) -> None:
        self._face, self._latents = face, latents
        self._identity, self._age = identity, age

    def __len__(self) -> int:
        return len(self._latents)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        part = np.array(self._latents[rows])
        vertices = decode(self._face, self._identity, np.atleast_2d(part), self._age)
        return vertices if part.ndim == 2 else vertices[0]


def decode(face: Face, identity: NDArray, expression: NDArray, age: NDArray) -> NDArray[np.float32]:
    """Decode one span's latents (T, 64) on a face, (32,) and (1,), to vertices (T, V, 3) in mm."""
    frames = len(expression)
    with torch.no_grad():
        vertices = face.decode(
            torch.as_tensor(identity).reshape(1, -1).expand(frames, -1),
            torch.as_tensor(expression),
            torch.as_tensor(age).reshape(1, -1).expand(frames, -1),
        )
    return vertices.cpu().numpy()
