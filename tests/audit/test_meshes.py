"""The fitted mesh of a frame, as the report shows it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.audit import meshes
from pipeline.morph import embedding, model
from pipeline.morph.fit import Fitted
from pipeline.morph.pose import project

FRAMES, HEIGHT, WIDTH, FOCAL_PX = 3, 240, 320, 400.0


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fit.npz and landmarks.npz of a mean face that looks ahead, its third frame lost."""
    folder = tmp_path_factory.mktemp("fit")
    valid = np.array([True, True, False])
    still = np.zeros((FRAMES, 3), np.float32)
    place = still + np.array([0, 0, 420.0], np.float32)
    Fitted(
        identity=np.zeros(32, np.float32),
        age=np.zeros(1, np.float32),
        focal_px=FOCAL_PX,
        expression=np.zeros((FRAMES, 64), np.float32),
        rotation=still,
        translation=place,
        residual_px=np.ones(FRAMES, np.float32),
        residual_mm=np.ones(FRAMES, np.float32),
        valid=valid,
        identity_std=np.ones(32, np.float32),
        age_std=np.ones(1, np.float32),
        expression_std=np.ones((FRAMES, 64), np.float32),
        converged=valid,
    ).save(folder / "fit.npz")
    where, points = embedding.load(), np.empty((FRAMES, 478, 3), np.float32)
    seen = project(where.place(model.load().mean), still[0], place[0], FOCAL_PX, (HEIGHT, WIDTH))
    points[:] = seen.mean(0)
    points[:, where.landmark] = seen
    shares = np.ones((FRAMES, 478), np.float32)
    np.savez(folder / "landmarks.npz", points=points, visibility=shares)
    return folder


def drawn(fit: Path, out: Path, frames: list[int]) -> dict[int, np.ndarray]:
    inputs = {
        "fit": fit / "fit.npz",
        "landmarks": fit / "landmarks.npz",
        "video": None,
        "width": WIDTH,
        "height": HEIGHT,
        "model": "procedural",
        "frames": frames,
    }
    out.mkdir()
    meshes.draw(out, inputs)
    return {int(path.stem): cv2.imread(str(path))[..., ::-1] for path in out.glob("*.jpg")}


def test_a_fit_that_was_saved_is_read_again(fit: Path) -> None:
    found = Fitted.read(fit / "fit.npz")
    assert found.focal_px == FOCAL_PX
    assert found.valid.tolist() == [True, True, False]
    assert found.expression.shape == (FRAMES, 64)


def test_the_mesh_fills_a_picture_that_is_cut_to_the_face(fit: Path, tmp_path: Path) -> None:
    pictures = drawn(fit, tmp_path / "out", [0, 1])
    assert sorted(pictures) == [0, 1]
    (picture, _) = pictures.values()
    assert max(picture.shape) == meshes.PICTURE_PX
    skin = (picture.astype(int) - meshes.GROUND < -20).any(axis=2)
    assert skin.mean() > 0.6
    # It hangs together: the face is in the middle, and plain ground at the upper corners.
    middle = skin[picture.shape[0] // 3 : -picture.shape[0] // 3, picture.shape[1] // 2]
    assert middle.all()
    assert np.array_equal(pictures[0], pictures[1])


def test_a_frame_without_a_fit_shows_its_landmarks_alone(fit: Path, tmp_path: Path) -> None:
    (picture,) = drawn(fit, tmp_path / "out", [2]).values()
    skin = (picture.astype(int) - meshes.GROUND < -20).any(axis=2)
    assert 0 < skin.mean() < 0.4


def test_a_window_stays_within_the_picture() -> None:
    points = np.array([[-50.0, -50.0], [400.0, 300.0]])
    assert meshes._window(points, (HEIGHT, WIDTH)) == (slice(0, HEIGHT), slice(0, WIDTH))
    outside = np.array([[500.0, 500.0], [510.0, 510.0]])
    rows, columns = meshes._window(outside, (HEIGHT, WIDTH))
    assert rows.stop - rows.start == columns.stop - columns.start == 2
