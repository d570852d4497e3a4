"""The sound's energy through a ridge: what loudness alone tells of a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.generator.baselines.interface import Floats
from pipeline.generator.features import ENERGY_COLUMN
from pipeline.generator.spans import Span

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class EnergyRidge:
    """Linear in the energy of the frames around, from -reach to +reach."""

    reach: int
    middle: float
    spread: float
    weights: Doubles
    """(2 reach + 2, 64), the last row constant."""

    def predict(self, span: Span) -> Floats:
        """Latents (T, 64) from a span's sound."""
        return (self._inputs(span) @ self.weights).astype(np.float32)

    def _inputs(self, span: Span) -> Doubles:
        return lagged(span, self.reach, self.middle, self.spread)

    @classmethod
    def fit(cls, spans: Sequence[Span], reach: int, penalty: float) -> EnergyRidge:
        """Fit to the valid frames; the constant is not penalised."""
        energy = np.concatenate([span.audio[:, ENERGY_COLUMN] for span in spans])
        middle, spread = float(energy.mean()), float(max(energy.std(), 1e-6))
        rows = [lagged(span, reach, middle, spread)[span.valid] for span in spans]
        inputs = np.concatenate(rows)
        targets = np.concatenate([span.expression[span.valid] for span in spans])
        price = penalty * np.eye(inputs.shape[1])
        price[-1, -1] = 1e-9
        weights = np.linalg.solve(inputs.T @ inputs + price, inputs.T @ targets)
        return cls(reach, middle, spread, weights)


def lagged(span: Span, reach: int, middle: float, spread: float) -> Doubles:
    """Put the energies around each frame and a constant side by side, (T, 2 reach + 2)."""
    energy = (span.audio[:, ENERGY_COLUMN].astype(np.float64) - middle) / spread
    padded = np.pad(energy, reach, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.column_stack([around, np.ones(len(energy))])
