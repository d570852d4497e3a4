"""Faces that follow sounds as they come, the same ones whatever the pieces.

    stream = Stream(generator, given, Sampling(seed=0, steps=4))
    latents = stream.push(audio)        # (B, n, C) -> (samples, B, m, 64): as far as is known
    latents = stream.finish()           # the rest, when there is no more sound

A frame looks back at others at its own noise level alone. So the keys and values of the past are
kept for every level that the sampler visits, and with them a new frame goes its whole way from
noise to the clean without touching an old one. What is kept is as long as the network's memory: a
stream costs the same after an hour as after a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipeline.core.errors import CradleError
from pipeline.generator import diffusion
from pipeline.generator.diffusion import Sampler, guided
from pipeline.generator.listener import Following
from pipeline.generator.model import Conditions, Denoiser, Seen, Told, banded, rotation
from pipeline.generator.noise import Drawing

if TYPE_CHECKING:
    from pipeline.generator.checkpoint import Generator

BLOCK_FRAMES = 256
"""Frames that go through the network at once, at most."""
WHOLE_FRAMES = 3600
"""The same of a network that sees the face to come, which has to have all of it at once."""


class TooLongError(CradleError):
    """A sound that does not go through the network at once, as it would have to."""


@dataclass(frozen=True)
class Sampling:
    """How faces are drawn."""

    seed: int = 0
    """Of the noise that they begin from; the same one gives the same faces."""
    steps: int = 8
    """How often the network is asked, for each frame; 0 draws nothing, and takes what it expects of
    sound and infant alone."""
    guidance: float = 1.0
    """How far to push from what is guessed without the sound; 1 takes the network at its word."""
    sampler: Sampler = "ddim"
    """How the steps go."""
    temperature: float = 1.0
    """Of the noise that they begin from: below 1 nearer to the mean and less varied, as in Grad-TTS
    (Popov et al. 2021)."""
    samples: int = 1
    """Faces a sound; the first of many is the one that is drawn alone."""


class Stream:
    """Samples for a batch of sounds that come piece by piece."""

    @torch.inference_mode()
    def __init__(
        self,
        generator: Generator,
        given: Conditions,
        how: Sampling,
        manner: Tensor | None = None,
    ) -> None:
        """Begin at frame 0.

        Args:
            generator: as trained.
            given: vocalization and infant of each sound (B); its own sound is not looked at.
            how: to sample.
            manner: (B, 64, 3) of each infant, as manner.py tells it; None of nobody known.

        Raises:
            WeightsError: the generator was distilled to other steps.
        """
        generator.check(how)
        denoiser = generator.denoiser
        self._generator, self._how, self._sounds = generator, how, len(given.age)
        self._back, self._ahead = denoiser.reach
        self._past, self._future = denoiser.memory - 1, denoiser.future
        self._heard = self._done = self._first = 0
        given = _repeated(given, how.samples)
        self._real = torch.zeros((len(given.age), 0), dtype=torch.bool, device=given.age.device)
        told = [given] if how.guidance == 1.0 else [given, given.without_audio()]
        self._tracks = [Track(denoiser, generator.schedule.levels, one) for one in told]
        self._noise = Drawing(
            how.seed, how.samples, self._sounds, self._width, generator.noise_spacing
        )
        self._manner = None if manner is None else manner.repeat(how.samples, 1, 1)
        self._before: Tensor | None = None
        self._denoise = guided(self._tracks[0].denoise, self._tracks[-1].denoise, how.guidance)

    @property
    def look_ahead_frames(self) -> float:
        """For how many frames of sound after its own a frame waits; infinite for all of them."""
        return math.inf if self._future else self._ahead

    @torch.inference_mode()
    def push(self, audio: Tensor, heard: Tensor | None = None) -> Tensor:
        """Hear more.

        Args:
            audio: (B, n, C) features of the next frames.
            heard: (B, n) bool, False where a sound is over and padded; all True where None.

        Returns:
            (samples, B, m, 64) latents of the frames whose sound is now known.
        """
        if heard is None:
            heard = torch.ones(audio.shape[:2], dtype=torch.bool, device=audio.device)
        audio = self._generator.audio.apply(audio).repeat(self._how.samples, 1, 1)
        heard = heard.repeat(self._how.samples, 1)
        self._real = torch.cat([self._real, heard], 1)
        place = torch.arange(self._heard, self._heard + audio.shape[1], device=audio.device)
        for track in self._tracks:
            track.hear(audio, place, heard)
        self._heard += len(place)
        return self._advance(0 if self._future else self._heard - self._ahead)

    @torch.inference_mode()
    def finish(self) -> Tensor:
        """Take it that there is no more sound; the rest of the frames.

        Raises:
            TooLongError: the network sees the face to come, and there is too much of it.
        """
        if self._future and self._heard > WHOLE_FRAMES:
            raise TooLongError(
                f"the sound has {self._heard} frames; this generator is not causal and can take "
                f"{WHOLE_FRAMES}; cut it, or train with train.network.causal"
            )
        for track in self._tracks:
            track.silence(self._ahead)
        return self._advance(self._heard)

    def _advance(self, end: int) -> Tensor:
        nothing = torch.zeros((len(self._real), 0, self._width), device=self._real.device)
        made = [nothing]
        while self._done < end:
            block = end if self._future else self._done + BLOCK_FRAMES
            made.append(self._block(self._done, min(end, block)))
        latents = self._generator.expression.undo(torch.cat(made, 1))
        return latents.unflatten(0, (self._how.samples, self._sounds))

    @property
    def _width(self) -> int:
        return self._generator.denoiser.layout.expression

    def _block(self, start: int, stop: int) -> Tensor:
        asking = self._places(start, stop)
        faces = self._places(max(0, start - self._past), stop)
        sound = self._places(max(0, start - self._back), self._heard)
        past = banded(asking, faces, self._real_at(faces), self._past, self._future)
        near = banded(asking, sound, self._real_at(sound), self._back, self._ahead)
        for track in self._tracks:
            track.look(asking, past, near)
        clean = self._sampled(start, stop) if self._how.steps else self._expected()
        if self._manner is not None:
            clean = clean + self._by_manner(self._manner)
        self._forget(stop)
        return clean

    def _by_manner(self, manner: Tensor) -> Tensor:
        expected = self._expected()
        basis = manners(expected, self._before)
        self._before = expected[:, -1:]
        return (basis * manner[:, None]).sum(-1)

    def _expected(self) -> Tensor:
        with_sound, without = self._tracks[0].expected(), self._tracks[-1].expected()
        return without + self._how.guidance * (with_sound - without)

    def _sampled(self, start: int, stop: int) -> Tensor:
        how, begin = self._how, self._noise.frames(start, stop)
        noise = how.temperature * torch.from_numpy(begin).flatten(0, 1).to(self._real.device)
        schedule = self._generator.schedule
        return diffusion.sample(schedule, self._denoise, noise, how.steps, how.sampler)

    def _forget(self, stop: int) -> None:
        for track in self._tracks:
            track.forget_sound(self._heard - max(0, stop - self._back))
        first = max(0, stop - max(self._past, self._back))
        self._real = self._real[:, first - self._first :].clone()
        self._first, self._done = first, stop

    def _places(self, start: int, stop: int) -> Tensor:
        return torch.arange(start, stop, device=self._real.device)

    def _real_at(self, place: Tensor) -> Tensor:
        return self._real[:, place - self._first]


def manners(expected: Tensor, before: Tensor | None = None) -> Tensor:
    """What a manner is told in: 1, what is expected and its change, (B, T, 64) -> (B, T, 64, 3).

    `before` (B, 1, 64) is the frame before the first; without it the first one does not change.
    """
    earlier = expected[:, :1] if before is None else before
    change = expected - torch.cat([earlier, expected[:, :-1]], 1)
    return torch.stack([torch.ones_like(expected), expected, change], -1)


class Track:
    """One way of telling the network of the sounds, and all that it keeps from block to block."""

    def __init__(self, denoiser: Denoiser, levels: int, given: Conditions) -> None:
        self._denoiser, self._levels, self._given = denoiser, levels, given
        self._who = denoiser.who(given)
        self._listener = Following(denoiser.listener, self._who)
        self._listened = nothing_of(self._who, 0)
        back, _ = denoiser.reach
        self.silence(back)
        self._sound: list[Seen] = []
        self._faces: dict[int, list[Seen]] = {}
        self._told: dict[int, list[Told]] = {}

    def hear(self, audio: Tensor, place: Tensor, real: Tensor) -> None:
        """Turn whitened sound (B, n, C) of the next places (n,) into what is looked at of it.

        What is not `real`, (B, n) bool, is not listened to.
        """
        sound = self._denoiser.embedded(audio, self._given.keep_audio)
        self._listen(sound * real[..., None])
        new = self._denoiser.attended(sound, rotation(place, self._denoiser.head))
        old = self._sound
        self._sound = [a.then(b) for a, b in zip(old, new, strict=True)] if old else new

    def silence(self, frames: int) -> None:
        """Listen to so many frames without sound, before the first or after the last with it."""
        self._listen(nothing_of(self._who, frames))

    def _listen(self, sound: Tensor) -> None:
        self._listened = torch.cat([self._listened, self._listener.push(sound)], 1)

    def forget_sound(self, kept: int) -> None:
        """Keep the last so many frames of sound."""
        self._sound = [layer.last(kept) for layer in self._sound]

    def look(self, place: Tensor, past: Tensor, near: Tensor) -> None:
        """Turn to the next frames, at `place`; the masks are those of `Denoiser.refine`."""
        self._turn = rotation(place, self._denoiser.head)
        self._heard = self._denoiser.told_by(self._listened[:, : len(place)])
        self._listened = self._listened[:, len(place) :]
        # Of a single frame nothing is masked, as a rule; then attention is cheaper.
        self._past, self._near = (None if bool(m.all()) else m for m in (past, near))

    def expected(self) -> Tensor:
        """What sound and infant tell of the frames at hand, before any noise is taken away."""
        return self._heard.guess

    def denoise(self, noisy: Tensor, level: Tensor) -> Tensor:
        """Guess the clean at one level (B,), the same for all, and remember the frames there."""
        at = int(level[0])
        nothing: list[Seen | None] = [None] * len(self._denoiser.blocks)
        before = self._faces.get(at, nothing)
        clean, seen = self._denoiser.refine(
            noisy,
            self._tell(at, level),
            self._turn,
            self._past,
            self._near,
            self._heard,
            self._sound,
            before,
        )
        self._faces[at] = [layer.last(self._denoiser.memory - 1) for layer in seen]
        return clean

    def _tell(self, at: int, level: Tensor) -> list[Told]:
        if at not in self._told:
            self._told[at] = self._denoiser.tell((level + 1) / self._levels, self._given)
        return self._told[at]


def nothing_of(who: Tensor, frames: int) -> Tensor:
    """So many frames without sound, (B, frames, width), for as many as there are in (B, width)."""
    return who.new_zeros((len(who), frames, who.shape[1]))


def _repeated(given: Conditions, count: int) -> Conditions:
    """The same `count` times over; without the sound, which comes later."""
    told: dict[str, Any] = {
        name: value.repeat(count, *[1] * (value.dim() - 1))
        for name, value in vars(given).items()
        if isinstance(value, Tensor)
    }
    return replace(given, **told)
