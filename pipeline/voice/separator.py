"""The embedded separator: a small network that ships with Cradle and runs offline on one core.

What it was trained on, and how well it does, stands in models/separator/README.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pipeline.core import memory
from pipeline.core.backends import BackendInfo
from pipeline.core.batches import padded
from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import restored
from pipeline.core.weights import listed
from pipeline.voice.backends import AT_ONCE_S, RATE, Wave
from pipeline.voice.separation_chunks import Work, together, whole, with_margins
from pipeline.voice.tagger import LOCKED as TAGGER

NAME = "separator"

_CHUNK_S = 10
_SHORTEST = round(0.1 * RATE)


def info() -> BackendInfo:
    """Describe the backend."""
    weights, heard_by = (listed()[name] for name in (NAME, TAGGER))
    digest = hashlib.sha256(f"{weights.sha256} {heard_by.sha256}".encode()).hexdigest()
    return BackendInfo("separation", "embedded", digest, weights.licence, embedded=True)


def load(device: str) -> Embedded:
    """Load the network onto a device.

    Raises:
        WeightsError: the weights are missing, are others than the lock says, or do not fit.
    """
    return Embedded(device)


class Embedded:
    """A `Separator`: one complex mask over the spectrum, by what the tagger hears in the sound."""

    def __init__(self, device: str) -> None:
        import torch

        from pipeline.voice import tagger_layers
        from pipeline.voice.separation_network import Network

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        full_floats()
        self._device = device
        self._network = restored(Network(), NAME).to(device)
        self._layers = tagger_layers.load(device)

    def separate(self, sound: Wave, rate: int) -> tuple[Wave, Wave]:
        """See `Separator`; `rate` is 16 kHz."""
        if rate != RATE:
            raise ValueError(f"{rate} Hz where {RATE} were expected")
        stem = whole(self.stream([sound]))
        return stem, sound - stem

    def stems(self, sounds: Sequence[Wave]) -> list[Wave]:
        """See `Separator`."""
        return together(sounds, self._cut, self._of_chunks)

    def stream(self, blocks: Iterable[Wave]) -> Iterator[Wave]:
        """See `Separator`."""
        for piece in self._cut(blocks, self._stem):
            yield piece
            # The next is of another length, and fits into few of the holes that this one leaves.
            memory.give_back()

    @staticmethod
    def _cut(blocks: Iterable[Wave], work: Work) -> Iterator[Wave]:
        from pipeline.voice.separation_network import REACH
        from pipeline.voice.separation_spectra import HOP
        from pipeline.voice.tagger_layers import GRID

        chunk, margin = (-(-n // GRID) * GRID for n in (_CHUNK_S * RATE, (REACH + 2) * HOP))
        return with_margins(blocks, work, chunk, margin)

    def _of_chunks(self, waves: Sequence[Wave]) -> list[Wave]:
        """The stems (n,) of waves (n,) of any lengths, as many at a time as there is room for."""
        made = [np.zeros(len(wave), np.float32) for wave in waves]
        heard = [place for place, wave in enumerate(waves) if len(wave) >= _SHORTEST]
        for group in padded([len(waves[place]) for place in heard], AT_ONCE_S * RATE):
            places = [heard[at] for at in group]
            stems = self._at_once([waves[place] for place in places])
            for place, stem in zip(places, stems, strict=True):
                made[place] = stem
        return made

    def _at_once(self, waves: Sequence[Wave]) -> list[Wave]:
        """The same in one pass; `waves` start with the longest."""
        import torch

        from pipeline.voice.separation_spectra import analyse, frames_of, levels, synthesise

        filled = np.zeros((len(waves), len(waves[0])), np.float32)
        for row, wave in zip(filled, waves, strict=True):
            row[: len(wave)] = wave
        frames = torch.tensor([frames_of(len(wave)) for wave in waves], device=self._device)
        with torch.inference_mode():
            mixed = torch.from_numpy(filled).to(self._device)
            spectra = analyse(mixed)
            within = torch.arange(spectra.shape[-1], device=self._device) < frames[:, None]
            there = within.to(torch.float32)
            known = self._layers(mixed, levels(spectra, there))
            spectra = self._network(spectra, known, there)
            spectra[:, 0] = 0
            # At its end a sound is made of fewer frames than within: each is put together alone.
            made = [
                synthesise(mine[None, :, : frames_of(len(wave))], len(wave))[0]
                for mine, wave in zip(spectra, waves, strict=True)
            ]
            return [stem.cpu().numpy() for stem in made]

    def _stem(self, wave: Wave) -> Wave:
        import torch

        from pipeline.voice.separation_spectra import analyse, levels, synthesise

        if len(wave) < _SHORTEST:
            return np.zeros(len(wave), np.float32)
        with torch.inference_mode():
            sound = torch.from_numpy(wave)[None].to(self._device)
            spectra = analyse(sound)
            spectra = self._network(spectra, self._layers(sound, levels(spectra)))
            # No voice is a constant.
            spectra[:, 0] = 0
            return synthesise(spectra, len(wave))[0].cpu().numpy()

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(weight.numel() for weight in self._network.parameters())
