"""PyanNet, the segmentation network of pyannote.audio, put together from its own layers.

The same weights under the same names give the same scores as `pyannote.audio`'s class, whose
import takes a dozen seconds for what inference never uses. After Bredin and Laurent 2021 (doi
10.21437/Interspeech.2021-560) over learnable band-pass filters (Ravanelli and Bengio 2018).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from asteroid_filterbanks import Encoder, ParamSincFB
from torch import Tensor, nn
from torch.nn import functional as F

RATE = 16000
_BANDS, _CHANNELS, _KERNEL = 80, 60, 251
_POOL, _TAPS = 3, 5


@dataclass(frozen=True)
class Shape:
    """The sizes that make one PyanNet: those of its hyperparameters that inference depends on."""

    classes: int
    sincnet: Mapping[str, Any] = field(default_factory=dict)
    lstm: Mapping[str, Any] = field(default_factory=dict)
    linear: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stride(self) -> int:
        """Samples from one step of the filters to the next."""
        return int(self.sincnet.get("stride", 10))

    @property
    def hop(self) -> int:
        """Samples from one frame of scores to the next."""
        return self.stride * _POOL**3

    @property
    def reach(self) -> int:
        """Samples that one frame is made of, before the recurrent layers."""
        return _KERNEL + self.stride * (
            _POOL - 1 + _POOL * (_TAPS - 1 + _POOL - 1) + _POOL**2 * (_TAPS - 1 + _POOL - 1)
        )


class SincNet(nn.Module):
    """Sound (batch, 1, n) to features (batch, 60, frames)."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        bank = ParamSincFB(
            _BANDS, _KERNEL, stride=stride, sample_rate=RATE, min_low_hz=50, min_band_hz=50
        )
        self.conv1d = nn.ModuleList(
            [
                Encoder(bank),
                nn.Conv1d(_BANDS, _CHANNELS, _TAPS),
                nn.Conv1d(_CHANNELS, _CHANNELS, _TAPS),
            ]
        )
        self.norm1d = nn.ModuleList(
            nn.InstanceNorm1d(channels, affine=True) for channels in (_BANDS, _CHANNELS, _CHANNELS)
        )

    def forward(self, sound: Tensor) -> Tensor:
        """Filter, rectify, pool and normalise three times."""
        x = self.wav_norm1d(sound)
        for layer, (convolve, normalise) in enumerate(zip(self.conv1d, self.norm1d, strict=True)):
            x = convolve(x)
            x = x.abs() if layer == 0 else x
            x = F.leaky_relu(normalise(F.max_pool1d(x, _POOL)))
        return x


class PyanNet(nn.Module):
    """Sound (batch, 1, n) to logits (batch, frames, classes)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        lstm = {"hidden_size": 128, "num_layers": 2, "bidirectional": True, **shape.lstm}
        linear = {"hidden_size": 128, "num_layers": 2, **shape.linear}
        self.sincnet = SincNet(shape.stride)
        monolithic = bool(lstm.pop("monolithic", True))
        lstm["batch_first"] = True
        self.lstm = _recurrent(lstm, monolithic)
        width = lstm["hidden_size"] * (2 if lstm["bidirectional"] else 1)
        widths = [width] + [linear["hidden_size"]] * linear["num_layers"]
        if linear["num_layers"]:
            self.linear = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.classifier = nn.Linear(widths[-1], shape.classes)

    @property
    def _recurrent(self) -> list[nn.Module]:
        return list(self.lstm) if isinstance(self.lstm, nn.ModuleList) else [self.lstm]

    def forward(self, sound: Tensor) -> Tensor:
        """Score every frame; the activation is the caller's."""
        x = self.sincnet(sound).transpose(1, 2)
        for layer in self._recurrent:
            x, _ = layer(x)
        for layer in getattr(self, "linear", ()):
            x = F.leaky_relu(layer(x))
        logits: Tensor = self.classifier(x)
        return logits


def _recurrent(sizes: dict[str, Any], monolithic: bool) -> nn.Module:
    if monolithic:
        return nn.LSTM(_CHANNELS, **sizes)
    layers = sizes["num_layers"]
    width = sizes["hidden_size"] * (2 if sizes["bidirectional"] else 1)
    single = {**sizes, "num_layers": 1, "dropout": 0.0}
    return nn.ModuleList(nn.LSTM(width if n else _CHANNELS, **single) for n in range(layers))
