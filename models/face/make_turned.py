"""Makes models/face/turned.npz: how many of the landmarks that face the camera so far are seen.

    PYTHONPATH=. python models/face/make_turned.py

Infants of the nursery are filmed, and of each landmark that nothing covers it is counted how often
the head leaves it to be seen. The rims of lids and the corners of a mouth lie in folds that the
landmarker's mesh is too smooth for. No footage of anybody is used.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import media, nursery
from pipeline.face.backends import LANDMARKERS
from pipeline.face.measure import note_all
from pipeline.face.mesh import POINTS, canonical
from pipeline.face.params import Landmarks
from pipeline.face.self_occlusion import AWAY
from pipeline.face.tracks import Tracks
from pipeline.nursery import truth
from pipeline.nursery.scenes import Scene, scene_of

FIRST_SEED, SEEDS = 300, 100
KINDS = (
    ("cry", "laugh", "babble", "cry", "laugh"),
    ("lying", "beside", "profile"),
    ("passing", "hand"),
)
"""Of each of these, one in turn is filmed of every seed."""
SPAN_S, SIZE_PX, FPS = 0.5, 384, 30.0
FACING = np.array([AWAY, -0.3, 0.0, 0.05, 0.15, 0.25, 0.35, 0.5, 0.7, 0.85, 1.0], np.float32)
"""Of which the shares are told; in between they are drawn in straight lines."""
AS_MUCH = 100.0
"""Frames of a landmark and of its partner that count as much as what all landmarks do."""

Counts = NDArray[np.float64]


def main() -> None:
    """Film, count, weigh, write."""
    with ProcessPoolExecutor(initializer=_quiet) as pool:
        there, seen = np.sum(list(pool.map(counted, scenes())), axis=0)
    other = canonical().mirror
    there, seen = there + there[:, other], seen + seen[:, other]
    usual = seen.sum(axis=1) / there.sum(axis=1)
    share = (seen + AS_MUCH * usual[:, None]) / (there + AS_MUCH)
    path = Path(__file__).with_name("turned.npz")
    np.savez(path, facing=FACING, seen=share.astype(np.float32))
    print(f"{path}: {there.sum() / 2:.0f} landmarks; of all, seen", usual.round(3))


def scenes() -> Iterator[Scene]:
    """What is filmed."""
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        for kinds in KINDS:
            yield scene_of(kinds[seed % len(kinds)], seed, SPAN_S, SIZE_PX)


def counted(scene: Scene) -> tuple[Counts, Counts]:
    """How many of each landmark face the camera so far, (FACING, 478), and how many are seen.

    One that lies between two of `FACING` counts in parts for both.
    """
    there, seen = np.zeros((2, len(FACING), POINTS))
    for facing, shown, counts in _noted(scene):
        place = np.interp(facing, FACING, np.arange(len(FACING)))
        for number in range(len(FACING)):
            weight = np.maximum(0.0, 1.0 - np.abs(place - number)) * counts
            there[number] += weight.sum(axis=0)
            seen[number] += (weight * shown).sum(axis=0)
    return there, seen


def _noted(scene: Scene) -> Iterator[tuple[NDArray[np.float32], Counts, Counts]]:
    """Of each face of a film: how far its landmarks face the camera, which are seen, and which are
    asked about, (F, 478) each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = {"seed": scene.seed, "index": scene.index}
        nursery.measure(folder, {**inputs, "span_s": scene.span_s, "size_px": scene.height_px})
        known, tracks = truth.read(folder), Tracks(folder)
        try:
            pictures = media.read_frames(folder / nursery.CLIP)
            note_all(pictures, LANDMARKERS.load("mediapipe"), Landmarks(), tracks)
            for track in tracks.all:
                notes = track.notes.read()
                frame = known.frames_at(FPS)[notes["frame"]]
                if _is_of(notes, known, frame):
                    asked = known.landmark_known & ~known.landmark_covered[frame] & notes["inside"]
                    shown = known.landmark_visibility[frame].astype(float)
                    yield notes["facing"].astype(np.float32), shown, asked.astype(float)
        finally:
            tracks.close()


def _is_of(notes: NDArray[np.void], known: truth.Truth, frame: NDArray[np.int_]) -> bool:
    """Whether a track lies on the infant, not on who sits beside."""
    true = known.landmarks_px[frame][:, known.landmark_known]
    apart = np.linalg.norm(notes["points"][:, known.landmark_known, :2] - true, axis=2)
    return bool(np.median(apart) < 0.1 * np.median(notes["face_px"]))


def _quiet() -> None:
    # mediapipe writes straight to the descriptor.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


if __name__ == "__main__":
    main()
