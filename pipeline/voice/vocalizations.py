"""Which kind of vocalization an event is, learned from examples of each kind.

    typist = learn(kinds, root)
    typist.scores(vectors, tags)   # (events, kinds), 0..1
    typist.by_words                # kinds without examples, told by what AudioSet calls them
    typist.by_bounds               # kinds without either, told by their acoustic bounds alone

What was learned of kinds and what the tagger hears of them are multiplied: it knows real laughter,
of which hardly any recording may be learned from, and nothing of dolls. Nothing is measured here
but the examples of a new kind: events carry their numbers (`vocalizations_features`) and their
`tags` with them, so another set of kinds costs old clips nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import media
from pipeline.core.errors import ParamsError
from pipeline.core.weights import locked
from pipeline.voice.backends import RATE, Wave, heard
from pipeline.voice.pitch import pitch_hz
from pipeline.voice.tags import Tags, heard_as, nothing, words
from pipeline.voice.vocalizations_features import NAMES, vector
from pipeline.voice.vocalizations_params import Vocalization

LOCKED = "vocalizations"
PIECE_S = 3.0
_RIDGE = 0.01
_HINT, _TRUST = 0.05, 0.7
"""How much a score of the tagger's speaks for a kind: by (1 + score / hint) to the power of how far
it can be trusted, as it hears what was learned from as well."""
_SOUNDS = frozenset({".wav", ".flac", ".ogg"})
_PLACE = {name: number for number, name in enumerate(NAMES)}

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Discriminant:
    """Multinomial logistic regression with a ridge, all kinds as likely."""

    names: tuple[str, ...]
    middle: Floats
    scale: Floats
    weights: Floats
    offsets: Floats

    @classmethod
    def fit(cls, examples: Mapping[str, Vectors]) -> Discriminant:
        """Learn from (n, len(NAMES)) numbers of each kind; the same for the same examples."""
        # Here, not above: who only plans need not wait for it.
        from scipy.optimize import minimize

        names = tuple(sorted(examples))
        everything = np.concatenate([examples[name] for name in names]).astype(np.float64)
        middle, scale = everything.mean(0), everything.std(0) + 1e-6
        rows = (everything - middle) / scale
        counts = [len(examples[name]) for name in names]
        true = np.repeat(np.eye(len(names)), counts, axis=0)
        # Each kind says as much as every other, however many examples it has.
        worth = np.repeat([1 / (count * len(names)) for count in counts], counts)[:, None]

        def cost(flat: Floats) -> tuple[float, Floats]:
            plane = flat.reshape(-1, len(names))
            said = _softmax(rows @ plane[:-1] + plane[-1])
            pull = worth * (said - true)
            loss = -float((worth * true * np.log(said + 1e-12)).sum())
            slope = np.vstack([rows.T @ pull + 2 * _RIDGE * plane[:-1], pull.sum(0)])
            return loss + _RIDGE * float((plane[:-1] ** 2).sum()), slope.ravel()

        start = np.zeros((rows.shape[1] + 1) * len(names))
        plane = minimize(cost, start, jac=True, method="L-BFGS-B").x.reshape(-1, len(names))
        return cls(names, middle, scale, plane[:-1], plane[-1])

    def scores(self, vectors: Vectors) -> Floats:
        """Probability (n, kinds) of each kind; rows add up to 1."""
        return _softmax(((vectors - self.middle) / self.scale) @ self.weights + self.offsets)


@dataclass(frozen=True)
class Typist:
    """Tells kinds apart: by what was learned of them, what they are called, and their bounds."""

    kinds: tuple[Vocalization, ...]
    learned: Discriminant | None

    @property
    def by_words(self) -> tuple[str, ...]:
        """Kinds that nothing was learned of and that the tagger knows by one of their ids."""
        return tuple(kind.name for kind in self._unlearned if words().keys() & set(kind.audioset))

    @property
    def by_bounds(self) -> tuple[str, ...]:
        """Kinds that nothing was learned of and that the tagger does not know."""
        return tuple(it.name for it in self._unlearned if it.name not in self.by_words)

    @property
    def _unlearned(self) -> Iterator[Vocalization]:
        known = self.learned.names if self.learned else ()
        return (kind for kind in self.kinds if kind.name not in known)

    def scores(self, vectors: Vectors, tags: Tags | None = None) -> Floats:
        """How much (n, kinds) each event is of each kind, 0..1, in the order of `kinds`.

        A kind told by its bounds gets what the learned ones leave over.

        Args:
            vectors: numbers (n, len(NAMES)) of events.
            tags: what is heard (n, WORDS) in each; without, as if nobody had listened.
        """
        rows = np.asarray(vectors, np.float64).reshape(-1, len(NAMES))
        scores = np.stack([_within(kind, rows) for kind in self.kinds], 1)
        if len(rows):
            self._learn_in(scores, rows)
            self._listen_in(scores, nothing(len(rows)) if tags is None else tags)
        return scores

    def _learn_in(self, scores: Floats, rows: Floats) -> None:
        if self.learned is None:
            return
        said = self.learned.scores(rows.astype(np.float32))
        learned = np.array([kind.name in self.learned.names for kind in self.kinds])
        for number in np.flatnonzero(learned):
            scores[:, number] *= said[:, self.learned.names.index(self.kinds[number].name)]
        bounded = np.array([kind.name in self.by_bounds for kind in self.kinds])
        scores[:, bounded] *= 1 - scores[:, learned].max(1, keepdims=True)

    def _listen_in(self, scores: Floats, tags: Tags) -> None:
        """Weigh (n, kinds) scores by what is heard; what they have between them, they keep.

        Only where a kind is known by its name alone may they have more than before, as far as it is
        heard.
        """
        named = np.array([kind.name in self.by_words for kind in self.kinds])
        hints = np.stack([heard_as(tags, kind.audioset) for kind in self.kinds], 1) / _HINT
        sure = (scores * hints / (1 + hints))[:, named].max(1, initial=0.0)
        whole = scores[:, ~named].sum(1)
        whole += np.maximum(0, 1 - whole) * sure
        scores *= np.where(named, hints, (1 + hints) ** _TRUST)
        scores *= (whole / np.maximum(scores.sum(1), 1e-9))[:, None]
        np.minimum(scores, 1, out=scores)


def learn(kinds: Sequence[Vocalization], root: Path) -> Typist:
    """Learn the kinds from what ships with Cradle and from folders of examples below `root`.

    Raises:
        ParamsError: a folder of examples is missing or holds no sound.
        WeightsError: what ships is missing or another file than models/weights.lock says.
    """
    return of_examples(kinds, examples_by_kind(kinds, root))


def of_examples(kinds: Sequence[Vocalization], examples: Mapping[str, Vectors]) -> Typist:
    """Learn the kinds from examples (n, len(NAMES)) of at least two of them."""
    learned = Discriminant.fit(examples) if len(examples) > 1 else None
    return Typist(tuple(kinds), learned)


def examples_by_kind(kinds: Sequence[Vocalization], root: Path) -> dict[str, Vectors]:
    """What there is to learn each kind from; see `learn`."""
    known = shipped()
    examples = {}
    for kind in kinds:
        own = [known[kind.name]] if kind.name in known else []
        if kind.examples is not None:
            own.append(_of_folder(root / kind.examples, kind))
        if own:
            examples[kind.name] = np.concatenate(own)
    return examples


def shipped() -> dict[str, Vectors]:
    """Numbers (n, len(NAMES)) of the examples that ship with Cradle, by kind."""
    from safetensors.numpy import load_file

    return {name: rows.astype(np.float32) for name, rows in load_file(locked(LOCKED)).items()}


def examples_of(wave: Wave) -> Vectors:
    """Numbers (n, len(NAMES)) of a sound (n,) of one kind at 16 kHz, a row for about 3 s of it."""
    pitch = pitch_hz(wave)
    span_s = len(wave) / RATE
    count = max(1, round(span_s / PIECE_S))
    edges = np.linspace(0, span_s, count + 1)
    return np.stack([vector(wave, pitch, *pair) for pair in itertools.pairwise(edges)])


def _of_folder(folder: Path, kind: Vocalization) -> Vectors:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SOUNDS)
    if not files:
        raise ParamsError(
            f"vocalizations: {kind.name}: examples: {folder} holds no sound "
            f"({', '.join(sorted(_SOUNDS))})"
        )
    return np.concatenate([examples_of(_read(path)) for path in files])


def _read(path: Path) -> Wave:
    from scipy.signal import resample_poly

    sound, rate = media.read_sound(path)
    common = gcd(rate, RATE)
    return heard(resample_poly(heard(sound), RATE // common, rate // common))


def _within(kind: Vocalization, rows: Floats) -> Floats:
    """How well (n,) numbers lie within a kind's bounds: 1 inside, falling off outside."""
    pitch_hz = 400.0 * 2 ** rows[:, _PLACE["f0_octaves"]]
    voiced = rows[:, _PLACE["voiced_share"]]
    # What has no pitch cannot have a wrong one.
    fits = np.where(voiced > 0.05, _inside(np.log2(pitch_hz), *np.log2(kind.f0_hz)), 1.0)
    fits = fits * _inside(rows[:, _PLACE["rate_hz"]], *kind.rate_hz)
    return np.asarray(fits * _inside(voiced, *kind.voiced_share))


def _inside(values: Floats, low: float, high: float) -> Floats:
    outside = np.maximum(np.maximum(low - values, values - high), 0)
    return np.asarray(np.exp(-((4 * outside / max(high - low, 1e-6)) ** 2)))


def _softmax(logits: Floats) -> Floats:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(odds / odds.sum(1, keepdims=True))
