"""From a file of mediapipe's landmarks to a fit, and back from a file of a fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pipeline.morph.fit import Fitted, fit_clip
from pipeline.morph.fit_face import embedded
from pipeline.morph.params import Fit


def fit_landmarks(
    path: Path,
    height: int,
    width: int,
    params: Fit | None = None,
    device: str = "cpu",
    age_months: float | None = None,
) -> Fitted:
    """Fit the clip whose landmarks lie in a landmarks.npz.

    Args:
        path: arrays points (F, 478, 3) px and visibility (F, 478); nan where no face was found.
        height: of the picture, px.
        width: of the picture, px.
        params: weights, steps, and which model.
        device: where to compute.
        age_months: of the infant, where it is known.

    Raises:
        FitError: no frame has a face that could be fitted.
    """
    params = params or Fit()
    with np.load(path, allow_pickle=False) as file:
        points, visibility = file["points"], file["visibility"]
    face, landmark = embedded(params.model, params)
    if device == "cpu":
        # Sums that threads share come out in another order on another machine.
        torch.set_num_threads(1)
    return fit_clip(
        points[:, landmark, :2],
        visibility[:, landmark],
        (height, width),
        face,
        params,
        device,
        age_months,
    )


def load(path: Path) -> Fitted:
    """Read a fit.npz."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Fitted(**{**arrays, "focal_px": float(arrays["focal_px"])}, iterations=0)
