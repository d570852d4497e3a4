"""What a stage's library function is given, and the one line that it gives back.

def run(stage: Stage[Landmarks]) -> Summary: ...
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.core.backends import pick_device
from pipeline.core.params import Params
from pipeline.core.runner import Runner
from pipeline.core.store import Store

P = TypeVar("P", bound=Params)


@dataclass(frozen=True)
class Stage(Generic[P]):
    """A stage at work in a project's folder."""

    name: str
    params: P
    """Its own section of params.yaml."""
    everything: Any
    """All of params.yaml, for what several stages share, such as the vocalizations."""
    root: Path
    store: Store
    runner: Runner

    @property
    def device(self) -> str:
        """Where models run."""
        return pick_device(self.runner.run.device)

    def data(self, name: str) -> Path:
        """The folder that stage `name` writes its tables into."""
        return self.root / "data" / name

    def fresh_out(self) -> Path:
        """This stage's own folder, emptied."""
        out = self.data(self.name)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        return out


@dataclass(frozen=True)
class Summary:
    """What a stage did, for the one line that it ends with."""

    seen: int
    remembered: int = 0
    measured: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    unit: str = "clips"
    extra: str = ""

    def line(self, name: str, seconds: float) -> str:
        """The line: seen, remembered, measured, kept, dropped by reason, seconds."""
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.dropped.most_common())
        dropped = f"{self.dropped.total()} dropped" + (f" ({reasons})" if reasons else "")
        parts = [
            f"{self.seen:,} {self.unit}",
            f"{self.remembered:,} remembered",
            f"{self.measured:,} measured",
            f"{self.kept:,} kept",
            dropped,
            *([self.extra] if self.extra else []),
            f"{seconds:.1f} s",
        ]
        return f"{name}: " + ", ".join(parts)
