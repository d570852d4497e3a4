"""The network of the embedded separator: from spectra of a sound to those of the infant in it.

A U-Net along frequency whose levels hold convolutions over time and frequency and, between them,
layers in which every frequency hears every other (after Choi et al. 2020, arXiv:1912.02591, and Kim
et al. 2023, arXiv:2306.09382): which of two voices a harmonic belongs to is told by the others of
the same voice. Between its halves layers across time hear some seconds to each side. The mask is
complex, so that a sound as loud as the voice can be taken from under it. Two gates a frame say how
far the infant is alone, and is let through untouched, and whether it sounds at all.

Inside, tensors (batch, channels, frequency, time) lie in memory with the channels last, which
convolutions are several times as fast with on a processor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.voice import tagger_layers
from pipeline.voice.separation_spectra import BINS, HOP, LEVEL, features
from pipeline.voice.tagger_layers import READ, Layer

CHANNELS = (16, 32, 48, 64, 96, 128)
"""From the finest level, of all frequencies, to the coarsest; each has half of those before."""
WIDTH = 288
DILATIONS = (1, 2, 4, 8, 16, 32, 4, 1)
TAPS = 5
NEAR, FAR = 2, 4
"""Frames from one tap to the next in the last convolution of a level, on the way down and up."""

_FINEST = BINS - 1
_LEVELS = len(CHANNELS) - 1
_COARSEST = _FINEST >> _LEVELS
_DOWN = 1 + _LEVELS + (_LEVELS - 1) * (1 + NEAR)
_UP = 1 + _LEVELS + (_LEVELS - 1) * (1 + FAR)

_ALONG = sum(DILATIONS) * (TAPS // 2)

REACH = LEVEL + max(_DOWN, tagger_layers.REACH // HOP + 1) + _ALONG + _UP
"""Frames to each side that decide on a frame."""


class Network(nn.Module):
    """Spectra (batch, BINS, frames) of sounds to those of the infants in them."""

    def __init__(self) -> None:
        super().__init__()
        pairs = list(pairwise(CHANNELS))
        inner = [(CHANNELS[level], _FINEST >> level) for level in range(1, _LEVELS)]
        self.begin = nn.Conv2d(3, CHANNELS[0], (5, 3), padding=(2, 1))
        self.down = nn.ModuleList(_Convolution(few, many, 5, stride=2) for few, many in pairs)
        self.inward = nn.ModuleList(_Level(*shape, NEAR) for shape in inner)
        self.enter = nn.Linear(CHANNELS[-1] * _COARSEST, WIDTH)
        self.known = nn.ModuleList(_Recalled(layer) for layer in READ)
        self.across = nn.ModuleList(_Across(WIDTH, dilation) for dilation in DILATIONS)
        self.norm = nn.LayerNorm(WIDTH)
        self.leave = nn.Linear(WIDTH, CHANNELS[-1] * _COARSEST)
        self.gates = nn.Linear(WIDTH, 2)
        self.up = nn.ModuleList(_Convolution(many, 2 * few, 3) for few, many in reversed(pairs))
        self.outward = nn.ModuleList(_Level(*shape, FAR) for shape in reversed(inner))
        self.last = nn.BatchNorm2d(CHANNELS[0])
        self.mask = nn.Conv2d(CHANNELS[0], 2, 3, padding=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self,
        spectra: Tensor,
        known: Sequence[Tensor],
        there: Tensor | None = None,
        asked: slice | None = None,
    ) -> Tensor:
        """Separate; `known` is what the layers of the tagger say, see `tagger_layers`.

        Of sounds that were filled up to one length, `there` (batch, frames) is 1 in their frames
        and 0 after their end. What comes after it is then to each sound what comes after a tensor's
        end: nothing. Where some frames alone are `asked` for, the others are heard no further than
        these need.
        """
        frames = spectra.shape[-1]
        asked = asked or slice(0, frames)
        near = _widened(asked, _UP, frames)
        wide = _widened(near, _ALONG + _DOWN, frames)
        halves = [*self._seen(features(spectra, there)[..., wide], _of(there, wide))]
        heard = self._through_time(halves[-1], known, there, wide)
        heard = heard[:, _within(wide, near)]
        halves = [_laid(half[..., _within(wide, near)]) for half in halves]
        mask = self._mask(halves, heard, _of(there, near))[..., _within(near, asked)]
        gates = self.gates(heard[:, _within(near, asked)]).float()
        alone, sounds = torch.sigmoid(gates).transpose(1, 2)[:, :, None].unbind(1)
        whole = torch.complex(alone + (1 - alone) * mask[:, 0], (1 - alone) * mask[:, 1])
        return sounds * whole * spectra[..., asked]

    def heard(self, spectra: Tensor, known: Sequence[Tensor], asked: slice) -> Tensor:
        """What is made of the frames asked for, (batch, m, WIDTH), before anything is masked."""
        wide = _widened(asked, _ALONG + _DOWN, spectra.shape[-1])
        seen = self._seen(features(spectra)[..., wide], None)
        # The finer levels are let go of: they are what is large.
        [coarsest] = deque(seen, maxlen=1)
        return self._through_time(coarsest, known, None, wide)[:, _within(wide, asked)]

    def _through_time(
        self, coarsest: Tensor, known: Sequence[Tensor], there: Tensor | None, wide: slice
    ) -> Tensor:
        """What is made of frames across time, of what is seen at the coarsest level."""
        heard = self.enter(coarsest.permute(0, 3, 1, 2).flatten(2))
        for recall, steps in zip(self.known, known, strict=True):
            heard = heard + recall(steps, wide)
        for layer in self.across:
            heard = layer(heard, _of(there, wide))
        normed: Tensor = self.norm(heard)
        return normed

    @property
    def matrices(self) -> list[nn.Parameter]:
        """The weights between layers, for an optimiser that has a way of its own with them."""
        outer = ("begin.", "mask.", "gates.")
        return [
            weight
            for name, weight in self.named_parameters()
            if weight.ndim >= 2 and not name.startswith(outer) and not name.endswith(".taps")
        ]

    def _seen(self, x: Tensor, there: Tensor | None) -> Iterator[Tensor]:
        """What is seen of features at each level, from the finest to the coarsest."""
        x = _laid(self.begin(_ended(_laid(x), there)))
        yield x
        for layer, level in zip(self.down, [*self.inward, None], strict=True):
            x = layer(x, there)
            x = x if level is None else level(x, there)
            yield x

    def _mask(self, halves: Sequence[Tensor], heard: Tensor, there: Tensor | None) -> Tensor:
        """Real and imaginary part (batch, 2, BINS, frames); the last frequency is as that below."""
        told = self.leave(heard).unflatten(2, (CHANNELS[-1], _COARSEST)).permute(0, 2, 3, 1)
        x = _laid(halves[-1] + told)
        for layer, half, level in zip(
            self.up, reversed(halves[:-1]), [*self.outward, None], strict=True
        ):
            x = _twice_as_fine(layer(x, there)) + half
            x = x if level is None else level(x, there)
        mask = _laid(self.mask(_ended(_bent(self.last(x)), there))).float()
        return torch.cat([mask, mask[:, :, -1:]], 2)


class _Convolution(nn.Module):
    """Over time and `size` frequencies, which become `stride` times as few; normed beforehand."""

    def __init__(
        self, few: int, many: int, size: int, *, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(few)
        self.conv = nn.Conv2d(
            few,
            many,
            (size, 3),
            stride=(stride, 1),
            padding=(size // 2, dilation),
            dilation=(1, dilation),
            bias=False,
        )

    def forward(self, x: Tensor, there: Tensor | None) -> Tensor:
        return _laid(self.conv(_ended(_bent(self.norm(x)), there)))


class _Level(nn.Module):
    """A residual layer at one fineness: convolve, let the frequencies hear each other, convolve."""

    def __init__(self, channels: int, frequencies: int, dilation: int) -> None:
        super().__init__()
        self.first = _Convolution(channels, channels, 3)
        self.bands = _Bands(channels, frequencies)
        self.second = _Convolution(channels, channels, 3, dilation=dilation)

    def forward(self, x: Tensor, there: Tensor | None) -> Tensor:
        y = self.first(x, there)
        return x + self.second(y + self.bands(y), there)


class _Bands(nn.Module):
    """What every frequency has to say to every other, by way of half as many numbers a channel."""

    def __init__(self, channels: int, frequencies: int) -> None:
        super().__init__()
        few = frequencies // 2
        self.norm = nn.BatchNorm2d(channels)
        self.gather = nn.Parameter(torch.randn(few, frequencies) * frequencies**-0.5)
        self.inner = nn.BatchNorm2d(channels)
        self.spread = nn.Parameter(torch.randn(frequencies, few) * 0.3 * few**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        few = _along_frequency(self.gather, _bent(self.norm(x)))
        return _along_frequency(self.spread, _bent(self.inner(few)))


class _Recalled(nn.Module):
    """What a layer of the tagger says, as rows (batch, frames, WIDTH) read between its steps."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.norm = nn.LayerNorm(layer.width)
        self.forget = nn.Dropout(0.2)
        self.recall = nn.Linear(layer.width, WIDTH)

    def forward(self, steps: Tensor, frames: slice) -> Tensor:
        rows = self.recall(self.forget(self.norm(steps)))
        places = HOP * torch.arange(frames.start, frames.stop, device=rows.device)
        return self.layer.between(rows, places)


