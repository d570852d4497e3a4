"""Block-tridiagonal systems by cyclic reduction: all frames of a window at once, in log2(F) rounds.

    solution, variance = solve_chain(D, U, right)

    | D0  U0         |        every other block is eliminated, which leaves a chain of half the
    | U0' D1  U1     |        length; batched, so that no frame waits for the one before
    |     U1' D2  .. |

Buzbee, Golub and Nielson 1970. The diagonal of the inverse, which is the posterior variance
of every unknown, comes back with the solution.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Solved(NamedTuple):
    """What a chain comes to."""

    x: Tensor
    """(F, n, k)."""
    variance: Tensor
    """(F, n) the diagonal of the inverse."""


class _Half(NamedTuple):
    """What a chain of half the length comes to."""

    x: Tensor
    """(F, n, k)."""
    covariance: Tensor
    """(F, n, n) diagonal blocks of the inverse."""
    beside: Tensor
    """(F - 1, n, n) blocks of the inverse between a frame and the next."""


def solve_chain(D: Tensor, U: Tensor, right: Tensor) -> Solved:
    """Solve a positive definite chain: D (F, n, n), U (F - 1, n, n) above it, right (F, n, k)."""
    if len(D) == 1:
        inverse = _inverse(D)
        return Solved(inverse @ right, torch.diagonal(inverse, dim1=1, dim2=2))
    odd = _Odd(D, U, right)
    half = _solve(*odd.eliminated(D, right))
    even = torch.diagonal(half.covariance, dim1=1, dim2=2)
    return Solved(odd.x(half), _woven(even, odd.variances(half)))


def _solve(D: Tensor, U: Tensor, right: Tensor) -> _Half:
    if len(D) == 1:
        inverse = _inverse(D)
        return _Half(inverse @ right, inverse, U)
    odd = _Odd(D, U, right)
    half = _solve(*odd.eliminated(D, right))
    covariance, left, after = odd.covariances(half)
    beside = _woven(-left, -after[: len(U) - len(left)])
    return _Half(odd.x(half), _woven(half.covariance, covariance), beside)


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

    def x(self, half: _Half) -> Tensor:
        """Solutions (F, n, k) of all blocks, from those of the even ones."""
        x = self._padded(half.x, 1)
        own = self.alone - self.from_left @ x[: self.count] - self.from_right @ x[1:]
        return _woven(half.x, own)

    def beside(self, half: _Half) -> tuple[Tensor, Tensor]:
        """Blocks of the inverse, negative, from the left and to the right of odd blocks."""
        S, B = self._padded(half.covariance, 1), self._padded(half.beside, 0)
        L, R = self.from_left, self.from_right
        return S[: self.count] @ L.mT + B @ R.mT, L @ B + R @ S[1:]

    def covariances(self, half: _Half) -> tuple[Tensor, Tensor, Tensor]:
        """Blocks (., n, n) of the inverse of odd blocks, and what lies beside them."""
        left, after = self.beside(half)
        own = self.inverse + self.from_left @ left + self.from_right @ after.mT
        return own, left, after

    def variances(self, half: _Half) -> Tensor:
        """Diagonals (., n) of those blocks alone, at a fraction of the cost."""
        left, after = self.beside(half)
        alone = torch.diagonal(self.inverse, dim1=1, dim2=2)
        return alone + (self.from_left * left.mT).sum(-1) + (self.from_right * after).sum(-1)

    def _padded(self, even: Tensor, more: int) -> Tensor:
        """With zeros for what is beyond the end of the chain."""
        missing = self.count + more - len(even)
        return torch.cat([even, even.new_zeros(missing, *even.shape[1:])])


def _woven(even: Tensor, odd: Tensor) -> Tensor:
    """Rows 0, 2, 4, ... and 1, 3, 5, ... as one."""
    whole = even.new_empty(len(even) + len(odd), *even.shape[1:])
    whole[0::2], whole[1::2] = even, odd
    return whole


def _inverse(D: Tensor) -> Tensor:
    factor, bad = torch.linalg.cholesky_ex(D)
    # A block that rounding made indefinite says nothing of its frame.
    factor = torch.where((bad > 0)[:, None, None], torch.eye(D.shape[1]).to(D) * 1e6, factor)
    return torch.cholesky_inverse(factor)
