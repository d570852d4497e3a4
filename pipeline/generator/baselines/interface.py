"""What everything that is compared with the generator looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.generator.spans import Span

Floats = NDArray[np.float32]


class Baseline(Protocol):
    """Something that was fitted to the training split, and makes latents of a span's sound."""

    def predict(self, span: Span) -> Floats:
        """Latents (T, 64); of the span it reads sound, vocalization, identity and age alone."""


@runtime_checkable
class Adaptable(Baseline, Protocol):
    """One that can be made an infant's own."""

    def adapted(self, seen: Sequence[Span]) -> Baseline:
        """The same, adapted to other spans of the infant, whose faces it may look at."""
