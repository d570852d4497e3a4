"""What a dataset of other size would take: time, memory, disk, network and money.

It goes by what clips have cost in this project's runs (`costs.py`) and what is stored of them.
Measuring is shared among cores; what a stage does besides, its tables above all, is one core's. How
long a training takes is a choice, and no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import pyarrow.parquet as pq

from pipeline.core import tables
from pipeline.core.costs import Costs
from pipeline.core.store import Store

STAGES = ("download", "isolate", "landmarks", "select", "fit", "pack")
SOURCE = "media"
"""The step whose cost is the bytes that came."""
OF_STAGE = {
    "select_tables": "select",
    **dict.fromkeys(("fit", "fit_tables", "fit_judged"), "fit"),
    **dict.fromkeys(("features", "pack_tables"), "pack"),
}
"""Steps that only see what came as far as their stage; the others see every clip."""
IN_PARTS = {
    **dict.fromkeys(
        ("heard", "face_tables", "select_tables", "fit_tables", "fit_judged"), tables.PARTS
    ),
    "pack_tables": 16,
}
"""Steps that make tables of many clips, and in how many parts."""
ASIDE = frozenset({"nursery", "pictures", "meshes"})
"""Steps that are no part of a dataset of recordings: synthesis, and pictures for a report."""


@dataclass(frozen=True)
class Machines:
    """What there is to work with, and what it costs."""

    cores: int
    memory_gb: float = 16.0
    """Of the one that runs a stage, beside its workers."""
    gpus: int = 0
    faster: Mapping[str, float] = field(default_factory=dict)
    """By step, how many cores a GPU stands for."""
    core_hour: float = 0.0
    gpu_hour: float = 0.0
    gb_month: float = 0.0
    gb_fetched: float = 0.0


@dataclass(frozen=True)
class Part:
    """One step: what a clip takes of it."""

    core_s: float
    stored_bytes: float = 0.0
    fixed_s: float = 0.0
    """What it takes of a core however many clips there are: a table has so many parts."""


@dataclass(frozen=True)
class Project:
    """What a clip takes of everything."""

    steps: Mapping[str, Part]
    stages: Mapping[str, tuple[float, float] | None]
    """Seconds of each at all, and by clip; None: not known."""
    fetched_bytes: float
    tables_bytes: float
    """Of the largest stage's tables, in memory."""


@dataclass(frozen=True)
class Capacity:
    """What so many clips take."""

    steps: Mapping[str, float]
    """Hours on the clock of measuring."""
    stages: Mapping[str, float | None]
    """Hours of everything else; None: not known."""
    core_hours: float
    gpu_hours: float
    disk_gb: float
    fetched_gb: float
    memory_gb: float
    money: float
    """Once, and a month's disk."""

    @property
    def alone_hours(self) -> float:
        """On the clock, of what one core does alone, as far as that is known."""
        return sum(hours or 0.0 for hours in self.stages.values())

    @property
    def total_hours(self) -> float:
        """On the clock, one stage after the other."""
        return sum(self.steps.values()) + self.alone_hours


def measured(root: Path) -> Project:
    """What clips have taken in the project in `root`."""
    store = Store(root / "data/.store")
    costs, sizes = Costs(store.root), store.steps()
    arrived = {stage: _arrived(root, stage) for stage in STAGES}
    steps = {}
    for name, seconds in sorted(costs.per_clip().items()):
        if name not in ASIDE:
            clips = arrived[OF_STAGE.get(name, STAGES[0])]
            stored = fmean(sizes[name].values()) if sizes.get(name) else 0.0
            if name in IN_PARTS:
                stored *= min(IN_PARTS[name], clips) / max(1, clips)
            share = clips / max(1, arrived[STAGES[0]])
            by_part = costs.of_parts(name) if name in IN_PARTS else None
            fixed_s, of_clip_s = by_part or (0.0, seconds)
            steps[name] = Part(of_clip_s * share, stored * share, fixed_s * IN_PARTS.get(name, 0))
    stages = {
        name: it
        and (it[0] + costs.start_s(name), it[1] * arrived[name] / max(1, arrived[STAGES[0]]))
        for name, it in costs.stages().items()
        if name in STAGES
    }
    return Project(steps, stages, costs.cost_per_clip(SOURCE), _largest_tables(root))


def capacity(project: Project, clips: int, machines: Machines) -> Capacity:
    """What `clips` clips would take on some machines."""
    gpus = {name: it for name, it in machines.faster.items() if machines.gpus}
    work = {
        name: (part.core_s * clips + part.fixed_s) / 3600 for name, part in project.steps.items()
    }
    steps = {
        name: hours / (gpus[name] * machines.gpus if name in gpus else machines.cores)
        for name, hours in work.items()
    }
    stages = {
        name: None if line is None else (line[0] + line[1] * clips) / 3600
        for name, line in project.stages.items()
    }
    core_hours = sum(hours for name, hours in work.items() if name not in gpus)
    core_hours += sum(hours or 0.0 for hours in stages.values())
    gpu_hours = sum(hours / gpus[name] for name, hours in work.items() if name in gpus)
    disk_gb = sum(part.stored_bytes for part in project.steps.values()) * clips / 1e9
    fetched_gb = project.fetched_bytes * clips / 1e9
    money = (
        core_hours * machines.core_hour
        + gpu_hours * machines.gpu_hour
        + disk_gb * machines.gb_month
        + fetched_gb * machines.gb_fetched
    )
    memory_gb = project.tables_bytes * clips / 1e9
    return Capacity(steps, stages, core_hours, gpu_hours, disk_gb, fetched_gb, memory_gb, money)


def most_in_memory(project: Project, machines: Machines) -> int:
    """How many clips' tables one stage can hold at once."""
    return int(machines.memory_gb * 1e9 / max(project.tables_bytes, 1.0))


def _arrived(root: Path, stage: str) -> int:
    """How many clips a stage saw in the last run; all of them where it has not run."""
    for name in (stage, STAGES[0]):
        ledger = root / "data" / name / "ledger.parquet"
        if ledger.exists():
            return tables.count_rows(ledger)
    return 0


def _largest_tables(root: Path) -> float:
    """Bytes of a clip's rows, uncompressed, in the stage whose tables are largest."""
    ledger = root / "data/download/ledger.parquet"
    if not ledger.exists():
        return 0.0
    clips = max(1, tables.count_rows(ledger))
    stages = {path.parent for path in root.glob("data/*/*.parquet")}
    return max(sum(map(_uncompressed, _tables(stage))) for stage in stages) / clips


def _tables(stage: Path) -> list[Path]:
    return [path for path in stage.rglob("*.parquet") if path.is_file()]


def _uncompressed(path: Path) -> int:
    meta = pq.read_metadata(path)
    return sum(meta.row_group(number).total_byte_size for number in range(meta.num_row_groups))
