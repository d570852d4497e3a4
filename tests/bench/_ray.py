"""The tables of the same clips over a pool of processes and over Ray on this machine alone.

Ray runs as a cluster that is there already, and as one that each stage starts for itself; the pool
runs before and after, as the machine may have other things to do meanwhile.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core import seal
from tests.bench import _films
from tests.bench._figures import Figure
from tests.e2e.project import Project

FILMS, SPAN_S = 6, 4.0
SLOWER, MANY = 1.15, 1_000
STARTED_S = 60.0
POOL: dict[str, Any] = {"executor": "process"}
INSTALLED = importlib.util.find_spec("ray") is not None
WHY = "Ray is not installed: `uv sync --extra ray`"
OWN: dict[str, Any] = {"executor": "ray", "address": None}


@dataclass(frozen=True)
class Run:
    """What one run came to."""

    stages_s: float
    """Of all stages together, by the clock."""
    told: str
    tables: dict[str, bytes]


def figures(root: Path, rows: int) -> list[Figure]:
    """Grow a project from a few clips to so many, by every way of running it."""
    of = f"Ray on one node, {rows:,} clips"
    ways = ("running", "started by each stage")
    if not INSTALLED:
        left_out = [f"{of}, {way}: over the pool" for way in ways]
        return [Figure.missing(what, SLOWER, "<=", "", WHY) for what in left_out]
    few = _films.films(root / "few", FILMS, SPAN_S)
    _films.name(few, FILMS)
    _films.whole(few.dvc("repro", "pack"))
    place = root / "work"
    before = _run(few, place, rows, POOL)
    with cluster(place) as address:
        running = _run(few, place, rows, {"executor": "ray", "address": address})
    own = _run(few, place, rows, OWN)
    after = _run(few, place, rows, POOL)
    pool_s = (before.stages_s + after.stages_s) / 2
    found = [
        Figure(f"the pool, {rows:,} clips, before", before.stages_s, unit="s", note=before.told),
        Figure(f"the pool, {rows:,} clips, after", after.stages_s, unit="s", note=after.told),
    ]
    for way, ran in zip(ways, (running, own), strict=True):
        differ = sum(before.tables.get(name) != it for name, it in ran.tables.items())
        differ += len(before.tables.keys() - ran.tables.keys())
        found += [
            Figure(
                f"{of}, {way}: over the pool",
                ran.stages_s / pool_s,
                SLOWER if rows >= MANY else None,
                note=f"{ran.stages_s:.1f} s; {ran.told}",
            ),
            Figure(f"{of}, {way}: tables that differ", differ, 0),
        ]
    return found


def _run(few: Project, place: Path, rows: int, run: dict[str, Any]) -> Run:
    """A project of few clips, all of them measured, that comes to have many."""
    shutil.rmtree(place, ignore_errors=True)
    project = few.copied(place)
    _films.name(project, rows)
    project.change(run=run)
    lines = _films.whole(project.dvc("repro", "pack")).lines
    told = ", ".join(f"{name} {line.seconds:.1f}" for name, line in lines.items())
    seconds = sum(line.seconds for line in lines.values())
    return Run(seconds, told, project.bytes_of("data/*/**/*.parquet"))


@contextmanager
def cluster(place: Path) -> Iterator[str]:
    """A cluster of this machine alone, at the address given, for the project in `place`.

    Raises:
        SystemExit: it does not start within a minute.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    place.mkdir(parents=True, exist_ok=True)
    # Of its own, for as long as it lasts: nobody else gets in, and nothing is left at home.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ.update(token)
    words = ("--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}")
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *words, *_QUIET],
        # Not below `place`, which is made anew: who works in a folder that is gone finds no file.
        cwd=place.parent,
        # Ray's own is 15: its workers wait for whatever else the machine does, the pool's do not.
        env={**Project(place).environment, **seal.QUIET, "RAY_worker_niceness": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _answers(process, port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        for name in token:
            del os.environ[name]


_QUIET = (
    *("--include-dashboard=false", "--disable-usage-stats"),
    f"--num-cpus={len(os.sched_getaffinity(0))}",
)


def _answers(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + STARTED_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise SystemExit("ray start --head: no answer")
