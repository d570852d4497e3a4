"""Kinds that nobody gave examples of, learned from the clips that the catalogue says hold them.

A clip may not vouch for itself: the events of a source are told by what was learned from other
sources, in folds. A kind that the clips of fewer than two sources claim is told by its bounds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from pipeline.voice.events import NUMBERS
from pipeline.voice.vocalizations import Typist, Vectors, of_examples
from pipeline.voice.vocalizations_params import Vocalization

Claims = Mapping[str, Mapping[str, Vectors]]
"""By kind and source: numbers (n, NUMBERS) of the events of the clips that claim it."""


FOLDS = 8
"""How many times kinds are learned anew at most, however many sources claim them."""
NO_FOLD = -1
"""Of sources that claim nothing: all claims may tell of them."""


class Typists:
    """A `Typist` for each fold of sources: all know the same examples, none its own claims."""

    def __init__(
        self, kinds: Sequence[Vocalization], examples: Mapping[str, Vectors], claims: Claims
    ) -> None:
        self.kinds = tuple(kinds)
        self._examples, self._claims = examples, claims
        claiming = sorted({source for by_source in claims.values() for source in by_source})
        self._folds = {
            # Few are each a fold of their own; of many, one more leaves the others where they are.
            source: place if len(claiming) <= FOLDS else _digit(source)
            for place, source in enumerate(claiming)
        }
        # Folds that may believe the same claims are told by the same.
        self._of_claims = cache(self._learn_from)
        self.of_fold = cache(self._learn)
        """What tells the kinds in the clips of a fold of sources."""

    def of(self, source: str) -> Typist:
        """What tells the kinds in the clips of a source."""
        return self.of_fold(self.fold(source))

    def fold(self, source: str) -> int:
        """The fold of a source."""
        return self._folds.get(source, NO_FOLD)

    def _learn(self, fold: int) -> Typist:
        others = (
            (kind, tuple(name for name in sorted(by_source) if self._folds[name] != fold))
            for kind, by_source in self._claims.items()
            if len(by_source) > 1
        )
        return self._of_claims(tuple((kind, sources) for kind, sources in others if sources))

    def _learn_from(self, claimed: tuple[tuple[str, tuple[str, ...]], ...]) -> Typist:
        """Learn from the examples, and of some kinds from what some sources claim."""
        examples = dict(self._examples)
        for kind, sources in claimed:
            examples[kind] = np.concatenate([self._claims[kind][name] for name in sources])
        return of_examples(self.kinds, examples)


def claims(events: Iterable[pd.DataFrame], clips: pd.DataFrame, names: Sequence[str]) -> Claims:
    """What clips claim.

    Args:
        events: measured events, clip, who and numbers, each clip's in one of these; not asked for
            where no clip claims anything.
        clips: clip, source and vocalization of each.
        names: the kinds that there are no examples of.
    """
    claiming = clips.loc[clips["vocalization"].isin(names), ["clip", "source", "vocalization"]]
    found: dict[str, dict[str, Vectors]] = {}
    if claiming.empty:
        return found
    both = pd.concat([_infants(rows).merge(claiming, on="clip") for rows in events])
    both = both.sort_values("clip", kind="stable")
    for (kind, source), mine in both.groupby(["vocalization", "source"], sort=True):
        rows = np.stack(list(mine["numbers"])).astype(np.float32).reshape(-1, NUMBERS)
        found.setdefault(str(kind), {})[str(source)] = rows
    return found


def _infants(events: pd.DataFrame) -> pd.DataFrame:
    return events.loc[events["who"] == "infant", ["clip", "numbers"]]


def _digit(source: str) -> int:
    return hashlib.sha256(source.encode()).digest()[0] % FOLDS
