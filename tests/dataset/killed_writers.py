"""Writers of overrides that are killed at random: run by a test, in a process without threads.

python -m tests.dataset.killed_writers FOLDER 200

Each try forks two writers into one file, NUMBER.csv. A writer says over a pipe which of its lines
it was told are on disk; after a while one of the two is killed, and the other ends by itself.
Prints every line that was acknowledged.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from pipeline.dataset.overrides import Override
from pipeline.dataset.overriding import append

LINES = 3


def write(path: Path, name: str, pipe: int) -> None:
    for number in range(LINES):
        clip = f"{name}_{number}"
        append(path, [Override(clip, "drop", "long words " * 30, name, "2026-11-26")])
        os.write(pipe, f"{clip}\n".encode())


def start(path: Path, name: str) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        write(path, name, writing)
        os._exit(0)
    os.close(writing)
    return pid, reading


def main(folder: Path, tries: int) -> None:
    chance = random.Random(5)
    for attempt in range(tries):
        path = folder / f"{attempt}.csv"
        victim, said = start(path, f"victim{attempt:03d}")
        other, heard = start(path, f"other{attempt:03d}")
        until = time.perf_counter() + chance.uniform(0, 0.008)
        while time.perf_counter() < until:
            pass
        os.kill(victim, signal.SIGKILL)
        for pid, pipe in ((victim, said), (other, heard)):
            os.waitpid(pid, 0)
            with os.fdopen(pipe) as words:
                sys.stdout.write(words.read())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
