"""Latents that went through a leaky ReLU, and the normal ones that they came from.

    raw = leaky(mean + std * white)          leaky(u) = u for u >= 0, slope * u below

An autoencoder whose encoder ends in a leaky ReLU shrinks what is negative, five times at a slope of
0.2, so that its latents are skewed and neither their mean nor their spread says much. A file gives
the mean and spread of the raw ones; those of u follow from the moments of a rectified normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from torch import Tensor

Array = NDArray[np.float64]

_FARTHEST = 40.0
_HALVINGS = 60


@dataclass(frozen=True)
class Skew:
    """How K raw latents follow from white ones; tensors (K,)."""

    mean: Tensor
    std: Tensor
    slope: Tensor

    @classmethod
    def of(cls, raw_mean: ArrayLike, raw_std: ArrayLike, slope: ArrayLike) -> Skew:
        """From the mean and standard deviation (K,) of the raw latents, and slopes (K,)."""
        mean, std = unskewed(raw_mean, raw_std, slope)
        rows = mean, std, np.broadcast_to(np.asarray(slope, float), mean.shape).copy()
        return cls(*(torch.from_numpy(row) for row in rows))

    def raw(self, white: Tensor) -> Tensor:
        """Raw latents (..., K)."""
        u = self.mean + self.std * white
        return torch.where(u < 0, self.slope * u, u)

    def raw_slope(self, white: Tensor) -> Tensor:
        """Derivative (..., K) of each raw latent with respect to its white one."""
        u = self.mean + self.std * white
        return self.std * torch.where(u < 0, self.slope, 1.0)

    def white(self, raw: Tensor) -> Tensor:
        """White latents (..., K)."""
        u = torch.where(raw < 0, raw / self.slope, raw)
        return (u - self.mean) / self.std

    def to(self, device: str, dtype: torch.dtype) -> Skew:
        """The same on a device, in a precision."""
        return Skew(*(row.to(device, dtype) for row in (self.mean, self.std, self.slope)))


def unskewed(raw_mean: ArrayLike, raw_std: ArrayLike, slope: ArrayLike) -> tuple[Array, Array]:
    """Mean and spread (K,) of the normal u whose leaky ReLU has the given mean and spread."""
    m, s = np.asarray(raw_mean, float), np.asarray(raw_std, float)
    low, high = np.full_like(m, -_FARTHEST), np.full_like(m, _FARTHEST)
    for _ in range(_HALVINGS):
        # Mean over spread rises with that of u, whatever the slope.
        ratio = (low + high) / 2
        mean, std = _moments(ratio, slope)
        below = mean / std < m / s
        low, high = np.where(below, ratio, low), np.where(below, high, ratio)
    size = s / _moments(low, slope)[1]
    return low * size, size


def _moments(mean: Array, slope: ArrayLike) -> tuple[Array, Array]:
    """Mean and spread of the leaky ReLU of a normal with this mean and unit spread."""
    a = np.asarray(slope, float)
    above, density = ndtr(mean), np.exp(-(mean**2) / 2) / np.sqrt(2 * np.pi)
    first = a * mean + (1 - a) * (mean * above + density)
    square = (mean**2 + 1) * above + mean * density
    second = a**2 * (mean**2 + 1) + (1 - a**2) * square
    return first, np.sqrt(np.maximum(second - first**2, 1e-12))
