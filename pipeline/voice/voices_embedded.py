"""The embedded backend of who sounds when: a small PyanNet that ships with Cradle.

What it was trained on, and how well it does, stands in models/voices/README.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.core.backends import BackendInfo
from pipeline.core.full_floats import full_floats
from pipeline.core.restoring import restored
from pipeline.core.weights import listed
from pipeline.voice import tagger, voices_judged
from pipeline.voice.backends import AT_ONCE_S, RATE, TRACK_HZ, Samples, Voices
from pipeline.voice.sounding import above_db, audible, below_db, nobody, sung
from pipeline.voice.voices_judged import Judge
from pipeline.voice.voices_windows import Scores, Windows, on_grid

LOCKED = "voices"
SINCNET = {"stride": 10}
LSTM = {"hidden_size": 128, "num_layers": 2}
LINEAR = {"hidden_size": 128, "num_layers": 2}
WHO = ("infant", "adult", "other")

# As good as 3 s every 1.5 s on held-out voices, for two thirds of the work; longer are no better.
_WINDOW_S, _STEP_S = 4.0, 3.0
# Chosen on held-out voices (models/voices/validate.py), in logits: every frame needs a little less
# to be an infant's than training asks for, and more the further the infant's stem lies below the
# sound: the separator lets few strangers into it.
_INFANT_BIAS, _DOUBT = 0.5, 6.0
_OF_STEM = 0.75
"""How much what is heard in the stem counts beside what is heard in the sound: in the stem an
infant is heard under a television, and who came into it falsely sounds more like one."""
_DOUBT_FROM_DB, _DOUBT_TO_DB = 15.0, 30.0
# Chosen likewise. The network knows that an infant is at it, and less well when it draws breath:
# so its score counts partly as the mean of the quarter of a second around, and a frame gains where
# the stem is loud for its surroundings, and loses where it is quiet.
_SMOOTH, _SMOOTH_STEPS = 0.3, 10.0
_LOUD, _QUIET = 0.1, 0.2
_SHORTEST = round(0.1 * RATE)


def info() -> BackendInfo:
    """Describe the backend."""
    network, judge = listed()[LOCKED], listed()[voices_judged.LOCKED]
    all_of_it = f"{network.sha256} {judge.sha256} {tagger.digest()}"
    digest = hashlib.sha256(all_of_it.encode()).hexdigest()
    return BackendInfo("voices", "embedded", digest, network.licence, embedded=True)


def load(device: str) -> Embedded:
    """Load the network onto a device.

    Raises:
        WeightsError: the weights are missing or do not fit the network.
    """
    return Embedded(device, voices_judged.load())


class Embedded:
    """A `VoiceTracker`."""

    def __init__(self, device: str, judge: Judge | None) -> None:
        """Put it together; without a judge, whatever is heard as an infant's is one's."""
        import torch

        from pipeline.voice.voices_network import PyanNet, Shape

        # Sums differ in the last bit with the number of threads; measurements must not.
        torch.set_num_threads(1)
        full_floats()
        self._device = device
        network = PyanNet(Shape(len(WHO), SINCNET, LSTM, LINEAR))
        self._network = restored(network, LOCKED).to(device)
        self._tagger, self._judge = tagger.load(device), judge
        self._windows = Windows(round(_WINDOW_S * RATE), round(_STEP_S * RATE), self._hop)

    def voices(self, sound: Samples, stem: Samples, labels: Mapping[str, str]) -> Voices:
        """See `VoiceTracker`."""
        who, alone = self._windows.scores([sound, stem], self._said)
        return self._judged(who, alone, sound, stem)

    def voices_of(
        self, sounds: Sequence[Samples], stems: Sequence[Samples], labels: Mapping[str, str]
    ) -> list[Voices]:
        """See `VoiceTracker`."""
        at_once = round(AT_ONCE_S / _WINDOW_S)
        heard = self._windows.scores([*sounds, *stems], self._said, at_once)
        pairs = zip(sounds, stems, heard[: len(sounds)], heard[len(sounds) :], strict=True)
        return [self._judged(who, alone, sound, stem) for sound, stem, who, alone in pairs]

    def _judged(self, who: Scores, alone: Scores, sound: Samples, stem: Samples) -> Voices:
        """Who sounds when, of scores (frames, 3) of who sounds, as the network gives them."""
        voices = self._weighed(who, alone, sound, stem)
        return self._judge.judged(voices, sound, stem) if self._judge else voices

    def _weighed(self, who: Scores, alone: Scores, sound: Samples, stem: Samples) -> Voices:
        """The same frame by frame, before whole events are looked at."""
        steps = len(sound) // round(RATE / TRACK_HZ) + 1
        if len(sound) < _SHORTEST:
            return nobody(steps)
        who, alone = self._at_steps(who, steps), self._at_steps(alone, steps)
        logits = (1 - _OF_STEM) * _logits(who[:, 0]) + _OF_STEM * _logits(alone[:, 0])
        logits += _INFANT_BIAS - _doubt(below_db(sound, stem, steps))
        logits += _SMOOTH * (gaussian_filter1d(logits, _SMOOTH_STEPS) - logits)
        infant = _scores(logits + _emphasis(above_db(stem, steps)))
        heard = audible(sound, steps)
        infant = infant * np.minimum(heard, audible(stem, steps))
        tags = self._tagger.tags(sound, stem, infant)
        return Voices(infant, who[:, 1] * heard, who[:, 2] * heard, sung(stem, infant), tags)

    def _at_steps(self, scores: Scores, steps: int) -> Scores:
        return on_grid(scores, (self._reach - 1) / 2, self._hop, round(RATE / TRACK_HZ), steps)

    def _said(self, windows: NDArray[np.float32]) -> Scores:
        import torch

        with torch.inference_mode():
            logits = self._network(torch.from_numpy(windows)[:, None].to(self._device))
            return np.asarray(torch.sigmoid(logits).cpu().numpy(), np.float32)

    @property
    def _hop(self) -> int:
        return self._network.shape.hop

    @property
    def _reach(self) -> int:
        return self._network.shape.reach

    @cached_property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(weight.numel() for weight in self._network.parameters())


def _doubt(below_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits to take from an infant's score where the stem lies so far below the sound."""
    share = (below_db - _DOUBT_FROM_DB) / (_DOUBT_TO_DB - _DOUBT_FROM_DB)
    return _DOUBT * np.clip(share, 0.0, 1.0)


def _emphasis(above_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits to add where the stem stands so far out of its surroundings."""
    return _LOUD * np.clip(above_db, 0.0, 10.0) + _QUIET * np.clip(above_db, -10.0, 0.0)


def _logits(scores: Scores) -> NDArray[np.float64]:
    # Float32 rounds what is nearer to one than this.
    kept = np.clip(scores.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))


def _scores(logits: NDArray[np.float64]) -> Scores:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
