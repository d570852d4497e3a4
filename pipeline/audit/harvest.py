"""What was kept in the end, by vocalization and by source, and what became of the rest.

data/audit/funnel.csv           clips by where they left and why, which `dvc plots` draws
data/audit/yield.csv            minutes, spans and clips by vocalization, which it draws as well
data/audit/yield_sources.csv    the same by source, whose names strangers wrote
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.audit.read import JUDGES, Account
from pipeline.audit.why import FPS
from pipeline.dataset import shards
from pipeline.dataset.overriding import plain

FUNNEL, KINDS, SOURCES = "funnel.csv", "yield.csv", "yield_sources.csv"
MOST_ROWS = 12
"""Sources that the page shows; the file has all."""


@dataclass(frozen=True)
class Crop:
    """What one group gave."""

    group: str
    clips: int
    spans: int
    minutes: float
    share: float
    """Of all minutes."""


@dataclass(frozen=True)
class Harvest:
    """What was packed."""

    kinds: list[Crop]
    sources: list[Crop]
    """The largest first."""
    funnel: pd.DataFrame
    """Columns label, stage, reason, clips."""

    @property
    def shown(self) -> list[tuple[str, list[Crop], int]]:
        """Titles, rows, and how many more rows there are than the page has room for."""
        parts = (("Vocalization", self.kinds), ("Source", self.sources))
        return [
            (title, rows[:MOST_ROWS], max(0, len(rows) - MOST_ROWS))
            for title, rows in parts
            if rows
        ]

    def write(self, folder: Path) -> None:
        """Write the three files; a name that a spreadsheet would take for a formula is quoted."""
        _write(folder / FUNNEL, self.funnel)
        for name, rows in ((KINDS, self.kinds), (SOURCES, self.sources)):
            columns = ["group", "clips", "spans", "minutes", "share"]
            table = pd.DataFrame([vars(row) for row in rows], columns=columns)
            _write(folder / name, table.assign(group=[plain(row.group) for row in rows]))


def harvest(account: Account) -> Harvest:
    """Count what a run packed."""
    folder = account.data / "pack"
    index = shards.index(folder) if shards.paths(folder) else None
    return Harvest(_crops(index, "vocalization"), _crops(index, "source"), _funnel(account))


def _crops(index: pd.DataFrame | None, column: str) -> list[Crop]:
    if index is None:
        return []
    minutes = (index["frames"] / FPS / 60).groupby(index[column])
    table = pd.DataFrame(
        {
            "clips": index.groupby(column)["clip"].nunique(),
            "spans": minutes.size(),
            "minutes": minutes.sum(),
        }
    ).sort_values("minutes", ascending=False, kind="stable")
    whole = max(float(table["minutes"].sum()), 1e-9)
    return [
        Crop(str(group), int(clips), int(spans), float(length), float(length) / whole)
        for group, clips, spans, length in table.itertuples(name=None)
    ]


def _funnel(account: Account) -> pd.DataFrame:
    """Every clip once, where it left and for what, in the order of stages."""
    counts = Counter((fate.stage, str(fate.row["reason"])) for fate in account.fates.values())
    order = {stage: number for number, stage in enumerate(JUDGES)}
    rows = [
        (f"{stage}: {reason}", stage, reason, count)
        for (stage, reason), count in sorted(
            counts.items(), key=lambda item: (order[item[0][0]], -item[1], item[0][1])
        )
    ]
    return pd.DataFrame(rows, columns=["label", "stage", "reason", "clips"])


def _write(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
