"""A FAN that has learned one rendered infant, saved as FAN's authors publish theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from face_alignment.models import FAN
from face_alignment.utils import crop
from numpy.typing import NDArray

GRID = 64
SPREAD = 2.0

Points = NDArray[np.floating]


def teach(pictures: list[NDArray[np.uint8]], points: list[Points], boxes: list[tuple]) -> FAN:
    """A network whose hourglass is random and whose last layer is the best there is for it.

    Args:
        pictures: (H, W, 3) each.
        points: (68, 2) px each.
        boxes: left, top, right, bottom px each, as a detector gives them.
    """
    torch.manual_seed(3)
    network = FAN(1).train()
    windows = [_window(box) for box in boxes]
    crops = [
        crop(picture, *window).transpose(2, 0, 1) / 255.0
        for picture, window in zip(pictures, windows, strict=True)
    ]
    seen = torch.tensor(np.stack(crops), dtype=torch.float32)
    found: list[torch.Tensor] = []
    with torch.no_grad():
        network(seen)  # Batch normalisation learns what is usual.
        network.eval()
        hook = network.bn_end0.register_forward_hook(lambda *call: found.append(call[2].relu()))
        network(seen)
        hook.remove()
        heat = [_heat(at, window) for at, window in zip(points, windows, strict=True)]
        weight, bias = _least_squares(found[0], heat)
        network.l0.weight.copy_(weight)
        network.l0.bias.copy_(bias)
    return network


def save(network: FAN, path: Path) -> Path:
    torch.save(network.state_dict(), path)
    return path


def _window(box: tuple) -> tuple[NDArray, float]:
    """Centre and scale of what FAN looks at, by face-alignment's own rule."""
    left, top, right, bottom = box
    centre = np.array([(left + right) / 2, (top + bottom) / 2 - 0.12 * (bottom - top)])
    return centre, (right - left + bottom - top) / 195


def _heat(points: Points, window: tuple[NDArray, float]) -> NDArray:
    """(4096, 68) a bell around each point."""
    centre, scale = window
    at = (points - centre) / (200 * scale) * GRID + GRID / 2 - 0.5
    y, x = np.mgrid[0:GRID, 0:GRID][..., None]
    bells = np.exp(-0.5 * ((x - at[:, 0]) ** 2 + (y - at[:, 1]) ** 2) / SPREAD**2)
    return bells.reshape(-1, 68)


def _least_squares(
    features: torch.Tensor, heat: list[NDArray]
) -> tuple[torch.Tensor, torch.Tensor]:
    flat = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1]).double().numpy()
    known = np.c_[flat, np.ones(len(flat))]
    wanted = np.concatenate(heat)
    weighted = known * (1 + 40 * wanted.max(axis=1, keepdims=True))
    ridge = 1e-3 * len(flat) * flat.var() * np.eye(known.shape[1])
    solved = torch.tensor(np.linalg.solve(weighted.T @ known + ridge, weighted.T @ wanted))
    return solved[:-1].T.float()[..., None, None], solved[-1].float()
