"""The diffusion transformer: clean expression latents from noisy ones and the sound.

A frame attends to itself and to so many frames of the past (causal self-attention, unless params
say otherwise), and to the sound within a band around itself (banded cross-attention). Noise level,
vocalization, identity and age set the scale and shift of every layer (Peebles & Xie 2023).

Most of a face is told by the sound around it and by whose face it is. That much is guessed first,
from convolutions over the same band. The transformer is shown by how much the noisy latents differ
from that guess, and what comes out is added to it, as much as what is heard gives leeway to: it has
the rest alone to learn, and has little of it in silence.

Positions are rotary (Su et al. 2021), so there is no longest sequence. Whatever is masked reaches
no other frame.

A sequence can be denoised whole (`forward`) or piece by piece (`embedded`, `attended`, `tell` and
`refine`), where what came before is kept as keys and values; pipeline/generator/live.py does that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.generator.diffusion import signal_at
from pipeline.generator.listener import Listener
from pipeline.generator.params import Network

Told = Sequence[Tensor]
"""Scale, shift and gate (B, 1, width) of each part of a layer; at the end what share (B, 1, 1) of
the noisy latents is clean, a scale and a shift."""


@dataclass(frozen=True)
class Layout:
    """Sizes that data, morphable model and network have to agree upon."""

    audio: int
    vocalizations: int
    expression: int = 64
    identity: int = 32
    age: int = 1
    mixed: int = 1
    """Layers of an encoder that lie side by side in the audio, after its energy."""


@dataclass(frozen=True)
class Conditions:
    """What the network is told besides the noisy latents; `keep_*` False hides a part of it."""

    audio: Tensor
    """(B, N, C) whitened."""
    heard: Tensor
    """(B, N) bool: frames whose sound is real."""
    vocalization: Tensor
    """(B,) long, -1 where unknown."""
    identity: Tensor
    """(B, 32)"""
    age: Tensor
    """(B, 1)"""
    keep_audio: Tensor
    """(B,) bool"""
    keep_identity: Tensor
    """(B,) bool, of identity and age."""
    before: int = 0
    """How many frames of sound come before the face's first."""

    def without_audio(self) -> Conditions:
        """Return the same with the sound hidden, for guidance."""
        return Conditions(**{**vars(self), "keep_audio": torch.zeros_like(self.keep_audio)})


