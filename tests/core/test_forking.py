"""Workers are copies of the stage: what it has imported is theirs, and they end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from pipeline.core.code import PROJECT

SCRIPT = """
import os, sys, time
from pathlib import Path
from pipeline.core import forking
from pipeline.core.runner import Job, Run, Runner, Step
from pipeline.core.store import Store
from tests.core import steps

if __name__ == "__main__":
    steps.GREETING = "said by the stage"
    forking.ready()
    steps.GREETING = "said too late"
    runner = Runner(Store(Path(sys.argv[1]) / "store"), Run(workers=2))
    if sys.argv[2] == "works":
        jobs = [Job(f"clip_{number}", {"value": number}, str(number)) for number in range(4)]
        done = runner.measure(Step("greet", steps.greet), jobs)
        for entry in done.entries.values():
            print((entry.path / "value.txt").read_text())
        runner.close()
    else:
        print("waits", flush=True)
        time.sleep(60)
"""


def stage(folder: Path, what: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, script, folder, what],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_workers_are_copies_of_what_the_stage_was(tmp_path: Path) -> None:
    with stage(tmp_path, "works") as process:
        # To the end of what is said: nobody is left who holds the other end.
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.splitlines() == ["said by the stage"] * 4


def test_the_copy_ends_with_the_stage(tmp_path: Path) -> None:
    with stage(tmp_path, "waits") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        copies = psutil.Process(process.pid).children()
        assert len(copies) == 1
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while any(copy.is_running() for copy in copies) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(copy.is_running() for copy in copies)
