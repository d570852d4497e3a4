"""Whether reviewers agree with the gates: each verdict against what was decided without it.

found = calibration(data, thresholds, minimum_s, said)
found.gates       by gate: how many verdicts, how many agree, Wilson's interval
found.distances   the same by how far the value lay from its threshold

A verdict speaks of a clip or of a stretch of it, and counts once, because the frames of a stretch
are judged together. What reviewers were shown first is what is close to a threshold, so that these
rates are lower than those of a sample drawn by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.audit.bias import wilson
from pipeline.core.reasons import Reason
from pipeline.dataset import measures
from pipeline.dataset.decide import decide
from pipeline.dataset.overrides import Override
from pipeline.dataset.params import Select

AGREEMENT = "agreement.csv"
KEPT = (str(Reason.KEPT), str(Reason.BRIDGED))
BESIDE = (0.05, 0.2, 0.5)
"""Edges of the distances from a threshold, as shares of it."""


@dataclass(frozen=True)
class Rate:
    """So many of so many, with the interval in which the true share lies."""

    group: str
    agreed: int
    of: int

    @property
    def rate(self) -> float:
        """The share itself."""
        return self.agreed / self.of if self.of else float("nan")

    @property
    def low(self) -> float:
        """Lower end of Wilson's 95% interval."""
        return wilson(self.agreed, self.of)[0]

    @property
    def high(self) -> float:
        """Upper end."""
        return wilson(self.agreed, self.of)[1]

    @property
    def rest_rate(self) -> float:
        """There is no rest to compare with."""
        return float("nan")


@dataclass(frozen=True)
class Calibration:
    """What reviewers said, against what the gates said of the same."""

    gates: list[Rate] = field(default_factory=list)
    """By what was decided, such as `mouth_hidden` or `kept`."""
    distances: list[Rate] = field(default_factory=list)
    precision: Rate = Rate("kept, and reviewers keep", 0, 0)
    recall: Rate = Rate("reviewers keep, and kept", 0, 0)
    stale: int = 0
    """Verdicts on other measurements, which are left out."""

    def write(self, folder: Path) -> None:
        """Write data/audit/agreement.csv: decided, verdicts, agreed, rate, low, high."""
        rows = [(r.group, r.of, r.agreed, r.rate, r.low, r.high) for r in self.gates]
        names = ["decided", "verdicts", "agreed", "rate", "low", "high"]
        pd.DataFrame(rows, columns=names).to_csv(
            folder / AGREEMENT, index=False, float_format="%.6g", lineterminator="\n"
        )


def calibration(
    data: Path, thresholds: Select, minimum_s: Mapping[str, float], said: tuple[Override, ...]
) -> Calibration:
    """Hold the verdicts of `said` against the decision without any of them."""
    if not said or not (data / "landmarks" / "frames.parquet").exists():
        return Calibration()
    tables = measures.read(data, minimum_s, said, {override.clip for override in said})
    frames = decide(replace(tables, overrides=()), thresholds).frames
    last = {(o.reviewer, o.clip, o.start_frame, o.end_frame): o for o in tables.overrides}
    rows = []
    for override in (o for o in last.values() if not o.stale):
        first, end = tables.first[tables.place[override.clip] :][:2]
        stop = end if override.end_frame is None else min(first + override.end_frame, end)
        part = frames.iloc[min(first + (override.start_frame or 0), stop) : stop]
        if len(part):
            rows.append((*_decided(part), override.verdict == "keep"))
    table = pd.DataFrame(rows, columns=["decided", "far", "kept", "keep"])
    return Calibration(
        list(_rates(table, table["decided"])),
        list(_rates(table, _bands(table))),
        _rate("kept, and reviewers keep", table.loc[table["kept"], "keep"]),
        _rate("reviewers keep, and kept", table.loc[table["keep"].astype(bool), "kept"]),
        sum(override.stale for override in last.values()),
    )


def _decided(part: pd.DataFrame) -> tuple[str, float, bool]:
    """What most frames of a stretch were decided for, how far from the limit, whether kept."""
    stays = part["reason"].isin(KEPT)
    kept = bool(stays.mean() > 0.5)
    mine = part[stays == kept]
    reason = "kept" if kept else str(mine["reason"].value_counts().index[0])
    mine = mine if kept else mine[mine["reason"] == reason]
    far = ((mine["measured"] - mine["threshold"]) / mine["threshold"].clip(lower=1e-6)).abs()
    return reason, float(far.median()), kept


def _bands(table: pd.DataFrame) -> pd.Series:
    edges = [f"{100 * edge:g}%" for edge in BESIDE]
    names = [f"within {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges))]
    names += [f"beyond {edges[-1]}", "not measured"]
    far = table["far"].to_numpy(float)
    place = np.where(np.isnan(far), len(names) - 1, np.digitize(far, BESIDE, right=True))
    side = np.where(table["kept"].to_numpy(bool), "kept", "dropped")
    ordered = [f"{s}, {name}" for s in ("dropped", "kept") for name in names]
    told = [f"{s}, {names[number]}" for s, number in zip(side, place, strict=True)]
    return pd.Series(pd.Categorical(told, ordered, ordered=True), index=table.index)


def _rates(table: pd.DataFrame, group: pd.Series) -> Iterable[Rate]:
    agreed = table["kept"].astype(bool) == table["keep"].astype(bool)
    for name, part in agreed.groupby(group, observed=True, sort=True):
        yield _rate(str(name), part)


def _rate(name: str, agreed: pd.Series) -> Rate:
    return Rate(name, int(agreed.sum()), len(agreed))
