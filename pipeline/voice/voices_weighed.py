"""Whether an infant sounds at a step, weighed out of all that speaks for it (`voices_evidence`).

What the tracker hears in the stem tells an infant from talk, the tagger tells it from a dog, and
from when to when it sounds is told by how loud the stem is beside its own quiet parts, and of what
colour: no one of them does it alone. A small network of dilated convolutions weighs them, over
2.5 s around a step.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.core.restoring import restored
from pipeline.voice.backends import RATE, TRACK_HZ
from pipeline.voice.bands import BANDS
from pipeline.voice.separation_network import WIDTH as PARTED
from pipeline.voice.tagger_layers import GRID, READ
from pipeline.voice.tags import WORDS
from pipeline.voice.voices_evidence import OWN, Evidence, Halves

DILATIONS = (1, 2, 4, 8, 16, 32)
_WIDTH, _WORDS, _PARTED = 128, 24, 64
_MIDDLE = (*(0.0,) * 6, 6.0, -20.0, 0.0, -20.0, 0.0, *(-16.0,) * (2 * BANDS))
_SCALE = (*(4.0,) * 6, 8.0, 12.0, 8.0, 12.0, 8.0, *(10.0,) * (2 * BANDS))
"""Of evidence of its own, so that it lies around nought."""
_FARTHEST = 2.5
_WORD_LOGITS, _WORD_SCALE = (-9.0, 5.0), 4.0
_BLOCK = 3000
_REACH = sum(DILATIONS)


class Network(nn.Module):
    """Evidence (batch, steps, OWN) and words (batch, steps, WORDS) of sound and stem to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Linear(WORDS, _WORDS)
        self.parted = nn.Linear(PARTED, _PARTED)
        self.forget = nn.Dropout(0.3)
        self.enter = nn.Linear(OWN + _PARTED + 2 * _WORDS, _WIDTH)
        self.layers = nn.ModuleList(
            nn.Conv1d(_WIDTH, _WIDTH, 3, padding=dilation, dilation=dilation)
            for dilation in DILATIONS
        )
        self.norms = nn.ModuleList(nn.LayerNorm(_WIDTH) for _ in DILATIONS)
        self.last = nn.Linear(_WIDTH, 1)

    def forward(self, own: Tensor, parted: Tensor, words: Tensor, stem: Tensor) -> Tensor:
        """Weigh; (batch, steps)."""
        heard = [self.words(self.forget(it)) for it in (words, stem)]
        x = F.gelu(self.enter(torch.cat([own, self.parted(self.forget(parted)), *heard], -1)))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + F.gelu(layer(norm(x).mT).mT)
        said: Tensor = self.last(x)[..., 0]
        return said


def told(
    evidence: Evidence, first: int = 0, last: int | None = None
) -> tuple[NDArray[np.float32], ...]:
    """What the network is told of the steps from `first` to `last`."""
    own = evidence.own[first:last]
    own = np.clip(
        (own - np.array(_MIDDLE, np.float32)) / np.array(_SCALE, np.float32), -_FARTHEST, _FARTHEST
    )
    steps = np.arange(first, first + len(own))
    parted = evidence.parted[first:last].astype(np.float32)
    return own, parted, _at_steps(evidence.words, steps), _at_steps(evidence.stem, steps)


def _at_steps(words: Halves, steps: NDArray[np.intp]) -> NDArray[np.float32]:
    places = torch.from_numpy(steps * (RATE / TRACK_HZ))
    # Of a long sound no more than what these steps are read between.
    first = max(0, int(places[0] // GRID) - 3) if len(places) else 0
    last = int(places[-1] // GRID) + 2 if len(places) else 2
    some = words[first:last]
    said = torch.from_numpy(some.astype(np.float32)).clamp(*_WORD_LOGITS)[None] / _WORD_SCALE
    rows = READ[-1].between(said, places - first * GRID)[0]
    return np.asarray(rows.to(torch.float32).numpy())


class Weigher:
    """The network on a device."""

    def __init__(self, device: str, locked: str) -> None:
        """Load the weights that the lock calls `locked`.

        Raises:
            WeightsError: they are missing or do not fit the network.
        """
        self._device = device
        self._network = restored(Network(), locked).to(device)

    def weighed(self, evidence: Evidence) -> NDArray[np.float32]:
        """How surely (steps,) an infant sounds, 0..1."""
        return np.concatenate([np.zeros(0, np.float32), *self._blocks(evidence)])

    def _blocks(self, evidence: Evidence) -> Iterator[NDArray[np.float32]]:
        steps = len(evidence.own)
        for start in range(0, steps, _BLOCK):
            first, end = max(0, start - _REACH), min(steps, start + _BLOCK)
            with torch.inference_mode():
                asked = told(evidence, first, end + _REACH)
                said = self._network(*(torch.from_numpy(it)[None].to(self._device) for it in asked))
                scores = torch.sigmoid(said[0]).cpu().numpy()
            yield np.asarray(scores[start - first : end - first], np.float32)
