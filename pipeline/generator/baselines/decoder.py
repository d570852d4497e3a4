"""The decoder layer that FaceFormer, CodeTalker and Imitator have in common.

A frame attends to itself and the past through a bias that grows with distance in periods, and to
the sound at its own instant alone: of one item a softmax leaves nothing but its value, so that the
cross-attention of the papers is two linear layers. A layer runs over a whole sequence at once, or
frame by frame with what it has seen kept; both give the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class Seen:
    """Keys and values of the frames before, (B, heads, t, head) each."""

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)


class DecoderLayer(nn.Module):
    """Biased causal self-attention, sound at the same instant, feed-forward; norms come after.

    Args:
        width: numbers a frame.
        heads: of attention.
        period: frames that one step of the bias spans; 0 for no bias.
    """

    slopes: Tensor

    def __init__(self, width: int, heads: int, period: int) -> None:
        super().__init__()
        self.heads, self.period = heads, period
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.attended = nn.Linear(width, width)
        self.sound = nn.Sequential(nn.Linear(width, width), nn.Linear(width, width))
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        slopes = torch.tensor([2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)])
        self.register_buffer("slopes", slopes[:, None, None], persistent=False)

    def forward(self, x: Tensor, sound: Tensor) -> Tensor:
        """Decode a whole sequence, (B, T, width) with sound (B, T, width)."""
        key, value = self._keys_values(x)
        score = self._split(self.query(x)) @ key.transpose(2, 3) / math.sqrt(key.shape[-1])
        place = torch.arange(x.shape[1], device=x.device)
        score = score + self._bias(place[:, None] - place)
        mixed = torch.softmax(score, -1) @ value
        return self._after(x, mixed, sound)

    def step(self, x: Tensor, sound: Tensor, seen: Seen) -> Tensor:
        """Decode the next frame, (B, 1, width), and remember it."""
        key, value = self._keys_values(x)
        seen.keys.append(key)
        seen.values.append(value)
        keys, values = torch.cat(seen.keys, 2), torch.cat(seen.values, 2)
        score = self._split(self.query(x)) @ keys.transpose(2, 3) / math.sqrt(key.shape[-1])
        back = torch.arange(keys.shape[2] - 1, -1, -1, device=x.device)[None]
        mixed = torch.softmax(score + self._bias(back), -1) @ values
        return self._after(x, mixed, sound)

    def _bias(self, back: Tensor) -> Tensor:
        """Bias (heads, Q, K) of frames so far back; what lies ahead is not seen."""
        steps = back.div(self.period, rounding_mode="floor") if self.period else 0 * back
        bias = -self.slopes * steps
        return bias.masked_fill(back < 0, -torch.inf)

    def _keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        key, value = self.key_value(x).chunk(2, -1)
        return self._split(key), self._split(value)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _after(self, x: Tensor, mixed: Tensor, sound: Tensor) -> Tensor:
        first, second, third = self.norms
        x = first(x + self.attended(mixed.transpose(1, 2).flatten(2)))
        x = second(x + self.sound(sound))
        return third(x + self.feed_forward(x))


def places(frames: int, width: int, period: int, device: torch.device) -> Tensor:
    """Sinusoidal positions that begin again every `period` frames, (T, width); 0 for never."""
    at = torch.arange(frames, device=device)
    at = (at % period if period else at).float()
    rate = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2, device=device) / width)
    angle = at[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
