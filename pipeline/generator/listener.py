"""What the sound around a frame says to one infant's ear, layer by layer.

Convolutions that reach further and further (Bai et al. 2018), each told of vocalization and infant
by a scale and a shift (Perez et al. 2018): a face hangs on what is heard from one frame to the next
as much as on a second of it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TAPS = 3
_DILATIONS = (1, 1, 2, 4)


class Listener(nn.Module):
    """The sound in a band of frames, taken as it matters to one infant: band - 1 frames fewer."""

    def __init__(self, width: int, back: int, ahead: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Hearing(width, taps, dilation, later)
            for (taps, dilation), later in zip(*reaches(back, ahead), strict=True)
        )

    def forward(self, around: Tensor, who: Tensor) -> Tensor:
        """Listen to (B, back + T + ahead, width), by (B, width) of who it is; (B, T, width)."""
        for layer in self.layers:
            around = layer(around, who)
        return around


def reaches(back: int, ahead: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Part a band among layers: taps and their distance, and how many frames each looks ahead.

    Every layer looks as far to either side, as long as there is a side left to look to.
    """
    layers: list[tuple[int, int]] = []
    left = back + ahead
    dilations = [*_DILATIONS, *[_DILATIONS[-1]] * left]
    while left >= (span := (_TAPS - 1) * dilations[len(layers)]):
        layers.append((_TAPS, dilations[len(layers)]))
        left -= span
    if left or not layers:
        layers.append((left + 1, 1))
    spans = [(taps - 1) * dilation for taps, dilation in layers]
    later: list[int] = []
    for number, span in enumerate(spans):
        still = ahead - sum(later)
        later.append(max(min(span // 2, still), still - sum(spans[number + 1 :])))
    return layers, later


class Hearing(nn.Module):
    """One layer of a listener: a few frames by one infant's ear, added to the frame itself."""

    def __init__(self, width: int, taps: int, dilation: int, ahead: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.near = nn.Conv1d(width, width, taps, dilation=dilation)
        self.told = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.ahead = ahead
        self.back = (taps - 1) * dilation - ahead
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.told.bias)

    def forward(self, x: Tensor, who: Tensor) -> Tensor:
        """Listen, (B, T, width) to `back` + `ahead` frames fewer."""
        scale, shift = self.told(who)[:, None].chunk(2, -1)
        near = self.near(self.norm(x).transpose(1, 2)).transpose(1, 2)
        itself = x[:, self.back : x.shape[1] - self.ahead]
        heard: Tensor = itself + self.out(F.gelu(torch.addcmul(shift, near, 1 + scale)))
        return heard
