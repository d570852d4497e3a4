"""The mean face: what never moves and is never far off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.generator.baselines.interface import Floats
from pipeline.generator.spans import Span


@dataclass(frozen=True)
class MeanFace:
    """The mean of the training split's valid latents, (64,)."""

    mean: Floats

    def predict(self, span: Span) -> Floats:
        """The same latents (T, 64) in every frame."""
        return np.tile(self.mean, (span.frames, 1))

    @classmethod
    def fit(cls, spans: Sequence[Span]) -> MeanFace:
        """Average them."""
        rows = np.concatenate([span.expression[span.valid] for span in spans])
        return cls(rows.mean(axis=0, dtype=np.float64).astype(np.float32))
