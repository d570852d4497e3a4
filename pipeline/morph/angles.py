"""Which way fitted heads look, for tables: without torch, which takes a process 300 MB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SMALL_RAD = 1e-4


def angles_deg(rotation: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Yaw, pitch and roll (F,), degrees, of rotation vectors (F, 3), in camera.py's sense."""
    vector = np.asarray(rotation, np.float64)
    x, y, z = vector.T
    angle = np.linalg.norm(vector, axis=-1)
    safe = np.maximum(angle, _SMALL_RAD)
    small = angle < _SMALL_RAD
    first = np.where(small, 1 - angle**2 / 6, np.sin(safe) / safe)
    second = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    # Rodrigues' formula, of the elements of the matrix that are asked for.
    yaw = np.arctan2(first * y - second * x * z, 1 - second * (x**2 + y**2))
    pitch = np.arcsin(np.clip(-first * x - second * y * z, -1, 1))
    roll = np.arctan2(second * x * y - first * z, 1 - second * (x**2 + z**2))
    return _degrees(yaw), _degrees(pitch), _degrees(roll)


def _degrees(angle: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.rad2deg(angle).astype(np.float32)