class Denoiser(nn.Module):
    """Predicts clean whitened latents (B, T, 64) from noisy ones."""

    def __init__(self, layout: Layout, network: Network) -> None:
        super().__init__()
        width = network.width
        self.layout = layout
        self.head = width // network.heads
        self.memory = network.memory_frames
        self.future = 0 if network.causal else self.memory - 1
        self.reach = (network.look_back_frames, network.look_ahead_frames)
        self.latents = nn.Linear(layout.expression, width)
        heard = 1 + (layout.audio - 1) // layout.mixed
        self.mix = nn.Parameter(torch.zeros(layout.mixed)) if layout.mixed > 1 else None
        self.audio = nn.Sequential(
            nn.Linear(heard, width), nn.SiLU(), nn.Linear(width, width), nn.LayerNorm(width)
        )
        self.silence = nn.Parameter(torch.zeros(width))
        self.listener = Listener(width, *self.reach)
        self.guess = nn.Linear(width, layout.expression)
        self.leeway = nn.Linear(width, layout.expression)
        self.level = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.vocalization = nn.Embedding(layout.vocalizations + 1, width)
        self.habits = nn.Linear(layout.identity + layout.age, network.habits)
        self.person = nn.Linear(network.habits, width)
        self.nobody = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(width, network) for _ in range(network.layers))
        self.last = nn.LayerNorm(width, elementwise_affine=False)
        self.last_scale = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, layout.expression)
        nn.init.normal_(self.vocalization.weight, std=0.02)
        for layer in (self.last_scale, self.out, self.guess, self.leeway):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, noisy: Tensor, level: Tensor, valid: Tensor, given: Conditions
    ) -> tuple[Tensor, Tensor]:
        """Predict the clean latents.

        Args:
            noisy: (B, T, 64).
            level: (B,) noise level over the number of levels, 0..1.
            valid: (B, T) bool: frames whose latents are real; others are seen by themselves alone.
            given: what else is known.

        Returns:
            (B, T, 64), and what of them is guessed by sound and infant alone.
        """
        place = torch.arange(noisy.shape[1], device=noisy.device)
        past = banded(place, place, valid, self.memory - 1, self.future)
        turn = rotation(place, self.head)
        spoken = torch.arange(given.audio.shape[1], device=noisy.device) - given.before
        near = banded(place, spoken, given.heard, *self.reach)
        sound = self.embedded(given.audio, given.keep_audio)
        heard = self.told_by(self._listened(sound, given, noisy.shape[1]))
        told = self.tell(level, given)
        nothing: list[Seen | None] = [None] * len(self.blocks)
        seen = self.attended(sound, rotation(spoken, self.head))
        refined, _ = self.refine(noisy, told, turn, past, near, heard, seen, nothing)
        return refined, heard.guess

    def guessed(self, given: Conditions, frames: int | None = None) -> Tensor:
        """Guess clean latents (B, T, 64) by sound and infant alone, so many or of all the sound."""
        frames = given.audio.shape[1] - given.before if frames is None else frames
        sound = self.embedded(given.audio, given.keep_audio)
        return cast(Tensor, self.guess(self._listened(sound, given, frames)))

    def _listened(self, sound: Tensor, given: Conditions, frames: int) -> Tensor:
        around = F.pad(sound * given.heard[..., None], (0, 0, *self.reach))
        around = around[:, given.before : given.before + frames + sum(self.reach)]
        listened: Tensor = self.listener(around, self.who(given))
        return listened

    def embedded(self, audio: Tensor, keep: Tensor) -> Tensor:
        """Make of whitened sound (B, T, C) what is listened and attended to, (B, T, width).

        It does not depend on the noise: once a sound is enough. (B,) `keep` False hides it.
        """
        return torch.where(keep[:, None, None], self.audio(self._mixed(audio)), self.silence)

    def told_by(self, listened: Tensor) -> Heard:
        """Say what is told by (B, T, width) that was listened to, at every noise level the same."""
        leeway = 2 * torch.sigmoid(self.leeway(listened))
        return Heard(listened, self.guess(listened), leeway)

    def attended(self, sound: Tensor, turn: Tensor) -> list[Seen]:
        """Make of embedded sound (B, T, width) what each layer attends to at its places."""
        blocks = [cast(Block, block) for block in self.blocks]
        return [block.cross_attention.seen(sound, turn) for block in blocks]

    def _mixed(self, audio: Tensor) -> Tensor:
        if self.mix is None:
            return audio
        layers = audio[..., 1:].unflatten(-1, (self.layout.mixed, -1))
        mixed = (layers * self.mix.softmax(0)[:, None]).sum(-2)
        return torch.cat([audio[..., :1], mixed], -1)

    def refine(
        self,
        noisy: Tensor,
        told: Sequence[Told],
        turn: Tensor,
        past: Tensor | None,
        near: Tensor | None,
        heard: Heard,
        sound: Sequence[Seen],
        before: Sequence[Seen | None],
    ) -> tuple[Tensor, list[Seen]]:
        """Predict the clean latents of frames that follow on others.

        Args:
            noisy: (B, T, 64).
            told: as `tell` made it, of each layer and of what comes last.
            turn: rotation of the frames' places.
            past: (B, 1, T, S + T) bool: which frames each may look at, those before first; None
                for all of them.
            near: (B, 1, T, N) bool: which of the sound each may look at; None for all of it.
            heard: what is told by the sound around each.
            sound: of each layer, N frames.
            before: of each layer, the S frames before, at the same noise level.

        Returns:
            (B, T, 64), and of each layer all S + T frames, for those that follow.
        """
        signal, scale, shift = told[-1]
        x = self.latents(noisy - signal * heard.guess) + heard.itself
        kept = []
        for block, seen, earlier, parts in zip(self.blocks, sound, before, told[:-1], strict=True):
            x, past_seen = block(x, seen, earlier, parts, past, near, turn)
            kept.append(past_seen)
        apart = self.out(torch.addcmul(shift, self.last(x), 1 + scale))
        return torch.addcmul(heard.guess, heard.leeway, apart), kept

    def tell(self, level: Tensor, given: Conditions) -> list[Told]:
        """Put noise level (B,), vocalization and infant into what sets each layer, and the last."""
        embedded = self.level(sinusoids(level, self.silence.numel()))
        known = F.silu(embedded + self.who(given))[:, None]
        layers = [cast(Block, block).modulation(known).chunk(9, -1) for block in self.blocks]
        return [*layers, (signal_at(level)[:, None, None], *self.last_scale(known).chunk(2, -1))]

    @property
    def hidden(self) -> list[nn.Parameter]:
        """Matrices between layers, kernels of convolutions among them."""
        inner = (self.audio, self.listener, self.person, self.blocks)
        return [weight for part in inner for weight in part.parameters() if weight.ndim > 1]

    @property
    def ear(self) -> list[nn.Parameter]:
        """All that the guess by sound and infant alone hangs on."""
        parts = (self.audio, self.listener, self.guess, self.habits, self.person, self.vocalization)
        alone = (self.silence, self.nobody, *(() if self.mix is None else (self.mix,)))
        return [*alone, *(weight for part in parts for weight in part.parameters())]

    @property
    def leanings(self) -> Tensor:
        """How much habits hang on each number of identity and age, (33,)."""
        return self.habits.weight.norm(dim=0)

    def who(self, given: Conditions) -> Tensor:
        """Put vocalization and infant into (B, width)."""
        kind = torch.where(given.vocalization < 0, self.layout.vocalizations, given.vocalization)
        habits = torch.tanh(self.habits(torch.cat([given.identity, given.age], -1)))
        person = self.person(habits)
        return self.vocalization(kind) + torch.where(
            given.keep_identity[:, None], person, self.nobody
        )


