"""mediapipe takes the nursery's infants for faces, and finds their features where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.nursery import CLIP
from pipeline.nursery.truth import read
from tests.nursery.conftest import Make


@pytest.mark.parametrize("kind", ["cry", "laugh", "babble", "lying", "beside"])
@pytest.mark.filterwarnings("ignore:SymbolDatabase:UserWarning")
def test_mediapipe_follows_good_clips(made: Make, kind: str) -> None:
    found, error = track(made(kind))
    assert found >= 0.95
    # Of a face some 150 px wide.
    assert error < 6.0


def track(folder: Path) -> tuple[float, float]:
    """Share of frames in which the infant's face is found, and the median error in px."""
    import mediapipe

    truth = read(folder)
    turns = round(float(truth.roll_deg.mean()) / 90) if np.isfinite(truth.roll_deg).all() else 0
    errors = []
    frames = list(media.read_frames(folder / CLIP))
    with mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=3, refine_landmarks=True) as mesh:
        for index, frame in zip(truth.frames_at(30.0), frames, strict=False):
            faces = mesh.process(np.ascontiguousarray(np.rot90(frame, turns)))
            errors.append(_nearest(faces.multi_face_landmarks or [], frame, turns, truth, index))
    found = np.isfinite(errors)
    return float(found.mean()), float(np.median(np.array(errors)[found])) if found.any() else np.inf


def _nearest(faces: list, frame: np.ndarray, turns: int, truth, index: int) -> float:
    height, width = np.rot90(frame, turns).shape[:2]
    best = np.inf
    for face in faces:
        points = np.array([(p.x * width, p.y * height) for p in face.landmark])
        for _ in range(turns % 4):
            # Undo one counter-clockwise quarter turn of the picture at a time.
            points = np.column_stack([height - points[:, 1], points[:, 0]])
            width, height = height, width
        apart = np.linalg.norm(points - truth.landmarks_px[index], axis=1)
        best = min(best, float(np.median(apart[truth.landmark_known])))
    return best if best < 40 else np.inf
