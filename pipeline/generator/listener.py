"""What the sound around a frame says to one infant's ear, layer by layer.

Convolutions that reach further and further (Bai et al. 2018), each told of vocalization and infant
by a scale and a shift (Perez et al. 2018): a face hangs on what is heard from one frame to the next
as much as on a second of it.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Told = tuple[Tensor, Tensor]
"""Scale and shift (B, 1, width) of a layer."""
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
        for layer in self.hearings:
            around = layer(around, layer.tell(who))
        return around

    @property
    def hearings(self) -> list[Hearing]:
        """Its layers, the one that hears the sound first."""
        return [cast(Hearing, layer) for layer in self.layers]


class Following:
    """A listener to a sound that comes piece by piece: no frame goes through a layer twice."""

    def __init__(self, listener: Listener, who: Tensor) -> None:
        """Begin where there is nothing yet, by (B, width) of who it is."""
        self._layers = [(layer, layer.tell(who)) for layer in listener.hearings]
        self._kept = [who.new_zeros((len(who), 0, who.shape[1])) for _ in self._layers]

    def push(self, sound: Tensor) -> Tensor:
        """Listen to (B, n, width) more, and return the (B, m, width) that are known by now.

        In all, of back + T + ahead frames, those are T.
        """
        for number, (layer, told) in enumerate(self._layers):
            near = torch.cat([self._kept[number], sound], 1)
            first = max(0, near.shape[1] - layer.reach)
            self._kept[number] = near[:, first:].clone()
            sound = layer(near, told) if first else near[:, :0]
        return sound


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
        self.reach = (taps - 1) * dilation
        self.ahead = ahead
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.told.bias)

    def tell(self, who: Tensor) -> Told:
        """Say by (B, width) whose ear it is."""
        scale, shift = self.told(who)[:, None].chunk(2, -1)
        return 1 + scale, shift

    def forward(self, x: Tensor, told: Told) -> Tensor:
        """Listen, (B, T, width) to `reach` frames fewer."""
        scale, shift = told
        itself = x[:, self.reach - self.ahead : x.shape[1] - self.ahead]
        near = self._near(self.norm(x))
        heard: Tensor = itself + self.out(F.gelu(torch.addcmul(shift, near, scale)))
        return heard

    def _near(self, x: Tensor) -> Tensor:
        """Convolve, by one product: on a CPU faster than a convolution with gaps."""
        frames, apart = x.shape[1] - self.reach, self.near.dilation[0]
        taps = [x[:, first : first + frames] for first in range(0, self.reach + 1, apart)]
        weight = self.near.weight.transpose(1, 2).flatten(1)
        return F.linear(torch.cat(taps, -1), weight, self.near.bias)