class _Across(nn.Module):
    """A residual layer across time (batch, frames, width): pointwise, dilated depthwise."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.spread = nn.Linear(width, width)
        self.taps = nn.Parameter(torch.randn(TAPS, width) * 0.4)
        self.inner = nn.LayerNorm(width)
        self.gather = nn.Linear(width, width)
        nn.init.zeros_(self.gather.weight)

    def forward(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        hidden = F.gelu(self.spread(self.norm(x)))
        hidden = hidden if there is None else hidden * there[:, :, None]
        return x + self.gather(F.gelu(self.inner(self._along(hidden))))

    def _along(self, x: Tensor) -> Tensor:
        reach = self.dilation * (TAPS // 2)
        padded = F.pad(x, (0, 0, reach, reach))
        frames = x.shape[1]
        places = [padded[:, tap * self.dilation :][:, :frames] for tap in range(TAPS)]
        return torch.stack([self.taps[tap] * part for tap, part in enumerate(places)]).sum(0)


def _widened(frames: slice, reach: int, most: int) -> slice:
    """Frames, and `reach` more to each side where there are as many."""
    return slice(max(0, frames.start - reach), min(most, frames.stop + reach))


def _within(outer: slice, inner: slice) -> slice:
    """Where frames are among those around them."""
    return slice(inner.start - outer.start, inner.stop - outer.start)


def _of(there: Tensor | None, frames: slice) -> Tensor | None:
    return None if there is None else there[:, frames]


def _bent(x: Tensor) -> Tensor:
    """A norm's output through the nonlinearity, in its own place where no gradient needs it."""
    return F.silu(x, inplace=not x.requires_grad)


