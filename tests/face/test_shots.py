"""Pictures reach the landmarker as large as is worth it, and points come back in full size."""

import numpy as np
import pytest

from pipeline.face.backends import Face
from pipeline.face.crop import LARGER
from pipeline.face.shots import Shots

DETECT_PX = 200


class Witness:
    """A landmarker that notes how wide pictures are, and sees a face from edge to edge."""

    def __init__(self) -> None:
        self.widths: list[int] = []

    def follower(self, faces):
        return self

    searcher = follower

    def detect(self, picture):
        height, width = picture.shape[:2]
        self.widths.append(width)
        across, down = np.meshgrid(np.linspace(0, width, 22), np.linspace(0, height, 22))
        points = np.stack([across, down, np.zeros_like(across)], axis=-1).reshape(-1, 3)
        return [Face(points[:478].astype(np.float32), 1.0)]

    def boxes(self, picture):
        return []

    def reset(self):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("width", [120, DETECT_PX, round(LARGER * DETECT_PX) - 2])
def test_a_picture_that_is_hardly_too_large_stays_as_it_is(width):
    assert seen(width) == (width, pytest.approx(width, abs=1))


@pytest.mark.parametrize("width", [round(LARGER * DETECT_PX), 1000])
def test_a_large_picture_is_shrunk_and_its_points_are_not(width):
    assert seen(width) == (DETECT_PX, pytest.approx(width, rel=0.01))


def seen(width: int) -> tuple[int, float]:
    """How wide a picture is when it is looked at, and where the farthest of its points lies."""
    witness = Witness()
    shots = Shots(witness, 1, DETECT_PX)
    ((_, (face, *_)),) = shots.look([np.zeros((width // 2, width, 3), np.uint8)])
    shots.close()
    return witness.widths[0], float(face.points[:, 0].max())
