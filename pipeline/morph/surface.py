"""Points on a morphable model as functions of its latents, with their derivatives; torch, batched.

    surface = head.surface(corners, share)                 # L points
    surface.at(shared, expression)                         # (F, L, 3) mm
    surface.derivative(shared, expression, False)          # (F, L, 3, E)

`shared` (S,) is one identity and age, `expression` (F, E) one a frame. Only the points asked for
are evaluated: of a network's last layer, their rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from pipeline.morph.skew import Skew


class Surface(Protocol):
    """L points that latents move."""

    @property
    def mean(self) -> Tensor:
        """(L, 3) mm, all latents 0."""

    @property
    def identity_count(self) -> int:
        """How many of the shared latents, the first ones, are identity; the rest is age."""

    @property
    def shared_count(self) -> int:
        """S, latents of identity and age."""

    @property
    def expression_count(self) -> int:
        """E, latents of expression."""

    def at(self, shared: Tensor, expression: Tensor) -> Tensor:
        """Points (F, L, 3) mm of latents (S,) and (F, E)."""

    def derivative(self, shared: Tensor, expression: Tensor, with_shared: bool) -> Tensor:
        """What latents do to points, (F, L, 3, E [+ S]); expression first."""

    def pull(self, y: Tensor, shared: Tensor, expression: Tensor, with_shared: bool) -> Tensor:
        """Of y (F, k, 3, L), times the derivative, (F, k, E [+ S]): points to latents."""

    def to(self, device: str, dtype: torch.dtype) -> Surface:
        """The same points on a device, in a precision."""


@dataclass(frozen=True, eq=False)
class LinearSurface:
    """Points of a linear model, mm and mm a standard deviation."""

    mean: Tensor
    """(L, 3)."""
    shared: Tensor
    """(S, L, 3)."""
    expression: Tensor
    """(E, L, 3)."""
    identity_count: int

    @property
    def shared_count(self) -> int:
        """S."""
        return len(self.shared)

    @property
    def expression_count(self) -> int:
        """E."""
        return len(self.expression)

    def at(self, shared: Tensor, expression: Tensor) -> Tensor:
        """Points (F, L, 3) of latents."""
        own = self.mean + torch.einsum("k,kld->ld", shared, self.shared)
        return own + (expression @ self.expression.flatten(1)).unflatten(1, own.shape)

    def derivative(self, shared: Tensor, expression: Tensor, with_shared: bool) -> Tensor:
        """What latents do to points, (F, L, 3, E [+ S])."""
        return self.moves(with_shared).transpose(0, 1).expand(len(expression), -1, -1, -1)

    def pull(self, y: Tensor, shared: Tensor, expression: Tensor, with_shared: bool) -> Tensor:
        """Of y (F, k, 3, L), times the derivative, (F, k, E [+ S])."""
        return y.flatten(2) @ self.moves(with_shared).flatten(0, 1)

    def moves(self, with_shared: bool) -> Tensor:
        """The derivative (3, L, E [+ S]), which is the same everywhere."""
        return _moves(self, with_shared)

    def to(self, device: str, dtype: torch.dtype) -> LinearSurface:
        """The same points on a device, in a precision."""
        return replace(
            self,
            mean=self.mean.to(device, dtype),
            shared=self.shared.to(device, dtype),
            expression=self.expression.to(device, dtype),
        )


# A surface is known by itself, not by its content.
@lru_cache(maxsize=8)
def _moves(surface: LinearSurface, with_shared: bool) -> Tensor:
    both = [surface.expression, surface.shared] if with_shared else [surface.expression]
    return torch.cat(both).permute(2, 1, 0).contiguous()


@dataclass(frozen=True)
class Layer:
    """Fully connected: x @ weight.T + bias."""

    weight: Tensor
    """(out, in)."""
    bias: Tensor
    """(out,)."""

    def __call__(self, x: Tensor) -> Tensor:
        """Rows (..., out) of rows (..., in)."""
        return torch.nn.functional.linear(x, self.weight, self.bias)

    def rows(self, picked: Tensor) -> Layer:
        """The layer of some outputs alone."""
        return Layer(self.weight[picked], self.bias[picked])

    def to(self, device: str, dtype: torch.dtype) -> Layer:
        """The same on a device, in a precision."""
        return Layer(self.weight.to(device, dtype), self.bias.to(device, dtype))


def forward(layers: Sequence[Layer], slope: float, x: Tensor, last_active: bool = False) -> Tensor:
    """Fully connected layers, each but the last (or the last as well) followed by a leaky ReLU."""
    for layer in layers[:-1]:
        x = torch.nn.functional.leaky_relu(layer(x), slope)
    x = layers[-1](x)
    return torch.nn.functional.leaky_relu(x, slope) if last_active else x


@dataclass(frozen=True)
class NetworkSurface:
    """Points of a decoder network whose input is raw latents: identity, expression, age."""

    layers: tuple[Layer, ...]
    """The last gives the points' 3 L coordinates, mm."""
    slope: float
    skew: Skew
    identity_count: int
    expression_count: int

    @property
    def shared_count(self) -> int:
        """S."""
        return len(self.skew.mean) - self.expression_count

    @property
    def mean(self) -> Tensor:
        """(L, 3) of all latents 0."""
        zero = torch.zeros_like(self.skew.mean)
        return forward(self.layers, self.slope, self.skew.raw(zero)).reshape(-1, 3)

    def at(self, shared: Tensor, expression: Tensor) -> Tensor:
        """Points (F, L, 3) of latents."""
        raw = self.skew.raw(self._white(shared, expression))
        return forward(self.layers, self.slope, raw).unflatten(1, (-1, 3))

    def derivative(self, shared: Tensor, expression: Tensor, with_shared: bool) -> Tensor:
        """What latents do to points, (F, L, 3, E [+ S]).

        Column by column of the latents a chain of matrices, between which units are scaled by 1 or
        by the slope. Frames differ in few units: all others are multiplied once for all frames.
        """
        white, wanted = self._white(shared, expression), self._order(with_shared)
        into, *deeper = self.layers
        J, x = into.weight[:, wanted], into(self.skew.raw(white))
        for layer in deeper:
            gain = torch.where(x < 0, self.slope, 1.0)
            J = _gained(layer.weight, gain, J)
            x = layer(x * gain)
        bent = self.skew.raw_slope(white)[:, None, wanted]
        return (J.mul_(bent) if deeper else J * bent).unflatten(1, (-1, 3))

    def pull(self, y: Tensor, shared: Tensor, expression: Tensor, with_shared: bool) -> Tensor:
        """Of y (F, k, 3, L), times the derivative, (F, k, E [+ S])."""
        white = self._white(shared, expression)
        x, gains = self.skew.raw(white), []
        for layer in self.layers[:-1]:
            x = layer(x)
            gains.append(torch.where(x < 0, self.slope, 1.0)[:, None])
            x = x * gains[-1][:, 0]
        back = y.mT.flatten(2) @ self.layers[-1].weight
        for layer, gain in zip(reversed(self.layers[:-1]), reversed(gains), strict=True):
            back = (back * gain) @ layer.weight
        return (back * self.skew.raw_slope(white)[:, None])[..., self._order(with_shared)]

    def to(self, device: str, dtype: torch.dtype) -> NetworkSurface:
        """The same points on a device, in a precision."""
        layers = tuple(layer.to(device, dtype) for layer in self.layers)
        return replace(self, layers=layers, skew=self.skew.to(device, dtype))

    def _white(self, shared: Tensor, expression: Tensor) -> Tensor:
        """All latents (F, K) in the network's order."""
        rows = shared.expand(len(expression), -1)
        who = self.identity_count
        return torch.cat([rows[:, :who], expression, rows[:, who:]], 1)

    def _order(self, with_shared: bool) -> Tensor:
        """Where expression, and then identity and age, stand among the network's latents."""
        who, E = self.identity_count, self.expression_count
        order = torch.arange(len(self.skew.mean), device=self.skew.mean.device)
        expression = order[who : who + E]
        return torch.cat([expression, order[:who], order[who + E :]]) if with_shared else expression


def _gained(weight: Tensor, gain: Tensor, J: Tensor) -> Tensor:
    """weight @ diag(gain) @ J of every frame: weight (out, in), gain (F, in), J ([F,] in, m)."""
    if J.ndim == 3:
        return weight @ (gain[..., None] * J)
    usual = gain.median(0).values
    moved = torch.nonzero((gain != usual).any(0))[:, 0]
    apart = (gain - usual)[:, moved, None] * J[moved]
    alike = weight @ (usual[:, None] * J)
    return torch.baddbmm(alike, weight[:, moved].expand(len(gain), -1, -1), apart)
