"""What the pages about a packed dataset tell: counted in the run's tables, worded elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core import ledger, tables
from pipeline.core.reasons import Reason, State
from pipeline.core.stage import Stage
from pipeline.dataset import rights
from pipeline.dataset.params import Pack, Release
from pipeline.dataset.splits import SPLITS

JUDGES = ("download", "isolate", "landmarks", "select", "fit")
FRAME_JUDGES = ("select", "fit")


@dataclass(frozen=True)
class Facts:
    """What there is to tell."""

    release: Release
    meta: Mapping[str, Any]
    index: pd.DataFrame
    """The labels of every packed span."""
    clips: pd.DataFrame
    """The clips that they come from: clip, source, vocalization, age_months, licence, consent."""
    sources: pd.DataFrame
    """By what right; see rights.py."""
    came_in: int
    """Clips of the catalogue."""
    dropped: Mapping[str, Mapping[str, int]]
    """Clips that were not kept, by stage and reason."""
    frames_dropped: Mapping[str, Mapping[str, int]]
    """Frames of clips that were judged and not kept, by stage and reason."""
    offered: Mapping[str, int]
    """Clips that could be fetched, by the vocalization that the catalogue claims."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.meta["fps"])

    @property
    def seconds(self) -> float:
        """Of all spans."""
        return float(self.index["frames"].sum()) / self.fps

    @property
    def synthetic_share(self) -> float:
        """Share of the frames that were made rather than filmed."""
        made = self.index.loc[self.index["synthetic"], "frames"].sum()
        return float(made / max(1, self.index["frames"].sum()))

    @property
    def measured_share(self) -> float:
        """Share of the frames that were measured rather than bridged."""
        return float(self.index["valid_frames"].sum() / max(1, self.index["frames"].sum()))

    @property
    def splits(self) -> list[str]:
        """Those that hold a span."""
        return [name for name in SPLITS if (self.index["split"] == name).any()]

    @property
    def ages(self) -> str:
        """The infants' ages as the catalogue gives them."""
        known = self.clips["age_months"].dropna()
        if known.empty:
            return "The catalogue gives no ages."
        said = f"{known.min():g} to {known.max():g} months, median {known.median():g}"
        return f"Infants' ages, known of {len(known)} of {len(self.clips)} clips: {said}."

    @property
    def yields(self) -> dict[str, tuple[int, int]]:
        """Clips packed and clips offered, by vocalization: what the rules prefer."""
        packed = self.clips["vocalization"].value_counts()
        return {name: (int(packed.get(name, 0)), n) for name, n in self.offered.items()}


def gather(stage: Stage[Pack], meta: Mapping[str, Any], index: pd.DataFrame) -> Facts:
    """Count what happened on the way to the spans in `index`."""
    clips = tables.read(
        stage.data("download") / "clips.parquet",
        ["clip", "source", "vocalization", "age_months", "licence", "consent"],
    )
    inside = clips[clips["clip"].isin(index["clip"])]
    offered = clips["vocalization"].value_counts().sort_index()
    return Facts(
        release=stage.params.release,
        meta=meta,
        index=index,
        clips=inside,
        sources=rights.sources(index, inside, float(meta["fps"])),
        came_in=len(ledger.read_clips(stage.data("download") / "ledger.parquet")),
        dropped={name: _dropped(stage, name, "ledger.parquet") for name in JUDGES},
        frames_dropped={name: _dropped(stage, name, "frames.parquet") for name in FRAME_JUDGES},
        offered={str(name): int(count) for name, count in offered.items()},
    )


def _dropped(stage: Stage[Pack], name: str, file: str) -> dict[str, int]:
    dropped = [str(reason) for reason in Reason if reason.state is not State.KEPT]
    counts = np.zeros(len(dropped), np.int64)
    for part in tables.each(stage.data(name) / file, ["reason"]):
        number = tables.numbers(dropped, part["reason"])
        counts += np.bincount(number[number >= 0], minlength=len(dropped))
    found = {reason: int(n) for reason, n in zip(dropped, counts, strict=True) if n}
    return dict(sorted(found.items(), key=_most))


def _most(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]
