"""FAN behind the landmarkers' interface: a small network that was taught on the spot."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core.backends import file_digest
from pipeline.core.errors import WeightsError
from pipeline.core.weights import Weights
from pipeline.face import fan, fan_network
from pipeline.face.backends import LANDMARKERS
from pipeline.face.mediapipe_boxes import BoxDetector
from pipeline.face.points68 import to_68
from pipeline.face.pose import head_pose
from tests.face import fan_taught
from tests.face.conftest import WALL

POSES = [(0, 0, 0), (12, 0, 0), (-12, 0, 0), (0, 8, 0), (0, -8, 0), (8, 5, 5), (-8, -5, -5)]
BLACK = np.zeros((240, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory, studio, landmarker):
    """A file of weights as it is published."""
    pictures = [studio.picture(*pose) for pose in POSES]
    meshes, boxes = landmarker.searcher(1), BoxDetector(1)
    points = [to_68(meshes.detect(picture)[0].points)[:, :2] for picture in pictures]
    network = fan_taught.teach(pictures, points, [boxes.detect(p)[0][0] for p in pictures])
    meshes.close()
    boxes.close()
    return fan_taught.save(network, tmp_path_factory.mktemp("fan") / "2DFAN1.pth.tar")


@pytest.fixture(scope="module")
def aligned(weights):
    return fan.FanLandmarker(weights, "cpu")


def test_it_finds_a_face_and_its_pose_where_mediapipe_does(aligned, studio, landmarker):
    picture = studio.picture(-6, 3, 3)
    (face,) = aligned.searcher(2).detect(picture)
    (known,) = landmarker.searcher(1).detect(picture)
    assert aligned.searcher(2).boxes(picture) == landmarker.searcher(1).boxes(picture)
    assert aligned.far(1).boxes(picture) == landmarker.far(1).boxes(picture)
    assert face.points.shape == (478, 3)
    assert face.score > 0.7
    away = np.linalg.norm((to_68(face.points) - to_68(known.points))[:, :2], axis=1)
    assert np.median(away) < 0.04 * np.ptp(known.points[:, 0])
    assert head_pose(face.points).yaw_deg == pytest.approx(-6, abs=12)


def test_every_point_has_a_score_and_what_is_covered_a_lower_one(aligned, studio):
    picture = studio.picture()
    (face,) = aligned.searcher(1).detect(picture)
    assert face.scores.shape == (478,)
    assert face.scores.min() >= 0
    assert face.scores.max() <= 1
    lips, brows = [61, 291, 0, 17, 13, 14], [70, 63, 105, 66, 336, 296, 334]
    low, high = face.points[lips, :2].min(axis=0), face.points[lips, :2].max(axis=0)
    covered = picture.copy()
    covered[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])] = WALL
    (beside,) = aligned.searcher(1).detect(covered)
    assert beside.scores[lips].mean() < 0.8 * face.scores[lips].mean()
    assert beside.scores[brows].mean() > 0.8 * face.scores[brows].mean()


def test_a_follower_goes_on_where_the_detector_sees_nothing(aligned, studio, monkeypatch):
    follower, searcher = aligned.follower(1), aligned.searcher(1)
    picture = studio.picture()
    (before,) = follower.detect(picture)
    for detector in (follower, searcher):
        monkeypatch.setattr(detector._boxes, "detect", lambda _: [])
    (after,) = follower.detect(picture)
    assert after.score == 0.0
    away = np.linalg.norm((to_68(after.points) - to_68(before.points))[:, :2], axis=1)
    assert np.median(away) < 0.1 * np.ptp(before.points[:, 0])
    assert searcher.detect(picture) == []
    follower.reset()
    assert follower.detect(picture) == []


def test_no_face_is_made_up(aligned):
    follower = aligned.follower(2)
    assert follower.detect(BLACK) == []
    follower.close()
    assert aligned.hands().detect(BLACK) == []


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("owned",))


def test_what_is_more_than_tensors_is_refused(tmp_path, weights, capsys):
    (tmp_path / "short.tar").write_bytes(weights.read_bytes()[:5000])
    (tmp_path / "pickle.tar").write_bytes(pickle.dumps({"m0.b1_4": Evil()}))
    (tmp_path / "empty.tar").write_bytes(b"")
    torch.save({"m0.b1_4": Evil()}, tmp_path / "evil.tar")
    torch.save({"state_dict": {}}, tmp_path / "other.tar")
    torch.save([1, 2], tmp_path / "list.tar")
    for name in ("short", "pickle", "empty", "evil", "other", "list"):
        with pytest.raises(WeightsError, match=rf"{name}\.tar: expected the whole weights of face"):
            fan_network.read(tmp_path / f"{name}.tar")
    assert "owned" not in capsys.readouterr().out


def test_the_lock_decides(tmp_path, weights, monkeypatch):
    with pytest.raises(WeightsError, match=r"weights.lock: no 'fan'; add path, sha256.*2DFAN4"):
        LANDMARKERS.info("fan")
    digest = file_digest(weights)
    row = Weights(path=str(weights), sha256=digest, licence="BSD-3-Clause", origin="here")
    monkeypatch.setattr("pipeline.core.weights.listed", lambda: {"fan": row})
    info = LANDMARKERS.info("fan")
    assert (info.task, info.name, info.embedded) == ("landmarks", "fan", False)
    assert info.licence == "BSD-3-Clause AND Apache-2.0"
    assert isinstance(fan.load("cpu"), fan.FanLandmarker)
    other = row.model_copy(update={"sha256": "0" * 64})
    monkeypatch.setattr("pipeline.core.weights.listed", lambda: {"fan": other})
    with pytest.raises(WeightsError, match=r"expected 000000000000"):
        fan.load("cpu")
    gone = row.model_copy(update={"path": str(tmp_path / "gone.tar")})
    monkeypatch.setattr("pipeline.core.weights.listed", lambda: {"fan": gone})
    with pytest.raises(WeightsError, match=r"gone.tar: not found"):
        fan.load("cpu")
