"""How fast the nursery makes clips, and whether mediapipe takes its infants for faces.

cradle bench nursery [--clips 8] [--span-s 5] [--json OUT]

The rate counts everything: drawing, encoding, sound and truth, in two processes that are warm.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pipeline import media
from pipeline.nursery import CLIP, Nursery, measure
from pipeline.nursery.catalogue import scenes
from pipeline.nursery.scenes import Scene
from pipeline.nursery.truth import read
from tests.bench._figures import Figure, report

PROCESSES = 2


def make(folder: str, scene: Scene) -> float:
    """Make one clip; returns the seconds of processor time that it took."""
    out = Path(folder) / scene.clip
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    began = time.process_time()
    inputs = {"seed": scene.seed, "index": scene.index}
    measure(out, {**inputs, "span_s": scene.span_s, "size_px": scene.height_px})
    return time.process_time() - began


def rate(folder: str, made: Sequence[Scene]) -> dict[str, float]:
    """Frames a second of wall time, and processor time a frame."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        warm = [pool.submit(make, f"{folder}/warm{n}", made[n]) for n in range(PROCESSES)]
        for job in warm:
            job.result()
        began = time.perf_counter()
        spent = list(pool.map(make, [folder] * len(made), made))
        wall_s = time.perf_counter() - began
    frames = sum(len(read(Path(folder) / scene.clip).time_s) for scene in made)
    return {"fps": frames / wall_s, "cpu_ms": 1000 * sum(spent) / frames}


def found(folder: Path) -> float:
    """Share of a clip's frames in which mediapipe finds the infant, the picture turned upright."""
    import mediapipe

    truth = read(folder)
    turns = round(float(truth.roll_deg.mean()) / 90)
    hits = []
    with mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=3) as mesh:
        for frame in media.read_frames(folder / CLIP):
            faces = mesh.process(np.ascontiguousarray(np.rot90(frame, turns)))
            hits.append(bool(faces.multi_face_landmarks))
    return float(np.mean(hits))


def main(argv: Sequence[str]) -> int:
    """Measure and print; returns 0 where what is asked is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench nursery", description=__doc__)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--span-s", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(argv)
    made = scenes(Nursery(clips=args.clips, span_s=args.span_s))
    with tempfile.TemporaryDirectory() as folder:
        speed = rate(folder, made)
        good = [scene for scene in made if scene.how.good]
        shares = {scene.clip: found(Path(folder) / scene.clip) for scene in good}
    worst = min(shares, key=shares.__getitem__)
    figures = [
        Figure("frames a second, 2 processes", speed["fps"], 60, ">="),
        Figure("processor time a frame", speed["cpu_ms"], unit="ms"),
        Figure("found in good clips", float(np.mean(list(shares.values()))), 0.98, ">="),
        Figure("found in the worst of them", shares[worst], note=worst),
    ]
    return report("nursery", figures, args.json)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
