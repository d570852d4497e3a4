"""The accounts of a run, as every stage wrote them; what a stage has not written yet is empty."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.core import tables
from pipeline.core.errors import CradleError
from pipeline.core.reasons import State

JUDGES = ("download", "isolate", "landmarks", "select", "fit", "pack")
"""The stages that keep or drop clips, in order."""
FRAME_JUDGES = ("select", "fit")
"""Those that judge frames as well."""
CLIP_TABLES = ("download", "isolate", "landmarks", "fit")
BY_FRAME = (
    ("isolate", "frames"),
    ("landmarks", "frames"),
    ("select", "frames"),
    ("select", "spans"),
    ("fit", "poses"),
    ("fit", "frames"),
    ("fit", "spans"),
)
"""Tables that hold many rows of a clip."""
NOTHING = pa.table({})

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fate:
    """Where a clip stands after all stages."""

    stage: str
    """Which stage had the last word."""
    row: Row
    """What it said, a row of its ledger."""

    @property
    def kept(self) -> bool:
        """Whether the clip went all the way that there was."""
        return bool(self.row["state"] == State.KEPT)


@dataclass(frozen=True)
class Account:
    """Everything that the stages of a run wrote about clips."""

    data: Path
    ledgers: Mapping[str, Sequence[Row]]
    """Rows of the ledger of clips by stage."""
    clips: Mapping[str, Mapping[str, dict[str, Any]]]
    """The table data/<stage>/clips.parquet by stage: each clip's row."""
    held: dict[tuple[str, str], dict[str, pa.Table]] = field(default_factory=dict)
    """Rows of clips that were read ahead, by stage and table."""

    def read_ahead(self, clips: Iterable[str]) -> None:
        """Read what `of_clip` will be asked of many clips, each table once."""
        wanted = sorted(clips)
        for stage, table in BY_FRAME if wanted else ():
            path = self.data / stage / f"{table}.parquet"
            if path.exists():
                rows = tables.arrow(path, clips=wanted)
                self.held[stage, table] = {clip: tables.only(rows, [clip]) for clip in wanted}

    def steps(self) -> Iterator[tuple[str, Sequence[Row]]]:
        """Ledgers in the order of stages."""
        for stage in JUDGES:
            yield stage, self.ledgers[stage]

    @cached_property
    def said(self) -> dict[str, dict[str, Row]]:
        """What each stage said of each clip, stages in order, clips sorted."""
        said: dict[str, dict[str, Row]] = {}
        for stage, rows in self.steps():
            for row in rows:
                said.setdefault(str(row["clip"]), {})[stage] = row
        return dict(sorted(said.items()))

    @cached_property
    def fates(self) -> dict[str, Fate]:
        """What became of every clip, by id: the first word that is not `kept`, or the last."""
        fates = {}
        for clip, rows in self.said.items():
            every = [Fate(stage, row) for stage, row in rows.items()]
            fates[clip] = next((fate for fate in every if not fate.kept), every[-1])
        return fates

    def about(self, stage: str, clip: str) -> dict[str, Any]:
        """One clip's row of data/<stage>/clips.parquet; empty where there is none."""
        return self.clips[stage].get(clip, {})

    def frames(self, stage: str, clip: str) -> pa.Table:
        """One clip's rows of data/<stage>/frames.parquet, by frame; empty where there are none."""
        rows = self.of_clip(stage, "frames", clip)
        if not len(rows):
            return rows
        order = np.argsort(tables.values(rows["frame"], np.int64), kind="stable")
        return rows if (np.diff(order) == 1).all() else rows.take(order)

    def of_clip(self, stage: str, table: str, clip: str) -> pa.Table:
        """One clip's rows of another table of a stage, such as events or spans."""
        known = self.held.get((stage, table), {})
        if clip in known:
            return known[clip]
        path = self.data / stage / f"{table}.parquet"
        return tables.arrow(path, clips=[clip]) if path.exists() else NOTHING


def read(data: Path, only: Collection[str] | None = None) -> Account:
    """Read the accounts in the project's data folder, or of them only those of some clips.

    Raises:
        CradleError: there is nothing to tell of yet.
    """
    if not (data / "download" / "ledger.parquet").exists():
        raise CradleError(f"{data}: nothing has been run here yet; `make run` does")
    ledgers = {stage: _rows(data / stage / "ledger.parquet", only) for stage in JUDGES}
    clips = {stage: _rows(data / stage / "clips.parquet", only) for stage in CLIP_TABLES}
    by_clip = {stage: {str(row["clip"]): row for row in rows} for stage, rows in clips.items()}
    return Account(data, ledgers, by_clip)


def _rows(path: Path, only: Collection[str] | None) -> list[dict[str, Any]]:
    return tables.rows(tables.arrow(path, clips=only)) if path.exists() else []
