"""YAMNet: 13 separable convolutions over a log mel spectrogram, then 521 words of AudioSet.

The network and its spectrogram are those of
https://github.com/tensorflow/models/tree/master/research/audioset/yamnet (Apache 2.0), after
MobileNet (Howard et al. 2017); normalisation is part of the weights here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor, channels_last, nn
from torch.nn import functional

from pipeline.voice.backends import RATE
from pipeline.voice.tags import PATCH, WORDS

FRAMES, BANDS = 96, 64
WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
FRAME_WINDOW, FRAME_HOP, FRAME_FFT = 400, 160, 512
REACH = (FRAMES - 1) * FRAME_HOP + FRAME_WINDOW
"""Samples that a patch is of: a little more than from one to the next."""
_LOW_HZ, _HIGH_HZ, QUIET = 125.0, 7500.0, 0.001

assert PATCH == FRAMES * FRAME_HOP


class YamNet(nn.Module):
    """From log mel patches (n, FRAMES, BANDS) to the logits (n, WORDS) of scores."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv2d(1, WIDTHS[0], 3, STRIDES[0])
        pairs = zip(WIDTHS[:-1], WIDTHS[1:], STRIDES[1:], strict=True)
        separable = [
            layer
            for narrow, wide, stride in pairs
            for layer in (
                nn.Conv2d(narrow, narrow, 3, stride, groups=narrow),
                nn.Conv2d(narrow, wide, 1),
            )
        ]
        self.layers = nn.ModuleList([first, *separable])
        self.words = nn.Linear(WIDTHS[-1], WORDS)

    def forward(self, patches: Tensor) -> Tensor:
        """Score patches."""
        # With channels last, layers of these sizes take a core half the time.
        inner = patches[:, None].contiguous(memory_format=channels_last)
        for layer in self.layers:
            inner = self.through(inner, layer)
        said: Tensor = self.words(inner.mean((2, 3)))
        return said

    @staticmethod
    def through(inner: Tensor, layer: nn.Module) -> Tensor:
        """What one of the layers makes of what the one before it did."""
        assert isinstance(layer, nn.Conv2d)
        convolve = _pointwise if layer.kernel_size == (1, 1) else _convolved
        return functional.relu_(convolve(inner, layer))


def _pointwise(inner: Tensor, layer: nn.Conv2d) -> Tensor:
    """The same as the layer's own, as the product of matrices that it is: in half the time."""
    weighed = functional.linear(inner.movedim(1, -1), layer.weight[:, :, 0, 0], layer.bias)
    return weighed.movedim(-1, 1)


def _convolved(inner: Tensor, layer: nn.Conv2d) -> Tensor:
    """Pad as TensorFlow does where the result is to be as large: the odd row at the end."""
    (size, _), (stride, _) = layer.kernel_size, layer.stride
    down, across = (max(0, (-(-n // stride) - 1) * stride + size - n) for n in inner.shape[2:])
    if down % 2 or across % 2:
        sides = across // 2, across - across // 2, down // 2, down - down // 2
        inner, down, across = functional.pad(inner, sides), 0, 0
    of = layer.weight, layer.bias, layer.stride, (down // 2, across // 2)
    return functional.conv2d(inner, *of, groups=layer.groups)


def log_mel(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log magnitudes (FRAMES, BANDS) of the mel bands of a patch (REACH,) at 16 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(patch, FRAME_WINDOW)[::FRAME_HOP] * HANN
    spectrum = np.abs(fft.rfft(frames, FRAME_FFT, axis=1))
    return np.log(spectrum @ FILTERS + np.float32(QUIET))


def _filters() -> NDArray[np.float32]:
    """Triangles (bins, BANDS) on the scale mel = 1127 ln(1 + f / 700)."""
    mel = 1127 * np.log(1 + np.linspace(0, RATE / 2, FRAME_FFT // 2 + 1) / 700)[:, None]
    low, high = 1127 * np.log(1 + np.array([_LOW_HZ, _HIGH_HZ]) / 700)
    edges = np.linspace(low, high, BANDS + 2)
    rise = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rise, fall))
    filters[0] = 0
    return filters.astype(np.float32)


FILTERS = _filters()
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_WINDOW) / FRAME_WINDOW)).astype(np.float32)
