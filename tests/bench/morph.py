"""How well the drawn infant serves: found by mediapipe, followed by it, and how fast it is drawn.

cradle bench morph [--count 200] [--json OUT]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.morph import embedding, views
from pipeline.morph.model import Morphable, load
from pipeline.morph.raster import rasterise
from pipeline.morph.render import Camera, Painter
from tests.bench._figures import Figure, report

INNER_LIPS = (13, 14)
ASKED = {
    "vertices": (2000, ">="),
    "landmarks": (434, ">="),
    "geometry_per_s": (200, ">="),
    "found_in_place": (0.98, ">="),
    "found_at_45_deg": (0.98, ">="),
    "mouth_correlation_worst": (0.95, ">="),
    "lid_correlation_median": (0.95, ">="),
}
LIDS = {"left": (386, 374), "right": (159, 145)}
"""mediapipe's indices; left is the infant's left."""


def detection(model: Morphable, count: int, seed: int = 5) -> dict[str, float]:
    """Share of random pictures in which a face is found, and where it is."""
    placed = embedding.load(model.name)
    hits, errors = 0, []
    with views.face_mesh() as finder:
        for view in views.draw_views(model, count, seed, views.Range()):
            found = views.find(finder, view.rgb)
            if found is None:
                continue
            truth = view.camera.project(placed.place(view.vertices))[:, :2]
            errors.append(np.median(np.linalg.norm(found[placed.landmark] - truth, axis=1)))
            hits += float(np.median(errors[-1])) < 0.06 * view.rgb.shape[0]
    return {
        "found_in_place": hits / count,
        "median_error_px": float(np.median(errors)),
        "worst_view_error_px": float(np.max(errors)),
    }


def profile(model: Morphable, count: int = 20) -> dict[str, float]:
    """Share of faces found at given yaws."""
    out = {}
    painter = Painter(model)
    rng = np.random.default_rng(9)
    with views.face_mesh() as finder:
        for yaw in (30, 45, 55, 65):
            found = 0
            for number in range(count):
                camera = Camera.facing(pose_deg=(yaw if number % 2 else -yaw, 0, 0))
                looks = views.draw_appearance(rng), views.draw_light(rng)
                head = model.shape(rng.normal(0, 1, 32))
                picture = painter.draw(head, camera, *looks).over((120, 130, 140))
                found += views.find(finder, picture) is not None
            out[f"found_at_{yaw}_deg"] = found / count
    return out


def following(model: Morphable, people: int = 6, steps: int = 25) -> dict[str, float]:
    """Correlation of mesh and landmark apertures as mouth and lids open and close."""
    mouth, lids = [], []
    rng = np.random.default_rng(2)
    painter = Painter(model, detail=2)
    with views.face_mesh() as finder:
        for _ in range(people):
            identity, looks, light = (
                rng.normal(0, 1, 32),
                views.draw_appearance(rng),
                views.draw_light(rng),
            )
            camera = Camera.facing(pose_deg=(rng.uniform(-20, 20), rng.uniform(-10, 10), 0))
            table: list[list[float]] = []
            for opening in np.linspace(0, 1, steps):
                actions = {"jaw_drop": opening, "lid_closure": opening}
                head = model.shape(identity, model.action_vector(actions))
                found = views.find(
                    finder, painter.draw(head, camera, looks, light).over((128,) * 3)
                )
                if found is not None:
                    table.append(_apertures(model, head, camera, found))
            r = np.corrcoef(np.asarray(table).T)
            mouth.append(r[0, 1])
            lids += [r[2, 3], r[4, 5]]
    return {
        "mouth_correlation_worst": float(np.min(mouth)),
        "mouth_correlation_median": float(np.median(mouth)),
        "lid_correlation_worst": float(np.min(lids)),
        "lid_correlation_median": float(np.median(lids)),
    }


def _apertures(
    model: Morphable, head: np.ndarray, camera: Camera, found: np.ndarray
) -> list[float]:
    px = camera.project(head)[:, :2]
    row = []
    pairs = [(model.aperture_pair, INNER_LIPS)]
    pairs += [(model.lid_pairs[side], LIDS[side]) for side in ("left", "right")]
    for (a, b), (c, d) in pairs:
        opening = max(float(px[b, 1] - px[a, 1]), 0.0)
        row += [opening, float(np.linalg.norm(found[c] - found[d]))]
    return row


def speed(model: Morphable, side_px: int = 384) -> dict[str, float]:
    """Frames a second on one core, best of three runs."""
    camera = Camera.facing((side_px, side_px), (10, 5, 0))
    painter, fine = Painter(model), Painter(model, detail=2)
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(32, 64)).astype(np.float32)
    heads = [model.shape(expression=z) for z in latent]
    attributes = np.ones((model.vertices, 8), np.float32)

    def geometry(head: np.ndarray) -> None:
        rasterise(camera.project(head), model.triangles, attributes, side_px, side_px, cull=True)

    return {
        "decode_per_s": _rate(lambda n: model.shape(expression=latent[n % 32])),
        "geometry_per_s": _rate(lambda n: geometry(heads[n % 32])),
        "shaded_per_s": _rate(lambda n: painter.draw(heads[n % 32], camera)),
        "shaded_2x_per_s": _rate(lambda n: fine.draw(heads[n % 32], camera)),
    }


def _rate(work: Callable[[int], object], count: int = 40) -> float:
    work(0)
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        for n in range(count):
            work(n)
        best = max(best, count / (time.process_time() - start))
    return best


def main(argv: Sequence[str]) -> int:
    """Print the figures beside what is asked; `--json OUT` writes them."""
    parser = argparse.ArgumentParser(prog="cradle bench morph", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    model = load()
    figures = {
        "vertices": float(model.vertices),
        "landmarks": float(len(embedding.load(model.name).landmark)),
        "scatter_mm": float(np.median(embedding.load(model.name).scatter_mm)),
        **speed(model),
        **detection(model, arguments.count),
        **profile(model),
        **following(model),
    }
    rows = [Figure(name, value, *ASKED.get(name, (None,))) for name, value in figures.items()]
    return report("the drawn infant", rows, arguments.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
