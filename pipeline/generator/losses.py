"""Every term of the published loss, one more, and three of a first guess; valid frames only.

Distances are mm. A term is a mean over what it counts, so that its weight means the same for short
and long windows; with nothing to count it is 0. What is masked may hold any finite number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.generator.params import Weights

DecodeLips = Callable[[Tensor], Tensor]
"""Expression latents (B, T, 64) to lip vertices (B, T, L, 3) in mm, each window on its own face."""


OF_GUESS = ("guess", "guess_lips", "guess_gap")

_FAR = 1e8
_BLUNT_MM = 1.0
"""Errors below this count by their square, as the noise of a fit should; above, as they are."""


@dataclass(frozen=True)
class Mouth:
    """Which of the lip vertices speak for the aperture, and when it counts as closed."""

    upper: int
    lower: int
    closed_mm: float
    softness_mm: float


def gap(lips: Tensor, mouth: Mouth) -> Tensor:
    """Way from the lower inner lip's middle to the upper's, (..., L, 3) -> (..., 3), mm."""
    return lips[..., mouth.upper, :] - lips[..., mouth.lower, :]


def aperture(lips: Tensor, mouth: Mouth) -> Tensor:
    """Length of that way, (..., L, 3) -> (...), mm."""
    return torch.sqrt((gap(lips, mouth) ** 2).sum(-1) + 1e-8)


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of (B, T) over the frames where (B, T) is true; 0 where there are none."""
    counted = torch.where(valid, values, torch.zeros_like(values))
    return counted.sum() / valid.sum().clamp(min=1)


def squared(predicted: Tensor, true: Tensor, valid: Tensor) -> Tensor:
    """Squared error of (B, T, D), mean over dimensions and valid frames."""
    return masked_mean(((predicted - true) ** 2).mean(-1), valid)


def vertices(predicted: Tensor, true: Tensor, valid: Tensor) -> Tensor:
    """Squared distance of (B, T, L, 3), mean over vertices and valid frames, mm2."""
    return masked_mean(((predicted - true) ** 2).sum(-1).mean(-1), valid)


def blunt(predicted: Tensor, true: Tensor, valid: Tensor) -> Tensor:
    """Charbonnier distance of (B, T, 3), mean over valid frames, mm (Charbonnier et al. 1994).

    It is least near the median of what may be, where rare exceptions do not move it. For ways from
    lip to lip rather than for their lengths, which noise makes longer.
    """
    apart = ((predicted - true) ** 2).sum(-1)
    return masked_mean(torch.sqrt(apart + _BLUNT_MM**2) - _BLUNT_MM, valid)


def change(x: Tensor) -> Tensor:
    """Difference to the frame before, (B, T, ...) -> (B, T - 1, ...)."""
    return x[:, 1:] - x[:, :-1]


def steps(valid: Tensor) -> Tensor:
    """Pairs of neighbours that are both valid, (B, T) -> (B, T - 1)."""
    return valid[:, 1:] & valid[:, :-1]


def mouth_closed(predicted: Tensor, true: Tensor, valid: Tensor, mouth: Mouth) -> Tensor:
    """Cross-entropy of "the mouth is closed", from apertures (B, T) in mm."""
    closed = (true < mouth.closed_mm).to(predicted.dtype)
    logit = (mouth.closed_mm - predicted) / mouth.softness_mm
    return masked_mean(F.binary_cross_entropy_with_logits(logit, closed, reduction="none"), valid)


class _Warp(torch.autograd.Function):
    """Soft-DTW over costs laid out by anti-diagonals: cell (i, j) is [i + j, i].

    A cell needs the two diagonals before it alone, so each is filled at once. The gradient of the
    result by a cell's cost is the cell's share of all paths (Mensch & Blondel 2018), which is
    handed backwards along the same weights by which the minimum was softened.
    """

    @staticmethod
    def forward(ctx: Any, cost: Tensor, lengths: Tensor, gamma: float) -> Tensor:
        batch, diagonals, size = cost.shape
        total = cost.new_full((batch, diagonals + 2, size + 1), _FAR)
        total[:, 0, 0] = 0.0
        weights = cost.new_empty((3, batch, diagonals, size))
        for d in range(diagonals):
            before, last = total[:, d], total[:, d + 1]
            options = torch.stack([before[:, :-1], last[:, :-1], last[:, 1:]])
            least = options.amin(0)
            shares = torch.exp((least - options) / gamma)
            summed = shares.sum(0)
            weights[:, :, d] = shares / summed
            total[:, d + 2, 1:] = cost[:, d] + least - gamma * torch.log(summed)
        ctx.save_for_backward(weights, lengths)
        item = torch.arange(batch, device=cost.device)
        return torch.where(lengths > 0, total[item, 2 * lengths, lengths], 0.0)

    @staticmethod
    def backward(ctx: Any, *up: Tensor) -> tuple[Tensor, None, None]:
        weights, lengths = ctx.saved_tensors
        _, batch, diagonals, size = weights.shape
        share = weights.new_zeros((batch, diagonals + 2, size + 1))
        item = torch.arange(batch, device=weights.device)
        share[item, 2 * lengths, lengths] = torch.where(lengths > 0, up[0], 0.0)
        for d in reversed(range(diagonals)):
            diagonal, left, above = share[:, d + 2, 1:] * weights[:, :, d]
            share[:, d, :-1] += diagonal
            share[:, d + 1, :-1] += left
            share[:, d + 1, 1:] += above
        return share[:, 2:, 1:], None, None


