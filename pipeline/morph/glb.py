"""A fitted clip as an animated mesh: one .glb file that the usual viewers play (glTF 2.0).

    write(path, model, fitted)

Vertices move by morph targets: the principal directions of the clip's own motion, which are exact
for a linear model of no more directions. The node turns and shifts as the head did, in metres,
seen from the camera at the origin.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.morph.fit import Fitted
from pipeline.morph.interface import MorphableModel

FPS = 30.0
MAX_TARGETS = 64

_FLOAT, _INDEX = 5126, 5125
_VERTICES, _ELEMENTS = 34962, 34963
_METRES = 1e-3
_SKIN = [0.86, 0.66, 0.57, 1.0]


def write(path: Path, model: MorphableModel, fitted: Fitted) -> None:
    """Write the frames that were fitted.

    Raises:
        CradleError: none was.
    """
    rows = np.flatnonzero(fitted.valid)
    if not len(rows):
        raise CradleError(f"{path}: no frame was fitted, so there is nothing to animate")
    vertices = model.decode(fitted.identity[None], fitted.expression[rows], fitted.age[None])
    content = _content(np.asarray(model.triangles), vertices.cpu().numpy(), fitted, rows)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def modes(vertices: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """Mean (V, 3), targets (K, V, 3) and weights (F, K) whose sums are the frames (F, V, 3)."""
    mean = vertices.mean(0)
    away = (vertices - mean).reshape(len(vertices), -1).astype(np.float64)
    # Frames are few beside coordinates: their own products are the smaller problem.
    size, weights = np.linalg.eigh(away @ away.T)
    kept = np.flatnonzero(size > 1e-9 * max(size[-1], 1e-9))[::-1][:MAX_TARGETS]
    if not len(kept):
        kept = np.array([len(size) - 1])
    scale = np.sqrt(np.maximum(size[kept], 1e-12) / len(vertices))
    moved = weights[:, kept].T @ away / (scale * len(vertices))[:, None]
    return mean, moved.reshape(len(kept), *mean.shape), weights[:, kept] * scale * len(vertices)


@dataclass
class _Buffer:
    """Arrays one behind another, and how glTF finds them."""

    content: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, array: NDArray, kind: str, target: int | None = None, ends: bool = False) -> int:
        """Number of the accessor of a new array; `ends` states its least and largest values."""
        code = _INDEX if array.dtype.kind in "iu" else _FLOAT
        array = np.ascontiguousarray(array, "<u4" if code == _INDEX else "<f4")
        view = {"buffer": 0, "byteOffset": len(self.content), "byteLength": array.nbytes}
        self.views.append(view if target is None else {**view, "target": target})
        accessor = {"bufferView": len(self.views) - 1, "componentType": code, "type": kind}
        accessor["count"] = array.size if kind == "SCALAR" else len(array)
        if ends:
            flat = array.reshape(array.shape[0], -1)
            accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.accessors.append(accessor)
        self.content += array.tobytes()
        return len(self.accessors) - 1


def _content(
    triangles: NDArray, vertices: NDArray[np.float32], fitted: Fitted, rows: NDArray[np.int64]
) -> bytes:
    mean, targets, weights = modes(vertices)
    buffer = _Buffer()
    primitive = {
        "attributes": {"POSITION": buffer.add(mean, "VEC3", _VERTICES, ends=True)},
        "indices": buffer.add(triangles.reshape(-1), "SCALAR", _ELEMENTS),
        "material": 0,
        "targets": [{"POSITION": buffer.add(t, "VEC3", _VERTICES, ends=True)} for t in targets],
    }
    time = buffer.add(rows / FPS, "SCALAR", ends=True)
    tracks = {
        "weights": buffer.add(weights, "SCALAR"),
        "rotation": buffer.add(_quaternions(fitted.rotation[rows]), "VEC4"),
        "translation": buffer.add(fitted.translation[rows] * [1, -1, -1] * _METRES, "VEC3"),
    }
    names = list(tracks)
    document = {
        "asset": {"version": "2.0", "generator": "cradle"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "head", "scale": [_METRES] * 3}],
        "meshes": [{"primitives": [primitive], "weights": [0.0] * len(targets)}],
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "baseColorFactor": _SKIN,
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.8,
                },
                "doubleSided": True,
            }
        ],
        "animations": [
            {
                "samplers": [
                    {"input": time, "output": tracks[name], "interpolation": "LINEAR"}
                    for name in names
                ],
                "channels": [
                    {"sampler": number, "target": {"node": 0, "path": name}}
                    for number, name in enumerate(names)
                ],
            }
        ],
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": len(buffer.content)}],
    }
    return _packed(document, bytes(buffer.content))


def _quaternions(rotation: NDArray) -> NDArray[np.float64]:
    """(N, 4), x y z w, of rotation vectors; neighbours on the same side of the sphere."""
    from scipy.spatial.transform import Rotation

    found = np.asarray(Rotation.from_rotvec(rotation).as_quat())
    flips = np.cumprod(np.r_[1.0, np.where((found[1:] * found[:-1]).sum(1) < 0, -1.0, 1.0)])
    return found * flips[:, None]


def _packed(document: dict[str, Any], content: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    content += b"\0" * (-len(content) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(content), b"BIN\0") + content
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
