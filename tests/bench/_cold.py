"""Clips measured from nothing, and the bare work on the same frames and sounds in turns."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import time
from pathlib import Path

from pipeline import media
from pipeline.media import launcher
from tests.bench import _films, _floor
from tests.bench._figures import Figure
from tests.bench._floor import Spent
from tests.bench.repro import PeakMemory
from tests.e2e.project import Project

SPAN_S = 8.0
_LOOK_S = 2.0
"""From one look at the memory to the next: who looks takes time from those that are timed."""
_PR_SET_CHILD_SUBREAPER = 36


def figures(root: Path, clips: int) -> list[Figure]:
    """Run the measuring stages one by one, each between two halves of its bare work."""
    project = _films.films(root, clips, SPAN_S)
    _films.name(project, clips)
    spent: dict[str, Spent] = {}
    floor: dict[str, Spent] = {}
    peaks_gb = []
    for stage in (*_floor.STAGES, "select", "fit", "pack"):
        bare = _bare(project, stage)
        floor[stage] = _floor.spent(stage, project.root, bare[::2])
        with PeakMemory(_LOOK_S) as memory:
            spent[stage] = _spent(project, stage)
        floor[stage] += _floor.spent(stage, project.root, bare[1::2])
        peaks_gb.append(memory.peak_gb)
    of = f"cold, {clips:,} clips"
    found = [_of_stage(f"{of}: {stage}", it, floor[stage]) for stage, it in spent.items()]
    measuring = sum((spent[stage] for stage in _floor.STAGES), Spent())
    lowest = sum(floor.values(), Spent())
    cores = len(os.sched_getaffinity(0))
    return [
        *found,
        Figure(
            f"{of}: processor time of the measuring stages over the floor",
            measuring.processor_s / lowest.processor_s,
            1.25,
            note=f"{measuring.processor_s:.0f} s against {lowest.processor_s:.0f}",
        ),
        Figure(
            f"{of}: cores busy in the measuring stages",
            measuring.processor_s / measuring.wall_s / cores,
            0.9 if clips >= 100 else None,
            ">=",
            note=f"of {cores}",
        ),
        Figure(f"{of}: memory of all processes at most", max(peaks_gb), unit="GB"),
        Figure(f"{of}: copies of each clip's media", _copies(project), 1),
    ]


def _bare(project: Project, stage: str) -> list[Path]:
    """The files that the bare work of a stage is done on; none where it has none."""
    if stage == "download":
        return sorted((project.root / _films.FOLDER).iterdir())
    stored = list(_films.stored(project))
    if stage == "isolate":
        return [sound.with_name(media.SOUND_16K) for _, _, sound in stored]
    return [video for _, video, _ in stored] if stage == "landmarks" else []


def _spent(project: Project, stage: str) -> Spent:
    _adopt()
    # What its children have used so far is counted when it is waited for, once more.
    launcher.forget()
    began, before = time.perf_counter(), _used_s(resource.RUSAGE_CHILDREN)
    _films.whole(project.command("-m", f"stages.{stage}"))
    took_s = time.perf_counter() - began
    _wait_for_all()
    return Spent(took_s, _used_s(resource.RUSAGE_CHILDREN) - before)


def _adopt() -> None:
    """Become the parent of what a stage leaves over: it does not wait for the process that its
    workers are forked from, and what nobody waits for is in nobody's account."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _wait_for_all() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def _of_stage(name: str, spent: Spent, floor: Spent) -> Figure:
    bare = f", {floor.processor_s:.1f} of them bare" if floor.processor_s else ""
    words = f"{spent.processor_s:.1f} s of processors{bare}"
    return Figure(name, spent.wall_s, unit="s", note=words)


def _used_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _copies(project: Project) -> float:
    """Videos in the project, besides those that a user brought, over clips."""
    made = [*(project.root / "data").rglob("*.mp4"), *(project.root / ".dvc").rglob("*.mp4")]
    return len(made) / len(list(_films.stored(project)))
