"""Block-tridiagonal systems by cyclic reduction: all frames of a window at once, in log2(F) rounds.

    solution, covariance = solve_chain(D, U, right)

    | D0  U0         |        every other block is eliminated, which leaves a chain of half the
    | U0' D1  U1     |        length; batched, so that no frame waits for the one before
    |     U1' D2  .. |

Buzbee, Golub and Nielson 1970. The diagonal blocks of the inverse, which are the posterior
covariances of the frames, come back with the solution.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Solved(NamedTuple):
    """What a chain comes to."""

    x: Tensor
    """(F, n, k)."""
    covariance: Tensor
    """(F, n, n) diagonal blocks of the inverse."""
    beside: Tensor
    """(F - 1, n, n) blocks of the inverse between a frame and the next."""


def solve_chain(D: Tensor, U: Tensor, right: Tensor) -> Solved:
    """Solve a positive definite chain: D (F, n, n), U (F - 1, n, n) above it, right (F, n, k)."""
    F = len(D)
    if F == 1:
        inverse = _inverse(D)
        return Solved(inverse @ right, inverse, U)
    odd = _Odd(D, U, right)
    rest = solve_chain(*odd.eliminated(D, right))
    return odd.filled_in(rest, F)


class _Odd:
    """Blocks 1, 3, 5, ..., solved for in terms of their neighbours to the left and right."""

    def __init__(self, D: Tensor, U: Tensor, right: Tensor) -> None:
        own = D[1::2]
        self.count = len(own)
        self.left = U[0::2].mT
        # The last odd block may have nobody to its right.
        after = U[1::2]
        self.right = torch.cat([after, torch.zeros_like(own[len(after) :])])
        self.inverse = _inverse(own)
        self.from_left = self.inverse @ self.left
        self.from_right = self.inverse @ self.right
        self.alone = self.inverse @ right[1::2]

    def eliminated(self, D: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The chain of even blocks that is left."""
        even, b = D[0::2].clone(), right[0::2].clone()
        E, odds = len(even), self.count
        even[:odds] -= self.left.mT @ self.from_left
        b[:odds] -= self.left.mT @ self.alone
        even[1:] -= (self.right.mT @ self.from_right)[: E - 1]
        b[1:] -= (self.right.mT @ self.alone)[: E - 1]
        return even, -(self.left.mT @ self.from_right)[: E - 1], b

    def filled_in(self, rest: Solved, frames: int) -> Solved:
        """All blocks, from the even ones."""
        odds = self.count
        pad = (*rest.covariance.shape[1:],)
        missing = odds + 1 - len(rest.x)
        x = torch.cat([rest.x, rest.x.new_zeros(missing, *rest.x.shape[1:])])
        S = torch.cat([rest.covariance, rest.covariance.new_zeros(missing, *pad)])
        B = torch.cat([rest.beside, rest.beside.new_zeros(odds - len(rest.beside), *pad)])
        L, R = self.from_left, self.from_right
        cross = L @ B @ R.mT
        to_left = S[:odds] @ L.mT + B @ R.mT
        to_right = L @ B + R @ S[1:]
        own = self.inverse + L @ S[:odds] @ L.mT + R @ S[1:] @ R.mT + cross + cross.mT
        solved = Solved(
            rest.x.new_empty(frames, *rest.x.shape[1:]),
            S.new_empty(frames, *pad),
            S.new_empty(frames - 1, *pad),
        )
        solved.x[0::2], solved.x[1::2] = rest.x, self.alone - L @ x[:odds] - R @ x[1:]
        solved.covariance[0::2], solved.covariance[1::2] = rest.covariance, own
        solved.beside[0::2] = -to_left
        solved.beside[1::2] = -to_right[: len(solved.beside[1::2])]
        return solved


def _inverse(D: Tensor) -> Tensor:
    factor, bad = torch.linalg.cholesky_ex(D)
    # A block that rounding made indefinite says nothing of its frame.
    factor = torch.where((bad > 0)[:, None, None], torch.eye(D.shape[1]).to(D) * 1e6, factor)
    return torch.cholesky_inverse(factor)
