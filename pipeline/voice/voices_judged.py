"""A second opinion on what was heard as an infant, over each whole event.

A frame of a bark, a crow or a creak can be like a frame of a cry; how it repeats, how its pitch
moves and how its colour changes are not, and the tagger knows many of them by name. Three small
networks over these numbers of an event (`vocalizations_features`), a few of how it was heard, and
what is heard in it at its loudest (`voices_evidence`) say whether it is an infant's at all. Where
none of the events around is, all count as something other's: a cry under a bark is less like a cry,
and seldom alone. How the networks were trained stands in models/voices/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import WeightsError
from pipeline.core.weights import locked
from pipeline.voice.backends import RATE, TRACK_HZ, Samples, Track, Voices
from pipeline.voice.events import stretches
from pipeline.voice.measures import snr_db
from pipeline.voice.tags import WORDS, words
from pipeline.voice.vocalizations_features import NAMES, vector
from pipeline.voice.voices_evidence import Evidence, Halves

LOCKED = "infants"
OWN = (*NAMES, "score", "snr_db", "span_octaves", "infant_in_sound", "infant_in_stem", "animal")
HEARD = 2 * WORDS
"""Words of the sound and of the infant's part of it."""
NUMBERS = (*OWN, *(f"{of}_{number}" for of in ("sound", "stem") for number in range(WORDS)))
LEAST = 0.1
"""How likely one of the events around has to be an infant's; chosen on held-out voices."""
UNHEARD_DB = -28.0
"""Where there is less of an event than this in the infant's stem, beside the rest, it is unlikely:
whoever sounds there, nothing can be learned from it."""
AROUND_S = 5.0
FARTHEST = 5.0
"""Deviations from the middle beyond which a number tells no more."""
_SNR_DB = (-30.0, 40.0)
_LOGITS = (-9.0, 6.0)
_INFANTS = frozenset(
    {
        "Babbling",
        "Baby cry, infant cry",
        "Baby laughter",
        "Child singing",
        "Child speech, kid speaking",
        "Crying, sobbing",
        "Giggle",
        "Laughter",
        "Screaming",
        "Wail, moan",
        "Whimper",
    }
)
_SNR = OWN.index("snr_db")
_LAYERS = ("first", "second", "last")
_OF_WORDS = ("words", "words_last")

Floats = NDArray[np.float64]


def overheard(
    voices: Voices, evidence: Evidence, sound: Samples, stem: Samples
) -> Iterator[tuple[int, int, Floats]]:
    """Steps (start, end) of each event that counts as an infant's, and its numbers (NUMBERS,)."""
    for start, end in stretches(voices.infant):
        start_s, end_s = start / TRACK_HZ, min(end / TRACK_HZ, len(sound) / RATE)
        heard = slice(round(start_s * RATE), round(end_s * RATE))
        ratio_db = snr_db(sound[heard], stem[heard], np.ones(end - start, np.bool_))
        in_sound, in_stem = (_loudest(it, heard) for it in (evidence.words, evidence.stem))
        how = (
            float(voices.infant[start:end].mean()),
            float(np.clip(ratio_db, *_SNR_DB)),
            float(np.log2(end_s - start_s)),
            in_sound[_of_infants()].max(),
            in_stem[_of_infants()].max(),
            in_sound[_of_animals()].max(),
        )
        own = vector(stem, voices.f0_hz, start_s, end_s)
        yield start, end, np.array([*own, *how, *in_sound, *in_stem])


def _loudest(heard: Halves, of: slice) -> Floats:
    """Highest logits (WORDS,) of words (patches, WORDS) within a part of a sound."""
    from pipeline.voice.tagger_layers import GRID, MIDDLE

    first = int((of.start - MIDDLE) / GRID + 0.5)
    last = int((of.stop - MIDDLE) / GRID + 0.5)
    last = min(max(last, 0), len(heard) - 1)
    said = heard[min(max(first, 0), last) : last + 1].max(0)
    return np.clip(said.astype(np.float64), *_LOGITS)


