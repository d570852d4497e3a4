"""FAN itself: the network of a file of weights, what it looks at, and where its heatmaps peak."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import reading
from pipeline.face.backends import Box, Picture

if TYPE_CHECKING:
    from torch import nn

LOOK_PX = 256
GRID = 64
"""Cells of a heatmap along a side."""
WINDOW = 200 / 195
"""Side of what is looked at, in widths and heights of the box together."""
RAISED = 0.12
"""How far above the box's middle the window's lies, in heights of the box."""

Floats = NDArray[np.float32]

_EXPECTED = (
    "the whole weights of face-alignment's 2D FAN with nothing but tensors and their names in them"
)


class Aligner:
    """Finds 68 points in the box of a face, as face-alignment 1.5 does without its mirror image."""

    def __init__(self, path: Path, device: str) -> None:
        import torch

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        full_floats()
        self._device = device
        self._network = read(path).to(device)

    def align(self, picture: Picture, box: Box) -> tuple[Floats, Floats]:
        """Places (68, 2) px and scores (68,) in [0, 1] of a face in an RGB picture (H, W, 3)."""
        import torch

        corner, side = _window(box)
        seen = torch.from_numpy(_look(picture, corner, side))[None].to(self._device)
        with torch.inference_mode():
            heat = self._network(seen)[-1][0].cpu().numpy()
        at, scores = _peaks(heat)
        return (corner + at / GRID * side).astype(np.float32), scores


def read(path: Path) -> nn.Module:
    """The network of a file of weights, without unpickling.

    Raises:
        WeightsError: it is missing, cut short, of another network, or more than tensors.
    """
    import torch
    from face_alignment.models import FAN

    with reading(path, _EXPECTED):
        weights = torch.load(path, map_location="cpu", weights_only=True)
        hourglasses = {found[1] for name in weights if (found := re.match(r"m(\d)\.", name))}
        network = FAN(len(hourglasses))
        network.load_state_dict(weights)
    return network.eval()


def _window(box: Box) -> tuple[NDArray[np.float64], float]:
    """Upper left corner and side, px, of the square that the network looks at."""
    left, top, right, bottom = box
    side = max(WINDOW * (right - left + bottom - top), 1.0)
    middle = [(left + right) / 2, (top + bottom) / 2 - RAISED * (bottom - top)]
    return np.array(middle) - side / 2, side


def _look(picture: Picture, corner: NDArray[np.float64], side: float) -> Floats:
    """The window (3, 256, 256) in [0, 1], black where it leaves the picture."""
    scale = side / LOOK_PX
    # cv2 counts from the middle of the first pixel.
    offset = corner + 0.5 * scale - 0.5
    onto = np.array([[scale, 0.0, offset[0]], [0.0, scale, offset[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    window = cv2.warpAffine(picture, onto, (LOOK_PX, LOOK_PX), flags=flags)
    return np.ascontiguousarray(window.transpose(2, 0, 1), np.float32) / np.float32(255.0)


def _peaks(heat: Floats) -> tuple[NDArray[np.float64], Floats]:
    """Cells (68, 2) at which heatmaps (68, 64, 64) peak, a quarter toward the warmer side, and
    how high, (68,) in [0, 1]."""
    flat = heat.reshape(len(heat), -1)
    best = flat.argmax(axis=1)
    y, x = np.divmod(best, GRID)
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), mode="edge")
    each = np.arange(len(heat))
    slope_x = padded[each, y + 1, x + 2] - padded[each, y + 1, x]
    slope_y = padded[each, y + 2, x + 1] - padded[each, y, x + 1]
    at = np.stack([x + 0.5 + np.sign(slope_x) / 4, y + 0.5 + np.sign(slope_y) / 4], axis=1)
    # A peak was trained to be 1 and is not bound to stay below.
    return at, np.clip(flat[each, best], 0.0, 1.0)
