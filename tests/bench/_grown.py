"""Many ids over few recordings: what a run costs beyond measuring, and how that grows.

Every clip has an id and a source of its own, so all tables are as long as those of so many
recordings; what was measured of a recording is found again by its content.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import yaml
from safetensors import safe_open
from safetensors.numpy import save_file

from pipeline.core import capacity
from pipeline.core.backends import file_digest
from tests.bench import _films
from tests.bench._figures import Figure
from tests.bench.repro import PeakMemory
from tests.e2e.project import Project

FILMS, SPAN_S = 6, 4.0
STAGES = ("download", "isolate", "landmarks", "select", "fit", "pack")
STAGE_S, WHOLE_S, THRESHOLD_S, ONE_MORE_S = 5.0, 30.0, 10.0, 20.0
LARGE, MANY = 10_000, 1_000
"""Clips that figures are asked of; a smaller run is told and not judged."""
GROWTH, FLAT, OFF = 1.05, 1.2, 0.2


@dataclass(frozen=True)
class Rung:
    """What a project of so many clips took; seconds on the clock."""

    clips: int
    first: dict[str, float]
    """Of each stage, when most of its clips were new to the tables."""
    remembered: dict[str, float]
    """Of each stage, when it ran again and all was remembered."""
    unchanged_s: float
    unchanged_ran: int
    select_s: float
    """From another threshold to the new choice of frames."""
    pack_s: float
    """From there to the packed dataset."""
    one_more_s: float
    one_fewer_s: float
    other_backend_s: float
    """From other weights of one backend to the packed dataset: its step anew, and what follows."""
    peak_gb: float
    """Of all processes at once, in any run of these, measuring included."""
    tables_gb: float
    """The same where nothing is measured: up to 200 clips tables take no further process."""
    files: int
    """That DVC looks after."""
    model: capacity.Project = field(repr=False)
    """What clips take, by the run that found them new to the tables and those before."""
    foretold_s: float = 0.0
    """Of all stages with clips new to the tables, by what fewer clips have taken before."""


def figures(root: Path, rows: Sequence[int], table: Path | None = None) -> list[Figure]:
    """Grow a project to each number of rows, and change little things there."""
    project = _films.films(root, FILMS, SPAN_S)
    _films.name(project, FILMS)
    _films.whole(project.dvc("repro", "pack"))
    alone_s = _one_more(project, 0)
    rungs: list[Rung] = []
    for number in sorted(rows):
        rung = _rung(project, number)
        if rungs:
            rung = replace(rung, foretold_s=_foretold_s(rungs[-1].model, number))
        rungs.append(rung)
        print(rungs[-1], flush=True)
        if table is not None:
            _write(table, rungs)
    found = [figure for rung in rungs for figure in _of(rung, alone_s)]
    return found + (_growth(rungs) if len(rungs) > 1 else [])


def _foretold_s(model: capacity.Project, number: int) -> float:
    """What the capacity model says of a rung, whose recordings are all measured already."""
    found = capacity.capacity(model, number, capacity.Machines(len(os.sched_getaffinity(0))))
    tables = sum(hours for step, hours in found.steps.items() if step in capacity.IN_PARTS)
    return 3600 * (tables + found.alone_hours)


def _rung(project: Project, number: int) -> Rung:
    _films.name(project, number)
    with PeakMemory() as whole:
        with PeakMemory() as tables:
            first = _seconds(project, "repro", "pack")
        model = capacity.measured(project.root)
        again = _films.whole(project.dvc("repro", "pack"))
        remembered = _seconds(project, "repro", "--force", "pack")
        project.change(select={"max_yaw_deg": 39.0})
        tightened = _films.whole(project.dvc("repro", "select"))
        packed = _films.whole(project.dvc("repro", "pack"))
        project.change(select={"max_yaw_deg": 40.0})
        _films.whole(project.dvc("repro", "pack"))
        one_more_s = _one_more(project, number)
        one_fewer_s = _one_fewer(project, number)
        other_backend_s = _other_backend(project)
    files = sum(1 for stage in STAGES for it in _data(project, stage).rglob("*") if it.is_file())
    return Rung(
        clips=number,
        first=first,
        remembered=remembered,
        unchanged_s=again.seconds,
        unchanged_ran=len(again.lines),
        select_s=tightened.seconds,
        pack_s=packed.seconds,
        one_more_s=one_more_s,
        one_fewer_s=one_fewer_s,
        other_backend_s=other_backend_s,
        peak_gb=whole.peak_gb,
        tables_gb=tables.peak_gb,
        files=files,
        model=model,
    )


def _of(rung: Rung, alone_s: float) -> list[Figure]:
    large, of = rung.clips >= LARGE, f"{rung.clips:,} clips"
    slowest = max(rung.remembered, key=rung.remembered.__getitem__)
    told = ", ".join(f"{stage} {it:.1f}" for stage, it in rung.remembered.items())
    first = ", ".join(f"{stage} {it:.1f}" for stage, it in rung.first.items())
    spare_s = rung.one_more_s - alone_s
    return [
        Figure(f"{of}, new to the tables", sum(rung.first.values()), unit="s", note=first),
        Figure(
            f"{of}, all remembered: {slowest}, the slowest stage",
            rung.remembered[slowest],
            STAGE_S if large else None,
            unit="s",
            note=told,
        ),
        Figure(f"{of}, nothing changed: stages run", rung.unchanged_ran, 0),
        Figure(f"{of}, nothing changed", rung.unchanged_s, WHOLE_S if large else None, unit="s"),
        Figure(
            f"{of}, another threshold: to the new choice of frames",
            rung.select_s,
            THRESHOLD_S if large else None,
            unit="s",
        ),
        Figure(f"{of}, another threshold: from there to the dataset", rung.pack_s, unit="s"),
        Figure(
            f"{of} and one more, beyond a run of that one",
            spare_s,
            ONE_MORE_S if rung.clips >= MANY else None,
            unit="s",
            note=f"{rung.one_more_s:.1f} s against {alone_s:.1f}",
        ),
        Figure(f"{of} and one fewer", rung.one_fewer_s, unit="s"),
        Figure(
            f"{of}, another backend: to the dataset",
            rung.other_backend_s,
            unit="s",
            note=f"voices of {FILMS} films, and every table after them",
        ),
        Figure(f"{of}: files that DVC looks after", rung.files),
    ]


def _growth(rungs: Sequence[Rung]) -> list[Figure]:
    clips = np.log([rung.clips for rung in rungs])
    spent = {
        "new to the tables": [sum(rung.first.values()) for rung in rungs],
        "all remembered": [sum(rung.remembered.values()) for rung in rungs],
    }
    last = rungs[-1]
    taken_s = sum(last.first.values())
    return [
        Figure(
            f"capacity model, {last.clips:,} clips by what fewer took: off by",
            abs(last.foretold_s / taken_s - 1),
            OFF,
            note=f"{last.foretold_s:.0f} s foretold, {taken_s:.0f} taken",
        ),
        *(
            Figure(f"growth, {what}: exponent", float(np.polyfit(clips, np.log(it), 1)[0]), GROWTH)
            for what, it in spent.items()
        ),
        _flat("over all runs", {rung.clips: rung.peak_gb for rung in rungs}),
        _flat("where nothing is measured", {rung.clips: rung.tables_gb for rung in rungs}),
    ]


def _flat(when: str, peaks_gb: Mapping[int, float]) -> Figure:
    return Figure(
        f"memory of all processes {when}, largest over smallest",
        max(peaks_gb.values()) / min(peaks_gb.values()),
        FLAT,
        note=", ".join(f"{clips:,}: {peak:.2f} GB" for clips, peak in peaks_gb.items()),
    )


def _write(path: Path, rungs: Sequence[Rung]) -> None:
    """A row a rung, for `dvc plots`."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        changed = ["unchanged", "threshold", "one_more", "one_fewer", "other_backend"]
        writer.writerow(["clips", *STAGES, *changed, "peak_gb"])
        for rung in rungs:
            whole = [rung.unchanged_s, rung.select_s, rung.one_more_s]
            whole += [rung.one_fewer_s, rung.other_backend_s, rung.peak_gb]
            seconds = [rung.remembered[stage] for stage in STAGES]
            writer.writerow([rung.clips, *(f"{it:.2f}" for it in (*seconds, *whole))])


