"""The same clips measured from nothing over a pool of processes and over a Ray cluster that runs.

The pool measures before and after, as the machine may have other things to do meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench import _films, _ray
from tests.bench._figures import Figure
from tests.bench._floor import STAGES, Spent
from tests.bench._watching import watching
from tests.e2e.project import Project

SPAN_S = 4.0
MANY = 100
"""Clips from which on the ratio is judged, which is asked of 1,000: what starts and is imported
costs the same however many there are, and of fewer it is most of the difference."""


@dataclass(frozen=True)
class Run:
    """What one run came to."""

    spent: Mapping[str, Spent]
    """Of each stage; processor time is that of all processes that this one has started, Ray's own
    among them."""
    tables: Mapping[str, bytes]

    @property
    def wall_s(self) -> float:
        """Of all stages together."""
        return sum(it.wall_s for it in self.spent.values())

    @property
    def processor_s(self) -> float:
        """Likewise."""
        return sum(it.processor_s for it in self.spent.values())

    @property
    def told(self) -> str:
        """By stage, on the clock and of processors, in words."""
        return ", ".join(
            f"{stage} {it.wall_s:.1f} ({it.processor_s:.1f})" for stage, it in self.spent.items()
        )


def figures(root: Path, clips: int) -> list[Figure]:
    """Measure so many clips by both ways of running it."""
    of = f"Ray on one node, {clips:,} clips measured"
    if not _ray.INSTALLED:
        return [Figure.missing(f"{of}: over the pool", _ray.SLOWER, "<=", "", _ray.WHY)]
    films = _films.films(root / "films", clips, SPAN_S)
    _films.name(films, clips)
    before = _run(films.copied(root / "before"), _ray.POOL)
    project = films.copied(root / "over")
    with _ray.cluster(project.root) as address:
        over = _run(project, {"executor": "ray", "address": address})
    after = _run(films.copied(root / "after"), _ray.POOL)
    differ = sum(before.tables.get(name) != it for name, it in over.tables.items())
    differ += len(before.tables.keys() - over.tables.keys())
    return [
        *(
            Figure(f"the pool, {clips:,} clips measured, {when}", it.wall_s, unit="s", note=it.told)
            for when, it in (("before", before), ("after", after))
        ),
        Figure(
            f"{of}: over the pool",
            2 * over.wall_s / (before.wall_s + after.wall_s),
            _ray.SLOWER if clips >= MANY else None,
            note=f"{over.wall_s:.1f} s; {over.told}",
        ),
        Figure(
            f"{of}: over the pool, processor time",
            2 * over.processor_s / (before.processor_s + after.processor_s),
            note="what starts and imports costs a stage the same, however many clips it measures",
        ),
        *(
            Figure(f"{of}: {stage} over the pool", 2 * it.wall_s / (was.wall_s + comes.wall_s))
            for (stage, it), was, comes in zip(
                over.spent.items(), before.spent.values(), after.spent.values(), strict=True
            )
        ),
        Figure(f"{of}: tables that differ", differ, 0),
    ]


def _run(project: Project, run: dict[str, Any]) -> Run:
    project.change(run=run)
    spent = {}
    for stage in STAGES:
        with _Busy() as busy:
            ran = _films.whole(project.command("-m", f"stages.{stage}"))
        if " 0 dropped" not in ran.output:
            raise SystemExit(f"not every clip was measured:\n{ran.output}")
        spent[stage] = Spent(ran.seconds, busy.seconds)
    return Run(spent, project.bytes_of("data/*/**/*.parquet"))


class _Busy:
    """Processor time of all processes below this one while a block runs.

    They are looked at while they run: of those that Ray starts nobody hears when they have ended.
    """

    _LOOK_S = 0.1

    def __enter__(self) -> _Busy:
        self._before, self._seen = _times(), dict[tuple[int, float], float]()
        self._watching = watching(self._look, self._LOOK_S)
        self._watching.__enter__()
        return self

    def __exit__(self, *how: Any) -> None:
        self._watching.__exit__(*how)

    @property
    def seconds(self) -> float:
        """Since the block began."""
        return sum(it - self._before.get(who, 0.0) for who, it in self._seen.items())

    def _look(self) -> None:
        self._seen |= _times()


def _times() -> dict[tuple[int, float], float]:
    """Of every process, by its number and when it began."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
            found[process.pid, process.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return found
