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
from pipeline.voice.separation_chunks import Piece, Work, together, whole, with_margins
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
        return together(sounds, self._cut, self._of_pieces)

    def stream(self, blocks: Iterable[Wave]) -> Iterator[Wave]:
        """See `Separator`."""
        return self._cut(blocks, self._alone)

    @staticmethod
    def _cut(blocks: Iterable[Wave], work: Work) -> Iterator[Wave]:
        from pipeline.voice.separation_network import REACH
        from pipeline.voice.separation_spectra import HOP
        from pipeline.voice.tagger_layers import GRID

        chunk, margin = (-(-n // GRID) * GRID for n in (_CHUNK_S * RATE, (REACH + 2) * HOP))
        return with_margins(blocks, work, chunk, margin)

    def _alone(self, piece: Piece) -> Wave:
        if piece.first:
            # It is longer than the one before, and fits into few of the holes that that one left.
            memory.give_back()
        return self._of_pieces([piece])[0]

    def _of_pieces(self, pieces: Sequence[Piece]) -> list[Wave]:
        """The stems (n,) of pieces of any lengths, as many at a time as there is room for."""
        made = [np.zeros(len(piece), np.float32) for piece in pieces]
        long = [place for place, piece in enumerate(pieces) if len(piece.heard) >= _SHORTEST]
        for group in padded([len(pieces[place].heard) for place in long], AT_ONCE_S * RATE):
            places = [long[at] for at in group]
            stems = self._at_once([pieces[place] for place in places])
            for place, stem in zip(places, stems, strict=True):
                made[place] = stem
        return made

    def _at_once(self, pieces: Sequence[Piece]) -> list[Wave]:
        """The same in one pass; `pieces` start with the longest."""
        import torch

        from pipeline.voice.separation_spectra import HOP, analyse, frames_of, levels, synthesise

        filled = np.zeros((len(pieces), len(pieces[0].heard)), np.float32)
        for row, piece in zip(filled, pieces, strict=True):
            row[: len(piece.heard)] = piece.heard
        frames = torch.tensor([frames_of(len(it.heard)) for it in pieces], device=self._device)
        # Each piece begins at a frame. At its end a sound is made of fewer frames than within.
        asked = [slice(it.first // HOP, frames_of(it.last)) for it in pieces]
        whole = slice(min(it.start for it in asked), max(it.stop for it in asked))
        with torch.inference_mode():
            mixed = torch.from_numpy(filled).to(self._device)
            spectra = analyse(mixed)
            within = torch.arange(spectra.shape[-1], device=self._device) < frames[:, None]
            there = within.to(torch.float32)
            known = self._layers(mixed, levels(spectra, there))
            spectra = self._network(spectra, known, there, whole)
            # No voice is a constant.
            spectra[:, 0] = 0
            made = [
                synthesise(mine[None, :, of.start - whole.start : of.stop - whole.start], samples)
                for mine, of, samples in zip(spectra, asked, map(len, pieces), strict=True)
            ]
            return [stem[0].cpu().numpy() for stem in made]

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(weight.numel() for weight in self._network.parameters())
