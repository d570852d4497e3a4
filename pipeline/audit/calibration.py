"""Whether the gates are right: what was decided, against reviewers' verdicts and against the truth.

found = calibration(data, thresholds, minimum_s, said)
found.gates       by gate: how many verdicts, how many agree, Wilson's interval
found.distances   the same by how far the value lay from its threshold
against(data, thresholds, minimum_s, known)    the same of clips whose truth is known

A verdict speaks of a clip or of a stretch of it, and counts once, because the frames of a stretch
are judged together. So do the frames of a clip that were decided alike: they count once, with what
is true of most of them. What reviewers were shown first is what is close to a threshold, so that
their rates are lower than those of a sample drawn by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.audit.bias import wilson
from pipeline.core.reasons import Reason
from pipeline.dataset import measures
from pipeline.dataset.decide import decide
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES
from pipeline.dataset.overrides import Override
from pipeline.dataset.params import Select

AGREEMENT = "agreement.csv"
COLUMNS = ["label", "by", "decided", "verdicts", "agreed", "rate", "low", "high"]
GATES = tuple(str(gate.reason) for gate in (*FRAME_GATES, *VOICE_GATES))
"""Reasons that say what is in a frame; how long a span is was not decided by what it shows."""
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
    """What reviewers said, or what is true, against what the gates said of the same."""

    gates: list[Rate] = field(default_factory=list)
    """By what was decided, such as `mouth_hidden` or `kept`."""
    distances: list[Rate] = field(default_factory=list)
    precision: Rate = Rate("kept, and to be kept", 0, 0)
    recall: Rate = Rate("to be kept, and kept", 0, 0)
    stale: int = 0
    """Verdicts on other measurements, which are left out."""


def write(folder: Path, found: Mapping[str, Calibration]) -> None:
    """Write data/audit/agreement.csv, a row a gate and who knows better."""
    rows = [
        (f"{who}: {r.group}", who, r.group, r.of, r.agreed, r.rate, r.low, r.high)
        for who, told in found.items()
        for r in told.gates
    ]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(
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
    return _counted(rows, sum(override.stale for override in last.values()))


def against(
    data: Path,
    thresholds: Select,
    minimum_s: Mapping[str, float],
    known: Mapping[str, NDArray[np.bool_]],
) -> Calibration:
    """Hold the decision without any verdicts against what is true of clips.

    Args:
        data: the project's data folder.
        thresholds: what is decided by.
        minimum_s: the shortest event that counts, by vocalization.
        known: by clip, whether each of its frames (F,) is good.
    """
    if not known or not (data / "landmarks" / "frames.parquet").exists():
        return Calibration()
    tables = measures.read(data, minimum_s, (), set(known))
    frames = decide(tables, thresholds).frames
    rows = []
    for clip, number in tables.place.items():
        first, end = tables.first[number : number + 2]
        good = known[clip][: end - first]
        mine = frames.iloc[first : first + len(good)]
        decided = mine["reason"].where(~mine["reason"].isin(KEPT), "kept").to_numpy(object)
        for reason in set(decided) & {"kept", *GATES}:
            part = decided == reason
            rows.append((*_decided(mine[part]), bool(good[part].mean() > 0.5)))
    return _counted(rows)


def _counted(rows: list[tuple[str, float, bool, bool]], stale: int = 0) -> Calibration:
    table = pd.DataFrame(rows, columns=["decided", "far", "kept", "keep"])
    return Calibration(
        list(_rates(table, table["decided"])),
        list(_rates(table, _bands(table))),
        _rate("kept, and to be kept", table.loc[table["kept"].astype(bool), "keep"]),
        _rate("to be kept, and kept", table.loc[table["keep"].astype(bool), "kept"]),
        stale,
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
