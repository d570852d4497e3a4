"""The tagger that ships: which of 521 things of the world are heard, where an infant may be.

    load("cpu").tags(sound, stem, voices.infant)     # (patches, WORDS), see `tags`

It listens to the sound and to the infant's stem, and says the mean of both logits: the sound is
what it knows, and in the stem an infant is heard under a television. Only patches in which somebody
took something for an infant are listened to; a second of these takes 4 ms of a core.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import restored
from pipeline.core.weights import listed
from pipeline.voice.backends import Samples, Track
from pipeline.voice.events import stretches
from pipeline.voice.tags import LOCKED_WORDS, PATCH, Tags, nothing, patches_of, written

LOCKED = "tagger"
_AT_ONCE = 8
"""Patches of either that go through the network together: 40 MB of it."""


def digest() -> str:
    """What it tells by."""
    known = listed()
    return f"{known[LOCKED].sha256} {known[LOCKED_WORDS].sha256}"


class Tagger:
    """YAMNet on a device."""

    def __init__(self, device: str) -> None:
        """Load it.

        Raises:
            WeightsError: the weights are missing or do not fit the network.
        """
        import torch

        from pipeline.voice.tagger_network import YamNet

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        full_floats()
        self._device = device
        self._network = restored(YamNet(), LOCKED).to(device)

    def tags(self, sound: Samples, stem: Samples, infant: Track) -> Tags:
        """Tags (patches, WORDS) of a sound (n,) at 16 kHz and of the infant's part of it (n,).

        Where its track of an infant says so.
        """
        found = nothing(-(-len(sound) // PATCH))
        asked = sorted({it for span in stretches(infant) for it in patches_of(*span)})
        asked = [number for number in asked if number < len(found)]
        for first in range(0, len(asked), _AT_ONCE):
            some = asked[first : first + _AT_ONCE]
            waves = [_patch(wave, number) for wave in (sound, stem) for number in some]
            found[some] = written(self._logits(np.stack(waves)).reshape(2, len(some), -1).mean(0))
        return found

    def _logits(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            said = self._network(torch.from_numpy(patches).to(self._device))
            return np.asarray(said.cpu().numpy(), np.float32)


@cache
def load(device: str) -> Tagger:
    """The one on a device, kept for whoever asks next."""
    return Tagger(device)


def _patch(sound: Samples, number: int) -> NDArray[np.float32]:
    from pipeline.voice.tagger_network import REACH, log_mel

    part = sound[number * PATCH : number * PATCH + REACH]
    return log_mel(np.pad(part, (0, REACH - len(part))))