@cache
def _of_infants() -> list[int]:
    """Places of what infants are heard as."""
    return [place for place, name in enumerate(words().values()) if name in _INFANTS]


@cache
def _of_animals() -> slice:
    """Places of animals, which follow one another."""
    names = list(words().values())
    return slice(names.index("Animal"), names.index("Music"))


class Judge:
    """The networks, as `models/voices/judge.py` wrote them.

    Two layers of tanh over an event's own numbers, and one over what it is heard as, added up.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Put them together.

        Raises:
            KeyError, ValueError: something is missing, or of another size.
        """
        told = {name: array.astype(np.float64) for name, array in weights.items()}
        self._middle, self._scale = told["middle"], told["scale"]
        self._own, self._words = (
            [(told[f"{at}.weight"], told[f"{at}.bias"][:, None]) for at in layers]
            for layers in (_LAYERS, _OF_WORDS)
        )
        self.said(np.zeros((1, len(NUMBERS))))

    def said(self, numbers: Floats) -> Floats:
        """How likely (n,) events with these numbers (n, NUMBERS) are an infant's, 0..1."""
        told = np.clip((numbers - self._middle) / self._scale, -FARTHEST, FARTHEST)
        own, words = np.split(told, [len(OWN)], axis=1)
        logits = _through(self._own, own) + _through(self._words, words)
        return np.asarray((1 / (1 + np.exp(-logits))).mean(0))

    def judged(self, voices: Voices, evidence: Evidence, sound: Samples, stem: Samples) -> Voices:
        """Tracks in which events that are no infant's count as something other's."""
        infant, other, f0_hz = (
            track.copy() for track in (voices.infant, voices.other, voices.f0_hz)
        )
        found = list(overheard(voices, evidence, sound, stem))
        likely = self._likely(np.reshape([numbers for *_, numbers in found], (-1, len(NUMBERS))))
        spans = [(start, end) for start, end, _ in found]
        for (start, end), best in zip(spans, _best_around(spans, likely), strict=True):
            if best < LEAST:
                _move(infant[start:end], other[start:end])
                f0_hz[start:end] = np.nan
        return replace(voices, infant=infant, other=other, f0_hz=f0_hz)

    def _likely(self, numbers: Floats) -> Floats:
        """The same of events of which there is something in the stem, else nought."""
        return np.where(numbers[:, _SNR] < UNHEARD_DB, 0.0, self.said(numbers))


def _through(layers: Sequence[tuple[Floats, Floats]], numbers: Floats) -> Floats:
    """What networks say (networks, n) of (n, numbers)."""
    *inner, (weight, bias) = layers
    for first, second in inner:
        numbers = np.tanh(numbers @ first + second)
    return np.asarray((numbers @ weight + bias)[..., 0])


def _best_around(spans: Sequence[tuple[int, int]], likely: Floats) -> Iterator[float]:
    """The highest of the values (n,) of events no farther than `AROUND_S` from each; by start."""
    if not spans:
        return
    near = round(AROUND_S * TRACK_HZ)
    starts, ends = np.array(spans).T
    firsts, lasts = (
        np.searchsorted(ends, starts - near),
        np.searchsorted(starts, ends + near, "right"),
    )
    for first, last in zip(firsts, lasts, strict=True):
        yield float(likely[first:last].max())


def _move(infant: Track, other: Track) -> None:
    """Give what was taken for an infant's to others; both are views into tracks."""
    np.maximum(infant, other, out=other)
    infant[:] = 0.0


def load() -> Judge:
    """The one that ships.

    Raises:
        WeightsError: its weights are missing, others than the lock says, or of other networks.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = locked(LOCKED)
    try:
        return Judge(load_file(path))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path}: not the weights of these networks, which are a safetensors file: {error}"
        ) from None
