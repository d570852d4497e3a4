"""Faces unlike any that was rendered: a network is to learn covers, not what a face looks like.

Everything in which real faces and cameras may differ from synthetic ones is drawn afresh over a
track of swatches, far wider than it is in life (Tobin et al., "Domain Randomization for
Transferring Deep Neural Networks from Simulation to the Real World", 2017): mottled and painted
skin, lips of any red, beards, folds, glasses, deep sockets, stray meshes, faces that move; then
light, shadow, highlights, colour and sharpness of the camera. None of it is a cover.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.face.swatches import layout

Floats = NDArray[np.float32]
Rng = np.random.Generator

WAVES = 6
EYE_MM, FOLD_MM = np.array([30.0, 0.0]), np.array([[16.0, -22.0], [30.0, -46.0]])


def another_face(rgb: Floats, detail: Floats, rng: Rng) -> tuple[Floats, Floats]:
    """Draw another face over colours (T, 852, 3) and edges (T, 852)."""
    logs, edges = np.log(rgb + 8.0), np.log(detail + 1.0)
    skin = np.median(logs[:, layout().upper], axis=(0, 1))
    logs = skin + rng.uniform(0.4, 1.4) * (logs - skin)
    for change in (_skin, _lips, _beard, _folds, _sockets, _glasses, _stray):
        gain, rough = change(rng)
        logs, edges = logs + gain, edges + rough
    gain, rough = _moving(len(rgb), rng)
    edges = rng.uniform(0.7, 1.3) * (edges + rough)
    return (np.exp(logs + gain) - 8.0).astype(np.float32), np.exp(edges).astype(np.float32) - 1.0


def lit(rgb: Floats, detail: Floats, rng: Rng) -> tuple[Floats, Floats]:
    """Put everything into another light and before another camera."""
    frames, middle = len(rgb), layout().middle
    light = slope(middle, rng, 0.012)
    if rng.random() < 0.5:
        edge = slope(middle, rng, 1.0) + rng.uniform(-40, 40)
        light = light - rng.uniform(0.1, 1.3) * _step(-edge / rng.uniform(1, 12))
    # What lies in shadow is lit by something of another colour, on skin by red more than by blue.
    shade = light - light.max()
    hue = shade[:, None] * (
        rng.uniform(0, 0.35) * np.array([-0.8, 0.2, 0.6]) + rng.normal(0, 0.06, 3)
    )
    flicker = rng.normal(0, rng.uniform(0, 0.08), (frames, 1))
    turning = rng.normal(0, rng.uniform(0, 0.003), (frames, 2)) @ middle.T
    for _ in range(rng.integers(0, 5)):
        spot = np.array([rng.uniform(-40, 40), rng.uniform(-50, 35)])
        near = _blob(spot, rng.uniform(2, 9))[:, None]
        rgb = rgb + near * rng.uniform(0.1, 0.8) * (250 - rgb)
    cast = np.exp(rng.normal(0, 0.09, 3) + rng.normal(-0.15, 0.4))
    shown = rgb * np.exp(light + flicker + turning)[..., None] * np.exp(hue) * cast
    grey = shown.mean(axis=-1, keepdims=True)
    shown = grey + rng.uniform(0.5, 1.35) * (shown - grey)
    shown = 255 * (np.clip(shown, 0, 255) / 255) ** rng.uniform(0.65, 1.5)
    shown += rng.normal(0, rng.uniform(0, 4), shown.shape)
    blur = np.exp(rng.normal(0.0, 0.45))
    rough = detail * np.exp(light + flicker) * cast.mean() * blur + rng.uniform(0, 8)
    rough *= np.exp(rng.normal(0, 0.2, rough.shape))
    return shown.astype(np.float32), rough.astype(np.float32)


def slope(middle: NDArray[np.float64], rng: Rng, steep: float) -> NDArray[np.float64]:
    """A plane over the face, (852,), as steep as that for each mm."""
    turn = rng.uniform(0, 2 * np.pi)
    return rng.normal(0, steep) * (middle - [0, -15]) @ [np.cos(turn), np.sin(turn)]


Change = tuple[NDArray[np.float64], NDArray[np.float64]]
"""What is added to logarithms of colours (852, 3), and of edges (852,)."""


def _nothing() -> Change:
    return np.zeros((len(layout().middle), 3)), np.zeros(len(layout().middle))


def _skin(rng: Rng) -> Change:
    """Mottled, flushed, shaded by its own shape; mostly alike on both sides."""
    light = _field(rng, 1, abs(rng.normal(0, 0.2)), True)
    light += _field(rng, 1, abs(rng.normal(0, 0.07)), False)
    tint = _field(rng, 3, abs(rng.normal(0, 0.05)), True)
    tint += _field(rng, 3, abs(rng.normal(0, 0.02)), False)
    grain = rng.normal(0, rng.uniform(0, 0.08), (len(tint), 1))
    freckles = rng.normal(0, rng.uniform(0, 0.04), tint.shape)
    rough = _field(rng, 1, abs(rng.normal(0, 0.5)), True)[:, 0]
    rough += _field(rng, 1, abs(rng.normal(0, 0.2)), False)[:, 0] + rng.normal(0.2, 0.5)
    for cheek in (-1.0, 1.0) if rng.random() < 0.4 else ():
        flush = _blob(np.array([cheek * rng.uniform(26, 36), rng.uniform(-30, -8)]), 12.0)
        tint += flush[:, None] * rng.uniform(0.02, 0.16) * np.array([1.0, -0.8, -0.5])
    return light + tint + grain + freckles, rough


def _lips(rng: Rng) -> Change:
    gain, rough = _nothing()
    lips = layout().lips
    redder = rng.uniform(0, 0.7) * rng.uniform(0, 1) * np.array([-0.1, -1.0, -0.9])
    if rng.random() < 0.1:
        redder += rng.normal(0, 0.25, 3)
    gain[lips] += redder + rng.normal(0, 0.06, 3) + rng.normal(0, 0.2)
    rough[lips] += rng.normal(0, 0.5)
    rough[layout().around] += rng.normal(0, 0.4)
    return gain, rough


def _beard(rng: Rng) -> Change:
    gain, rough = _nothing()
    if rng.random() < 0.3:
        x, y = layout().middle.T
        upper = (np.abs(x) < 30) & (y > -34) & (y < -22)
        lower = (y < -46) & (np.abs(x) < rng.uniform(18, 70))
        hair = (upper if rng.random() < 0.75 else y > 99) | (
            lower if rng.random() < 0.75 else y > 99
        )
        hair = hair & ~layout().lips
        gain[hair] += rng.uniform(-1.0, -0.03) + rng.normal(0, 0.08, (int(hair.sum()), 1))
        gain[hair] += rng.uniform(0, 0.15) * np.array([-1.0, 0.2, 0.6])
        rough[hair] += rng.uniform(0, 1.1)
    return gain, rough


def _folds(rng: Rng) -> Change:
    """From the nose to the corners of the mouth, under the lip, beside the eyes."""
    gain, rough = _nothing()
    if rng.random() < 0.5:
        aside = np.column_stack([np.abs(layout().middle[:, 0]), layout().middle[:, 1]])
        along = np.diff(FOLD_MM + rng.normal(0, 3, (2, 2)), axis=0)[0]
        share = np.clip((aside - FOLD_MM[0]) @ along / (along @ along), 0, 1)
        apart = np.linalg.norm(aside - FOLD_MM[0] - share[:, None] * along, axis=1)
        line = np.exp(-0.5 * (apart / rng.uniform(2, 5)) ** 2)
        gain -= line[:, None] * rng.uniform(0, 0.4)
        rough += line * rng.uniform(0, 1.2)
    for spot, most in (((0.0, -26.0), 0.5), ((0.0, -52.0), 0.6), ((0.0, -68.0), 0.8)):
        gain -= _blob(np.array(spot), rng.uniform(4, 10))[:, None] * rng.uniform(-0.1, most)
    return gain, rough


def _sockets(rng: Rng) -> Change:
    gain, rough = _nothing()
    dark, size = rng.uniform(-0.15, 0.6), rng.uniform(8, 16)
    for side in (-1.0, 1.0):
        near = _blob(EYE_MM * [side, 1.0], size)
        gain -= near[:, None] * dark
        rough += near * rng.normal(0, 0.4)
    return gain, rough


def _glasses(rng: Rng) -> Change:
    gain, rough = _nothing()
    if rng.random() < 0.15:
        apart = np.hypot(np.abs(layout().middle[:, 0]) - 30, layout().middle[:, 1] + 3)
        rim = np.exp(-0.5 * ((apart - rng.uniform(17, 25)) / 1.5) ** 2)
        gain += rim[:, None] * rng.normal(-0.3, 0.3)
        rough += rim * rng.uniform(0.3, 1.5)
    return gain, rough


def _stray(rng: Rng) -> Change:
    """The mesh of an open mouth strays: what it calls lips is tongue, teeth, dark or chin."""
    gain, rough = _nothing()
    if rng.random() < 0.35:
        stray = layout().lips & (rng.random(len(rough)) < rng.uniform(0.1, 0.5))
        gain[stray] += rng.normal([-0.3, -0.7, -0.6], 0.5, (int(stray.sum()), 3))
    return gain, rough


def _moving(frames: int, rng: Rng) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What changes from frame to frame while nothing covers it, (T, 852, 3) and (T, 852)."""
    how = rng.uniform(0, 1) ** 2
    lower = _step((-22.0 - layout().middle[:, 1]) / 6.0)
    shade = _field(rng, 3, 0.10 * how, False)
    rough = _field(rng, 2, 0.35 * how, False)
    weight = rng.normal(0, 1, (frames, 3))
    light = weight @ shade.T + lower * rng.normal(0, 0.12 * how, (frames, 1))
    tint = np.einsum("tk,sk->ts", rng.normal(0, 1, (frames, 2)), _field(rng, 2, 0.03 * how, False))
    each = light[..., None] + tint[..., None] * np.array([1.0, 0.0, -0.7])
    edges = weight[:, :2] @ rough.T + lower * rng.normal(0, 0.4 * how, (frames, 1))
    lips = layout().lips[:, None] * rng.normal(0, 0.25 * how, (frames, 1, 3))
    return each + lips, edges


def _field(rng: Rng, channels: int, size: float, mirrored: bool) -> NDArray[np.float64]:
    """A smooth random map over the face, (852, channels), with that standard deviation."""
    at = layout().middle.copy()
    if mirrored:
        at[:, 0] = np.abs(at[:, 0])
    turn, long = (
        rng.uniform(0, 2 * np.pi, WAVES),
        np.exp(rng.uniform(np.log(12), np.log(90), WAVES)),
    )
    waves = np.stack([np.cos(turn), np.sin(turn)]) * (2 * np.pi / long)
    return np.cos(at @ waves + rng.uniform(0, 2 * np.pi, WAVES)) @ (
        rng.normal(0, size * np.sqrt(2.0 / WAVES), (WAVES, channels))
    )


def _blob(spot: NDArray[np.floating], size: float) -> NDArray[np.float64]:
    return np.exp(-0.5 * ((layout().middle - spot) ** 2).sum(axis=1) / size**2)


def _step(value: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -20, 20))))