def _along_frequency(weights: Tensor, x: Tensor) -> Tensor:
    """Matrix (g, f) times (batch, c, f, t): (batch, c, g, t)."""
    batch, channels, frequencies, frames = x.shape
    rows = _laid(x).permute(0, 2, 3, 1).reshape(batch, frequencies, frames * channels)
    made = torch.bmm(weights.expand(batch, -1, -1), rows)
    return _laid(made.unflatten(2, (frames, channels)).permute(0, 3, 1, 2))


def _twice_as_fine(x: Tensor) -> Tensor:
    """(batch, 2 c, f, t) to (batch, c, 2 f, t): the two halves take turns along frequency."""
    low, high = x.permute(0, 2, 3, 1).chunk(2, 3)
    return _laid(torch.stack([low, high], 2).flatten(1, 2).permute(0, 3, 1, 2))


def _ended(x: Tensor, there: Tensor | None) -> Tensor:
    """Nothing where a sound (batch, channels, frequency, time) has ended."""
    return x if there is None else x * there[:, None, None]


class _Laid(torch.autograd.Function):
    """Channels last, and so is what comes back: norms are six times as slow over any other."""

    @staticmethod
    def forward(_: object, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        return gradient.contiguous(memory_format=torch.channels_last)


def _laid(x: Tensor) -> Tensor:
    laid: Tensor = _Laid.apply(x)
    return laid
