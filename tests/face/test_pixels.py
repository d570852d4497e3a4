"""What is compiled reads the same of a face as OpenCV, step by step, does."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from pipeline.face import pixels
from pipeline.face.crop import Crop, bordered
from pipeline.face.swatches import SWATCHES, layout, take

DIGEST = """
import hashlib
import numpy as np
from pipeline.face import pixels
rng, told = np.random.default_rng(0), hashlib.sha256()
for high, wide in rng.integers(20, 130, (60, 2)):
    band = rng.normal(size=(high + 2, wide + 2)).astype(np.float32)
    told.update(pixels.bends(band, (rng.random((high, wide)) > 0.3).astype(np.uint8)).tobytes())
    grey, colours = (rng.integers(0, 256, (high, wide, *it), np.uint8) for it in ((), (3,)))
    points = rng.uniform(0, 20, (478, 2)).astype(np.float32)
    corners = rng.integers(0, 478, (852, 3), np.int32)
    told.update(pixels.swatches(colours, grey, points, corners, 4.0).tobytes())
print(told.hexdigest())
"""
SIZES = [(168, 182), (40, 90), (2, 2), (4, 300)]


@pytest.fixture(params=SIZES)
def crop(request):
    """A face that goes beyond the picture on every side, of colours and a texture of all kinds."""
    high, wide = request.param
    rng = np.random.default_rng(high)
    coarse = rng.integers(0, 256, (high // 8 + 2, wide // 8 + 2, 3), dtype=np.uint8)
    colours = cv2.resize(coarse, (wide, high)) // 2 + rng.integers(0, 99, (high, wide, 3))
    colours = colours.astype(np.uint8)
    points = rng.uniform(-0.2, 1.2, (478, 2)) * [wide, high]
    return Crop(colours, cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), points.astype(np.float32))


def test_a_swatch_is_the_mean_colour_and_the_mean_slope_around_the_middle_of_a_triangle(crop):
    high, wide = crop.grey.shape
    column, row = np.rint(crop.landmarks[layout().corners].mean(axis=1)).astype(int).T
    row, column = np.clip(row, 0, high - 1), np.clip(column, 0, wide - 1)
    down, across = (cv2.Scharr(crop.grey, cv2.CV_32F, *way) / 32 for way in ((0, 1), (1, 0)))
    slopes = cv2.blur(cv2.magnitude(across, down), (7, 7))[row, column]
    taken = take(crop)
    assert taken.shape == (SWATCHES, 4)
    assert np.array_equal(taken[:, :3], cv2.blur(crop.pixels, (5, 5))[row, column])
    # In quarters of a level, cut off; the last bit of a sum may lie on either side.
    assert np.allclose(taken[:, 3] / 4 + 1 / 8, np.minimum(slopes, 255 / 4), atol=1 / 8 + 1e-3)


def test_bends_are_products_of_second_derivatives_inside_a_mask(crop):
    band = crop.grey.astype(np.float32) - 100
    inside = (np.indices(band.shape).sum(axis=0) % 3 > 0).astype(np.uint8)
    ways = (2, 0), (1, 1), (0, 2)
    across, both, down = (cv2.Sobel(band, cv2.CV_64F, *way) * inside for way in ways)
    pairs = [
        *((one, one) for one in (across, both, down)),
        *((across, both), (across, down), (both, down)),
    ]
    expected = [(one * other).sum() for one, other in pairs]
    # Of the pairs of different ones much cancels: the size of the sums goes by the others.
    assert pixels.bends(bordered(band, 1), inside) == pytest.approx(
        expected, abs=1e-5 * sum(expected[:3]) + 1e-3
    )


@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_the_median_is_that_of_what_is_inside(count):
    rng = np.random.default_rng(count)
    levels = rng.integers(0, 256, (20, 30), dtype=np.uint8)
    inside = np.zeros(levels.shape, np.uint8)
    inside.reshape(-1)[rng.permutation(levels.size)[:count]] = 1
    assert pixels.median(levels, inside) == np.median(levels[inside > 0])


def test_a_process_that_compiles_says_the_same_to_the_last_bit_as_one_that_finds_it_compiled(
    tmp_path,
):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-c", DIGEST]
    first, then = (
        subprocess.run(run, env=environment, check=True, capture_output=True).stdout
        for _ in range(2)
    )
    assert first == then
