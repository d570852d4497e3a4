"""How open each part of a head lies to the light from all round: less in folds and in the mouth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.morph.model import Morphable
from pipeline.morph.pose import project
from pipeline.morph.procedural_parts import Part
from pipeline.morph.raster import normals, visible

Float = NDArray[np.float32]

_CENTRES = 24
_SIDE_PX = 160


def openness(model: Morphable) -> Float:
    """Share (V,) of the light from all round that reaches each vertex of the mean head.

    Seen from `_CENTRES` directions spread evenly over the sphere (Fibonacci), weighted by the
    cosine; tissue that moves apart (mouth, eyelids) is treated as open.
    """
    return _openness(model.name, model.digest, model)


def _openness(name: str, digest: str, model: Morphable) -> Float:
    key = (name, digest)
    if key not in _OPEN:
        _OPEN[key] = _measure_openness(model)
    return _OPEN[key]


_OPEN: dict[tuple[str, str], Float] = {}


def _measure_openness(model: Morphable) -> Float:
    normal = normals(model.mean, model.triangles)
    total, most = np.zeros(len(model.mean)), np.zeros(len(model.mean))
    step = np.pi * (3.0 - np.sqrt(5.0))
    size = (_SIDE_PX, _SIDE_PX)
    for n in range(_CENTRES):
        up = 1.0 - 2.0 * (n + 0.5) / _CENTRES
        side = np.sqrt(1.0 - up * up)
        toward = np.array([side * np.cos(step * n), up, side * np.sin(step * n)])
        lean = np.cross([0.0, 1.0, 0.0] if abs(up) < 0.9 else [1.0, 0.0, 0.0], toward)
        lean /= np.linalg.norm(lean)
        turn = np.stack([lean, np.cross(toward, lean), toward])
        px = project(model.mean, turn, np.array([0, 0, 4000.0]), _SIDE_PX * 4000.0 / 230.0, size)
        seen = visible(px, model.triangles, *size)
        weight = np.maximum(normal @ toward, 0.0)
        total += weight * _reached(px, seen.depth)
        most += weight
    share = total / np.maximum(most, 1e-6)
    part, lids = model.tags["part"], model.tags["eye_ring"]
    share = np.where((lids >= 0) & (lids <= 2), np.maximum(share, 0.8), share)
    share = np.where(part == Part.LIP, np.maximum(share, 0.7), share)
    share = np.where(part == Part.EYE, 0.85, share)
    depth = np.clip((model.mean[:, 2] - 30.0) / 28.0, 0.0, 1.0)
    inner = np.isin(part, [Part.MOUTH, Part.TONGUE])
    return np.where(inner, 0.12 + 0.70 * depth, share).astype(np.float32)


def _reached(px: NDArray, depth: Float) -> NDArray:
    """Whether each projected vertex (V,3) is the first thing the light meets."""
    column = np.clip(px[:, 0].astype(int), 0, depth.shape[1] - 1)
    row = np.clip(px[:, 1].astype(int), 0, depth.shape[0] - 1)
    return np.clip(1.0 - (px[:, 2] - depth[row, column] - 2.5) / 3.0, 0.0, 1.0)
