"""The embedded backend: a small network that ships with Cradle and runs offline on one core.

What it was trained on, and how well it does, stands in models/voice/README.md.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import WeightsError
from pipeline.core.weights import locked
from pipeline.voice.backends import RATE, Wave
from pipeline.voice.spectra import analyse, features, loudness

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.voice.network import Heard

WEIGHTS = Path(__file__).resolve().parents[2] / "models" / "voice" / "model.safetensors"

_CHUNK = 3000
_SHORTEST = round(0.1 * RATE)


def info() -> BackendInfo:
    """Describe the backend."""
    return BackendInfo(
        "voice", "embedded", file_digest(WEIGHTS), "ODbL-1.0 AND CC-BY-SA-4.0", embedded=True
    )


def load(device: str) -> Embedded:
    """Load the network onto a device.

    Raises:
        WeightsError: the weights are missing or do not fit the network.
    """
    return Embedded(device)


class Embedded:
    """A `VoiceTracker`."""

    def __init__(self, device: str) -> None:
        import torch

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        self._device = device
        self._network = _network().to(device).eval()

    def _listen(self, wave: Wave) -> tuple[Tensor, Heard]:
        """Spectra (1, frames, bins) of a wave and what the network says of them."""
        import torch

        from pipeline.voice.network import REACH, Heard

        spectra = analyse(torch.from_numpy(wave)[None])
        level = loudness(spectra)
        said = []
        for start in range(0, spectra.shape[1], _CHUNK):
            first, end = max(0, start - REACH), start + _CHUNK
            heard_here = features(spectra[:, first : end + REACH], level)
            part = self._network(heard_here.to(self._device))
            said.append([x[:, start - first : end - first].cpu() for x in part])
        return spectra, Heard(*(torch.cat(parts, 1) for parts in zip(*said, strict=True)))

    @cached_property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(weight.numel() for weight in self._network.parameters())


def _network() -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from pipeline.voice.network import Network

    network = Network()
    try:
        weights = load_file(locked("voice"))
        network.load_state_dict({name: value.float() for name, value in weights.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(f"{WEIGHTS}: not the weights of this network: {error}") from None
    return network
