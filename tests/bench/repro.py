"""`cradle bench repro`: what a run costs, and what every kind of change costs after it.

Everything happens in copies of the project, with stores and caches of their own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.bench._figures import Figure, report
from tests.bench._watching import watching
from tests.e2e.project import SMALL, Project, Ran

MEASURING = ("download", "isolate", "landmarks", "fit")
PARTS = ("full", "same", "killed")
KILLS = 20
_LOOK_S = 0.2
"""How often memory is looked at: at 0.5 s much of what stages of 2 s hold was missed."""


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench repro", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kills", type=int, default=KILLS, help="how often a run is killed")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args(argv)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="cradle-bench-") as folder:
        root = Path(folder)
        if "full" in arguments.parts:
            figures += full(root / "full")
        if "same" in arguments.parts:
            figures += same_anywhere(root)
        if "killed" in arguments.parts:
            figures += killed(root, arguments.kills)
    return report("repro", figures, arguments.json)


def full(root: Path) -> list[Figure]:
    """The default run, and every small change after it."""
    project = Project.copy(root)
    with PeakMemory() as memory:
        first = _whole(project.dvc("repro"))
    project.commit()
    print(first.output)
    second = _whole(project.dvc("repro"))
    figures = [
        Figure("first run", first.seconds / 60, 10, unit="min"),
        Figure("peak memory of all processes", memory.peak_gb, 6, unit="GB"),
        Figure("second run: stages run", len(second.lines), 0),
        Figure("second run", second.seconds, 10, unit="s"),
    ]
    project.change(select={"max_yaw_deg": 30.0})
    tightened = _whole(project.dvc("repro", "pack"))
    figures += [
        Figure("threshold: clips measured", sum(tightened.measured.values()), 0),
        Figure("threshold: select", tightened.lines["select"].seconds, 3, unit="s"),
    ]
    project.git("checkout", "-q", "--", "params.yaml")
    for module in ("pipeline/face/landmarks.py", "pipeline/voice/isolate.py"):
        path = project.root / module
        path.write_text(path.read_text() + "\n# Said in other words.\n")
    commented = _whole(project.dvc("repro", "pack"))
    figures.append(Figure("comment: clips measured", sum(commented.measured.values()), 0))
    project.add_another()
    added = _whole(project.dvc("repro", "pack"))
    figures += [
        Figure(f"one clip more: {stage} measured", added.measured[stage], 1) for stage in MEASURING
    ]
    return figures


def same_anywhere(root: Path) -> list[Figure]:
    """Workers, order of the listing and a second run must not change a byte."""
    locks = []
    for name, run, shuffled in [
        ("one", {"workers": 1}, False),
        ("two", {"workers": 2}, False),
        ("four", {"workers": 4}, False),
        ("again", {"workers": 2}, False),
        ("shuffled", {"workers": 2}, True),
    ]:
        project = Project.copy(root / name, **{**SMALL, "run": run})
        if shuffled:
            _shuffle_listings(project)
        _whole(project.dvc("repro"))
        locks.append(project.lock)
    return [Figure("different dvc.lock over workers 1, 2, 4, again, shuffled", len(set(locks)), 1)]


def killed(root: Path, kills: int) -> list[Figure]:
    """Kill the run with all its processes at random times, then let it finish."""
    calm = Project.copy(root / "calm", **SMALL)
    span_s = _whole(calm.dvc("repro")).seconds
    rng = np.random.default_rng(0)
    struck, ended = 0, []
    while struck < kills:
        troubled = Project.copy(root / f"troubled_{len(ended)}", **SMALL)
        # Work goes on where it was, so a run that is killed often still comes to its end.
        while struck < kills and _kill_after(
            troubled, after_s := float(rng.uniform(2, span_s / 4))
        ):
            struck += 1
            print(f"killed {struck}/{kills} after {after_s:.1f} s", flush=True)
        # What `make run` does. DVC clears the lock of a dead process by itself.
        _whole(troubled.command("-m", "pipeline.commands._unlock"))
        _whole(troubled.dvc("repro"))
        ended.append(_damage(calm, troubled))
    tables, locks, leftovers = (sum(column) for column in zip(*ended, strict=True))
    return [
        Figure(f"runs whose tables differ, {kills} kills over {len(ended)} runs", tables, 0),
        Figure("runs whose dvc.lock differs", locks, 0),
        Figure("leftovers", leftovers, 0),
    ]


def _damage(calm: Project, troubled: Project) -> tuple[int, int, int]:
    """Whether tables differ, whether dvc.lock does, and how many files were left half-written."""
    pattern = "data/*/**/*.parquet"
    leftovers = [*troubled.root.glob("data/.store/.tmp-*"), *troubled.root.glob("data/*/.*.tmp")]
    return (
        calm.bytes_of(pattern) != troubled.bytes_of(pattern),
        calm.lock != troubled.lock,
        len(leftovers),
    )


def _kill_after(project: Project, after_s: float) -> bool:
    """Kill `dvc repro` and its children after `after_s`; False where it was done before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def _shuffle_listings(project: Project) -> None:
    # Python finds this module at its start; every listing of a folder then comes in another order.
    shutil.copy(Path(__file__).with_name("_shuffled.py"), project.root / "sitecustomize.py")


def _whole(ran: Ran) -> Ran:
    if ran.code != 0:
        raise SystemExit(ran.output)
    return ran


class PeakMemory:
    """The most memory that all children of this process held together.

    To look takes 10 ms of a processor for each gigabyte.
    """

    def __init__(self, every_s: float = _LOOK_S) -> None:
        self.peak_gb = 0.0
        self._watching = watching(self._look, every_s)

    def __enter__(self) -> PeakMemory:
        self._watching.__enter__()
        return self

    def __exit__(self, *how: Any) -> None:
        self._watching.__exit__(*how)

    def _look(self) -> None:
        total = 0
        for child in psutil.Process().children(recursive=True):
            try:
                # Shared pages are counted once: what the processes really take together.
                total += child.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        self.peak_gb = max(self.peak_gb, total / 1e9)
