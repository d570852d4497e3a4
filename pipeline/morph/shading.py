"""What colour a point of the infant's skin, lips, eyes, hair or mouth has in a given light.

Everything is computed once a pixel from the point's place on the mean head (so patterns move with
the face), its normal and a few vertex tags. numba compiles this module's functions on first use.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NOISE_SIDE = 32
"""Side of the noise cube; a power of two, so that wrapping is a mask, and small for the cache."""

_WRAP = NOISE_SIDE - 1
_WOBBLE_MM = 5.0

SKIN, LIP, MOUTH, TONGUE, EYE, RIM, EAR, CLOTH = range(8)


@njit(cache=True, fastmath=True, inline="always")
def _noise(table, x, y, z):  # type: ignore[no-untyped-def]
    """Trilinear lookup in a tiling cube of values -1..1."""
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    u, v, w = x - fx, y - fy, z - fz
    i, j, k = int(fx) & _WRAP, int(fy) & _WRAP, int(fz) & _WRAP
    a, b, c = (i + 1) & _WRAP, (j + 1) & _WRAP, (k + 1) & _WRAP
    low = (table[i, j, k] * (1 - u) + table[a, j, k] * u) * (1 - v) + (
        table[i, b, k] * (1 - u) + table[a, b, k] * u
    ) * v
    high = (table[i, j, c] * (1 - u) + table[a, j, c] * u) * (1 - v) + (
        table[i, b, c] * (1 - u) + table[a, b, c] * u
    ) * v
    return low * (1 - w) + high * w


@njit(cache=True, fastmath=True, inline="always")
def _ramp(x, start, end):  # type: ignore[no-untyped-def]
    t = (x - start) / (end - start)
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, fastmath=True, inline="always")
def _nostril(x, y):  # type: ignore[no-untyped-def]
    """Share of light that leaves a place near the nostrils."""
    across, high = (abs(x) - 4.6) / 2.0, (y + 23.6 + 0.12 * abs(x)) / 1.25
    return 1.0 - 0.80 * np.exp(-(across**4) - high**4)


@njit(cache=True, fastmath=True, inline="always")
def _brow(x, y, table, grain):  # type: ignore[no-untyped-def]
    """Cover of the eyebrow at a place on the mean head, 0..1."""
    across = abs(x)
    if across < 8.0 or across > 39.0 or y < 10.0 or y > 30.0:
        return 0.0
    s = (across - 9.5) / 28.0
    line = 17.0 + 6.2 * s - 6.0 * s * s
    half = 2.9 * (1.0 - 0.55 * s)
    off = (y - line) / half
    ends = _ramp(across, 8.5, 13.5) * _ramp(across, 38.5, 29.0)
    body = np.exp(-1.1 * off * off) * ends
    strand = _noise(table, grain + across * 0.9 - y * 0.6, grain + y * 1.7 + across * 0.5, 3.3)
    return min(max(body * (0.85 + 0.55 * strand), 0.0), 1.0)


@njit(cache=True, fastmath=True, inline="always")
def _hair(x, y, z, table, grain, density):  # type: ignore[no-untyped-def]
    """Cover of the hair of the scalp, 0..1."""
    low = _ramp(y - 0.35 * z, -42.0, -10.0)
    line = y * 0.86 - z * 0.50 - abs(x) * 0.10
    start, end = 23.0 - 4.0 * density, 52.0 - 16.0 * density
    if low < 0.004 or line + _WOBBLE_MM < start:
        return 0.0
    edge = 1.0
    if line - _WOBBLE_MM < end:
        wobble = _WOBBLE_MM * _noise(table, grain + x * 0.07, y * 0.07, z * 0.07)
        edge = _ramp(line + wobble, start, end)
    if edge * low < 0.004:
        return 0.0
    away = np.sqrt(x * x + (z + 32.0) ** 2)
    around = np.arctan2(x, z + 32.0) * 34.0 + 0.02 * away
    down = away * 0.07 - y * 0.04
    sway = 1.6 * _noise(table, grain + x * 0.06, y * 0.06, z * 0.06)
    strand = 0.55 * _noise(table, grain + around + sway, down, 1.7) + 0.45 * _noise(
        table, (around + sway) * 2.7, down * 1.9, grain + 5.1
    )
    dense = edge * low * density
    return min(max(dense * (0.95 + 0.55 * strand), 0.0), 1.0)


@njit(cache=True, fastmath=True, inline="always")
def _eye(x, y, z, lash, clear, looks, lamp, table):  # type: ignore[no-untyped-def]
    """Colour of the eyeball and how much it shines; x, y, z: unit direction from its middle."""
    size = 1.0 / np.sqrt(x * x + y * y + z * z + 1e-9)
    gx, gy = x * size - lamp[13], y * size - lamp[14]
    off = np.sqrt(gx * gx + gy * gy)
    iris = lamp[15]
    ring = _ramp(off, iris * 1.03, iris * 0.96)
    pupil = _ramp(off, iris * 0.44, iris * 0.38)
    turn = np.arctan2(gy, gx) * 9.0
    ray = _noise(table, turn + 40.0, off * 30.0, 1.5)
    shade = 0.75 + 0.55 * off / iris + 0.35 * ray
    rim = 1.0 - 0.65 * _ramp(off, iris * 0.80, iris * 1.0)
    vein = 0.05 * _noise(table, x * 12.0, y * 30.0, 2.0)
    red = 0.80 * (1 - ring) * (1.0 + vein) + ring * looks[7] * shade * rim
    green = 0.77 * (1 - ring) * (1.0 - vein) + ring * looks[8] * shade * rim
    blue = 0.78 * (1 - ring) + ring * looks[9] * shade * rim
    dark = (1.0 - 0.97 * pupil) * (1.0 - 0.40 * _ramp(y * size, 0.12, 0.46))
    return red * dark, green * dark, blue * dark, 0.5 + 0.5 * ring


@njit(cache=True, fastmath=True, inline="always")
def _inside(x, y, z, kind, lip, table, grain):  # type: ignore[no-untyped-def]
    """Colour of gums, tongue and the dark behind them."""
    wet = 1.0 + 0.12 * _noise(table, x * 0.9, grain + y * 0.9, z * 0.9)
    if kind == TONGUE:
        front = _ramp(z, 24.0, 49.0)
        groove = 1.0 - 0.18 * np.exp(-(x * x) / 3.0)
        return (
            (0.14 + 0.36 * front) * wet * groove,
            (0.03 + 0.115 * front) * wet * groove,
            (0.035 + 0.125 * front) * wet * groove,
        )
    front = lip
    return (
        (0.030 + 0.36 * front) * wet,
        (0.006 + 0.105 * front) * wet,
        (0.008 + 0.11 * front) * wet,
    )


@njit(cache=True, fastmath=True, inline="always")
def _cloth(x, y, z, looks, table):  # type: ignore[no-untyped-def]
    """Colour of the shirt."""
    weave = 1.0 + 0.05 * _noise(table, x * 0.9, y * 0.9, z * 0.9)
    weave += 0.10 * _noise(table, looks[19] + x * 0.03, y * 0.05, z * 0.03)
    return looks[20] * weave, looks[21] * weave, looks[22] * weave


@njit(cache=True, fastmath=True, inline="always")
def _flesh(kind, z, lid, blush, patch, fine, looks):  # type: ignore[no-untyped-def]
    """Colour of bare skin: its tone, in patches, and the blood near the surface."""
    tone = 1.0 + looks[6] * (0.07 * patch + 0.06 * fine)
    blood = looks[4] * blush
    blood += 0.22 * lid + looks[5] * (0.75 + 0.25 * patch)
    if kind == EAR:
        blood += 0.25
    if kind == RIM:
        blood += 0.5
    blood = blood * (1.0 if z > -30.0 else 0.5)
    return (
        looks[0] * tone * (1.0 - 0.07 * blood),
        looks[1] * tone * (1.0 - 0.34 * blood),
        looks[2] * tone * (1.0 - 0.30 * blood),
    )


@njit(cache=True, fastmath=True, inline="always")
def _reddened(red, green, blue, edge, x, y, looks, table):  # type: ignore[no-untyped-def]
    """Colour of skin where the lips cover a share `edge` of it."""
    crease = 1.0 + 0.10 * _noise(table, looks[19] + x * 1.4, y * 0.25, 7.7)
    deep = edge * looks[3]
    return (
        red * (1.0 - 0.20 * deep) * (1 - edge + edge * crease),
        green * (1.0 - 0.62 * deep) * (1 - edge + edge * crease),
        blue * (1.0 - 0.54 * deep) * (1 - edge + edge * crease),
    )


@njit(cache=True, fastmath=True, inline="always")
def _brow_and_hair(x, y, z, looks, table):  # type: ignore[no-untyped-def]
    """Share of the skin that eyebrows and the hair of the scalp cover, 0..1."""
    cover = 0.0
    if z > 20.0:
        cover = 0.85 * looks[18] * _brow(x, y, table, looks[19])
    if y > -45.0 and looks[17] > 0.01:
        hair = _hair(x, y, z, table, looks[19], looks[17])
        cover = cover + hair - cover * hair
    return cover


@njit(cache=True, fastmath=True, inline="always")
def _under_hair(colour, cover, dark, hair):  # type: ignore[no-untyped-def]
    """One channel of skin below hair that covers it and lashes that darken it."""
    return colour * (1 - cover) * (1 - dark) + cover * hair + dark * 0.3 * hair


@njit(cache=True, fastmath=True, inline="always")
def _skin(kind, point, tag, shine, looks, table):  # type: ignore[no-untyped-def]
    """Colour of skin, lips, brows, lashes and hair; how strongly and how sharply they shine."""
    x, y, z = point
    lip, lash, _, lid, blush = tag
    grain, sharp = looks[19], 15.0
    patch = _noise(table, grain + x * 0.045, y * 0.045, z * 0.045)
    fine = _noise(table, x * 0.62, grain + y * 0.62, z * 0.62)
    red, green, blue = _flesh(kind, z, lid, blush, patch, fine, looks)
    if lip > 0.01:
        edge = _ramp(lip + 0.07 * fine, 0.25, 0.75)
        red, green, blue = _reddened(red, green, blue, edge, x, y, looks, table)
        shine, sharp = shine + 0.30 * edge, 14.0 + 26.0 * edge
    cover = 0.0
    if kind == SKIN:
        if z > 52.0 and abs(x) < 9.0 and y > -28.0 and y < -19.0:
            hole = _nostril(x, y)
            red, green, blue = red * hole, green * hole * hole, blue * hole * hole
            shine = shine * hole
        cover = _brow_and_hair(x, y, z, looks, table)
    dark = 0.72 * lash
    red = _under_hair(red, cover, dark, looks[14])
    green = _under_hair(green, cover, dark, looks[15])
    blue = _under_hair(blue, cover, dark, looks[16])
    return red, green, blue, shine * (1.0 - 0.6 * cover), sharp


@njit(cache=True, fastmath=True, inline="always")
def _material(kind, point, tag, looks, lamp, table):  # type: ignore[no-untyped-def]
    """Colour; strength and sharpness of the shine; how far light spreads below the surface."""
    x, y, z = point
    lip, lash, clear, _, _ = tag
    shine, sharp, bleed = 0.035 + 0.24 * looks[11], 15.0, 1.0
    if kind == EYE:
        red, green, blue, bright = _eye(x, y, z, lash, clear, looks, lamp, table)
        shine, sharp, bleed = 1.3 * bright, 160.0, 0.15
    elif kind in (MOUTH, TONGUE):
        red, green, blue = _inside(x, y, z, kind, lip, table, looks[19])
        shine, sharp, bleed = 0.22 * clear, 40.0, 0.6
    elif kind == CLOTH:
        red, green, blue = _cloth(x, y, z, looks, table)
        shine, bleed = 0.0, 0.4
    else:
        red, green, blue, shine, sharp = _skin(kind, point, tag, shine, looks, table)
    return red, green, blue, shine, sharp, bleed


@njit(cache=True, fastmath=True, inline="always")
def _dot(a, b):  # type: ignore[no-untyped-def]
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, fastmath=True, inline="always")
def _arriving(normal, bleed, clear, lit, lamp):  # type: ignore[no-untyped-def]
    """Light at a point: a lamp that wraps round (red farthest, as under skin), fill, sky, ground.

    `clear` is the share of the light from all round that reaches it, `lit` that of the lamp's.
    """
    facing = _dot(normal, lamp)
    wr, wg, wb = 0.34 * bleed, 0.20 * bleed, 0.16 * bleed
    dr = max((facing + wr) / (1.0 + wr), 0.0)
    dg = max((facing + wg) / (1.0 + wg), 0.0)
    db = max((facing + wb) / (1.0 + wb), 0.0)
    back = max(-0.6 * normal[0] * lamp[0] + 0.2 * normal[1] + 0.7 * normal[2], 0.0) * lamp[12]
    up = 0.5 + 0.5 * normal[1]
    return (
        lamp[3] * dr * lit + clear * (lamp[6] * up + lamp[9] * (1 - up) + back),
        lamp[4] * dg * lit + clear * (lamp[7] * up + lamp[10] * (1 - up) + back),
        lamp[5] * db * lit + clear * (lamp[8] * up + lamp[11] * (1 - up) + back),
    )


@njit(cache=True, fastmath=True, inline="always")
def _gloss(normal, toward, shine, sharp, lit, lamp):  # type: ignore[no-untyped-def]
    """Share of the lamp that a wet or oily surface mirrors to the camera."""
    hx, hy, hz = toward[0] + lamp[0], toward[1] + lamp[1], toward[2] + lamp[2]
    half = 1.0 / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
    mirror = max(_dot(normal, (hx, hy, hz)) * half, 0.0)
    gloss = 0.0
    if shine > 0.0 and mirror > 0.6:
        gloss = shine * mirror**sharp * lit * (0.35 if _dot(normal, lamp) < 0.0 else 1.0)
    return gloss


@njit(cache=True, fastmath=True, inline="always")
def _mean(rows, corners, share, column):  # type: ignore[no-untyped-def]
    """One column of a vertex table, inside a triangle."""
    i, j, k = corners
    u, v, w = share
    return u * rows[i, column] + v * rows[j, column] + w * rows[k, column]


@njit(cache=True, fastmath=True, inline="always")
def _vector(rows, corners, share):  # type: ignore[no-untyped-def]
    """The first three columns of a vertex table, inside a triangle."""
    return (
        _mean(rows, corners, share, 0),
        _mean(rows, corners, share, 1),
        _mean(rows, corners, share, 2),
    )


@njit(cache=True, fastmath=True, inline="always")
def _unit(x, y, z):  # type: ignore[no-untyped-def]
    size = 1.0 / np.sqrt(x * x + y * y + z * z + 1e-12)
    return x * size, y * size, z * size


@njit(cache=True, fastmath=True)
def shade_pixels(  # type: ignore[no-untyped-def]
    triangle, weights, triangles, normal, view, place, tags, part, looks, lamp, table, out
):
    """Fill `out` (H,W,3) with linear light.

    normal, view (V,3): in camera axes with y up and z toward the camera; place (V,3): on the mean
    head; tags (V,5): lip, lash, openness to light, eyelid, blush; part (T,): material of triangles;
    looks, lamp: packed `Appearance` and `Light`, tuples because numba counts references to an array
    wherever one function hands it to another, pixel by pixel.
    """
    height, width = triangle.shape
    for row in range(height):
        for column in range(width):
            t = triangle[row, column]
            if t < 0:
                continue
            corners = (triangles[t, 0], triangles[t, 1], triangles[t, 2])
            share = (weights[row, column, 0], weights[row, column, 1], weights[row, column, 2])
            nx, ny, nz = _vector(normal, corners, share)
            upright = _unit(nx, ny, nz)
            lip, lash, clear = _vector(tags, corners, share)
            lid, blush = _mean(tags, corners, share, 3), _mean(tags, corners, share, 4)
            tag = (lip, lash, clear, lid, blush)
            point = _vector(place, corners, share)
            red, green, blue, shine, sharp, bleed = _material(
                part[t], point, tag, looks, lamp, table
            )
            lit = 0.35 + 0.65 * clear
            lr, lg, lb = _arriving(upright, bleed, clear, lit, lamp)
            toward = _vector(view, corners, share)
            gloss = _gloss(upright, toward, shine, sharp, lit, lamp)
            rim = 1.0 - max(_dot(upright, toward), 0.0)
            soft = 0.10 * bleed * rim * rim * rim * clear
            out[row, column, 0] = red * lr + (gloss + soft) * lamp[3] * 0.8
            out[row, column, 1] = green * lg + (gloss + soft * 0.85) * lamp[4] * 0.8
            out[row, column, 2] = blue * lb + (gloss + soft * 0.8) * lamp[5] * 0.8


@njit(cache=True)
def develop(glow, triangle, step, table, rgb, alpha):  # type: ignore[no-untyped-def]
    """Average `step` x `step` samples of linear light and encode them through `table`."""
    height, width = alpha.shape
    top = table.shape[0] - 1
    for row in range(height):
        for column in range(width):
            count, red, green, blue = 0, 0.0, 0.0, 0.0
            for y in range(row * step, row * step + step):
                for x in range(column * step, column * step + step):
                    if triangle[y, x] >= 0:
                        count += 1
                        red += glow[y, x, 0]
                        green += glow[y, x, 1]
                        blue += glow[y, x, 2]
            if count == 0:
                continue
            alpha[row, column] = count / (step * step)
            share = top / count
            rgb[row, column, 0] = table[min(int(red * share), top)]
            rgb[row, column, 1] = table[min(int(green * share), top)]
            rgb[row, column, 2] = table[min(int(blue * share), top)]
