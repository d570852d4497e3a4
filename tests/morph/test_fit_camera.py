import numpy as np
import pytest
import torch

from pipeline.morph import camera, pose


def random_rotations(count: int = 200) -> torch.Tensor:
    rng = np.random.default_rng(3)
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.concatenate(
        [rng.uniform(0, np.pi, count - 6), [0, 1e-9, 1e-5, 1.0, 3.1415, 3.14159]]
    )
    return torch.from_numpy(axis * angle[:, None])


def test_rotation_vectors_survive_the_way_there_and_back() -> None:
    rotation = random_rotations()
    R = camera.exp_rotation(rotation)
    assert torch.allclose(R @ R.transpose(1, 2), torch.eye(3).double().expand_as(R), atol=1e-12)
    assert torch.allclose(torch.linalg.det(R), torch.ones(len(R)).double())
    assert torch.allclose(camera.log_rotation(R), rotation, atol=1e-9)


def test_a_head_on_its_head_keeps_its_rotation_in_float32() -> None:
    upside_down = torch.tensor([[0.0, 0.0, np.pi], [0.02, -0.01, 3.13]])
    R = camera.exp_rotation(upside_down)
    assert torch.allclose(camera.exp_rotation(camera.log_rotation(R)), R, atol=1e-5)


def test_angles_mean_what_they_say() -> None:
    zero, thirty = torch.zeros(1).double(), torch.full((1,), 30.0).double()
    nose, top = torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor([0.0, 1.0, 0.0]).double()

    def moved(point: torch.Tensor, yaw, pitch, roll) -> torch.Tensor:
        R = camera.exp_rotation(camera.rotation_from_angles(yaw, pitch, roll))
        seen = camera.to_camera(point[None, None], R, torch.zeros(1, 3).double())
        return seen[0, 0]

    assert moved(nose, thirty, zero, zero)[0] == pytest.approx(0.5)  # to image right
    assert moved(nose, zero, thirty, zero)[1] == pytest.approx(-0.5)  # up, where y grows down
    assert moved(top, zero, zero, thirty)[0] == pytest.approx(0.5)  # the top leans right: clockwise


def test_angles_agree_with_the_renderer() -> None:
    rng = np.random.default_rng(0)
    yaw, pitch, roll = rng.uniform([[-85], [-80], [-179]], [[85], [80], [179]], (3, 50))
    rotation = camera.rotation_from_angles(*(torch.from_numpy(x) for x in (yaw, pitch, roll)))
    for row, angles in zip(rotation, zip(yaw, pitch, roll, strict=True), strict=True):
        assert np.allclose(
            camera.exp_rotation(row).numpy(), pose.rotation_matrix(*angles), atol=1e-12
        )
    back = torch.stack(camera.angles_from_rotation(rotation)).numpy()
    assert np.allclose(back, [yaw, pitch, roll], atol=1e-9)


def test_pixels_agree_with_the_renderer() -> None:
    rng = np.random.default_rng(1)
    points = torch.from_numpy(rng.normal(0, 50, (4, 30, 3)))
    rotation = random_rotations()[:4]
    translation = torch.from_numpy(rng.normal((0, 0, 500), 20, (4, 3)))
    pixels = camera.project(points, rotation, translation, 700.0, (480, 640)).numpy()
    for frame in range(4):
        expected = pose.project(
            points[frame], rotation[frame].numpy(), translation[frame].numpy(), 700.0, (480, 640)
        )
        assert np.allclose(pixels[frame], expected[:, :2], atol=1e-9)
