"""The embedded network: which part of every frequency is the infant's, and who sounds when.

A temporal convolutional network over frames of 10 ms (after Luo and Mesgarani 2019, doi
10.1109/TASLP.2019.2915167): pointwise layers across features, depthwise ones across time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.voice.spectra import BINS, FEATURES

WIDTH = 192
DILATIONS = (1, 2, 4, 8, 16, 32, 4, 1)
TAPS = 5
REACH = sum(DILATIONS) * (TAPS // 2)
"""How many frames to each side decide on a frame."""

WHO = ("infant", "adult", "other")
TYPES = ("cry", "laugh", "babble")


class Heard(NamedTuple):
    """What the network says, each (batch, frames, ...): a mask, and logits of who and of type."""

    mask: Tensor
    who: Tensor
    types: Tensor


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.spread = nn.Linear(width, width)
        self.taps = nn.Parameter(torch.randn(TAPS, width) * 0.4)
        self.inner = nn.LayerNorm(width)
        self.gather = nn.Linear(width, width)
        nn.init.zeros_(self.gather.weight)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.spread(self.norm(x)))
        return x + self.gather(nn.functional.gelu(self.inner(self._across_time(hidden))))

    def _across_time(self, x: Tensor) -> Tensor:
        reach = self.dilation * (TAPS // 2)
        padded = nn.functional.pad(x, (0, 0, reach, reach))
        frames = x.shape[1]
        mixed = self.taps[0] * padded[:, :frames]
        for tap in range(1, TAPS):
            mixed = mixed + self.taps[tap] * padded[:, tap * self.dilation :][:, :frames]
        return mixed


class Network(nn.Module):
    """Features (batch, frames, FEATURES) to what is heard in them."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(FEATURES, WIDTH)
        self.blocks = nn.Sequential(*(_Block(WIDTH, dilation) for dilation in DILATIONS))
        self.norm = nn.LayerNorm(WIDTH)
        self.mask = nn.Linear(WIDTH, BINS)
        self.who = nn.Linear(WIDTH, len(WHO))
        self.types = nn.Linear(WIDTH, len(TYPES))

    def forward(self, features: Tensor) -> Heard:
        """Hear; see `Heard`."""
        x = self.norm(self.blocks(self.enter(features)))
        return Heard(torch.sigmoid(self.mask(x)), self.who(x), self.types(x))
