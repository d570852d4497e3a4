import numpy as np
import pytest

from pipeline.morph.pose import (
    from_vector,
    project,
    rotation_angles,
    rotation_matrix,
    rotation_vector,
)
from pipeline.morph.raster import normals, rasterise, visible


def brute(px: np.ndarray, triangles: np.ndarray, values: np.ndarray, side: int) -> tuple:
    """Nearest triangle by trying them all at every pixel, in plain arithmetic."""
    out, depth = np.zeros((side, side, values.shape[1])), np.full((side, side), np.inf)
    index = np.full((side, side), -1)
    for row in range(side):
        for column in range(side):
            p = np.array([column + 0.5, row + 0.5])
            for t, corners in enumerate(triangles):
                a, b, c = px[corners, :2]
                m = np.array([b - a, c - a]).T
                if abs(np.linalg.det(m)) < 1e-12:
                    continue
                v, w = np.linalg.solve(m, p - a)
                flat = np.array([1 - v - w, v, w])
                if flat.min() < 0:
                    continue
                near = flat / px[corners, 2]
                z = 1 / near.sum()
                if z < depth[row, column]:
                    depth[row, column], index[row, column] = z, t
                    out[row, column] = (near * z) @ values[corners]
    return out, depth, index


@pytest.mark.parametrize("seed", range(4))
def test_rasteriser_agrees_with_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    side = 24
    px = np.column_stack([rng.uniform(-4, 28, (30, 2)), rng.uniform(50, 400, 30)])
    triangles = rng.integers(0, 30, (14, 3))
    values = rng.normal(size=(30, 5))
    got = rasterise(px, triangles, values, side, side)
    want = brute(px, triangles, values, side)
    same = got[2] == want[2]
    assert same.mean() > 0.998  # a pixel centre on an edge may go to either side
    assert (want[2] >= 0).any()
    assert np.allclose(got[0][same], want[0][same], atol=1e-3)
    seen = same & (want[2] >= 0)
    assert np.allclose(got[1][seen], want[1][seen], rtol=1e-5)


def test_attributes_are_perspective_correct() -> None:
    # A strip that recedes: half way across in the image is not half way along in space.
    px = np.array([[0.0, 0, 100], [0, 10, 100], [10, 0, 300], [10, 10, 300]])
    triangles = np.array([[0, 1, 2], [2, 1, 3]])
    along = np.array([[0.0], [0], [1], [1]])
    values, depth, _ = rasterise(px, triangles, along, 10, 10)
    middle = (values[5, 4, 0] + values[5, 5, 0]) / 2
    assert abs(middle - 0.25) < 0.01
    assert abs((depth[5, 4] + depth[5, 5]) / 2 - 150) < 2


def test_backs_are_dropped_on_request_and_what_is_behind_the_camera_always() -> None:
    front = np.array([[1.0, 1, 100], [1, 8, 100], [8, 1, 100]])
    assert (visible(front, np.array([[0, 1, 2]]), 10, 10, cull=True).triangle >= 0).any()
    assert (visible(front, np.array([[0, 2, 1]]), 10, 10, cull=True).triangle < 0).all()
    assert (visible(front, np.array([[0, 2, 1]]), 10, 10).triangle >= 0).any()
    behind = front * [1, 1, -1]
    assert (visible(behind, np.array([[0, 1, 2]]), 10, 10).triangle < 0).all()


def test_angles_survive_the_round_trip() -> None:
    for angles in ((0, 0, 0), (35, 10, -5), (-80, 20, 90), (10, -30, 179)):
        assert np.allclose(rotation_angles(rotation_matrix(*angles)), angles, atol=1e-9)
        vector = rotation_vector(rotation_matrix(*angles))
        assert np.allclose(from_vector(vector), rotation_matrix(*angles))


def test_signs_of_yaw_pitch_and_roll() -> None:
    nose, crown = np.array([[0.0, 0, 70]]), np.array([[0.0, 80, 0]])

    def seen(point: np.ndarray, *angles: float) -> np.ndarray:
        return project(point, rotation_matrix(*angles), (0, 0, 600), 600, (200, 200))[0]

    assert seen(nose, 30, 0, 0)[0] > 110  # to the right of the image
    assert seen(nose, 0, 30, 0)[1] < 90  # up
    assert seen(crown, 0, 0, 30)[0] > 110  # clockwise
    assert seen(np.array([[50.0, 0, 0]]), 0, 0, 0)[0] > 100  # the infant's left
    assert np.allclose(seen(np.array([[0.0, 0, 0]]), 0, 0, 0), [100, 100, 600])


def test_the_fit_and_the_drawing_see_the_same_picture() -> None:
    import torch

    from pipeline.morph import camera

    angles = (25.0, -12.0, 40.0)
    fitted = camera.exp_rotation(torch.tensor(rotation_vector(rotation_matrix(*angles))))
    assert np.allclose(fitted.numpy(), rotation_matrix(*angles), atol=1e-6)


def test_normals_point_out_of_a_ball() -> None:
    from scipy.spatial import ConvexHull

    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    hull = ConvexHull(points)
    triangles = hull.simplices.copy()
    a, b, c = (points[triangles[:, k]] for k in range(3))
    inward = (np.cross(b - a, c - a) * a).sum(1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    outward = (normals(points, triangles) * points).sum(axis=1)
    assert outward.min() > 0.9
    assert np.median(outward) > 0.99