def _seconds(project: Project, *words: str) -> dict[str, float]:
    lines = _films.whole(project.dvc(*words)).lines
    return {stage: lines[stage].seconds for stage in STAGES if stage in lines}


def _data(project: Project, stage: str) -> Path:
    return project.root / "data" / stage


def _one_more(project: Project, number: int) -> float:
    """Seconds of a run for one film more, of another length each time."""
    _films.name(project, number, [_films.another(project)])
    added = _films.whole(project.dvc("repro", "pack"))
    if added.measured["landmarks"] != 1:
        raise SystemExit(f"one clip more, and {added.measured} were measured")
    return added.seconds


def _other_backend(project: Project) -> float:
    """Seconds of a run whose tracker of voices has other weights, by name though not by number."""
    _stamp_voices(project)
    ran = _films.whole(project.dvc("repro", "pack"))
    if not ran.measured["isolate"] or ran.measured["landmarks"]:
        raise SystemExit(f"another tracker of voices, and {ran.measured} were measured")
    return ran.seconds


def _stamp_voices(project: Project) -> None:
    lock = project.root / "models/weights.lock"
    listed = yaml.safe_load(lock.read_text())
    path = project.root / listed["voices"]["path"]
    with safe_open(path, "np") as file:
        names = dict(file.metadata() or {})
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    names["stamp"] = str(int(names.get("stamp", "0")) + 1)
    save_file(arrays, path, names)
    listed["voices"]["sha256"] = file_digest(path)
    lock.write_text(yaml.safe_dump(listed, sort_keys=False))


def _one_fewer(project: Project, number: int) -> float:
    """Seconds of a run without one of the clips, of which all are measured."""
    _films.name(project, number)
    _films.whole(project.dvc("repro", "pack"))
    _films.name(project, number - 1)
    ran = _films.whole(project.dvc("repro", "pack"))
    if ran.measured["landmarks"]:
        raise SystemExit(f"one clip fewer, and {ran.measured} were measured")
    return ran.seconds
