"""The diffusion transformer: clean expression latents from noisy ones and the sound.

A frame attends to itself and the past (causal self-attention) and to the sound within a band around
itself (banded cross-attention). Noise level, vocalization, identity and age set the scale and shift
of every layer (Peebles & Xie 2023). Positions are rotary (Su et al. 2021), so there is no longest
sequence. Whatever is masked reaches no other frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.generator.params import Network


@dataclass(frozen=True)
class Layout:
    """Sizes that data, morphable model and network have to agree upon."""

    audio: int
    vocalizations: int
    expression: int = 64
    identity: int = 32
    age: int = 1


@dataclass(frozen=True)
class Conditions:
    """What the network is told besides the noisy latents; `keep_*` False hides a part of it."""

    audio: Tensor
    """(B, T, C) whitened."""
    heard: Tensor
    """(B, T) bool: frames whose sound is real."""
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
        self.reach = (network.look_back_frames, network.look_ahead_frames)
        self.latents = nn.Linear(layout.expression, width)
        self.audio = nn.Sequential(
            nn.Linear(layout.audio, width), nn.SiLU(), nn.Linear(width, width), nn.LayerNorm(width)
        )
        self.silence = nn.Parameter(torch.zeros(width))
        self.level = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.vocalization = nn.Embedding(layout.vocalizations + 1, width)
        self.person = nn.Linear(layout.identity + layout.age, width)
        self.nobody = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(width, network) for _ in range(network.layers))
        self.last = nn.LayerNorm(width, elementwise_affine=False)
        self.last_scale = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, layout.expression)
        nn.init.normal_(self.vocalization.weight, std=0.02)
        for layer in (self.last_scale, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, noisy: Tensor, level: Tensor, valid: Tensor, given: Conditions) -> Tensor:
        """Predict the clean latents.

        Args:
            noisy: (B, T, 64).
            level: (B,) noise level over the number of levels, 0..1.
            valid: (B, T) bool: frames whose latents are real; others are seen by themselves alone.
            given: what else is known.

        Returns:
            (B, T, 64).
        """
        frames = noisy.shape[1]
        signal = self._signal(level, given)
        sound = self.audio(given.audio)
        sound = torch.where(given.keep_audio[:, None, None], sound, self.silence)
        place = torch.arange(frames, device=noisy.device)
        past = causal(place, valid)
        near = banded(place, given.heard, *self.reach)
        x = self.latents(noisy)
        turn = rotation(place, self.head)
        for block in self.blocks:
            x = block(x, sound, signal, past, near, turn)
        scale, shift = self.last_scale(signal)[:, None].chunk(2, -1)
        return self.out(self.last(x) * (1 + scale) + shift)

    def _signal(self, level: Tensor, given: Conditions) -> Tensor:
        kind = torch.where(given.vocalization < 0, self.layout.vocalizations, given.vocalization)
        person = self.person(torch.cat([given.identity, given.age], -1))
        person = torch.where(given.keep_identity[:, None], person, self.nobody)
        embedded = self.level(sinusoids(level, self.silence.numel()))
        return F.silu(embedded + self.vocalization(kind) + person)


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
        self, x: Tensor, sound: Tensor, signal: Tensor, past: Tensor, near: Tensor, turn: Tensor
    ) -> Tensor:
        """Refine (B, T, width) by one layer."""
        parts = self.modulation(signal)[:, None].chunk(9, -1)
        y = self.norm(x) * (1 + parts[0]) + parts[1]
        x = x + parts[2] * self.dropout(self.self_attention(y, y, past, turn))
        y = self.norm(x) * (1 + parts[3]) + parts[4]
        x = x + parts[5] * self.dropout(self.cross_attention(y, sound, near, turn))
        y = self.norm(x) * (1 + parts[6]) + parts[7]
        return x + parts[8] * self.dropout(self.feed_forward(y))


class Attention(nn.Module):
    """Multi-head attention with rotary positions, where a mask allows it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head = heads, width // heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, source: Tensor, allowed: Tensor, turn: Tensor) -> Tensor:
        """Attend from (B, T, width) to (B, T, width) where (B, 1, T, T) bool allows it."""
        key, value = self.key_value(source).chunk(2, -1)
        query, key, value = (self._split(part) for part in (self.query(x), key, value))
        mixed = F.scaled_dot_product_attention(
            rotate(query, turn), rotate(key, turn), value, attn_mask=allowed
        )
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head)).transpose(1, 2)


def causal(place: Tensor, valid: Tensor) -> Tensor:
    """Allow each frame itself and every real frame before it, (B, 1, T, T)."""
    before = place[:, None] > place
    return (
        (before & valid[:, None, :]) | torch.eye(len(place), dtype=torch.bool, device=place.device)
    )[:, None]


def banded(place: Tensor, heard: Tensor, back: int, ahead: int) -> Tensor:
    """Allow each frame the real sound from `back` frames before to `ahead` after, (B, 1, T, T).

    A frame's own place is always allowed, so that padding attends to padding and never to nothing.
    """
    distance = place - place[:, None]
    near = (distance >= -back) & (distance <= ahead)
    return ((near & heard[:, None, :]) | (distance == 0))[:, None]


def rotation(place: Tensor, head: int) -> Tensor:
    """Angles of rotary positions, (T, head / 2), from a turn in 6 frames to one in 6,000."""
    rate = torch.exp(-math.log(1000.0) * torch.arange(head // 2, device=place.device) / (head // 2))
    return place[:, None] * rate


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn (B, heads, T, head) by the angles of each place."""
    first, second = x.chunk(2, -1)
    cos, sin = turn.cos(), turn.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def sinusoids(level: Tensor, width: int) -> Tensor:
    """Embed levels in 0..1, (B,) -> (B, width)."""
    rate = torch.exp(torch.linspace(0, math.log(1000.0), width // 2, device=level.device))
    angle = level[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], -1)
