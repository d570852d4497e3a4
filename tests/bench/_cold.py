"""Clips measured from nothing, and the bare work on the same frames and sounds."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import media
from pipeline.media import child, launcher
from pipeline.media.command import ffmpeg_path
from pipeline.params import load
from pipeline.voice.backends import SEPARATORS
from tests.bench import _films
from tests.bench._bare import faces_in
from tests.bench._figures import Figure
from tests.bench.repro import PeakMemory
from tests.e2e.project import Project

SPAN_S = 8.0
_LOOK_S = 2.0
"""From one look at the memory to the next: who looks takes time from those that are timed."""
_PR_SET_CHILD_SUBREAPER = 36
MEASURING = ("download", "isolate", "landmarks")
"""What has a floor: a decoder, a separator, a landmarker that do no more than that."""


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of all processors together."""

    wall_s: float
    processor_s: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.wall_s + other.wall_s, self.processor_s + other.processor_s)


def figures(root: Path, clips: int) -> list[Figure]:
    """Run the measuring stages one by one, then the bare work."""
    project = _films.films(root, clips, SPAN_S)
    _films.name(project, clips)
    spent = {}
    with PeakMemory(_LOOK_S) as memory:
        for stage in (*MEASURING, "select", "fit", "pack"):
            spent[stage] = _spent(project, stage)
    floor = _floor(project)
    of = f"cold, {clips:,} clips"
    found = [_of_stage(f"{of}: {stage}", it, floor.get(stage)) for stage, it in spent.items()]
    measuring = sum((spent[stage] for stage in MEASURING), Spent(0, 0))
    bare = sum(floor.values(), Spent(0, 0))
    cores = len(os.sched_getaffinity(0))
    return [
        *found,
        Figure(
            f"{of}: processor time of the measuring stages over the floor",
            measuring.processor_s / bare.processor_s,
            1.25,
            note=f"{measuring.processor_s:.0f} s against {bare.processor_s:.0f}",
        ),
        Figure(
            f"{of}: cores busy in the measuring stages",
            measuring.processor_s / measuring.wall_s / cores,
            0.9 if clips >= 100 else None,
            ">=",
            note=f"of {cores}",
        ),
        Figure(f"{of}: memory of all processes at most", memory.peak_gb, unit="GB"),
        Figure(f"{of}: copies of each clip's media", _copies(project), 1),
    ]


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


def _of_stage(name: str, spent: Spent, floor: Spent | None) -> Figure:
    bare = f", {floor.processor_s:.1f} of them bare" if floor else ""
    words = f"{spent.processor_s:.1f} s of processors{bare}"
    return Figure(name, spent.wall_s, unit="s", note=words)


def _floor(project: Project) -> dict[str, Spent]:
    """A decoder, a separator and a landmarker over all clips, warm and one after the other."""
    params = load(project.root)
    stored = [path for _, *paths in _films.stored(project) for path in paths]
    videos, sounds = stored[::2], stored[1::2]
    separator = SEPARATORS.load(params.isolate.separator)

    def decode(film: Path) -> None:
        argv = [ffmpeg_path(), "-v", "error", "-i", str(film), "-f", "null", "-"]
        subprocess.run(argv, check=True)

    def detect(video: Path) -> None:
        for _ in faces_in(media.read_frames(video), params.landmarks.max_faces):
            pass

    def separate(sound: Path) -> None:
        wave, rate = media.read_sound(sound.with_name(media.SOUND_16K))
        separator.separate(wave, rate)

    films = sorted((project.root / _films.FOLDER).iterdir())
    work = ((decode, films), (separate, sounds), (detect, videos))
    return {stage: _bare(do, on) for stage, (do, on) in zip(MEASURING, work, strict=True)}


def _bare(do: Callable[[Path], None], on: Sequence[Path]) -> Spent:
    do(on[0])
    began, before = time.perf_counter(), _processor_s()
    for path in on:
        do(path)
    return Spent(time.perf_counter() - began, _processor_s() - before)


def _processor_s() -> float:
    """Of this process and its children."""
    whole = _used_s(resource.RUSAGE_SELF) + _used_s(resource.RUSAGE_CHILDREN)
    return whole + child.used.processor_s


def _used_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _copies(project: Project) -> float:
    """Videos in the project, besides those that a user brought, over clips."""
    made = [*(project.root / "data").rglob("*.mp4"), *(project.root / ".dvc").rglob("*.mp4")]
    return len(made) / len(list(_films.stored(project)))
