"""What is read of the pixels of a face that is cut out, compiled: one pass over them, where OpenCV
makes a whole picture of each step between.

Compiled once for all, when it is imported: where it is used, as `meshes` is, for the same reason.
No sum is in an order that a compiler may choose: whoever compiles would then see another last bit
than who finds it compiled. Sums go on side by side instead, over rows of pixels.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Places = NDArray[np.int64]

EDGE = 4
"""Pixels around a picture that are read and not asked about."""
_COLOUR_PX, _SLOPES_PX = 5, 7
"""Sides of the squares that a colour and a slope are the mean of."""


@njit(cache=True)
def swatches(
    pixels: Bytes, grey: Bytes, landmarks: Floats, corners: NDArray[np.int32], steps: float
) -> Bytes:
    """Mean colour around the middle of each triangle, and mean slope there in so many steps a level
    a pixel: (T, 4).

    Args:
        pixels, grey: (H, W, 3) and (H, W), with an `EDGE` around.
        landmarks: (478, 2) px inside that edge, x and y.
        corners: (T, 3) landmarks of each triangle.
        steps: in a level a pixel.
    """
    taken = np.empty((len(corners), 4), np.uint8)
    at = _middles(landmarks, corners, grey.shape[0] - 2 * EDGE, grey.shape[1] - 2 * EDGE)
    _put_colours(pixels, at, taken)
    _put_slopes(_slopes(grey), at, steps, taken)
    return taken


@njit(cache=True)
def bends(band: Floats, inside: Bytes) -> NDArray[np.float64]:
    """Sums over a band (H, W) with a pixel more around, where it is 1 inside (H, W).

    Of the products of its second derivatives across, both ways, and down: each by itself, then the
    first by the second, by the third, and the second by the third. (6,).
    """
    high, wide = inside.shape
    sums = np.zeros((6, wide), np.float32)
    smooth = np.empty(wide + 2, np.float32)
    slope, bend = np.empty_like(smooth), np.empty_like(smooth)
    for y in range(high):
        above, here, below = band[y], band[y + 1], band[y + 2]
        for x in range(wide + 2):
            smooth[x] = (above[x] + here[x]) + (here[x] + below[x])
            slope[x] = below[x] - above[x]
            bend[x] = (below[x] - here[x]) - (here[x] - above[x])
        _add_products(smooth, slope, bend, inside[y], sums)
    return _along(sums)


@njit(cache=True)
def median(levels: Bytes, inside: Bytes) -> float:
    """Of levels (H, W) where it is 1 inside (H, W): of an even number half way between the two in
    the middle."""
    counts = np.zeros(256, np.int64)
    for y in range(levels.shape[0]):
        for x in range(levels.shape[1]):
            counts[levels[y, x]] += inside[y, x]
    below = np.cumsum(counts)
    middle = np.array([(below[-1] - 1) // 2, below[-1] // 2])
    return float(np.searchsorted(below, middle, side="right").mean())


@njit(cache=True)
def _middles(landmarks: Floats, corners: NDArray[np.int32], high: int, wide: int) -> Places:
    """Row and column (T, 2) of the pixel in the middle of each triangle, or the one nearest to
    it."""
    found = np.empty((len(corners), 2), np.int64)
    for t in range(len(corners)):
        a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
        for axis, end in ((1, high), (0, wide)):
            middle = (landmarks[a, axis] + landmarks[b, axis] + landmarks[c, axis]) / np.float32(3)
            found[t, 1 - axis] = min(max(int(np.rint(middle)), 0), end - 1)
    return found


@njit(cache=True)
def _put_colours(pixels: Bytes, at: Places, taken: Bytes) -> None:
    area, start = _COLOUR_PX * _COLOUR_PX, EDGE - _COLOUR_PX // 2
    for t in range(len(at)):
        top, left = at[t, 0] + start, at[t, 1] + start
        red = green = blue = area // 2
        for y in range(top, top + _COLOUR_PX):
            for x in range(_COLOUR_PX):
                red += pixels[y, left + x, 0]
                green += pixels[y, left + x, 1]
                blue += pixels[y, left + x, 2]
        taken[t, 0], taken[t, 1], taken[t, 2] = red // area, green // area, blue // area


@njit(cache=True)
def _put_slopes(slopes: Floats, at: Places, steps: float, taken: Bytes) -> None:
    scale = np.float32(steps / (_SLOPES_PX * _SLOPES_PX))
    beside = _sums_beside(slopes)
    for t in range(len(at)):
        total = np.float32(0)
        for y in range(at[t, 0], at[t, 0] + _SLOPES_PX):
            total += beside[y, at[t, 1]]
        taken[t, 3] = min(total * scale, np.float32(255))


@njit(cache=True)
def _sums_beside(slopes: Floats) -> Floats:
    """Of each pixel and those beside it on its right, `_SLOPES_PX` in all."""
    wide = slopes.shape[1] - _SLOPES_PX + 1
    found = np.empty((slopes.shape[0], wide), np.float32)
    for y in range(len(slopes)):
        for x in range(wide):
            total = slopes[y, x]
            for beside in range(1, _SLOPES_PX):
                total += slopes[y, x + beside]
            found[y, x] = total
    return found


@njit(cache=True)
def _slopes(grey: Bytes) -> Floats:
    """How steep a picture is at all but its outermost pixels, in levels a pixel (Scharr)."""
    high, wide = grey.shape[0] - 2, grey.shape[1] - 2
    found = np.empty((high, wide), np.float32)
    smooth, change = np.empty(wide + 2, np.int32), np.empty(wide + 2, np.int32)
    for y in range(high):
        for x in range(wide + 2):
            above, here, below = grey[y, x], grey[y + 1, x], grey[y + 2, x]
            smooth[x] = 3 * (np.int32(above) + below) + 10 * np.int32(here)
            change[x] = np.int32(below) - np.int32(above)
        for x in range(wide):
            across = np.float32(smooth[x + 2] - smooth[x])
            down = np.float32(3 * (change[x] + change[x + 2]) + 10 * change[x + 1])
            found[y, x] = math.sqrt(across * across + down * down) / np.float32(32)
    return found


@njit(cache=True)
def _add_products(smooth: Floats, slope: Floats, bend: Floats, inside: Bytes, sums: Floats) -> None:
    """Add those of a row (W,) to the sums of `bends`, (6, W)."""
    xx, xy, yy, xx_xy, xx_yy, xy_yy = sums
    for x in range(len(inside)):
        counts = np.float32(inside[x])
        across = ((smooth[x + 2] - smooth[x + 1]) - (smooth[x + 1] - smooth[x])) * counts
        both = (slope[x + 2] - slope[x]) * counts
        down = ((bend[x] + bend[x + 1]) + (bend[x + 1] + bend[x + 2])) * counts
        xx[x] += across * across
        xy[x] += both * both
        yy[x] += down * down
        xx_xy[x] += across * both
        xx_yy[x] += across * down
        xy_yy[x] += both * down


@njit(cache=True)
def _along(sums: Floats) -> NDArray[np.float64]:
    """Sums of rows (N, W), each from its first to its last."""
    found = np.zeros(len(sums))
    for n in range(len(sums)):
        for x in range(sums.shape[1]):
            found[n] += sums[n, x]
    return found


swatches.compile("u1[:, ::1](u1[:, :, ::1], u1[:, ::1], f4[:, ::1], i4[:, ::1], f8)")
bends.compile("f8[::1](f4[:, ::1], u1[:, ::1])")
median.compile("f8(u1[:, ::1], u1[:, ::1])")
