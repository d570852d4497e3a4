"""What became of each clip, line by line as it happens, for programs.

    data/.store/logs/HOST-PID.jsonl
    {"at": "2026-03-01T10:02:11.480+00:00", "step": "face", "clip": "kitchen_04", "key": "3f9a...",
     "outcome": "measured", "seconds": 4.9}

Each process writes a file of its own, a line at once, so none waits for another and none is torn.
The outcome is `measured`, or the reason why not. No result depends on it; delete it at any time.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

FOLDER = "logs"
MEASURED = "measured"


def note(store: Path, step: str, clip: str, key: str, outcome: str, seconds: float) -> None:
    """Write down what became of one clip; a log that cannot be written costs nothing else."""
    said = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "step": step,
        "clip": clip,
        "key": key,
        "outcome": outcome,
        "seconds": round(seconds, 3),
    }
    folder = store / FOLDER
    path = folder / f"{socket.gethostname()}-{os.getpid()}.jsonl"
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(json.dumps(said).encode() + b"\n")
