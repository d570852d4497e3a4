"""A face for a sound: what `cradle generate SOUND -o DIR` does.

who = Who("cry")                                  # the average infant
made = generate(sound, 16_000, generator, who)    # of a sound that is there as a whole
made.latents                                      # (T, 64), 30 frames a second from its start on

follower = Follower(generator, who, Sampling())   # of one that is still coming
latents = follower.push(piece)                    # (samples, m, 64)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core.errors import CradleError, WeightsError
from pipeline.generator import features, sounds, spans
from pipeline.generator.checkpoint import Generator
from pipeline.generator.features import FPS, RATE_HZ, Features
from pipeline.generator.hearing import Hearing
from pipeline.generator.live import BLOCK_FRAMES, Sampling, Stream
from pipeline.generator.spans import Span

Floats = NDArray[np.float32]
MOST_AGE = 2.0
"""Beyond it an age drawn at random is no infant's any more."""


class GenerateError(CradleError):
    """A sound that no face can be made for, or a face that no generator knows."""


@dataclass(frozen=True)
class Who:
    """What is heard, and whose face it moves; the average infant's where nothing is said."""

    vocalization: str | None = None
    """One that the generator knows; None tells it nothing."""
    identity: Floats | None = None
    """(32,) latents."""
    age: Floats | None = None
    """(1,) latent."""
    manner: torch.Tensor | None = None
    """(1, 64, 3) as manner.py tells it; None of nobody known."""


@dataclass(frozen=True)
class Made:
    """What the generator made of a sound; all of it synthetic."""

    vocalization: str
    latents: Floats
    """(T, 64)"""
    identity: Floats
    """(32,)"""
    age: Floats
    """(1,)"""


def generate(
    sound: Floats,
    rate_hz: int,
    generator: Generator,
    who: Who | None = None,
    how: Sampling | None = None,
) -> list[Made]:
    """Make faces move to a sound, as many as `how` asks for.

    Args:
        sound: (N,) or (N, channels), -1..1, the infant's voice with little else.
        rate_hz: its rate.
        generator: as trained.
        who: what is heard, and whose face it is.
        how: to sample.

    Raises:
        GenerateError: the sound is shorter than a frame, or the vocalization or face not known.
        WeightsError: the generator was trained with features that are others here.
    """
    who = who or Who()
    how = how or Sampling(steps=generator.own_steps or Sampling.steps)
    pieces = sounds.opened_pieces(iter([np.asarray(sound)]), rate_hz)
    follower = Follower(generator, who, how)
    latents = np.concatenate(list(follow(pieces, follower)), 1)
    return [Made(who.vocalization or "", one, follower.identity, follower.age) for one in latents]


