"""The bare work of the measuring stages: a decoder, a separator and a landmarker, warm, no more.

    spent("landmarks", root, videos)    over all cores at once, as the stage itself does it

Two processes at a time slow one another in caches and memory by some hundredths, so that work which
had a machine to itself would be no measure for work that had not.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import media
from pipeline.core import memory
from pipeline.core.code import PROJECT
from pipeline.media import child
from pipeline.media.command import ffmpeg_path
from pipeline.params import load
from pipeline.voice.backends import SEPARATORS
from tests.bench._bare import faces_in

Work = Callable[[Path], None]


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of all processors together."""

    wall_s: float = 0.0
    processor_s: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.wall_s + other.wall_s, self.processor_s + other.processor_s)


def spent(stage: str, root: Path, paths: Sequence[Path]) -> Spent:
    """What the bare work of a stage takes over files, a share of them to each core."""
    cores = min(len(os.sched_getaffinity(0)), len(paths))
    command = [sys.executable, "-m", __name__, stage, str(root)]
    shares = [[*command, *map(str, paths[core::cores])] for core in range(cores)]
    running = [_started(share) for share in shares]
    found = [Spent(*json.loads(process.communicate()[0])) for process in running]
    wall_s = max((it.wall_s for it in found), default=0.0)
    return Spent(wall_s, sum(it.processor_s for it in found))


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    # What mediapipe says of itself is nothing to whoever reads the figures.
    return subprocess.Popen(
        command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def main(stage: str, root: str, *paths: str) -> None:
    """Do one share, and print what it took."""
    work, files = _WORK[stage](Path(root)), [Path(path) for path in paths]
    # With memory at hand, and warm, as the workers of a stage are for all clips but their first.
    memory.keep()
    work(files[0])
    began, before = time.perf_counter(), processor_s()
    for file in files:
        work(file)
    print(json.dumps([time.perf_counter() - began, processor_s() - before]))


def _decoder(root: Path) -> Work:
    def decode(film: Path) -> None:
        argv = [ffmpeg_path(), "-v", "error", "-i", str(film), "-f", "null", "-"]
        subprocess.run(argv, check=True)

    return decode


def _separator(root: Path) -> Work:
    separator = SEPARATORS.load(load(root).isolate.separator)

    def separate(sound: Path) -> None:
        wave, rate = media.read_sound(sound)
        separator.separate(wave, rate)

    return separate


def _landmarker(root: Path) -> Work:
    faces = load(root).landmarks.max_faces

    def detect(video: Path) -> None:
        for _ in faces_in(media.read_frames(video), faces):
            pass

    return detect


_WORK = {"download": _decoder, "isolate": _separator, "landmarks": _landmarker}
STAGES = tuple(_WORK)
"""The measuring stages, in the order in which they run."""


def processor_s() -> float:
    """Seconds of processors that this process and its children have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(it.ru_utime + it.ru_stime for it in used) + child.used.processor_s


if __name__ == "__main__":
    main(*sys.argv[1:])