class Block(nn.Module):
    """Self-attention over the past, cross-attention to the sound, and a feed-forward layer."""

    def __init__(self, width: int, network: Network) -> None:
        super().__init__()
        self.self_attention = Attention(width, network.heads)
        self.cross_attention = Attention(width, network.heads)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 9 * width)
        self.dropout = nn.Dropout(network.dropout)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        with (
            torch.no_grad()
        ):  # gates begin open a little, so that the first steps teach every layer
            for part in (2, 5, 8):
                self.modulation.bias[part * width : (part + 1) * width] = 0.5

    def forward(
        self,
        x: Tensor,
        sound: Seen,
        before: Seen | None,
        told: Told,
        past: Tensor | None,
        near: Tensor | None,
        turn: Tensor,
    ) -> tuple[Tensor, Seen]:
        """Refine (B, T, width) by one layer; return as well what it looked at of the face."""
        y = torch.addcmul(told[1], self.norm(x), 1 + told[0])
        seen = self.self_attention.seen(y, turn)
        seen = seen if before is None else before.then(seen)
        x = torch.addcmul(x, told[2], self.dropout(self.self_attention(y, seen, past, turn)))
        y = torch.addcmul(told[4], self.norm(x), 1 + told[3])
        x = torch.addcmul(x, told[5], self.dropout(self.cross_attention(y, sound, near, turn)))
        y = torch.addcmul(told[7], self.norm(x), 1 + told[6])
        return torch.addcmul(x, told[8], self.dropout(self.feed_forward(y))), seen


@dataclass(frozen=True)
class Heard:
    """What the sound around some frames tells, by itself and with whose face it is."""

    itself: Tensor
    """(B, T, width)"""
    guess: Tensor
    """(B, T, 64) of the clean latents."""
    leeway: Tensor
    """(B, T, 64): how far they may differ from it."""


@dataclass(frozen=True)
class Seen:
    """Keys and values of some frames, each (B, heads, T, head)."""

    key: Tensor
    value: Tensor

    def then(self, later: Seen) -> Seen:
        """These frames, and others after them."""
        return Seen(torch.cat([self.key, later.key], 2), torch.cat([self.value, later.value], 2))

    def last(self, frames: int) -> Seen:
        """The last so many frames."""
        first = max(0, self.key.shape[2] - frames)
        return Seen(self.key[:, :, first:], self.value[:, :, first:])


class Attention(nn.Module):
    """Multi-head attention with rotary positions, where a mask allows it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head = heads, width // heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def seen(self, source: Tensor, turn: Tensor) -> Seen:
        """Make (B, T, width) something to attend to."""
        key, value = self.key_value(source).chunk(2, -1)
        return Seen(rotate(self._split(key), turn), self._split(value))

    def forward(self, x: Tensor, seen: Seen, allowed: Tensor | None, turn: Tensor) -> Tensor:
        """Attend from (B, T, width) to S frames where (B, 1, T, S) bool allows it."""
        query = rotate(self._split(self.query(x)), turn)
        mixed = F.scaled_dot_product_attention(query, seen.key, seen.value, attn_mask=allowed)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head)).transpose(1, 2)


def banded(asking: Tensor, place: Tensor, real: Tensor, back: int, ahead: int) -> Tensor:
    """Allow places (T,) the real ones of places (S,) within a band, (B, 1, T, S).

    A frame's own place is always allowed, so that padding attends to padding and never to nothing.

    Args:
        asking: (T,) long.
        place: (S,) long.
        real: (B, S) bool.
        back: how many frames before itself one may look at.
        ahead: how many after.
    """
    distance = place - asking[:, None]
    near = (distance >= -back) & (distance <= ahead)
    return ((near & real[:, None, :]) | (distance == 0))[:, None]


def rotation(place: Tensor, head: int) -> Tensor:
    """Cosines and sines of rotary positions, (2, T, head): a turn in 6 frames to one in 6,000.

    In single precision the angles of an hour's last frames could not be told apart.
    """
    part = torch.arange(head // 2, device=place.device, dtype=torch.float64) / (head // 2)
    angle = place[:, None] * torch.exp(-math.log(1000.0) * part)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)]).float()


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn (B, heads, T, head) by the rotation of each place."""
    swapped = x.roll(x.shape[-1] // 2, -1)
    return torch.addcmul(x * turn[0], swapped, turn[1]).to(x.dtype)


def sinusoids(level: Tensor, width: int) -> Tensor:
    """Embed levels in 0..1, (B,) -> (B, width)."""
    rate = torch.exp(torch.linspace(0, math.log(1000.0), width // 2, device=level.device))
    angle = level[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], -1)
