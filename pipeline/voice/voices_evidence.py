"""All that speaks for an infant or against one, step by step: what a sound is weighed by.

Evidence.own      (steps, OWN)       what the tracker hears in sound and stem; their levels
Evidence.parted   (steps, WIDTH)     what the separator makes of the sound before it masks any
Evidence.words    (patches, WORDS)   what the tagger hears in the sound, every .32 s
Evidence.stem     (patches, WORDS)   and in the infant's part of it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import restored
from pipeline.voice.backends import AT_ONCE_S, RATE, TRACK_HZ, Samples
from pipeline.voice.bands import BANDS, bands_db
from pipeline.voice.sounding import below_db, levels_db
from pipeline.voice.voices_windows import Scores, Windows, on_grid

if TYPE_CHECKING:
    from pipeline.voice.voices_parted import Parted

LOCKED = "voices"
SINCNET = {"stride": 10}
LSTM = {"hidden_size": 128, "num_layers": 2}
LINEAR = {"hidden_size": 128, "num_layers": 2}
WHO = ("infant", "adult", "other")
OWN = 2 * len(WHO) + 5 + 2 * BANDS
"""Logits of `WHO` in sound and stem; how far the stem lies below the sound, in dB; how loud sound
and stem are, see `levels_db`, and of what colour, see `bands_db`."""

# As good as 3 s every 1.5 s on held-out voices, for two thirds of the work; longer are no better.
_WINDOW_S, _STEP_S = 4.0, 3.0
_CHUNK_S, _MARGIN_S = 40, 5
_HOP = round(RATE / TRACK_HZ)

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]


class Rows(Protocol):
    """Rows (steps, k) of which a slice is an array; the whole need not be in memory."""

    def __getitem__(self, where: slice, /) -> Halves:
        """Neighbouring rows."""


@dataclass(frozen=True)
class Evidence:
    """See above."""

    own: Floats
    parted: Rows
    words: Halves
    stem: Halves


class Ears:
    """The tracker and the tagger on a device, over sounds of any length."""

    def __init__(self, device: str) -> None:
        """Load them.

        Raises:
            WeightsError: weights are missing or do not fit their network.
        """
        import torch

        from pipeline.voice import tagger_layers
        from pipeline.voice.voices_network import PyanNet, Shape
        from pipeline.voice.voices_parted import Parting

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        full_floats()
        self._device = device
        network = PyanNet(Shape(len(WHO), SINCNET, LSTM, LINEAR))
        self._tracker = restored(network, LOCKED).to(device)
        self._parting = Parting(device)
        self._layers = tagger_layers.load(device)
        hop = self._tracker.shape.hop
        self._windows = Windows(round(_WINDOW_S * RATE), round(_STEP_S * RATE), hop)

    def evidence(self, sounds: Sequence[Samples], stems: Sequence[Samples]) -> list[Evidence]:
        """What speaks for an infant in sounds (n,), of which `stems` (n,) are the infant's."""
        at_once = round(AT_ONCE_S / _WINDOW_S) if len(sounds) > 1 else None
        heard = self._windows.scores([*sounds, *stems], self._said, at_once)
        pairs = zip(sounds, stems, heard[: len(sounds)], heard[len(sounds) :], strict=True)
        return [
            Evidence(self._own(*pair), self._parted(pair[0]), *map(self.words, pair[:2]))
            for pair in pairs
        ]

    def words(self, sound: Samples) -> Halves:
        """Logits (patches, WORDS) of what is heard in a sound (n,), every `tagger_layers.GRID`."""
        from pipeline.voice.tagger_layers import GRID

        chunk, margin = (span_s * RATE // GRID * GRID for span_s in (_CHUNK_S, _MARGIN_S))
        found = []
        for start in range(0, max(1, len(sound)), chunk):
            first = max(0, start - margin)
            heard = self._words(sound[first : start + chunk + margin])[(start - first) // GRID :]
            last = start + chunk >= len(sound)
            found.append(heard if last else heard[: chunk // GRID])
        return np.concatenate(found)

    @cached_property
    def parameters(self) -> int:
        """How many weights the tracker has."""
        return sum(weight.numel() for weight in self._tracker.parameters())

    def _own(self, sound: Samples, stem: Samples, who: Scores, alone: Scores) -> Floats:
        steps = len(sound) // _HOP + 1
        numbers = (
            _logits(self._at_steps(who, steps)),
            _logits(self._at_steps(alone, steps)),
            below_db(sound, stem, steps)[:, None],
            levels_db(sound, steps),
            levels_db(stem, steps),
            bands_db(sound, steps),
            bands_db(stem, steps),
        )
        return np.concatenate(numbers, 1, dtype=np.float32)

    def _at_steps(self, scores: Scores, steps: int) -> Scores:
        shape = self._tracker.shape
        return on_grid(scores, (shape.reach - 1) / 2, shape.hop, _HOP, steps)

    def _said(self, windows: Floats) -> Scores:
        import torch

        with torch.inference_mode():
            logits = self._tracker(torch.from_numpy(windows)[:, None].to(self._device))
            return np.asarray(torch.sigmoid(logits).cpu().numpy(), np.float32)

    def _parted(self, sound: Samples) -> Parted:
        from pipeline.voice.voices_parted import Parted

        return Parted(sound, self._parting)

    def _words(self, wave: Floats) -> Halves:
        import torch

        from pipeline.voice.separation_spectra import analyse, levels

        with torch.inference_mode():
            sound = torch.from_numpy(wave)[None].to(self._device)
            said = self._layers(sound, levels(analyse(sound)))[-1]
            return np.asarray(self._layers.words(said)[0].cpu().numpy(), np.float16)


def _logits(scores: Scores) -> NDArray[np.float64]:
    # Float32 rounds what is nearer to one than this.
    kept = np.clip(scores.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))
