"""From files of mediapipe's landmarks to fits, and back from a file of a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.morph.fit import Fitted, fit_clips
from pipeline.morph.fit_face import embedded
from pipeline.morph.fit_given import FitError, Landmarks
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
    [found] = fit_files([Seen(path, height, width, age_months)], params or Fit(), device)
    if isinstance(found, FitError):
        raise found
    return found


@dataclass(frozen=True)
class Seen:
    """A clip's landmarks.npz, the picture's size in px, and the infant's age where it is known."""

    path: Path
    height: int
    width: int
    age_months: float | None


def fit_files(clips: Sequence[Seen], params: Fit, device: str) -> list[Fitted | FitError]:
    """Fit clips together; in the same order each clip's fit, or why it has none."""
    face, landmark = embedded(params.model, params)
    if device == "cpu":
        # Sums that threads share come out in another order on another machine.
        torch.set_num_threads(1)
    return fit_clips([_landmarks(clip, landmark) for clip in clips], face, params, device)


def _landmarks(clip: Seen, landmark: NDArray[np.int64]) -> Landmarks:
    with np.load(clip.path, allow_pickle=False) as file:
        points, visibility = file["points"], file["visibility"]
    size = clip.height, clip.width
    return Landmarks(points[:, landmark, :2], visibility[:, landmark], size, clip.age_months)


def load(path: Path) -> Fitted:
    """Read a fit.npz."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return Fitted(**{**arrays, "focal_px": float(arrays["focal_px"])}, iterations=0)
