"""Points on a morphable model as functions of its latents, with their derivatives; torch, batched.

    surface = head.surface(corners, share)                 # L points
    surface.at(shared, expression)                         # (F, L, 3) mm
    surface.moves(shared, expression, False).whole(F)      # (F, L, 3, E)

`expression` (F, E) is one a frame; `shared` is identity and age, (S,) of all frames or (F, S).
Only the points asked for are evaluated: of a network's last layer, their rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from pipeline.morph.skew import Skew


@dataclass(frozen=True)
class Moves:
    """What m latents do to L points in F frames: (base + ways @ mix) * scale."""

    base: Tensor
    """(L, 3, m), the same in all frames."""
    scale: Tensor | None = None
    """(F, m)."""
    ways: Tensor | None = None
    """(L, 3, q) in which frames differ."""
    mix: Tensor | None = None
    """(F, q, m)."""

    def whole(self, frames: int) -> Tensor:
        """(F, L, 3, m)."""
        J = self.base.expand(frames, *self.base.shape)
        if self.ways is not None and self.mix is not None:
            J = J + torch.einsum("ldq,fqm->fldm", self.ways, self.mix)
        return J if self.scale is None else J * self.scale[:, None, None]


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
        """Points (F, L, 3) mm of latents (S,) or (F, S), and (F, E)."""

    def moves(self, shared: Tensor, expression: Tensor, with_shared: bool) -> Moves:
        """What latents do to points; expression first, then, `with_shared`, identity and age."""

    def some(self, rows: Tensor) -> Surface:
        """Some of the points."""

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
        both = torch.cat([shared.expand(len(expression), -1), expression], 1)
        points = torch.addmm(self.mean.flatten(), both, _flat(self))
        return points.unflatten(1, self.mean.shape)

    def moves(self, shared: Tensor, expression: Tensor, with_shared: bool) -> Moves:
        """What latents do to points, which is the same everywhere."""
        return Moves(_stacked(self, with_shared))

    def some(self, rows: Tensor) -> LinearSurface:
        """Some of the points."""
        return replace(
            self,
            mean=self.mean[rows],
            shared=self.shared[:, rows],
            expression=self.expression[:, rows],
        )

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
def _flat(surface: LinearSurface) -> Tensor:
    """(S + E, 3 L)."""
    return torch.cat([surface.shared, surface.expression]).flatten(1)


@lru_cache(maxsize=8)
def _stacked(surface: LinearSurface, with_shared: bool) -> Tensor:
    """(L, 3, E [+ S])."""
    both = [surface.expression, surface.shared] if with_shared else [surface.expression]
    return torch.cat(both).permute(1, 2, 0).contiguous()


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

    def moves(self, shared: Tensor, expression: Tensor, with_shared: bool) -> Moves:
        """What latents do to points.

        Column by column of the latents a chain of matrices, between which units are scaled by 1 or
        by the slope. Behind the first layer frames differ in few units.
        """
        white, wanted = self._white(shared, expression), self._order(with_shared)
        scale = self.skew.raw_slope(white)[:, wanted]
        into, *deeper = self.layers
        J, x = into.weight[:, wanted], into(self.skew.raw(white))
        if not deeper:
            return Moves(_solid(J), scale)
        for layer in deeper[:-1]:
            gain = torch.where(x < 0, self.slope, 1.0)
            J = layer.weight @ (gain[..., None] * J)
            x = layer(x * gain)
        out, gain = deeper[-1].weight, torch.where(x < 0, self.slope, 1.0)
        if J.ndim == 3:
            none = _solid(torch.zeros_like(out[:, :1]).expand(-1, len(wanted)))
            return Moves(none, scale, _solid(out), gain[..., None] * J)
        usual = gain.median(0).values
        apart = torch.nonzero((gain != usual).any(0))[:, 0]
        base = _solid(out @ (usual[:, None] * J))
        if not len(apart):
            return Moves(base, scale)
        mix = (gain - usual)[:, apart, None] * J[apart]
        return Moves(base, scale, _solid(out[:, apart]), mix)

    def some(self, rows: Tensor) -> NetworkSurface:
        """Some of the points."""
        *before, last = self.layers
        coordinates = 3 * rows[:, None] + torch.arange(3, device=rows.device)
        return replace(self, layers=(*before, last.rows(coordinates.flatten())))

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


def _solid(rows: Tensor) -> Tensor:
    """(L, 3, ...) of rows (3 L, ...)."""
    return rows.unflatten(0, (-1, 3))
