"""Who is kept, for the page and for others to read on.

data/audit/bias.csv            every group but sources, which `dvc plots` draws
data/audit/bias_sources.csv    sources, whose names strangers wrote: no page draws them unescaped
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.audit.bias import retention
from pipeline.audit.groups import TRAITS, of_clips
from pipeline.audit.read import Account
from pipeline.dataset.overriding import plain

GROUPS, SOURCES = "bias.csv", "bias_sources.csv"
MOST_ROWS = 12
"""Groups of one trait that the page shows; the files have all."""


@dataclass(frozen=True)
class Comparison:
    """The groups of one trait."""

    trait: str
    title: str
    rows: list[dict[str, Any]]
    """Columns as in `bias.COLUMNS`."""
    unsaid: int
    """Further groups that the page has no room for."""

    @property
    def file(self) -> str:
        """Where all of them are."""
        return SOURCES if self.trait == "source" else GROUPS


@dataclass(frozen=True)
class Balance:
    """Keep rates by group."""

    table: pd.DataFrame
    """Columns as in `bias.COLUMNS`."""

    @property
    def differing(self) -> list[dict[str, Any]]:
        """The groups that are kept more or less often than the rest, beyond chance."""
        return self.table[self.table["differs"]].to_dict("records")  # type: ignore[return-value]

    @property
    def comparisons(self) -> list[Comparison]:
        """What the page shows by trait: of many groups those that differ, then the largest."""
        shown = []
        for trait, title in TRAITS.items():
            rows = self.table[self.table["trait"] == trait]
            first = rows.sort_values(["differs", "clips"], ascending=False, kind="stable")
            chosen = rows.loc[sorted(first.index[:MOST_ROWS])]
            records: list[dict[str, Any]] = chosen.to_dict("records")  # type: ignore[assignment]
            if records:
                shown.append(Comparison(trait, title, records, len(rows) - len(records)))
        return shown

    def write(self, folder: Path) -> None:
        """Write both files; a name that a spreadsheet would take for a formula is quoted."""
        sources = self.table["trait"] == "source"
        for name, rows in ((GROUPS, self.table[~sources]), (SOURCES, self.table[sources])):
            groups = [plain(group) for group in rows["group"]]
            labels = [
                f"{trait}: {group}" for trait, group in zip(rows["trait"], groups, strict=True)
            ]
            told = rows.assign(group=groups)
            told.insert(0, "label", labels)
            told.to_csv(folder / name, index=False, float_format="%.6g", lineterminator="\n")


def balance(account: Account) -> Balance:
    """Compare the groups of a run's clips."""
    return Balance(retention(of_clips(account), list(TRAITS)))
