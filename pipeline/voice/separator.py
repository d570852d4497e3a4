"""The embedded separator: a small network that ships with Cradle and runs offline on one core.

What it was trained on, and how well it does, stands in models/separator/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pipeline.core.backends import BackendInfo
from pipeline.core.restoring import restored
from pipeline.core.weights import listed
from pipeline.voice.backends import RATE, Wave
from pipeline.voice.separation_chunks import with_margins

NAME = "separator"

_CHUNK_S = 60
_SHORTEST = round(0.1 * RATE)


def info() -> BackendInfo:
    """Describe the backend."""
    weights = listed()[NAME]
    return BackendInfo("separation", "embedded", weights.sha256, weights.licence, embedded=True)


def load(device: str) -> Embedded:
    """Load the network onto a device.

    Raises:
        WeightsError: the weights are missing, are others than the lock says, or do not fit.
    """
    return Embedded(device)


class Embedded:
    """A `Separator`: one complex mask over the spectrum."""

    def __init__(self, device: str) -> None:
        import torch

        from pipeline.voice.separation_network import Network

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        self._device = device
        self._network = restored(Network(), NAME).to(device)

    def separate(self, sound: Wave, rate: int) -> tuple[Wave, Wave]:
        """See `Separator`; `rate` is 16 kHz."""
        if rate != RATE:
            raise ValueError(f"{rate} Hz where {RATE} were expected")
        stem = np.concatenate([*self.stream([sound]), np.zeros(0, np.float32)])
        return stem, sound - stem

    def stream(self, blocks: Iterable[Wave]) -> Iterator[Wave]:
        """See `Separator`."""
        from pipeline.voice.separation_network import HOP, REACH

        return with_margins(blocks, self._stem, _CHUNK_S * RATE, (REACH + 2) * HOP)

    def _stem(self, wave: Wave) -> Wave:
        import torch

        from pipeline.voice.separation_network import analyse, synthesise

        if len(wave) < _SHORTEST:
            return np.zeros(len(wave), np.float32)
        with torch.inference_mode():
            spectra = self._network(analyse(torch.from_numpy(wave)[None].to(self._device)))
            # No voice is a constant.
            spectra[:, 0] = 0
            return synthesise(spectra, len(wave))[0].cpu().numpy()

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(weight.numel() for weight in self._network.parameters())
