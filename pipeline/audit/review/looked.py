"""data/looked.csv: who looked at whose face, and when. Not in git.

    record(root / "data" / "looked.csv", "kitchen_04", "mk")

When it returns the line is on disk: no face is shown that was not written down first.
"""

from __future__ import annotations

import csv
import datetime
import fcntl
import io
import os
from pathlib import Path

LOOKED = Path("data") / "looked.csv"


def record(path: Path, clip: str, who: str) -> None:
    """Add a line.

    Raises:
        OSError: it could not be written.
    """
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow([now, clip, who])
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(_rest_of_a_torn_line(file.fileno()) + row.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())


def _rest_of_a_torn_line(handle: int) -> bytes:
    """A new line where the machine stopped in the middle of the last one."""
    size = os.fstat(handle).st_size
    return b"" if not size or os.pread(handle, 1, size - 1) == b"\n" else b"\n"
