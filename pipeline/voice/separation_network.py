"""The network of the embedded separator: from spectra of a sound to those of the infant in it.

Convolutions over time and frequency (a U-Net along frequency, after Tan and Wang 2018, doi
10.21437/Interspeech.2018-1405) see harmonics at any pitch alike; between its halves layers across
time hear some seconds to each side. The mask is complex, so that a sound as loud as the voice can
be taken from under it. Two gates a frame say how far the infant is alone, and is let through
untouched, and whether it sounds at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.voice import tagger_layers
from pipeline.voice.tagger_layers import READ, Layer

SIZE = 640
HOP = 320
BINS = SIZE // 2 + 1

CHANNELS = (16, 24, 32, 48, 64)
WIDTH = 256
DILATIONS = (1, 2, 4, 8, 16, 32, 4, 1)
TAPS = 5
LEVEL = 75
"""Frames to each side that decide how loud a sound counts as."""

REACH = sum(DILATIONS) * (TAPS // 2) + tagger_layers.REACH // HOP + 1 + LEVEL
"""Frames to each side that decide on a frame."""

_LOWEST = (BINS - 1) // 2 ** len(CHANNELS)
_LIFT = 0.3
_UNIT = (SIZE / 2) ** 0.5
"""Root mean square of a spectrum, under the root of a Hann window, of a sound of 1."""
_QUIET = 1e-3


def frames_of(samples: int) -> int:
    """How many frames a sound has: from its first sample to after its last."""
    return -(-samples // HOP) + 1


def analyse(sound: Tensor) -> Tensor:
    """Spectra (batch, BINS, frames_of(n)), complex, of sounds (batch, n)."""
    window = torch.hann_window(SIZE, device=sound.device).sqrt()
    # What only the tail of a window saw would be divided by next to nothing afterwards.
    sound = F.pad(sound, (0, -sound.shape[-1] % HOP))
    return torch.stft(
        sound, SIZE, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )


def synthesise(spectra: Tensor, samples: int) -> Tensor:
    """Sounds (batch, samples) of spectra (batch, BINS, frames): the inverse of `analyse`."""
    window = torch.hann_window(SIZE, device=spectra.device).sqrt()
    return torch.istft(spectra, SIZE, HOP, window=window, center=True, length=samples)


class Network(nn.Module):
    """Spectra (batch, BINS, frames) of sounds to those of the infants in them."""

    def __init__(self) -> None:
        super().__init__()
        before = (3, *CHANNELS[:-1])
        self.down = nn.ModuleList(
            _convolution(few, many, (5, 3), stride=2)
            for few, many in zip(before, CHANNELS, strict=True)
        )
        self.enter = nn.Linear(CHANNELS[-1] * _LOWEST, WIDTH)
        self.known = nn.ModuleList(_Recalled(layer) for layer in READ)
        self.across = nn.ModuleList(_Across(WIDTH, dilation) for dilation in DILATIONS)
        self.norm = nn.LayerNorm(WIDTH)
        self.leave = nn.Linear(WIDTH, CHANNELS[-1] * _LOWEST)
        self.gates = nn.Linear(WIDTH, 2)
        after = (16, *CHANNELS[:-1])
        self.up = nn.ModuleList(
            _convolution(many, 2 * few, (3, 1))
            for many, few in zip(reversed(CHANNELS), reversed(after), strict=True)
        )
        self.mask = nn.Conv2d(16, 2, 3, padding=1)

    def forward(
        self, spectra: Tensor, known: Sequence[Tensor], there: Tensor | None = None
    ) -> Tensor:
        """Separate; `known` is what the layers of the tagger say, see `tagger_layers`.

        Of sounds that were filled up to one length, `there` (batch, frames) is 1 in their frames
        and 0 after their end. What comes after it is then to each sound what comes after a tensor's
        end: nothing.
        """
        x, halves = _features(spectra, there), []
        for layer in self.down:
            x = layer(_ended(x, there))
            halves.append(x)
        heard = self.enter(x.flatten(1, 2).transpose(1, 2))
        for recall, steps in zip(self.known, known, strict=True):
            heard = heard + recall(steps, heard.shape[1])
        for layer in self.across:
            heard = layer(heard, there)
        heard = self.norm(heard)
        x = x + self.leave(heard).transpose(1, 2).unflatten(1, (CHANNELS[-1], _LOWEST))
        for layer, half in zip(self.up, [*reversed(halves[:-1]), None], strict=True):
            x = _twice_as_fine(layer(x))
            x = x if half is None else x + half
        mask = F.pad(self.mask(_ended(x, there)), (0, 0, 0, 1), mode="replicate").float()
        alone, sounds = (
            torch.sigmoid(self.gates(heard).float()).transpose(1, 2)[:, :, None].unbind(1)
        )
        whole = torch.complex(alone + (1 - alone) * mask[:, 0], (1 - alone) * mask[:, 1])
        return sounds * whole * spectra


class _Recalled(nn.Module):
    """What a layer of the tagger says, as rows (batch, frames, WIDTH) read between its steps."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.norm = nn.LayerNorm(layer.width)
        self.forget = nn.Dropout(0.2)
        self.recall = nn.Linear(layer.width, WIDTH)
        nn.init.zeros_(self.recall.weight)
        nn.init.zeros_(self.recall.bias)

    def forward(self, steps: Tensor, frames: int) -> Tensor:
        rows = self.recall(self.forget(self.norm(steps)))
        places = HOP * torch.arange(frames, device=rows.device)
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


