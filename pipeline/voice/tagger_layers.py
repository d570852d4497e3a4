"""What the tagger's inner layers make of a sound of any length: what others know of the world by.

A network that learns from some hundred recordings of animals, tools and signals hears the next one
for the first time; YAMNet (see `tagger_network`) has heard two million clips. Here its convolutions
run over the whole sound instead of one patch at a time, and two of its layers are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.core.restoring import restored
from pipeline.voice.tagger import LOCKED
from pipeline.voice.tagger_network import (
    BANDS,
    FILTERS,
    FRAME_FFT,
    FRAME_HOP,
    FRAME_WINDOW,
    HANN,
    QUIET,
    WIDTHS,
    YamNet,
)

LEVEL_HOP = 320
"""Samples from one level to the next."""
_USUAL = 0.08
"""Root mean square that the loudness around a frame is brought to: what the tagger is used to."""


@dataclass(frozen=True)
class Layer:
    """An inner layer that is read, as one row a step of all its channels in all its bands."""

    end: int
    """After how many of the convolutions."""
    stride: int
    """Frames of the spectrogram from one step to the next."""
    channels: int

    @property
    def width(self) -> int:
        """Numbers a step."""
        return self.channels * BANDS // self.stride

    @property
    def middle(self) -> float:
        """Samples from the beginning of a sound to the middle of the first step."""
        return (self.stride - 1) * FRAME_HOP + FRAME_WINDOW / 2

    def between(self, rows: Tensor, places: Tensor) -> Tensor:
        """Rows (batch, steps, width) of whatever is said at steps, at `places` (m,) in samples."""
        place = ((places - self.middle) / (self.stride * FRAME_HOP)).clamp(0, rows.shape[1] - 1)
        low = place.floor().long().clamp_max(rows.shape[1] - 2)
        share = (place - low)[None, :, None].to(rows.dtype)
        return rows[:, low] * (1 - share) + rows[:, low + 1] * share


READ = (Layer(23, 16, WIDTHS[-3]), Layer(27, 32, WIDTHS[-1]))
GRID = READ[-1].stride * FRAME_HOP
"""Samples from one step of the last to the next: a sound that is cut at a multiple of them is heard
by the same patches."""
MIDDLE = READ[-1].middle
"""Samples from the beginning of a sound to the middle of the last's first step."""
REACH = (158 + READ[-1].stride) * FRAME_HOP
"""Samples to each side that decide on what is read between its steps."""


class TaggerLayers(nn.Module):
    """Sounds (batch, n) to what `READ` says of them, (batch, steps, width) each."""

    _filters: Tensor
    _window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.tagger = YamNet()
        self.register_buffer("_filters", torch.from_numpy(FILTERS), persistent=False)
        self.register_buffer("_window", torch.from_numpy(HANN), persistent=False)

    def forward(self, sounds: Tensor, levels: Tensor) -> list[Tensor]:
        """Listen; `levels` (batch, frames) are how loud it is around every `LEVEL_HOP` samples."""
        inner = self._log_mel(sounds, levels)[:, None].contiguous(memory_format=torch.channels_last)
        read, begun = [], 0
        for layer in READ:
            for convolution in self.tagger.layers[begun : layer.end]:
                inner = self.tagger.through(inner, convolution)
            read.append(inner.permute(0, 2, 3, 1).flatten(2))
            begun = layer.end
        return read

    def words(self, last: Tensor) -> Tensor:
        """Logits (batch, steps, WORDS) of what is heard, of what the last of `READ` says."""
        said: Tensor = self.tagger.words(last.unflatten(2, (-1, READ[-1].channels)).mean(2))
        return said

    def _log_mel(self, sounds: Tensor, levels: Tensor) -> Tensor:
        """(batch, m, BANDS), whole steps of the deepest layer; after its end a sound is silent."""
        stride = READ[-1].stride
        count = -(-(sounds.shape[1] + REACH) // (stride * FRAME_HOP)) * stride
        samples = (count - 1) * FRAME_HOP + FRAME_WINDOW
        padded = F.pad(sounds, (0, samples - sounds.shape[1]))
        frames = padded.unfold(1, FRAME_WINDOW, FRAME_HOP) * self._window
        size = torch.fft.rfft(frames, FRAME_FFT).abs() @ self._filters
        # Where a frame begins, so that none of a sound's own asks for a level after its end.
        near = FRAME_HOP * torch.arange(count, device=sounds.device) // LEVEL_HOP
        louder = _USUAL / levels[:, near.clamp_max(levels.shape[1] - 1), None]
        return torch.log(size * louder + QUIET)


@cache
def load(device: str) -> TaggerLayers:
    """The tagger that ships, on a device, kept for whoever asks next.

    Raises:
        WeightsError: the weights are missing or do not fit the network.
    """
    layers = TaggerLayers()
    restored(layers.tagger, LOCKED)
    return layers.eval().to(device)
