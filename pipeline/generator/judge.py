"""Everything that predicts a face from a sound, asked about one span at a time.

`ours` is the generator, one sample of it; `expected` is what the same generator expects of sound
and infant with nothing drawn, and so the one to hold against what draws nothing either. What is
called familiar has seen other spans of the infant as well (manner.py). `shuffled` is the generator,
seed, vocalization and face given another clip's sound: what it is worse by is what the generator
really takes from the sound. The others are in baselines/.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.generator import manner, metrics, spans
from pipeline.generator.baselines import (
    ADAPTED,
    PEERS,
    Adaptable,
    Baseline,
    EnergyRidge,
    MeanFace,
    Retrieval,
    Task,
)
from pipeline.generator.checkpoint import Generator
from pipeline.generator.face import Face, decode, lip_decoder, mouth_rows
from pipeline.generator.features import ENERGY_COLUMN, FPS
from pipeline.generator.live import Sampling
from pipeline.generator.params import Evaluate
from pipeline.generator.spans import Pack, Span

Floats = NDArray[np.float32]

OURS, EXPECTED, SHUFFLED = "ours", "expected", "shuffled"
FAMILIAR = "_familiar"
"""Put after the name of what has seen other spans of the infant."""
STRANGE, FAMILIAR_ONES = (OURS, EXPECTED), (OURS + FAMILIAR, EXPECTED + FAMILIAR)
OWN = (*STRANGE, *FAMILIAR_ONES)
MEAN, ENERGY, RETRIEVAL = HUMBLE = ("mean_face", "energy", "retrieval")
ADULT = "adult"
_SAMPLES_SEED = 1000
"""Samples are drawn from a seed of their own, apart from those that every metric is given for."""


def methods(params: Evaluate, knows: bool = True) -> tuple[str, ...]:
    """Name everything that is judged, in the order of the table; `knows` any manners or not."""
    knows = knows and params.known_s > 0
    own, peers = OWN if knows else STRANGE, params.peers.methods
    familiar = [name + FAMILIAR for name in peers if name in ADAPTED and knows]
    return (*own, SHUFFLED, *HUMBLE, *peers, *familiar, *([ADULT] if params.adult else []))


@dataclass(frozen=True)
class Prediction:
    """Latents of one span by method and seed; baselines draw nothing and have seed 0 alone."""

    span: Span
    latents: dict[tuple[str, int], Floats]
    donors: dict[int, str]
    """Whose sound the shuffled ones were given, by seed."""
    samples: Floats
    """(S, T, 64) further ones of ours."""


class Truth(NamedTuple):
    """What a span's face did, (T, V, 3) in mm over valid frames, and the same face at rest."""

    span: Span
    vertices: Floats
    rest: Floats