def _convolution(few: int, many: int, size: tuple[int, int], stride: int = 1) -> nn.Sequential:
    """Over (batch, channels, frequency, time); the frequencies become `stride` times as few."""
    reach = (size[0] // 2, size[1] // 2)
    return nn.Sequential(
        nn.Conv2d(few, many, size, stride=(stride, 1), padding=reach, bias=False),
        nn.BatchNorm2d(many),
        nn.SiLU(),
    )


def _twice_as_fine(x: Tensor) -> Tensor:
    """(batch, 2 c, f, t) to (batch, c, 2 f, t): the two halves take turns along frequency."""
    low, high = x.chunk(2, 1)
    return torch.stack([low, high], 3).flatten(2, 3)


def _ended(x: Tensor, there: Tensor | None) -> Tensor:
    """Nothing where a sound (batch, channels, frequency, time) has ended."""
    return x if there is None else x * there[:, None, None]


def levels(spectra: Tensor, there: Tensor | None = None) -> Tensor:
    """How loud (batch, frames) the seconds around each frame are, as a root mean square."""
    power = spectra[:, :-1].abs().square().mean(1, keepdim=True)
    if there is None:
        near = _around(power, count_include_pad=False)
    else:
        known = there[:, None]
        # The frame that begins before a sound's end, and is centred after it, is none of its own.
        near = _around(power * known) / _around(known).clamp_min(1 / (2 * LEVEL + 1))
    return near.sqrt().clamp_min(_QUIET)[:, 0] / _UNIT


def _features(spectra: Tensor, there: Tensor | None) -> Tensor:
    """Compressed real and imaginary parts and the logarithm, (batch, 3, BINS - 1, frames).

    They stand beside the loudness of the seconds around, so that it does not matter how loud a
    sound was recorded.
    """
    level = _UNIT * levels(spectra, there)[:, None]
    spectra = spectra[:, :-1]
    size = spectra.abs() / level + 1e-4
    pressed = spectra / level * size.pow(_LIFT - 1)
    return torch.stack([pressed.real, pressed.imag, 0.3 * size.log()], 1)


def _around(frames: Tensor, **how: bool) -> Tensor:
    """The mean of frames (batch, 1, frames) over as many to each side as decide on a level."""
    return F.avg_pool1d(frames, 2 * LEVEL + 1, 1, LEVEL, **how)
