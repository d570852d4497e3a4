"""Compute where mediapipe's landmarks lie on any morphable model.

    found = compute(model, views=260)
    embedding.write(Path("models/morph/flame.embedding.npz"), found.embedding)

The model is drawn from many sides, with many identities and expressions; mediapipe finds its
landmarks in each picture; and for each landmark the point of the surface is taken whose images
lie nearest to it, by the median over the views that show the point. Landmarks that follow no
point of the surface (the outline slides along the head as it turns) are left out, and so are the
irises, which move with a gaze that the model does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from tqdm import tqdm

from pipeline.core.errors import CradleError
from pipeline.morph import embedding
from pipeline.morph.interface import MorphableModel
from pipeline.morph.model import Morphable
from pipeline.morph.plain import PlainPainter
from pipeline.morph.plain_views import facing_triangles, framing, plain_views
from pipeline.morph.procedural_parts import Part
from pipeline.morph.raster import normals
from pipeline.morph.views import Range, View, draw_views, face_mesh, find

MESH_LANDMARKS = 468
MAX_SCATTER_MM = 3.2

VIEWS = 260
MIN_LANDMARKS = 40
MAX_VIEWS = 2000

_SEED = 11
MIN_SIGHTINGS = 12
_COARSE_STEPS, _FINE_STEPS = 2, 4
_MOST_SAMPLES = 60_000
_NEAR_MM, _CLOSE_MM = 9.0, 4.0
_LOOKED_AT, _LOOK_MM = 3, 10.0
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


class Subject(NamedTuple):
    """A model, how it is drawn, and on which triangles landmarks may lie."""

    model: MorphableModel
    views: Iterator[View]
    triangles: NDArray[np.int64]
    scale: float
    """Of its face against an infant's: the lengths below are an infant's."""


class Found(NamedTuple):
    """An embedding, and in how many of the pictures a face was found."""

    embedding: embedding.Embedding
    pictures: int
    faces: int


def compute(
    model: MorphableModel, views: int = VIEWS, seed: int = _SEED, progress: bool = False
) -> Found:
    """The embedding of a model from `views` random pictures of it.

    Raises:
        CradleError: its face is found in too few of them, or too few landmarks keep to a place.
    """
    with face_mesh() as finder:
        subject = _subject(model, finder, views, seed)
        drawn = tqdm(subject.views, total=views, unit="view", disable=not progress, leave=False)
        sightings = _sightings(finder, drawn)
    if len(sightings) < MIN_SIGHTINGS:
        raise CradleError(
            f"'{model.name}': a face was found in {len(sightings)} of {views} pictures of it, "
            f"{MIN_SIGHTINGS} are wanted; draw more of them, or look at its mesh"
        )
    made = _fused(subject, sightings)
    if len(made.landmark) < MIN_LANDMARKS:
        raise CradleError(
            f"'{model.name}': {len(made.landmark)} landmarks keep to a place on it within "
            f"{MAX_SCATTER_MM * subject.scale:.1f} mm, {MIN_LANDMARKS} are wanted; draw more views"
        )
    return Found(made, views, len(sightings))


def _subject(model: MorphableModel, finder: Any, views: int, seed: int) -> Subject:
    spread = Range(yaw_deg=35, pitch_deg=20, roll_deg=15, identity=0.8)
    if isinstance(model, Morphable):
        return Subject(model, draw_views(model, views, seed, spread), _painted(model), 1.0)
    frame = framing(model, PlainPainter(model), finder)
    drawn = plain_views(model, frame, views, seed, spread)
    return Subject(model, drawn, facing_triangles(model, frame), frame.scale)


def _painted(model: Morphable) -> NDArray[np.int64]:
    """The outer surface of the embedded model's face."""
    part = model.tags["part"][model.triangles]
    outer = np.isin(part, [Part.SKIN, Part.LIP]).all(axis=1)
    front = model.mean[model.triangles].mean(axis=1)
    wanted = outer & (front[:, 2] > -15) & (front[:, 1] < 75) & (front[:, 1] > -80)
    return np.flatnonzero(wanted)