@dataclass(frozen=True)
class Judge:
    """Everything that predicts, and the face to compare on."""

    params: Evaluate
    pack: Pack
    generator: Generator
    face: Face
    device: str
    adult: Baseline | None = None
    """Where `adult` of its parameters asks for one."""

    def predict(self, span: Span, number: int) -> Prediction:
        """Predict one test span, the `number`th, by every method."""
        latents = {(name, 0): one.predict(span) for name, one in self.baselines.items()}
        latents[EXPECTED, 0] = self.expected(span)
        donors = {}
        for turn, seed in enumerate(self.params.seeds):
            donor = self.donor(span, number, turn)
            donors[seed] = donor.span_id
            latents[OURS, seed] = self.sample(span, seed)
            latents[SHUFFLED, seed] = self.sample(with_sound_of(span, donor), seed)
        if self.params.known_s and self.generator.knows_manners:
            latents |= self._familiar(span)
        return Prediction(span, latents, donors, self.samples(span))

    def _familiar(self, span: Span) -> dict[tuple[str, int], Floats]:
        """Predict a span of an infant of which others are known."""
        known = self.known(span)
        told = manner.told(self.generator, known)
        latents = {
            (name + FAMILIAR, 0): one.adapted(known).predict(span)
            for name, one in self.baselines.items()
            if isinstance(one, Adaptable)
        }
        latents[EXPECTED + FAMILIAR, 0] = self.expected(span, told)
        for seed in self.params.seeds:
            latents[OURS + FAMILIAR, seed] = self.sample(span, seed, told)
        return latents

    def known(self, span: Span) -> list[Span]:
        """Other test spans of the same infant, the first ones, for `known_s` at most."""
        found: list[Span] = []
        left = round(self.params.known_s * FPS)
        for other in self.pack.spans["test"]:
            if left > 0 and span.source == other.source != "" and other.span_id != span.span_id:
                found.append(other.first(left))
                left -= other.frames
        return found

    def sample(self, span: Span, seed: int, told: Tensor | None = None) -> Floats:
        """Sample latents (T, 64) for a span's sound on its own face, in the manner that is told."""
        return self._sampled(span, seed, 1, told)[0]

    def expected(self, span: Span, told: Tensor | None = None) -> Floats:
        """Take what the generator expects, latents (T, 64), for a span's sound on its own face."""
        return self._made(span, Sampling(steps=0, guidance=self.params.guidance), told)[0]

    def samples(self, span: Span) -> Floats:
        """Sample latents (S, T, 64) for a span's sound, all different."""
        return self._sampled(span, _SAMPLES_SEED, self.params.samples)

    def _sampled(self, span: Span, seed: int, count: int, told: Tensor | None = None) -> Floats:
        p = self.params
        steps = self.generator.own_steps or p.sample_steps
        own = own_seed(span.span_id, seed)
        how = Sampling(own, steps, p.guidance, temperature=p.temperature, samples=count)
        return self._made(span, how, told)

    def _made(self, span: Span, how: Sampling, told: Tensor | None) -> Floats:
        batch = spans.whole(span, self.generator.vocalizations).to(self.device)
        made: Floats = self.generator.samples(batch, how, told)[:, 0].cpu().numpy()
        return made

    def donor(self, span: Span, number: int, turn: int) -> Span:
        """Pick a span of another clip, another one each turn: of the test split if it has one."""
        for split in ("test", "val", "train"):
            others = [other for other in self.pack.spans[split] if other.clip != span.clip]
            if others:
                return others[(number + turn * 7) % len(others)]
        return span

    def rows(self, shown: Prediction) -> Iterator[dict[str, Any]]:
        """Every metric of a span, a row a method and seed."""
        if not shown.span.valid.any():
            return
        truth = self.truth(shown.span)
        for (method, seed), latents in sorted(shown.latents.items()):
            yield {
                **described(shown.span),
                "method": method,
                "seed": seed,
                "sound_of": shown.donors[seed] if method == SHUFFLED else shown.span.span_id,
                **self.alone(truth, latents),
            }

    def truth(self, span: Span) -> Truth:
        """Decode a span's own face, once for all that is compared with it."""
        calm = np.zeros_like(span.expression[:1])
        true = self.vertices(span, span.expression)[span.valid]
        return Truth(span, true, self.vertices(span, calm)[0])

    def alone(self, truth: Truth, latents: Floats) -> dict[str, float]:
        """Take every metric of latents (T, 64), over the span's valid frames."""
        span = truth.span
        made = self.vertices(span, latents)[span.valid]
        energy_db = span.audio[span.valid, ENERGY_COLUMN]
        p = self.params
        return metrics.judge(
            made, truth.vertices, truth.rest, self.regions, p.closed_mm, energy_db, FPS
        )

    def sampled(self, shown: Prediction) -> Iterator[dict[str, Any]]:
        """What the samples of a span say together: one row, or none where nothing was measured."""
        if shown.span.valid.any():
            yield described(shown.span) | self.together(shown.span, shown.samples)

    def together(self, span: Span, latents: Floats) -> dict[str, float]:
        """Judge several latents (S, T, 64) of one span together, over its valid frames."""
        both = np.concatenate([latents, span.expression[None]])[:, span.valid]
        mouths = self.mouths(span, both)
        rows = mouth_rows(self.face).tolist()
        upper, lower = (rows.index(vertex) for vertex in self.face.aperture_pair)
        gaps = np.linalg.norm(mouths[:, :, upper] - mouths[:, :, lower], axis=-1)
        lips = mouths[:, :, : len(self.face.lips)]
        return metrics.judge_samples(lips[:-1], gaps[:-1], lips[-1], gaps[-1])

    def vertices(self, span: Span, latents: Floats) -> Floats:
        """Put latents on a span's own face, (T, V, 3) mm."""
        return decode(self.face, span.identity, latents, span.age)

    @torch.no_grad()
    def mouths(self, span: Span, latents: Floats) -> Floats:
        """Put several latents (S, T, 64) on a span's own mouth, (S, T, rows, 3) mm."""
        count = len(latents)
        who, old = torch.from_numpy(span.identity), torch.from_numpy(span.age)
        decoder = lip_decoder(self.face, who.expand(count, -1), old.expand(count, -1))
        mouths: Floats = decoder(torch.from_numpy(np.ascontiguousarray(latents))).cpu().numpy()
        return mouths

    @cached_property
    def regions(self) -> metrics.Regions:
        """Parts of the face."""
        nobody = np.zeros(len(self._someone.identity), np.float32)
        calm = np.zeros_like(self._someone.expression[:1])
        rest = decode(self.face, nobody, calm, np.zeros(1, np.float32))[0]
        return metrics.regions(rest, self.face.lips, self.face.aperture_pair)

    @property
    def _someone(self) -> Span:
        return self.pack.spans["test"][0]

    @cached_property
    def baselines(self) -> Mapping[str, Baseline]:
        """All of them, fitted to the training split."""
        p, learned = self.params, self.pack.spans["train"]
        found: dict[str, Baseline] = {
            MEAN: MeanFace.fit(learned),
            ENERGY: EnergyRidge.fit(learned, p.ridge_reach_frames, p.ridge),
            RETRIEVAL: Retrieval.fit(learned, p.retrieval_frames),
        }
        if p.peers.methods:
            task = Task.of(learned, self.generator.vocalizations, self.face, p.peers, p.closed_mm)
            seed = p.seeds[0]
            found |= {name: PEERS[name].fit(task, seed) for name in p.peers.methods}
        return found | ({ADULT: self.adult} if self.adult else {})


def own_seed(span_id: str, seed: int) -> int:
    """Seed of a span's own noise: were it the same for all, its luck would pass for a figure."""
    return zlib.crc32(f"{seed} {span_id}".encode())


def described(span: Span) -> dict[str, Any]:
    """Say which span a row is about."""
    return {
        "span_id": span.span_id,
        "clip": span.clip,
        "source": span.source or span.clip,
        "vocalization": span.vocalization,
        "synthetic": span.synthetic,
    }


def with_sound_of(span: Span, donor: Span) -> Span:
    """Give a span another one's sound, cut or repeated to its length."""
    places = np.arange(span.frames) % donor.frames
    return dataclasses.replace(span, audio=donor.audio[places])