def soft_dtw(x: Tensor, y: Tensor, lengths: Tensor, gamma: float) -> Tensor:
    """Soft dynamic time warping of scalar series under squared cost (Cuturi & Blondel 2017).

    Args:
        x, y: (B, T); the first `lengths` entries count.
        lengths: (B,) long, of both; 0 gives 0.
        gamma: softness, in the squared unit of x.

    Returns:
        (B,) the soft minimum over paths of the sum of costs.
    """
    size = x.shape[1]
    row = torch.arange(size, device=x.device)
    column = torch.arange(2 * size - 1, device=x.device)[:, None] - row
    inside = (column >= 0) & (column < size)
    cost = (x[:, None] - y[:, column.clamp(0, size - 1)]) ** 2
    return _Warp.apply(torch.where(inside, cost, _FAR), lengths, gamma)


def dtw_divergence(x: Tensor, y: Tensor, valid: Tensor, gamma: float) -> Tensor:
    """Soft-DTW divergence of (B, T) over valid frames, a frame's share, mean over the batch.

    D(x, y) - D(x, x) / 2 - D(y, y) / 2 is never negative and 0 for equal series (Blondel et al.
    2021), which plain soft-DTW is not. Frames that are not valid are taken out, not bridged.
    """
    order = torch.argsort((~valid).long(), dim=1, stable=True)
    lengths = valid.sum(1)
    x, y = x.gather(1, order), y.gather(1, order)
    left, right = torch.cat([x, x, y]), torch.cat([y, x, y])
    cross, own_x, own_y = soft_dtw(left, right, lengths.repeat(3), gamma).chunk(3)
    share = (cross - 0.5 * (own_x + own_y)) / lengths.clamp(min=1)
    return share.sum() / (lengths > 0).sum().clamp(min=1)


def terms(
    predicted: Tensor,
    guessed: Tensor,
    true: Tensor,
    valid: Tensor,
    unwhiten: Callable[[Tensor], Tensor],
    decode_lips: DecodeLips,
    mouth: Mouth,
    gamma: float,
) -> dict[str, Tensor]:
    """Take every term.

    Args:
        predicted, guessed, true: (B, T, 64) whitened latents; what was guessed by the sound alone
            is judged apart.
        valid: (B, T) bool.
        unwhiten: back to the morphable model's own latents.
        decode_lips: those to lip vertices.
        mouth: the aperture and when it is closed.
        gamma: softness of the time warping, mm2.

    Returns:
        Scalars by the names of `Weights`.
    """
    lips, true_lips = decode_lips(unwhiten(predicted)), decode_lips(unwhiten(true))
    open_mm, true_open_mm = aperture(lips, mouth), aperture(true_lips, mouth)
    pairs = steps(valid)
    return {
        "latent": squared(predicted, true, valid),
        "latent_velocity": squared(change(predicted), change(true), pairs),
        "lips": vertices(lips, true_lips, valid),
        "lips_velocity": vertices(change(lips), change(true_lips), pairs),
        "aperture_dtw": dtw_divergence(open_mm, true_open_mm, valid, gamma),
        "mouth_closed": mouth_closed(open_mm, true_open_mm, valid, mouth),
        "gap": blunt(gap(lips, mouth), gap(true_lips, mouth), valid),
        **of_guess(guessed, true, valid, unwhiten, decode_lips, mouth),
    }


def of_guess(
    guessed: Tensor,
    true: Tensor,
    valid: Tensor,
    unwhiten: Callable[[Tensor], Tensor],
    decode_lips: DecodeLips,
    mouth: Mouth,
) -> dict[str, Tensor]:
    """Take the terms of the guess alone; everything as in `terms`."""
    lips, true_lips = decode_lips(unwhiten(guessed)), decode_lips(unwhiten(true))
    return {
        "guess": squared(guessed, true, valid),
        "guess_lips": vertices(lips, true_lips, valid),
        "guess_gap": blunt(gap(lips, mouth), gap(true_lips, mouth), valid),
    }


def weighted(parts: dict[str, Tensor], weights: Weights) -> Tensor:
    """Sum the terms by their weights."""
    return torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()
