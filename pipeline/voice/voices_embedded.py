"""The embedded backend of who sounds when: a small PyanNet, and what else is weighed with it.

What it was trained on, and how well it does, stands in models/voices/README.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.core.backends import BackendInfo
from pipeline.core.weights import listed
from pipeline.voice import separator, tagger, voices_evidence, voices_judged
from pipeline.voice.backends import RATE, Samples, Voices
from pipeline.voice.sounding import audible, nobody, sung
from pipeline.voice.voices_evidence import WHO, Ears, Evidence
from pipeline.voice.voices_judged import Judge

WEIGHED = "weighed"
"""What weighs (`voices_weighed`), in models/weights.lock."""
_SHORTEST = round(0.1 * RATE)
_ADULT, _OTHER = WHO.index("adult"), WHO.index("other")


def info() -> BackendInfo:
    """Describe the backend."""
    known = listed()
    names = voices_evidence.LOCKED, separator.NAME, WEIGHED, voices_judged.LOCKED
    all_of_it = " ".join([*(known[name].sha256 for name in names), tagger.digest()])
    digest = hashlib.sha256(all_of_it.encode()).hexdigest()
    licence = known[voices_evidence.LOCKED].licence
    return BackendInfo("voices", "embedded", digest, licence, embedded=True)


def load(device: str) -> Embedded:
    """Load the networks onto a device.

    Raises:
        WeightsError: weights are missing or do not fit their network.
    """
    return Embedded(device, voices_judged.load())


class Embedded:
    """A `VoiceTracker`."""

    def __init__(self, device: str, judge: Judge | None) -> None:
        """Put it together; without a judge, whatever is heard as an infant's is one's."""
        from pipeline.voice.voices_weighed import Weigher

        self.ears, self._weigher = Ears(device), Weigher(device, WEIGHED)
        self._tagger, self._judge = tagger.load(device), judge

    def voices(self, sound: Samples, stem: Samples, labels: Mapping[str, str]) -> Voices:
        """See `VoiceTracker`."""
        [voices] = self.voices_of([sound], [stem], labels)
        return voices

    def voices_of(
        self, sounds: Sequence[Samples], stems: Sequence[Samples], labels: Mapping[str, str]
    ) -> list[Voices]:
        """See `VoiceTracker`."""
        found = self.ears.evidence(sounds, stems)
        return [self._judged(*one) for one in zip(found, sounds, stems, strict=True)]

    def _judged(self, evidence: Evidence, sound: Samples, stem: Samples) -> Voices:
        """Who sounds when, after whole events were looked at."""
        voices = self.weighed(evidence, sound, stem)
        return self._judge.judged(voices, evidence, sound, stem) if self._judge else voices

    def weighed(self, evidence: Evidence, sound: Samples, stem: Samples) -> Voices:
        """The same step by step."""
        steps = len(evidence.own)
        if len(sound) < _SHORTEST:
            return nobody(steps)
        heard = audible(sound, steps)
        infant = self._weigher.weighed(evidence) * np.minimum(heard, audible(stem, steps))
        adult, other = (heard / (1 + np.exp(-evidence.own[:, who])) for who in (_ADULT, _OTHER))
        tags = self._tagger.tags(sound, stem, infant)
        return Voices(infant, adult, other, sung(stem, infant), tags)

    @property
    def parameters(self) -> int:
        """How many weights the tracker has."""
        return self.ears.parameters
