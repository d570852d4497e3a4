"""Recipe of models/morph/strays/procedural.npz: how the landmarker strays on infants drawn whole.

    python -m models.morph.strays [--keep FOLDER]

Makes the good clips of a nursery that no benchmark reports, runs the landmarker over them, and
learns from where the truth says that landmarks are. About a quarter of an hour on two cores; made
clips are kept in FOLDER and not made again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline import media
from pipeline.face.landmarks import measure_video
from pipeline.morph import camera, embedding, model, response, strays
from pipeline.morph.surface import LinearSurface, Surface
from pipeline.nursery import CLIP, measure, truth
from pipeline.nursery.scenes import Scene, scene_at

SEED, SCENES, SPAN_S, SIZE_PX = 107, 40, 5.0, 384
EVERY = 5
FPS = 30.0


def main(argv: Sequence[str]) -> int:
    """Make the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="where clips are made and stay")
    options = parser.parse_args(argv)
    scenes = [scene_at(SEED, index, SPAN_S, SIZE_PX) for index in range(SCENES)]
    good = [scene for scene in scenes if scene.how.good]
    with tempfile.TemporaryDirectory() as passing:
        folder = options.keep or Path(passing)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            made = list(pool.map(filmed, good, [folder] * len(good)))
        morphable = model.load()
        landmark = embedding.load(morphable.name).landmark
        surface = seen_surface()
        found = strays.learn([_strays(each, surface, landmark) for each in made])
    found.save(strays.path_of(morphable.name), morphable.digest, landmark)
    print(f"{strays.path_of(morphable.name)}: from {len(made)} clips")
    return 0


def filmed(scene: Scene, folder: Path) -> Path:
    """The folder of a scene's clip, truth and landmarks, made where it is not there."""
    own = folder / scene.clip
    if (own / "landmarks.npz").is_file():
        return own
    own.mkdir(parents=True, exist_ok=True)
    inputs = {"seed": scene.seed, "index": scene.index}
    measure(own, {**inputs, "span_s": scene.span_s, "size_px": scene.height_px})
    with tempfile.TemporaryDirectory() as normal:
        info = media.normalise(own / CLIP, Path(normal), media.Limits())
        found = measure_video(Path(normal) / media.VIDEO)
    np.savez(own / "landmarks.npz", points=found.points, size=[info.height, info.width])
    return own


def seen_surface() -> Surface:
    """The landmarks' places with the landmarker's habits, but no strays yet."""
    morphable = model.load()
    placed = embedding.load(morphable.name)
    landmark = np.asarray(placed.landmark, np.int64)
    surface = morphable.surface(placed.corners, np.asarray(placed.barycentric, np.float64))
    habits = response.read(morphable.name, morphable.digest, landmark)
    if habits is None or not isinstance(surface, LinearSurface):
        return surface
    return response.corrected(surface, habits)


def _strays(
    folder: Path, surface: Surface, landmark: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Strays (F, L, 2) mm in the plane of the face, and the points (F, L, 3) mm, of some frames."""
    true = truth.read(folder)
    with np.load(folder / "landmarks.npz", allow_pickle=False) as file:
        found, (height, width) = file["points"][:, landmark, :2].astype(float), file["size"]
    shown = true.frames_at(FPS)
    frames = np.arange(0, min(len(shown), len(found)), EVERY)
    frames = frames[np.isfinite(found[frames]).all((1, 2))]
    some = shown[frames]
    who = torch.from_numpy(np.r_[true.identity, true.age].astype(float))
    points = surface.at(who, torch.from_numpy(true.expression[some].astype(float))).numpy()
    R = (
        np.array(camera.AXES)[:, None]
        * camera.exp_rotation(torch.from_numpy(true.rotation[some].astype(float))).numpy()
    )
    seen = points @ np.swapaxes(R, 1, 2) + true.translation[some][:, None]
    focal = float(true.focal_px)
    off_px = found[frames] - focal * seen[..., :2] / seen[..., 2:] - np.array([width, height]) / 2
    off = np.pad(off_px * seen[..., 2:] / focal, ((0, 0), (0, 0), (0, 1)))
    return (off @ R)[..., :2], points


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
