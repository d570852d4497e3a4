"""A moving face as an animated mesh: one .glb file that the usual viewers play (glTF 2.0).

    write(path, model, fitted)                      # a fitted clip, with the head's own movement
    animate(path, triangles, vertices, seconds)     # any motion

Vertices move by morph targets: the principal directions of the motion itself, which are exact for a
linear model of no more directions. A fitted clip is in metres, seen from the camera at the origin.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.core.publishing import publish
from pipeline.morph.fit import Fitted
from pipeline.morph.interface import MorphableModel

FPS = 30.0
MAX_TARGETS = 64
MAX_LEARNED = 1000
"""Frames that the directions are found from, at most, evenly spread."""

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
    head = {
        "rotation": (_quaternions(fitted.rotation[rows]), "VEC4"),
        "translation": (fitted.translation[rows] * [1, -1, -1] * _METRES, "VEC3"),
    }
    triangles = np.asarray(model.triangles)
    publish(path, _content(triangles, vertices.cpu().numpy(), rows / FPS, head, {}))


class Motion(Protocol):
    """Vertices (F, V, 3) in mm; a part of them may be made when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> NDArray[np.float32]: ...


def animate(
    path: Path, triangles: NDArray, vertices: Motion, seconds: NDArray, about: Mapping[str, Any]
) -> None:
    """Write a face that moves and keeps its place.

    Args:
        path: a .glb.
        triangles: (T, 3) vertices' numbers.
        vertices: (F, V, 3) mm, y up, z out of the face; at least one frame.
        seconds: (F,) when each is.
        about: what the file says of itself, beside its generator.
    """
    publish(path, _content(triangles, vertices, seconds, {}, about))


def modes(vertices: Motion) -> tuple[NDArray, NDArray, NDArray]:
    """Mean (V, 3), targets (K, V, 3) and weights (F, K) whose sums are the frames (F, V, 3)."""
    frames = len(vertices)
    if frames > MAX_LEARNED:
        mean, targets, _ = _modes(
            vertices[np.linspace(0, frames - 1, MAX_LEARNED).round().astype(int)]
        )
        return mean, targets, _along(vertices, mean, targets)
    return _modes(vertices[np.arange(frames)])


def _along(vertices: Motion, mean: NDArray, targets: NDArray) -> NDArray[np.float64]:
    """Weights of targets at right angles to one another that come closest to every frame."""
    flat = targets.reshape(len(targets), -1).astype(np.float64)
    flat /= (flat**2).sum(1, keepdims=True)
    parts = (
        vertices[np.arange(at, min(at + MAX_LEARNED, len(vertices)))]
        for at in range(0, len(vertices), MAX_LEARNED)
    )
    return np.concatenate([(part - mean).reshape(len(part), -1) @ flat.T for part in parts])


def _modes(vertices: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
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
    triangles: NDArray,
    vertices: Motion,
    seconds: NDArray,
    head: Mapping[str, tuple[NDArray, str]],
    about: Mapping[str, Any],
) -> bytes:
    mean, targets, weights = modes(vertices)
    buffer = _Buffer()
    primitive = {
        "attributes": {"POSITION": buffer.add(mean, "VEC3", _VERTICES, ends=True)},
        "indices": buffer.add(triangles.reshape(-1), "SCALAR", _ELEMENTS),
        "material": 0,
        "targets": [{"POSITION": buffer.add(t, "VEC3", _VERTICES, ends=True)} for t in targets],
    }
    time = buffer.add(seconds, "SCALAR", ends=True)
    tracks = {"weights": buffer.add(weights, "SCALAR")}
    tracks |= {name: buffer.add(*track) for name, track in head.items()}
    names = list(tracks)
    document = {
        "asset": {"version": "2.0", "generator": "cradle", **({"extras": about} if about else {})},
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
