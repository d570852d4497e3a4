"""CodeTalker's first stage: motion in a discrete code (van den Oord et al. 2017).

An encoder turns motion into a few vectors a frame, each is replaced by the nearest entry of a
codebook, and a decoder turns those back. What is not in the codebook cannot be said: stiff averages
of several motions are not. Norms are over a frame's own numbers, where the paper's are over time:
there another length changes every frame.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.generator.baselines.learned import HEADS, LATENTS

COMMITMENT = 0.25


class Coded(NamedTuple):
    """Motion in code."""

    features: Tensor
    """(B, T, parts * size): codebook entries; the gradient passes them by."""
    loss: Tensor
    """Of the entries' distance from what was to be said."""


class Codebook(nn.Module):
    """`entries` vectors of `size` numbers."""

    def __init__(self, entries: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.entries = nn.Parameter(torch.randn(entries, size) / math.sqrt(size))

    def forward(self, features: Tensor) -> Coded:
        """Replace every `size` numbers of (B, T, parts * size) by the nearest entry."""
        parts = features.unflatten(-1, (-1, self.size))
        found = self.entries[self.nearest(parts)]
        loss = F.mse_loss(found, parts.detach()) + COMMITMENT * F.mse_loss(parts, found.detach())
        return Coded((parts + (found - parts).detach()).flatten(-2), loss)

    def nearest(self, parts: Tensor) -> Tensor:
        """Index of the entry nearest to each (..., size)."""
        flat = parts.detach().reshape(-1, self.size)
        return torch.cdist(flat, self.entries.detach()).argmin(1).reshape(parts.shape[:-1])


class Coder(nn.Module):
    """A convolution over time, then a transformer layer that sees all of it."""

    def __init__(self, given: int, width: int, out: int) -> None:
        super().__init__()
        self.given = nn.Linear(given, width)
        self.near = nn.Conv1d(width, width, 5, padding=2, padding_mode="replicate")
        self.norm = nn.LayerNorm(width)
        self.far = nn.TransformerEncoderLayer(
            width, HEADS, 2 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.out = nn.Linear(width, out)

    def forward(self, x: Tensor) -> Tensor:
        """Code (B, T, given) as (B, T, out)."""
        x = F.leaky_relu(self.given(x), 0.2)
        x = self.norm(x + F.leaky_relu(self.near(x.transpose(1, 2)).transpose(1, 2), 0.2))
        coded: Tensor = self.out(self.far(x))
        return coded


class MotionPrior(nn.Module):
    """A VQ autoencoder of whitened latents: `parts` entries of `size` numbers a frame."""

    def __init__(self, width: int, entries: int = 256, parts: int = 8, size: int = 16) -> None:
        super().__init__()
        self.encoder = Coder(LATENTS, width, parts * size)
        self.codebook = Codebook(entries, size)
        self.decoder = Coder(parts * size, width, LATENTS)

    @property
    def features(self) -> int:
        """Numbers of a frame's code."""
        return int(self.decoder.given.in_features)

    def forward(self, motion: Tensor) -> tuple[Tensor, Coded]:
        """Put motion (B, T, 64) into code and back."""
        coded = self.codebook(self.encoder(motion))
        return self.decoder(coded.features), coded
