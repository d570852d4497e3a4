"""Kinds that nobody gave examples of, learned from the clips that the catalogue says hold them.

A clip may not vouch for itself: the events of a source are told by what was learned from other
sources. A kind that the clips of fewer than two sources claim is told by its bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from pipeline.voice.events import NUMBERS
from pipeline.voice.vocalizations import Typist, Vectors, of_examples
from pipeline.voice.vocalizations_params import Vocalization

Claims = Mapping[str, Mapping[str, Vectors]]
"""By kind and source: numbers (n, NUMBERS) of the events of the clips that claim it."""


class Typists:
    """One `Typist` for each source: all know the same examples, none knows its own claims."""

    def __init__(
        self, kinds: Sequence[Vocalization], examples: Mapping[str, Vectors], claims: Claims
    ) -> None:
        self.kinds = tuple(kinds)
        self._examples, self._claims = examples, claims
        self._without = cache(self._learn)

    def of(self, source: str) -> Typist:
        """What tells the kinds in the clips of a source."""
        claimed = any(source in by_source for by_source in self._claims.values())
        return self._without(source if claimed else None)

    def _learn(self, source: str | None) -> Typist:
        examples = dict(self._examples)
        for kind, by_source in self._claims.items():
            others = [rows for name, rows in sorted(by_source.items()) if name != source]
            if len(by_source) > 1 and others:
                examples[kind] = np.concatenate(others)
        return of_examples(self.kinds, examples)


def claims(events: Mapping[str, pd.DataFrame], clips: pd.DataFrame, names: Sequence[str]) -> Claims:
    """What clips claim.

    Args:
        events: measured events by clip.
        clips: clip, source and vocalization of each.
        names: the kinds that there are no examples of.
    """
    found: dict[str, dict[str, list[Vectors]]] = {name: {} for name in names}
    for clip, source, kind in clips[["clip", "source", "vocalization"]].itertuples(index=False):
        if kind in found and clip in events:
            infants = events[clip].loc[events[clip]["who"] == "infant", "numbers"]
            if len(infants):
                rows = np.stack(list(infants)).astype(np.float32).reshape(-1, NUMBERS)
                found[kind].setdefault(source, []).append(rows)
    return {
        kind: {source: np.concatenate(parts) for source, parts in by_source.items()}
        for kind, by_source in found.items()
        if by_source
    }
