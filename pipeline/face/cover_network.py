"""The network that sees covers: a small U-Net over the face's grid.

After Ronneberger, Fischer and Brox 2015 (doi 10.1007/978-3-319-24574-4_28), two levels deep, with a
learned map of the face added at its entrance: a cheek and a lip are looked at differently.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.face.cover_features import CHANNELS
from pipeline.face.cover_grid import HEIGHT, WIDTH

WIDTHS = (24, 40, 56)


class CoverNetwork(nn.Module):
    """Features (B, CHANNELS, HEIGHT, WIDTH) to logits of being covered (B, HEIGHT, WIDTH)."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.enter = nn.Conv2d(CHANNELS, fine, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(fine, HEIGHT, WIDTH))
        self.fine = _twice(fine, fine)
        self.middle = _twice(fine, middle)
        self.coarse = _twice(middle, coarse)
        self.middle_up = _twice(coarse + middle, middle)
        self.fine_up = _twice(middle + fine, fine)
        self.leave = nn.Conv2d(fine, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        fine = self.fine(nn.functional.gelu(self.enter(features) + self.place))
        middle = self.middle(nn.functional.avg_pool2d(fine, 2))
        coarse = self.coarse(nn.functional.avg_pool2d(middle, 2))
        middle = self.middle_up(torch.cat([_grow(coarse), middle], 1))
        fine = self.fine_up(torch.cat([_grow(middle), fine], 1))
        return self.leave(fine)[:, 0]


class _Norm(nn.GroupNorm):
    """Pixel after pixel on a core, `GroupNorm`'s own takes seven times as long."""

    def forward(self, values: Tensor) -> Tensor:
        """See `GroupNorm`; the same to some millionths."""
        count = len(values)
        mean, square = (
            of.mean((2, 3)).view(count, self.num_groups, -1).mean(2, keepdim=True)
            for of in (values, values.square())
        )
        scale = self.weight.view(self.num_groups, -1) * torch.rsqrt(square - mean**2 + self.eps)
        shift = self.bias.view(self.num_groups, -1) - mean * scale
        return torch.addcmul(shift.view(count, -1, 1, 1), values, scale.view(count, -1, 1, 1))


def _twice(from_: int, to: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(from_, to, 3, padding=1),
        _Norm(4, to),
        nn.GELU(),
        nn.Conv2d(to, to, 3, padding=1),
        nn.GELU(),
    )


def _grow(values: Tensor) -> Tensor:
    return nn.functional.interpolate(values, scale_factor=2.0, mode="nearest")
