"""What a model of adults makes of an infant's sound, brought to the infant's lips.

The published weights of FaceFormer and its kin are for adults, on FLAME's mesh, and kept in
pickles, which are not read here. Their own code is run by whoever has them, on the infants' voices
as `cradle isolate` gives them; what it writes is read:

    <folder>/<clip>.npy    (frames, V, 3) or (frames, 3 V), 30 a second, metres or mm

Where our lips lie on that mesh is told by whoever makes an `Adult`. How far they have moved from
the clip's most closed mouth is turned and scaled to the infant's mouth, and the expression whose
lips come nearest is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.core.restoring import reading
from pipeline.generator.baselines.interface import Floats
from pipeline.generator.face import Face, lip_decoder, mouth_rows
from pipeline.generator.spans import Span

Doubles = NDArray[np.float64]
Place = Callable[[Doubles], Doubles]
"""Vertices (T, V, 3) of the adult's mesh to where our `mouth_rows` lie on it, (T, L, 3)."""

_METRES_BELOW = 10.0
_RIDGE = 0.02
"""Of the largest that a latent moves the lips: what hardly moves them is left alone."""


class AdultError(CradleError):
    """What an adult model has written is missing or no mesh of FLAME's."""


@dataclass(frozen=True)
class Adult:
    """Meshes of an adult model, and how they come to our lips."""

    folder: Path
    vertices: int
    """Of the adult's mesh."""
    place: Place
    face: Face

    def predict(self, span: Span) -> Floats:
        """Latents (T, 64) from the file of the span's clip.

        Raises:
            AdultError: there is none, it is shorter than the span, or of another mesh.
        """
        points = self.place(self._meshes(span))
        upper, lower = (mouth_rows(self.face).tolist().index(v) for v in self.face.aperture_pair)
        gap = np.linalg.norm(points[:, upper] - points[:, lower], axis=-1)
        closed = points[int(gap.argmin())]
        rest, moved_by = self._mouth(span)
        turn = turned(closed, rest)
        moved = (points - closed) @ turn
        return nearest(moved_by, moved.reshape(len(moved), -1)).astype(np.float32)

    def _meshes(self, span: Span) -> Doubles:
        path = self.folder / f"{span.clip}.npy"
        if not path.is_file():
            raise AdultError(f"{path}: missing; evaluate.adult wants a file for every test clip")
        with reading(path, "a mesh a frame, as plain numbers"):
            meshes = np.load(path, allow_pickle=False)
        wanted = span.start_frame + span.frames
        if meshes.size != len(meshes) * self.vertices * 3 or meshes.dtype.kind != "f":
            raise AdultError(
                f"{path}: shape {meshes.shape}, should be (frames, {self.vertices}, 3), numbers"
            )
        if len(meshes) < wanted:
            raise AdultError(f"{path}: {len(meshes)} frames, the clip is kept up to {wanted}")
        meshes = meshes[span.start_frame : wanted].reshape(span.frames, self.vertices, 3)
        unit = 1000.0 if np.ptp(meshes[0]) < _METRES_BELOW else 1.0
        return np.asarray(unit * meshes, np.float64)

    @torch.no_grad()
    def _mouth(self, span: Span) -> tuple[Doubles, Doubles]:
        """The infant's lips at rest (L, 3), and how far each latent moves them, (64, 3 L)."""
        width = span.expression.shape[1]
        decode = lip_decoder(
            self.face, torch.from_numpy(span.identity)[None], torch.from_numpy(span.age)[None]
        )
        each = torch.cat([torch.zeros(1, width), torch.eye(width)])
        lips = decode(each[None])[0].double().cpu().numpy()
        return lips[0], (lips[1:] - lips[0]).reshape(width, -1)


def turned(source: Doubles, target: Doubles) -> Doubles:
    """The rotation and scale (3, 3) by which points (L, 3) come nearest to others, once centred."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, spread, v = np.linalg.svd(a.T @ b)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ v))])
    scale = float((spread * sign).sum() / (a**2).sum())
    return np.asarray(scale * (u * sign) @ v)


def nearest(moved_by: Doubles, moved: Doubles) -> Doubles:
    """Latents (T, K) that move lips, each by (K, D), as near as can be to (T, D)."""
    square = moved_by @ moved_by.T
    price = _RIDGE * float(square.diagonal().max()) * np.eye(len(square))
    return np.asarray(np.linalg.solve(square + price, moved_by @ moved.T).T)
