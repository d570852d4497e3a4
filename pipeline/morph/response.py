"""What the landmarker makes of a head: where it puts each landmark, beside where the surface is.

    face = corrected(surface, response.load("procedural", model.digest, landmark))

A detector has habits: lids that are half closed it takes for open, thin lips for thicker ones, an
outline for the one it knows. Drawn heads, whose shape is known, show them. For every landmark the
shift from its place on the surface is regressed on the latents (ridge), in the plane of the face;
a fit that expects the shift does not mistake the habit for an expression.

`python -m pipeline.morph.response` makes models/morph/procedural.response.npz, from views that no
nursery has; a model without such a file is fitted to its surface as it is.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.errors import CradleError
from pipeline.morph import embedding, views
from pipeline.morph.appearance import draw_appearance, draw_light
from pipeline.morph.model import Morphable, load
from pipeline.morph.pose import HEAD_TO_CAMERA, to_camera, to_pixels
from pipeline.morph.render import Camera, Painter
from pipeline.morph.surface import LinearSurface

Array = NDArray[np.float64]

_SEEDS = (101, 102)
_VIEWS = 500
# Chosen among 3, 10, 30, 100 and 300 on views left out.
_RIDGE = 100.0
# Farther off, another thing was taken for the face.
_LOST_MM = 8.0


def path_of(name: str) -> Path:
    """Where the response to model `name` is kept."""
    return embedding.FOLDER / f"{name}.response.npz"


def read(name: str, digest: str, landmark: NDArray[np.int64]) -> Array | None:
    """Shifts (1 + S + E, L, 2) mm in the plane of the face, or None where none were made.

    The first row is the shift of the mean face; others are a standard deviation's of identity,
    age and expression each.

    Raises:
        CradleError: they were made for another model or other landmarks.
    """
    path = path_of(name)
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        if str(stored["model_digest"]) != digest or not np.array_equal(
            stored["landmark"], landmark
        ):
            raise CradleError(
                f"{path}: made for another model or embedding than '{name}' now has; "
                "make it again with `python -m pipeline.morph.response`"
            )
        return stored["shift_mm"].astype(np.float64)


def corrected(surface: LinearSurface, shift_mm: Array) -> LinearSurface:
    """The surface as the landmarker sees it."""
    flat = torch.from_numpy(np.pad(shift_mm, ((0, 0), (0, 0), (0, 1)))).to(surface.mean)
    S = surface.shared_count
    return replace(
        surface,
        mean=surface.mean + flat[0],
        shared=surface.shared + flat[1 : 1 + S],
        expression=surface.expression + flat[1 + S :],
    )


def compute(model: Morphable) -> Array:
    """Shifts (1 + S + E, L, 2) mm of all views."""
    seen = [row for seed in _SEEDS for row in _sightings(model, seed)]
    latents, shifts = np.stack([a for a, _ in seen]), np.stack([b for _, b in seen])
    penalty = np.full(latents.shape[1], _RIDGE)
    penalty[0] = 0.1
    square = latents.T @ latents + np.diag(penalty)
    found = np.linalg.solve(square, latents.T @ shifts.reshape(len(shifts), -1))
    return np.asarray(found.reshape(-1, *shifts.shape[1:]))


def _sightings(model: Morphable, seed: int) -> Iterator[tuple[Array, Array]]:
    """Latents (1 + S + E,) with a leading 1, and shifts (L, 2) mm, of the views of one seed."""
    placed, painter = embedding.load(model.name), Painter(model)
    rng = np.random.default_rng(seed)
    with views.face_mesh() as finder:
        for _ in range(_VIEWS):
            who, age, what = _latents(model, rng)
            head = model.shape(who, what, age)
            camera, rgb = _picture(painter, head, rng)
            found = views.find(finder, rgb)
            if found is None:
                continue
            shift = _shift(placed.place(head).astype(np.float64), found[placed.landmark], camera)
            if np.median(np.linalg.norm(shift, axis=1)) <= _LOST_MM:
                yield np.concatenate([[1.0], who, [age], what]), shift[:, :2]


def _latents(model: Morphable, rng: np.random.Generator) -> tuple[Array, float, Array]:
    who, age = rng.normal(size=32), float(np.clip(rng.normal(), -2, 2))
    mood = views.MOODS[int(rng.integers(len(views.MOODS)))]
    strength = rng.uniform(0.2, 1.0)
    what = model.action_vector({name: strength * amount for name, amount in mood.items()})
    return who, age, what + rng.normal(0, rng.uniform(0.2, 0.6), len(what))


def _picture(
    painter: Painter, head: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Camera, NDArray[np.uint8]]:
    """One view, most of them through a lossy picture format, as videos are."""
    import cv2

    pose = (rng.normal(0, 14), rng.normal(0, 9), rng.normal(0, 8))
    side = int(rng.integers(200, 420))
    camera = Camera.facing((side, side), pose, rng.uniform(400, 1000), rng.uniform(0.5, 0.8))
    drawn = painter.draw(head, camera, draw_appearance(rng), draw_light(rng))
    r, g, b = (int(c) for c in rng.uniform(40, 215, 3))
    rgb = drawn.over((r, g, b))
    if rng.random() < 0.6:
        quality = int(rng.integers(35, 90))
        _, coded = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
        rgb = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.uint8)
    return camera, rgb


def _shift(points: NDArray, found_px: NDArray, camera: Camera) -> Array:
    """Shifts (L, 3) mm in head axes from points (L, 3) to landmarks (L, 2), in the image plane."""
    seen = to_camera(points, camera.matrix, camera.translation)
    off_px = found_px - to_pixels(seen, camera.focal_px, camera.size)[:, :2]
    flat = np.pad(off_px * seen[:, 2:] / camera.focal_px, ((0, 0), (0, 1)))
    return np.asarray(flat @ (HEAD_TO_CAMERA @ camera.matrix))


def main() -> int:
    """Compute and write the response to the embedded model."""
    model = load()
    content = io.BytesIO()
    np.savez_compressed(
        content,
        model_digest=np.array(model.digest),
        landmark=embedding.load(model.name).landmark.astype(np.int16),
        shift_mm=compute(model).astype(np.float16),
    )
    path_of(model.name).write_bytes(content.getvalue())
    sys.stdout.write(f"{path_of(model.name)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
