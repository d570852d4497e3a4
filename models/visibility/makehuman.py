"""Heads whose skin was photographed: MakeHuman's shapes, expressions, skins, hair, eyes and teeth.

All of that is CC0 1.0 (https://github.com/makehumancommunity/makehuman, LICENSE.md). It is read
from what `package` fetches, which has it at 512 px a skin. Lengths are in dm, y is up and a face
looks along z.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_STEP = 1e-3
"""A target is in whole steps of this."""
_QUAD, _NUMBERS = 4, 10
"""Corners of a face, and numbers that three.js notes of it."""


@dataclass(frozen=True)
class Part:
    """One thing with one picture on it; its corners are those of its triangles in that picture."""

    triangles: NDArray[np.int32]
    """(T, 3)"""
    uv: Floats
    """(C, 2) of each corner, 0..1 from the upper left."""
    picture: NDArray[np.uint8]
    """(H, W, 4) RGBA."""
    near: NDArray[np.int32]
    """(C, 3) vertices of the body that a corner hangs on."""
    share: Floats
    """(C, 3) of each of these."""
    offset: Floats
    """(C, 3) dm from there, on the body as it is without any target."""
    point: NDArray[np.int64]
    """(C,) which corners are one point of the surface: those of the same number."""

    def corners(self, body: Floats, scale: float = 1.0) -> Floats:
        """Where they are on a body (V, 3), (C, 3)."""
        return np.einsum("ckd,ck->cd", body[self.near], self.share) + scale * self.offset


class MakeHuman:
    """The package's folder `data`."""

    def __init__(self, folder: Path) -> None:
        self._data = folder
        self._base = json.loads((folder / "models/human_full_size.json").read_text())
        self.body: Floats = np.array(self._base["vertices"], np.float32).reshape(-1, 3)
        """(V, 3) without any target."""
        listed = json.loads((folder.parents[1] / "src/json/targets/target-list.json").read_text())
        self._number = {_short(name): place for place, name in enumerate(sorted(listed["targets"]))}
        self._targets = np.memmap(folder / "targets/targets.bin", np.int16, "r").reshape(
            len(self._number), len(self.body), 3
        )

    def names(self, beginning: str) -> list[str]:
        """Targets whose names begin so, as `mouth/mouth-scale-horiz-incr`."""
        return [name for name in self._number if name.startswith(beginning)]

    def shaped(self, weights: Mapping[str, float], body: Floats | None = None) -> Floats:
        """A body, or that without any target, with so much of each target, (V, 3)."""
        moved = (self.body if body is None else body).copy()
        for name, weight in weights.items():
            moved += np.float32(_STEP * weight) * self._targets[self._number[name]]
        return moved

    def joint(self, name: str) -> NDArray[np.int64]:
        """The vertices whose mean is a joint, as `head____head`."""
        return np.array(self._base["metadata"]["joint_pos_idxs"][name])

    def skins(self) -> list[Path]:
        """Pictures of skin, but for those of toys and suits."""
        found = sorted(self._data.glob("skins/*_*/textures/*_diffuse*.png"))
        return [path for path in found if "suit" not in path.name]

    def skin(self, picture: Path, above: float) -> Part:
        """The body's surface from that height on, under a skin."""
        corners = _Corners(self._base)
        is_body = corners.material == self._materials.index("body")
        high = self.body[corners.vertex].min(axis=1)[:, 1] > above
        return _hung(corners.kept(is_body & high), _picture(picture))

    def worn(self, what: str, picture: str | None = None) -> Part:
        """A thing that is worn, as `hair/short01`, or in another of its pictures."""
        folder = self._data / "proxies" / what
        told = json.loads((folder / f"{folder.name}.json").read_text())
        shown = folder / "textures" / picture if picture else folder / _first_picture(told)
        near, share, offset = (
            np.array(told[name], kind)
            for name, kind in (
                ("ref_vIdxs", np.int32),
                ("weights", np.float32),
                ("offsets", np.float32),
            )
        )
        bare = _hung(_Corners(told), _picture(shown))
        on = bare.near[:, 0]
        return replace(bare, near=near[on], share=share[on], offset=offset[on])

    def pictures(self, what: str) -> list[str]:
        """The names of a worn thing's pictures."""
        return sorted(path.name for path in (self._data / "proxies" / what).glob("textures/*.png"))

    @cached_property
    def _materials(self) -> list[str]:
        return [material["DbgName"] for material in self._base["materials"]]


class _Corners:
    """Quads of three.js's JSON: (F, 4) vertices and places in the picture, (F,) materials."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        quads = np.array(told["faces"], np.int64).reshape(-1, _NUMBERS)
        self.vertex, self.material = quads[:, 1 : 1 + _QUAD], quads[:, 1 + _QUAD]
        uv = np.array(told["uvs"][0], np.float32).reshape(-1, 2)
        self.uv = uv[quads[:, 2 + _QUAD :]]

    def kept(self, which: NDArray[np.bool_]) -> _Corners:
        self.vertex, self.material, self.uv = (
            it[which] for it in (self.vertex, self.material, self.uv)
        )
        return self


def _hung(corners: _Corners, picture: NDArray[np.uint8]) -> Part:
    """Each of its corners on the vertex that it is."""
    quads = np.arange(corners.vertex.size).reshape(-1, _QUAD)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    point = corners.vertex.reshape(-1)
    near = np.repeat(point[:, None], 3, axis=1).astype(np.int32)
    uv = corners.uv.reshape(-1, 2) * [1, -1] + [0, 1]
    share = np.zeros((len(near), 3), np.float32)
    share[:, 0] = 1.0
    return Part(triangles, uv.astype(np.float32), picture, near, share, np.zeros_like(share), point)


def _picture(path: Path) -> NDArray[np.uint8]:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise FileNotFoundError(f"{path}: no picture")
    how = cv2.COLOR_BGRA2RGBA if found.shape[2] == _QUAD else cv2.COLOR_BGR2RGBA
    return np.asarray(cv2.cvtColor(found, how), np.uint8)


def _first_picture(told: Mapping[str, Any]) -> str:
    return str(told["materials"][0]["mapDiffuse"])


def _short(name: str) -> str:
    return name.removeprefix("data/targets/").removesuffix(".target")
