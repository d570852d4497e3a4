"""Landmarks and the fitted mesh over time, as numbers that the page draws over the picture.

Frames come in reels of REEL_FRAMES, so that a long clip begins to move at once. Places are uint16,
little-endian: 0 is half a picture outside on one side and 65534 on the other, NOWHERE is unknown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.audit.review.footage import Footage

REEL_FRAMES = 60
NOWHERE = 65535
SHADES = 255


def landmarks(of: Footage, reel: int) -> bytes:
    """Places (F, 478, 2), then how much of each is seen (F, 478) as uint8."""
    assert of.landmarks is not None
    with np.load(of.landmarks, allow_pickle=False) as file:
        points, seen = (_cut(file[name], reel) for name in ("points", "visibility"))
    size = np.array([of.width, of.height], float)
    shares = np.clip(np.nan_to_num(seen.astype(float)), 0, 1) * SHADES
    return _places(points[..., :2] / size).tobytes() + shares.astype(np.uint8).tobytes()


def mesh(of: Footage, reel: int) -> bytes:
    """Places (F, V, 3) of the fitted mesh; the third is the depth, in long sides of the picture."""
    import torch

    from pipeline.morph.model import load
    from pipeline.morph.pose import project

    assert of.fit is not None
    with np.load(of.fit, allow_pickle=False) as file:
        fit = dict(file)
    head, focal_px = load(of.model), float(fit["focal_px"])
    frames = np.arange(len(fit["valid"]))[reel * REEL_FRAMES :][:REEL_FRAMES]
    known = frames[fit["valid"][frames]]
    drawn = np.full((len(frames), len(head.mean), 3), np.nan)
    if len(known):
        # More threads would mostly wait for one another.
        torch.set_num_threads(1)
        vertices = head.decode(fit["identity"][None], fit["expression"][known], fit["age"][None])
        for frame, points in zip(known, vertices.cpu().numpy(), strict=True):
            turn, place = fit["rotation"][frame], fit["translation"][frame]
            seen = project(points, turn, place, focal_px, (of.height, of.width))
            drawn[frame - frames[0]] = _flattened(seen, focal_px, of)
    return _places(drawn).tobytes()


def prepare() -> None:
    """Load what a mesh needs, which takes seconds the first time."""
    import torch  # noqa: F401

    import pipeline.morph.model
    import pipeline.morph.pose  # noqa: F401


def triangles(of: Footage) -> bytes:
    """Corners (T, 3) of the mesh as uint32."""
    from pipeline.morph.model import load

    return np.ascontiguousarray(load(of.model).triangles, "<u4").tobytes()


def _flattened(seen: NDArray[np.floating], focal_px: float, of: Footage) -> NDArray[np.floating]:
    """Shares of the picture for x and y, and depth about the mean in the scale of the picture."""
    mean_mm = seen[:, 2].mean()
    depth_px = (seen[:, 2] - mean_mm) * focal_px / mean_mm
    size = np.array([of.width, of.height, max(of.width, of.height)], float)
    return np.column_stack([seen[:, :2], depth_px]) / size + np.array([0, 0, 0.5])


def _places(shares: NDArray[np.floating]) -> NDArray[np.uint16]:
    known = np.isfinite(shares).all(axis=-1, keepdims=True)
    steps = np.clip((np.nan_to_num(shares) + 0.5) / 2, 0, 1) * (NOWHERE - 1)
    return np.where(known, np.round(steps), NOWHERE).astype("<u2")


def _cut(values: NDArray, reel: int) -> NDArray:
    return values[reel * REEL_FRAMES :][:REEL_FRAMES]