def follow(pieces: Iterable[Floats], follower: Follower) -> Iterator[Floats]:
    """Latents (samples, m, 64) piece by piece, as a sound at 16 kHz comes, and the rest at its end.

    Raises:
        GenerateError: there was less of it than a frame.
    """
    samples = frames = 0
    for piece in pieces:
        samples += len(piece)
        # A long piece goes through in parts: what is held at once stays small.
        for part in np.array_split(piece, 1 + len(piece) // (60 * RATE_HZ)):
            made = follower.push(part)
            frames += made.shape[1]
            yield made
    made = follower.finish()
    if frames + made.shape[1] < 1:
        raise GenerateError(f"the sound has {samples} samples, a frame needs {RATE_HZ / FPS:.0f}")
    yield made


class Follower:
    """Faces that follow a sound as it comes."""

    def __init__(self, generator: Generator, who: Who, how: Sampling) -> None:
        """Begin at sample 0.

        Raises:
            GenerateError: the generator does not know the vocalization, or such a face.
            WeightsError: it was trained with features that are others here.
        """
        self.who, self.how = who, how
        self.identity, self.age = person(who, generator)
        self.width = generator.denoiser.layout.expression
        self._device = str(generator.expression.mean.device)
        batch = spans.whole(_nothing_yet(generator, who), generator.vocalizations)
        every = torch.ones(1, dtype=torch.bool, device=self._device)
        given = generator.conditions(batch.to(self._device), every, every, every)
        self.features = features_of(generator)
        self._hearing = Hearing(self.features)
        self._stream = Stream(generator, given, how, who.manner)

    @property
    def look_ahead_s(self) -> float:
        """For how much sound after its own instant a frame waits; infinite for all of it."""
        return self.features.look_ahead_s + self._stream.look_ahead_frames / FPS

    def push(self, sound: Floats) -> Floats:
        """Hear (n,) more samples at 16 kHz; latents (samples, m, 64) of frames that are known."""
        return self._seen(self._hearing.push(sound))

    def finish(self) -> Floats:
        """Take it that there is no more sound."""
        rest = self._seen(self._hearing.finish())
        return np.concatenate([rest, _plain(self._stream.finish())], 1)

    def _seen(self, rows: Floats) -> Floats:
        parts = torch.from_numpy(rows)[None].to(self._device).split(BLOCK_FRAMES, 1)
        return np.concatenate([_plain(self._stream.push(part)) for part in parts], 1)


def _plain(latents: torch.Tensor) -> Floats:
    return latents[:, 0].cpu().numpy()


def features_of(generator: Generator) -> Features:
    """The audio features that a generator was trained with.

    Raises:
        WeightsError: they are others here.
    """
    told = generator.about["feature"]
    known = features.load(told["name"], str(generator.expression.mean.device), told.get("layer"))
    if known.described != told:
        raise WeightsError(
            f"the generator was trained with audio features {told}, here are {known.described}; "
            f"train it again, or use the weights and the Cradle that it was made with"
        )
    return known


def _nothing_yet(generator: Generator, who: Who) -> Span:
    """A span of no frames, for what is known before any sound."""
    names, layout = generator.vocalizations, generator.denoiser.layout
    if who.vocalization is not None and who.vocalization not in names:
        raise GenerateError(
            f"vocalization {who.vocalization!r} is not one this generator knows: {', '.join(names)}"
        )
    identity, age = person(who, generator)
    return Span(
        span_id="sound",
        clip="sound",
        vocalization=who.vocalization or "",
        start_frame=0,
        expression=np.zeros((0, layout.expression), np.float32),
        valid=np.zeros(0, bool),
        audio=np.zeros((0, layout.audio), np.float32),
        identity=identity,
        age=age,
        synthetic=True,
    )


def person(who: Who, generator: Generator) -> tuple[Floats, Floats]:
    """Identity (32,) and age (1,) as asked, the average infant's where nothing was.

    Raises:
        GenerateError: they are of another layout than the generator's.
    """
    layout = generator.denoiser.layout
    identity = np.zeros(layout.identity) if who.identity is None else np.asarray(who.identity)
    age = np.zeros(layout.age) if who.age is None else np.asarray(who.age)
    for what, given, width in (("identity", identity, layout.identity), ("age", age, layout.age)):
        if given.shape != (width,) or not np.isfinite(given).all():
            raise GenerateError(
                f"the {what} is {given.shape} where this generator takes ({width},) finite "
                f"numbers; it is of another morphable model"
            )
    return identity.astype(np.float32), age.astype(np.float32)


def sampled_person(generator: Generator, seed: int) -> tuple[Floats, Floats]:
    """Somebody at random: identity (32,) and age (1,), in standard deviations."""
    layout, random = generator.denoiser.layout, np.random.default_rng([seed, 32])
    identity = random.standard_normal(layout.identity, np.float32)
    return identity, random.standard_normal(layout.age, np.float32).clip(-MOST_AGE, MOST_AGE)


def fitted_person(path: Path) -> tuple[Floats, Floats]:
    """Identity and age of a face that `cradle fit` has fitted.

    Raises:
        GenerateError: the file is not what it writes.
    """
    fitted = fitted_arrays(path, "identity", "age")
    return fitted["identity"].reshape(-1), fitted["age"].reshape(-1)


def fitted_arrays(path: Path, *names: str) -> dict[str, NDArray]:
    """Some of what `cradle fit` has written.

    Raises:
        GenerateError: the file is not what it writes.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in names}
    except (OSError, ValueError, KeyError, AttributeError, BadZipFile) as error:
        raise GenerateError(f"{path}: no latents of `cradle fit`: {error}") from None


def guess_vocalization(name: str, known: list[str]) -> str | None:
    """Find a vocalization's name at the start of a word of a file's name; the first one counts."""
    words = "".join(c if c.isalnum() else " " for c in name.lower()).split()
    return next((kind for word in words for kind in known if word.startswith(kind)), None)
