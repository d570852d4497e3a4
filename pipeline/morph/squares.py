"""Products of rows that hang on a surface's points with one another, in a few large products.

A landmark's two rows see its point through K (2, 3): they are K B, where B (3, m) is what latents
do to the point, the same in every frame or nearly so. Rows are therefore formed landmark by
landmark for all frames at once, and multiplied frame by frame where they lie. What else rows depend
on (pose, offsets) goes along as further columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.morph.surface import Moves


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
    """(F, k, 2, L + P) of whatever else they depend on."""


def gram(moves: Moves, rows: Rows) -> Tensor:
    """Products (F, m + k, m + k) of the rows with one another: by latents, then by the rest."""
    k = rows.rest.shape[1]
    J = _formed(moves.base, rows, rows.rest)
    if moves.ways is not None and moves.mix is not None:
        arms = _formed(moves.ways, rows, rows.rest[:, :0])
        J = torch.baddbmm(J, arms, torch.nn.functional.pad(moves.mix, (0, k)))
    G = J.mT @ J
    if moves.scale is None:
        return G
    scale = torch.nn.functional.pad(moves.scale, (0, k), value=1.0)
    return G.mul_(scale[:, None]).mul_(scale[..., None])


def _formed(B: Tensor, rows: Rows, rest: Tensor) -> Tensor:
    """Rows (F, 2 (L + P), m + k) of B (L, 3, m), and of the rest (F, k, 2, L + P)."""
    F, k, m = len(rest), rest.shape[1], B.shape[-1]
    L, P = len(B), len(rows.pairs)
    # Landmark by landmark, so that what is the same in all frames is read once.
    J = rest.new_empty(L + P, 2 * F, m + k)
    torch.bmm(_arms([rows.own], rest[..., :L]), _beside(B, k), out=J[:L])
    ends = torch.cat([B.index_select(0, end) for end in rows.pairs.unbind(-1)], 1)
    torch.bmm(_arms([rows.upper, rows.lower], rest[..., L:]), _beside(ends, k), out=J[L:])
    return J.view(2 * (L + P), F, m + k).transpose(0, 1)


def _arms(arms: list[Tensor], rest: Tensor) -> Tensor:
    """(N, 2 F, d + k) of arms (F, 2, 3, N) and the rest (F, k, 2, N)."""
    columns = torch.cat([*arms, rest.transpose(1, 2)], 2)
    return columns.permute(3, 1, 0, 2).flatten(1, 2)


def _beside(B: Tensor, k: int) -> Tensor:
    """B (N, d, m) and a unit matrix, (N, d + k, m + k): the rest passes through."""
    N, d, m = B.shape
    both = B.new_zeros(N, d + k, m + k)
    both[:, :d, :m] = B
    both[:, d:, m:] = torch.eye(k, dtype=B.dtype, device=B.device)
    return both
