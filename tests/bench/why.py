"""`cradle bench why`: how long `cradle why` takes on 10,000 made-up clips, from start to end."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.core.code import PROJECT
from tests.bench._figures import Figure, report
from tests.bench._made_up import options, project

PANDAS = ["-c", "import pandas, pyarrow.parquet"]
QUESTIONS = (["clip_00007"], ["clip_04711", "--json"], ["clip_09999", "--frame", "150"])


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    parser = options("why", __doc__)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        root = project(Path(name), arguments.clips, arguments.frames)
        asked = [[*("-m", "pipeline", "why"), *question] for question in QUESTIONS]
        _took(PANDAS, root), _took(asked[0], root)
        floor = [_took(PANDAS, root) for _ in range(arguments.repeats)]
        every = [_took(question, root) for _ in range(arguments.repeats) for question in asked]
    wall_s, cpu_s = np.median(every, axis=0)
    floor_wall_s, floor_cpu_s = np.median(floor, axis=0)
    figures = [
        Figure("cradle why, start to end", wall_s, 1, unit="s"),
        Figure("of it, importing pandas and pyarrow", floor_wall_s, unit="s"),
        Figure("CPU time", cpu_s, unit="s"),
        Figure("CPU time beside that of the import", cpu_s / floor_cpu_s, unit="times"),
    ]
    size = f"{arguments.clips:,} clips, {arguments.clips * arguments.frames:,} frames"
    return report(f"why, {size}", figures, arguments.json)


def _took(words: list[str], root: Path) -> tuple[float, float]:
    """Seconds on the clock and of the CPU that a fresh Python takes, its bytecode at hand."""
    settings = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONPYCACHEPREFIX": str(root / "pyc")}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, *words], cwd=root, env=settings, check=True, stdout=subprocess.DEVNULL
    )
    taken_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken_s, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
