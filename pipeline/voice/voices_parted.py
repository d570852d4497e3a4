"""What the separator makes of a sound before it masks any of it: what a voice is known by.

To part voices it has to know which harmonics belong together, whose they are, and what was heard
seconds before and after; the tracker, of a seventh of its size, was only ever asked who sounds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core import memory
from pipeline.core.restoring import restored
from pipeline.voice import separator, tagger_layers
from pipeline.voice.backends import RATE, Samples
from pipeline.voice.separation_network import REACH, WIDTH, Network
from pipeline.voice.separation_spectra import HOP, analyse, levels
from pipeline.voice.tagger_layers import GRID

Halves = NDArray[np.float16]

_AT_ONCE = 10 * RATE // GRID * GRID // HOP
_MARGIN = -(-(REACH + 2) * HOP // GRID) * GRID // HOP
"""Steps; a sound that is cut at a multiple of `GRID` is heard by the same patches."""
_KEPT = 2


class Parting:
    """The half of the separator that understands, on a device."""

    def __init__(self, device: str) -> None:
        """Load it.

        Raises:
            WeightsError: weights are missing or do not fit their network.
        """
        self._device = device
        self._network = restored(Network(), separator.NAME).to(device)
        self._layers = tagger_layers.load(device)

    def heard(self, wave: NDArray[np.float32], asked: slice) -> Halves:
        """What is made of the steps asked for, (m, WIDTH), of a wave (n,), all at once."""
        with torch.inference_mode():
            sound = torch.from_numpy(wave)[None].to(self._device)
            spectra = analyse(sound)
            heard = self._network.heard(spectra, self._layers(sound, levels(spectra)), asked)
            return np.asarray(heard[0].cpu().numpy(), np.float16)


class Parted:
    """The same (steps, WIDTH) of a sound (n,) of any length, heard where it is asked for.

    A slice is an array, as of an array; of two hours all of it would take 200 MB.
    """

    def __init__(self, sound: Samples, parting: Parting) -> None:
        self._sound, self._parting = sound, parting
        # Those who ask for neighbouring slices ask for what is around them, too.
        self._piece = lru_cache(_KEPT)(self._heard)

    def __len__(self) -> int:
        return len(self._sound) // HOP + 1

    def __getitem__(self, where: slice) -> Halves:
        start, stop, _ = where.indices(len(self))
        numbers = range(start // _AT_ONCE, -(-stop // _AT_ONCE))
        rows = np.concatenate([np.zeros((0, WIDTH), np.float16), *map(self._piece, numbers)])
        return rows[start - numbers.start * _AT_ONCE :][: max(0, stop - start)]

    def _heard(self, number: int) -> Halves:
        """One of the pieces that it is heard in."""
        first = number * _AT_ONCE
        last = min(first + _AT_ONCE, len(self))
        begun = max(0, first - _MARGIN)
        if len(self) > _AT_ONCE:
            # It is unlike what was heard before it, and fits into few of the holes that that left.
            memory.give_back()
        wave = self._sound[begun * HOP : (last + _MARGIN) * HOP]
        return self._parting.heard(wave, slice(first - begun, last - begun))
