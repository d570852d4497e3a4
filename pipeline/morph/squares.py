"""Normal equations of rows that hang on a surface's points, without forming the rows.

A landmark's two rows see its point through K (2, 3): they are K B, where B (3, m) is what latents
do to the point. Their square is a sum over points of B' (K' K) B, linear in the six numbers of
K' K. For a linear model the products of B with itself never change, so that the squares of all
frames are one product of two large matrices, several times faster than one of each frame's rows.

Arrays keep the points last, since everything but that product goes along them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pipeline.morph.surface import LinearSurface, Surface

_UPPER = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True)
class Rows:
    """Rows of F frames, weighted: two of each of L points, and two of each of P pairs of them."""

    own: Tensor
    """(F, 2, 3, L) by moves of the point in head axes."""
    upper: Tensor
    """(F, 2, 3, P) by moves of a pair's first point."""
    lower: Tensor
    """(F, 2, 3, P) by moves of its second."""
    pairs: Tensor
    """(P, 2) points."""
    rest: Tensor
    """(F, k, 2, L + P) of whatever else they depend on, and anything that is to be pulled back."""


def gram(
    surface: Surface, rows: Rows, shared: Tensor, expression: Tensor, with_shared: bool
) -> Tensor:
    """Products (F, m, m) of the rows by latents: expression, then, `with_shared`, identity, age."""
    if isinstance(surface, LinearSurface):
        return _linear(surface, rows, with_shared)
    J = _formed(surface, rows, shared, expression, with_shared)
    return J.mT @ J


def pulled(
    surface: Surface, rows: Rows, shared: Tensor, expression: Tensor, with_shared: bool
) -> Tensor:
    """Products (F, m, k) of the rows by latents with the rest."""
    L = rows.own.shape[-1]
    on_points = _back(rows.own, rows.rest[..., :L])
    for end, arm in zip(rows.pairs.unbind(-1), (rows.upper, rows.lower), strict=True):
        on_points.index_add_(-1, end, _back(arm, rows.rest[..., L:]))
    return surface.pull(on_points, shared, expression, with_shared).mT


def _back(arms: Tensor, rest: Tensor) -> Tensor:
    """K' x (F, k, 3, N) of arms (F, 2, 3, N) and columns (F, k, 2, N)."""
    u, v = arms.unbind(1)
    return torch.addcmul(u[:, None] * rest[:, :, :1], v[:, None], rest[:, :, 1:])


def _formed(
    surface: Surface, rows: Rows, shared: Tensor, expression: Tensor, with_shared: bool
) -> Tensor:
    """The rows themselves, (F, 2 (L + P), m)."""
    J = surface.derivative(shared, expression, with_shared)
    upper, lower = (J.index_select(1, end) for end in rows.pairs.unbind(-1))
    pairs = _seen(rows.upper, upper) + _seen(rows.lower, lower)
    return torch.cat([_seen(rows.own, J), pairs], 2).flatten(1, 2)


def _seen(arms: Tensor, J: Tensor) -> Tensor:
    """Rows (F, 2, N, m) of arms (F, 2, 3, N) times J (F, N, 3, m)."""
    # Axis by axis, since a product of so many so small matrices takes several times as long.
    a, x = arms[..., None].unbind(2), J[:, None].unbind(3)
    return (a[0] * x[0]).addcmul_(a[1], x[1]).addcmul_(a[2], x[2])


def _linear(surface: LinearSurface, rows: Rows, with_shared: bool) -> Tensor:
    products = _products(surface, with_shared)
    u, v = rows.own.unbind(1)
    squares = [u[:, a] * u[:, b] + v[:, a] * v[:, b] for a, b in _UPPER]
    # Selected, not indexed, which takes ten times as long.
    H = (torch.cat(squares, 1) @ products.of_points).index_select(1, products.unpacked)
    J = _pair_rows(surface.moves(with_shared), rows)
    m = J.shape[-1]
    return torch.baddbmm(H.unflatten(1, (m, m)), J.mT, J)


def _pair_rows(moves: Tensor, rows: Rows) -> Tensor:
    """(F, 2 P, m) of moves (3, L, m)."""
    F, P, m = len(rows.upper), rows.upper.shape[-1], moves.shape[-1]
    arms = torch.stack([rows.upper, rows.lower])  # (2, F, 2, 3, P)
    ends = moves[:, rows.pairs.T]  # (3, 2, P, m)
    left = arms.permute(4, 1, 2, 0, 3).reshape(P, F * 2, 6)
    right = ends.permute(2, 1, 0, 3).reshape(P, 6, m)
    return (left @ right).reshape(P, F, 2, m).permute(1, 2, 0, 3).flatten(1, 2)


@dataclass(frozen=True)
class _Products:
    of_points: Tensor
    """(6 L, m (m + 1) / 2): products of a point's moves, symmetric ones once."""
    unpacked: Tensor
    """(m m,) where each entry of a symmetric matrix lies among them."""


# A surface is known by itself, not by its content, which would be compared number by number.
@lru_cache(maxsize=4)
def _products(surface: LinearSurface, with_shared: bool) -> _Products:
    B = surface.moves(with_shared)
    m = B.shape[-1]
    row, column = torch.triu_indices(m, m, device=B.device)
    pieces = []
    for a, b in _UPPER:
        one = B[a][:, row] * B[b][:, column]
        pieces.append(one if a == b else one + B[b][:, row] * B[a][:, column])
    unpacked = torch.empty(m, m, dtype=torch.int64, device=B.device)
    unpacked[row, column] = torch.arange(len(row), device=B.device)
    unpacked[column, row] = unpacked[row, column]
    return _Products(torch.cat(pieces), unpacked.flatten())