def _fused(subject: Subject, sightings: list[Sighting]) -> embedding.Embedding:
    """For each landmark the nearest point over all sightings, found coarsely, then finely."""
    model = subject.model
    coarse = _samples(model, subject.triangles, _COARSE_STEPS)
    some = sightings[:: max(1, min(4, len(sightings) // MIN_SIGHTINGS))]
    seen = _project(model, coarse, some)
    first, _ = _nearest(seen, _worth_a_look(seen, subject.scale))
    fine, near = _finer(subject, coarse, first)
    best, scatter = _nearest(_project(model, fine, sightings), near)
    kept = np.flatnonzero(scatter < MAX_SCATTER_MM * subject.scale)
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


def _samples(model: MorphableModel, triangles: NDArray[np.int64], steps: int) -> Samples:
    """Points on triangles; fewer a triangle, or on fewer of them, where a mesh is dense."""
    while steps > 1 and len(triangles) * steps * (steps + 1) // 2 > _MOST_SAMPLES:
        steps -= 1
    triangles = triangles[:: -(-len(triangles) // _MOST_SAMPLES)]
    weights = _lattice(steps)
    triangle = np.repeat(triangles, len(weights))
    return Samples(triangle, np.tile(weights, (len(triangles), 1)), model.triangles[triangle])


def _sightings(finder: Any, views: Iterable[View]) -> list[Sighting]:
    """Pictures in which landmarks were found."""
    sightings = []
    for view in views:
        found = find(finder, view.rgb)
        if found is not None:
            sightings.append(Sighting(found[:MESH_LANDMARKS].astype(float), view))
    return sightings


def _project(model: MorphableModel, samples: Samples, sightings: list[Sighting]) -> Seen:
    """Where samples lie in each picture beside the landmarks found there."""
    landmark, sample, shown = [], [], []
    for sighting in sightings:
        px, facing = _projected(model, samples, sighting.view)
        landmark.append(sighting.landmark * sighting.mm_per_px)
        sample.append((px * sighting.mm_per_px).astype(np.float32))
        shown.append(facing > _FACING)
    return Seen(np.stack(landmark), np.stack(sample), np.stack(shown))


def _projected(model: MorphableModel, samples: Samples, view: View) -> tuple[NDArray, NDArray]:
    """Samples' pixels (S,2) and how squarely each faces the camera (S,), 1 when it does."""
    normal = normals(view.vertices, model.triangles)[samples.corners[:, 0]]
    facing = (normal @ view.camera.matrix.T)[:, 2]
    return view.camera.project(samples.place(view.vertices))[:, :2], facing


def _nearest(seen: Seen, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray]:
    """For each landmark the sample with the least median distance, and that distance (mm)."""
    best = np.zeros(MESH_LANDMARKS, np.int64)
    scatter = np.full(MESH_LANDMARKS, np.inf)
    often = seen.shown.sum(axis=0) >= max(8, len(seen.landmark) // 6)
    x, y = (np.ascontiguousarray(axis.T) for axis in np.moveaxis(seen.sample, 2, 0))
    shown = np.ascontiguousarray(seen.shown.T)
    for mark in range(MESH_LANDMARKS):
        usable = np.flatnonzero(allowed[mark] & often)
        if len(usable):
            right, down = seen.landmark[:, mark].T
            gap_mm = np.sqrt((x[usable] - right) ** 2 + (y[usable] - down) ** 2)
            middle = _middle(gap_mm, shown[usable])
            best[mark], scatter[mark] = usable[np.argmin(middle)], np.min(middle)
    return best, scatter


def _worth_a_look(seen: Seen, scale: float) -> NDArray[np.bool_]:
    """Which samples come near a landmark in a few of the views (468, S): the others never will."""
    views = range(0, len(seen.landmark), max(1, len(seen.landmark) // _LOOKED_AT))
    worth = np.zeros((MESH_LANDMARKS, seen.sample.shape[1]), bool)
    for view in views:
        gap_mm = cdist(seen.landmark[view], seen.sample[view])
        worth |= gap_mm < _LOOK_MM * scale
    return worth


def _middle(values: NDArray, counted: NDArray[np.bool_]) -> NDArray:
    """Median of the counted values of each row (R, N); `np.nanmedian` takes five times as long."""
    ordered = np.sort(np.where(counted, values, np.inf), axis=1)
    count = counted.sum(axis=1, keepdims=True)
    ends = [np.take_along_axis(ordered, place // 2, 1)[:, 0] for place in (count - 1, count)]
    return np.asarray((ends[0] + ends[1]) / 2)


def _finer(
    subject: Subject, coarse: Samples, first: NDArray[np.int64]
) -> tuple[Samples, NDArray[np.bool_]]:
    """Denser samples about each landmark's first place, and which landmark may use which."""
    mean, triangles = subject.model.mean.astype(float), subject.triangles
    place = coarse.place(mean)[first]
    centre = subject.model.mean[subject.model.triangles[triangles]].mean(axis=1)
    close = cKDTree(place).query(centre)[0] < _CLOSE_MM * subject.scale
    fine = _samples(subject.model, triangles[close], _FINE_STEPS)
    away = cKDTree(fine.place(mean)).query_ball_point(place, _NEAR_MM * subject.scale)
    allowed = np.zeros((MESH_LANDMARKS, len(fine.triangle)), bool)
    for mark, near in enumerate(away):
        allowed[mark, near] = True
    return fine, allowed
