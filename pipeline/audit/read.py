"""The accounts of a run, as every stage wrote them; what a stage has not written yet is empty."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.core import ledger, tables
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
    ("fit", "frames"),
    ("fit", "spans"),
)
"""Tables that hold many rows of a clip."""
EMPTY_CLIPS = pd.DataFrame({name: [] for name in ledger.CLIPS.names})

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
    ledgers: Mapping[str, pd.DataFrame]
    """Ledger of clips by stage."""
    clips: Mapping[str, Mapping[str, dict[str, Any]]]
    """The table data/<stage>/clips.parquet by stage: each clip's row."""
    held: dict[tuple[str, str], dict[str, pd.DataFrame]] = field(default_factory=dict)
    """Rows of clips that were read ahead, by stage and table."""

    def read_ahead(self, clips: Iterable[str]) -> None:
        """Read what `of_clip` will be asked of many clips, each table once."""
        wanted = sorted(clips)
        for stage, table in BY_FRAME if wanted else ():
            path = self.data / stage / f"{table}.parquet"
            if path.exists():
                rows = tables.read(path, clips=wanted)
                groups = {str(clip): part for clip, part in rows.groupby("clip")}
                self.held[stage, table] = {clip: groups.get(clip, rows.iloc[:0]) for clip in wanted}

    def steps(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Ledgers in the order of stages."""
        for stage in JUDGES:
            yield stage, self.ledgers[stage]

    @cached_property
    def said(self) -> dict[str, dict[str, Row]]:
        """What each stage said of each clip, stages in order, clips sorted."""
        said: dict[str, dict[str, Row]] = {}
        for stage, rows in self.steps():
            for row in rows.to_dict("records"):
                said.setdefault(str(row["clip"]), {})[stage] = {str(k): v for k, v in row.items()}
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

    def frames(self, stage: str, clip: str) -> pd.DataFrame:
        """One clip's rows of data/<stage>/frames.parquet, by frame; empty where there are none."""
        rows = self.of_clip(stage, "frames", clip)
        return rows.sort_values("frame").reset_index(drop=True) if len(rows) else rows

    def of_clip(self, stage: str, table: str, clip: str) -> pd.DataFrame:
        """One clip's rows of another table of a stage, such as events or spans."""
        known = self.held.get((stage, table), {})
        if clip in known:
            return known[clip]
        path = self.data / stage / f"{table}.parquet"
        if not path.exists():
            return pd.DataFrame()
        return tables.read(path, clips=[clip])


def read(data: Path, only: Collection[str] | None = None) -> Account:
    """Read the accounts in the project's data folder, or of them only those of some clips.

    Raises:
        CradleError: there is nothing to tell of yet.
    """
    if not (data / "download" / "ledger.parquet").exists():
        raise CradleError(f"{data}: nothing has been run here yet; `make run` does")
    ledgers = {stage: _or_empty(data / stage / "ledger.parquet", only) for stage in JUDGES}
    clips = {stage: _by_clip(data / stage / "clips.parquet", only) for stage in CLIP_TABLES}
    return Account(data, ledgers, clips)


def _or_empty(path: Path, only: Collection[str] | None) -> pd.DataFrame:
    return ledger.read_clips(path, only) if path.exists() else EMPTY_CLIPS


def _by_clip(path: Path, only: Collection[str] | None) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    rows = tables.read(path, clips=only).to_dict("records")
    return {str(row["clip"]): {str(key): value for key, value in row.items()} for row in rows}
