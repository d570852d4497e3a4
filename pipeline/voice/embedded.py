"""The embedded backend: a small network that ships with Cradle and runs offline on one core.

What it was trained on, and how well it does, stands in models/voice/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import WeightsError
from pipeline.core.weights import locked
from pipeline.voice.backends import RATE, TRACK_HZ, Voices, Wave, heard
from pipeline.voice.separation_chunks import with_margins
from pipeline.voice.sounding import audible, nobody, sung
from pipeline.voice.spectra import analyse, features, loudness, synthesise

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
    """`Separator` and `VoiceTracker`: one mask over the spectrum, the tracks that go with it."""

    def __init__(self, device: str) -> None:
        import torch

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        self._device = device
        self._network = _network().to(device).eval()

    def separate(self, sound: Wave, rate: int) -> tuple[Wave, Wave]:
        """See `Separator`; `rate` is 16 kHz."""
        import torch

        if rate != RATE:
            raise ValueError(f"{rate} Hz where {RATE} were expected")
        wave = heard(sound)
        if len(wave) < _SHORTEST:
            return np.zeros(len(wave), np.float32), wave
        with torch.inference_mode():
            spectra, said = self._listen(wave)
            stem = synthesise(spectra * said.mask, len(wave))[0].numpy().astype(np.float32)
        return stem, wave - stem

    def stream(self, blocks: Iterable[Wave]) -> Iterator[Wave]:
        """See `Separator`."""
        chunk, margin = 30 * RATE, 3 * RATE
        return with_margins(blocks, lambda wave: self.separate(wave, RATE)[0], chunk, margin)

    def voices(self, sound: Wave, stem: Wave, labels: Mapping[str, str]) -> Voices:
        """See `VoiceTracker`."""
        import torch

        wave = heard(sound)
        steps = len(wave) // round(RATE / TRACK_HZ) + 1
        if len(wave) < _SHORTEST:
            return nobody(steps)
        with torch.inference_mode():
            _, said = self._listen(wave)
            who = _to_tracks(torch.sigmoid(said.who[0]), steps)
        infant = who[:, 0] * audible(stem, steps)
        adult, other = (who[:, k] * audible(wave, steps) for k in (1, 2))
        return Voices(infant, adult, other, sung(stem, infant))

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


def _to_tracks(scores: Tensor, steps: int) -> np.ndarray:
    """Average scores (frames, k) at 100 Hz into (steps, k) at 50 Hz."""
    values = scores.numpy()
    padded = np.pad(values, ((1, 2), (0, 0)), mode="edge")
    smooth = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return np.asarray(smooth[:-1][::2][:steps], np.float32)
