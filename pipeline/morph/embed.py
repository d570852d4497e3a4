"""Compute where mediapipe's landmarks lie on a model: `python -m pipeline.morph.embed NAME`.

The model is drawn from many sides, with many identities and expressions; mediapipe finds its
landmarks in each picture; and for each landmark the point of the surface is taken whose images
lie nearest to it, by the median over the views that show the point. Landmarks that follow no
point of the surface (the outline slides along the head as it turns) are left out, and so are the
irises, which move with a gaze that the model does not have.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pipeline.core.errors import CradleError
from pipeline.morph import embedding
from pipeline.morph.model import Morphable, load
from pipeline.morph.procedural_parts import Part
from pipeline.morph.raster import normals
from pipeline.morph.views import Range, View, draw_views, face_mesh, find

MESH_LANDMARKS = 468
MAX_SCATTER_MM = 3.2

_VIEWS = 260
_SEED = 11
_NEAR_MM = 9.0
_FACING = 0.25


class Samples(NamedTuple):
    """Points of the surface that may carry a landmark."""

    triangle: NDArray[np.int64]
    barycentric: NDArray[np.float64]
    corners: NDArray[np.int64]

    def place(self, vertices: NDArray) -> NDArray:
        """Positions (S,3) on a head (V,3)."""
        return (vertices[self.corners] * self.barycentric[:, :, None]).sum(1)


class Sighting(NamedTuple):
    """One picture in which a face was found: landmarks (468,2) px and what was drawn."""

    landmark: NDArray[np.float64]
    view: View

    @property
    def mm_per_px(self) -> float:
        """Size of a pixel at the head, so that views from far and near weigh the same."""
        return float(self.view.camera.translation[2] / self.view.camera.focal_px)


class Seen(NamedTuple):
    """Landmarks (N,468,2) and samples (N,S,2) in mm on the image, samples shown (N,S)."""

    landmark: NDArray[np.float64]
    sample: NDArray[np.float64]
    shown: NDArray[np.bool_]


def main(argv: Sequence[str]) -> int:
    """Compute and write the embedding of the model named on the command line."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m pipeline.morph.embed MODEL\n")
        return 2
    model = load(argv[0])
    if not isinstance(model, Morphable):
        raise CradleError(f"'{model.name}' cannot be embedded yet: nothing says how to paint it")
    made = compute(model)
    path = embedding.save(argv[0], made)
    middle = float(np.median(made.scatter_mm))
    sys.stdout.write(f"{path}: {len(made.landmark)} landmarks, median scatter {middle:.2f} mm\n")
    return 0


def compute(model: Morphable, views: int = _VIEWS, seed: int = _SEED) -> embedding.Embedding:
    """The embedding of a model from `views` random pictures of it."""
    coarse = _samples(model, _lattice(2))
    sightings = _sightings(model, views, seed)
    everywhere = np.ones((MESH_LANDMARKS, len(coarse.triangle)), bool)
    first, _ = _nearest(_project(model, coarse, sightings[::4]), everywhere)
    fine, near = _finer(model, coarse, first)
    best, scatter = _nearest(_project(model, fine, sightings), near)
    kept = np.flatnonzero(scatter < MAX_SCATTER_MM)
    pick = best[kept]
    return embedding.Embedding(
        model.digest,
        kept,
        fine.triangle[pick],
        fine.barycentric[pick].astype(np.float32),
        scatter[kept].astype(np.float32),
        fine.corners[pick],
    )


def _lattice(steps: int) -> NDArray[np.float64]:
    """Barycentric weights spread over a triangle, its inside only."""
    cells = [
        (i + 1 / 3, j + 1 / 3, steps - i - j - 2 / 3)
        for i in range(steps)
        for j in range(steps - i)
    ]
    return np.asarray(cells) / steps


def _samples(model: Morphable, weights: NDArray, triangles: NDArray | None = None) -> Samples:
    """Points on the outer surface of the face."""
    if triangles is None:
        part = model.tags["part"][model.triangles]
        outer = np.isin(part, [Part.SKIN, Part.LIP]).all(axis=1)
        front = model.mean[model.triangles].mean(axis=1)
        wanted = outer & (front[:, 2] > -15) & (front[:, 1] < 75) & (front[:, 1] > -80)
        triangles = np.flatnonzero(wanted)
    triangle = np.repeat(triangles, len(weights))
    return Samples(triangle, np.tile(weights, (len(triangles), 1)), model.triangles[triangle])


def _sightings(model: Morphable, views: int, seed: int) -> list[Sighting]:
    """Draw the model and find its landmarks."""
    spread = Range(yaw_deg=35, pitch_deg=20, roll_deg=15, identity=0.8)
    sightings = []
    with face_mesh() as finder:
        for view in draw_views(model, views, seed, spread):
            found = find(finder, view.rgb)
            if found is not None:
                sightings.append(Sighting(found[:MESH_LANDMARKS].astype(float), view))
    return sightings


def _project(model: Morphable, samples: Samples, sightings: list[Sighting]) -> Seen:
    """Where samples lie in each picture beside the landmarks found there."""
    landmark, sample, shown = [], [], []
    for sighting in sightings:
        px, facing = _projected(model, samples, sighting.view)
        landmark.append(sighting.landmark * sighting.mm_per_px)
        sample.append((px * sighting.mm_per_px).astype(np.float32))
        shown.append(facing > _FACING)
    return Seen(np.stack(landmark), np.stack(sample), np.stack(shown))


def _projected(model: Morphable, samples: Samples, view: View) -> tuple[NDArray, NDArray]:
    """Samples' pixels (S,2) and how squarely each faces the camera (S,), 1 when it does."""
    normal = normals(view.vertices, model.triangles)[samples.corners[:, 0]]
    facing = (normal @ view.camera.matrix.T)[:, 2]
    return view.camera.project(samples.place(view.vertices))[:, :2], facing


def _nearest(seen: Seen, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray]:
    """For each landmark the sample with the least median distance, and that distance (mm)."""
    best = np.zeros(MESH_LANDMARKS, np.int64)
    scatter = np.full(MESH_LANDMARKS, np.inf)
    often = seen.shown.sum(axis=0) >= max(8, len(seen.landmark) // 6)
    for mark in range(MESH_LANDMARKS):
        usable = np.flatnonzero(allowed[mark] & often)
        gap = np.linalg.norm(seen.sample[:, usable] - seen.landmark[:, mark, None], axis=2)
        gap = np.where(seen.shown[:, usable], gap, np.nan)
        middle = np.nanmedian(gap, axis=0)
        best[mark], scatter[mark] = usable[np.argmin(middle)], np.min(middle)
    return best, scatter


def _finer(
    model: Morphable, coarse: Samples, first: NDArray[np.int64]
) -> tuple[Samples, NDArray[np.bool_]]:
    """Denser samples about each landmark's first place, and which landmark may use which."""
    place = coarse.place(model.mean.astype(float))
    used = np.unique(coarse.triangle)
    centre = model.mean[model.triangles[used]].mean(axis=1)
    close = cKDTree(place[first]).query(centre)[0] < 4.0
    fine = _samples(model, _lattice(4), used[close])
    away = cKDTree(fine.place(model.mean.astype(float))).query_ball_point(place[first], _NEAR_MM)
    allowed = np.zeros((MESH_LANDMARKS, len(fine.triangle)), bool)
    for mark, near in enumerate(away):
        allowed[mark, near] = True
    return fine, allowed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
