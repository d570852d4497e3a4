"""The fitted mesh drawn over the video that it was fitted to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.morph.fit import Fitted
from pipeline.morph.interface import MorphableModel
from pipeline.morph.plain import PlainPainter
from pipeline.morph.render import Camera

OPACITY = 0.6


def overlay(video: Path, model: MorphableModel, fitted: Fitted, out: Path) -> None:
    """Write a video with the mesh over each frame that was fitted.

    Args:
        video: the clip in its normal form.
        model: the one that was fitted.
        fitted: one row a frame.
        out: an mp4 file to write.
    """
    painter = PlainPainter(model)
    media.redraw(video, out, lambda picture, n: over(picture, painter, model, fitted, n))


def over(
    picture: NDArray[np.uint8],
    painter: PlainPainter,
    model: MorphableModel,
    fitted: Fitted,
    frame: int,
) -> NDArray[np.uint8]:
    """One frame (H, W, 3) with the mesh over it; as it is where nothing was fitted."""
    if frame >= len(fitted.valid) or not fitted.valid[frame]:
        return picture
    expression = fitted.expression[frame : frame + 1]
    vertices = model.decode(fitted.identity[None], expression, fitted.age[None])[0].cpu().numpy()
    height, width = picture.shape[:2]
    camera = Camera(
        fitted.rotation[frame], fitted.translation[frame], fitted.focal_px, (height, width)
    )
    mesh = painter.draw(vertices, camera)
    share = OPACITY * mesh.alpha[..., None]
    return (picture * (1 - share) + mesh.rgb * share + 0.5).astype(np.uint8)
