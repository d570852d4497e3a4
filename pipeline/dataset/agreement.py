"""How far two reviewers agree beyond chance, as Cohen's kappa over the clips that both judged.

J. Cohen, A coefficient of agreement for nominal scales, 1960.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from pipeline.dataset.overrides import Override


@dataclass(frozen=True)
class Agreement:
    """Two reviewers side by side."""

    one: str
    other: str
    clips: int
    """That both judged."""
    agreed: int
    kappa: float | None
    """1 full agreement, 0 what chance gives; None where chance alone gives full agreement."""


def agreements(said: Iterable[Override]) -> list[Agreement]:
    """Every pair of reviewers who judged a clip both; the last word of each counts."""
    by: dict[str, dict[tuple[str, int | None, int | None], str]] = {}
    for word in said:
        place = (word.clip, word.start_frame, word.end_frame)
        by.setdefault(word.reviewer, {})[place] = word.verdict
    return [
        _between(one, other, by[one], by[other])
        for one, other in combinations(sorted(by), 2)
        if by[one].keys() & by[other].keys()
    ]


def _between(one: str, other: str, first: dict, second: dict) -> Agreement:
    both = first.keys() & second.keys()
    agreed = sum(first[place] == second[place] for place in both)
    kept = [sum(said[place] == "keep" for place in both) / len(both) for said in (first, second)]
    chance = kept[0] * kept[1] + (1 - kept[0]) * (1 - kept[1])
    kappa = None if chance == 1 else (agreed / len(both) - chance) / (1 - chance)
    return Agreement(one, other, len(both), agreed, kappa)
