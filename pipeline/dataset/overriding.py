"""Writing data/overrides.csv: whole or not at all, and one writer after the other.

    append(root / "data" / "overrides.csv", [Override("kitchen_04", "drop", "no consent", ...)])
    forget(root / "data" / "overrides.csv", ["kitchen_04"])

When it returns the lines are on disk. A process that is killed before has written nothing, and two
that write at once wait for one another.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.errors import CradleError
from pipeline.dataset import overrides
from pipeline.dataset.overrides import COLUMNS, WITHOUT_DIGEST, Override

LONGEST = 500
"""Letters of a note that are kept."""
_FORMULA = ("=", "+", "-", "@")


def append(path: Path, said: Sequence[Override]) -> None:
    """Add lines to the file, which is made where there is none.

    Raises:
        CradleError: the file holds lines that cannot be understood, or a new one could not be.
    """
    with _alone(path.parent):
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        overrides.read(path)
        written = _with_digests(text) + "".join(map(_line, said))
        _replace(path, written)


def forget(path: Path, clips: Collection[str]) -> int:
    """Take out every line about some clips; returns how many there were.

    Raises:
        CradleError: the file holds lines that cannot be understood.
    """
    if not path.exists():
        return 0
    with _alone(path.parent):
        overrides.read(path)
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = file.readlines()
        kept = [text for clip, text in _remarks(lines) if clip not in clips]
        gone = sum(1 for _ in _remarks(lines)) - len(kept)
        if gone:
            _replace(path, "".join(kept))
    return gone


def plain(text: str) -> str:
    """A stranger's text as one line that no spreadsheet takes for a formula."""
    letters = (letter if letter.isprintable() else " " for letter in text)
    line = re.sub(" +", " ", "".join(letters)).strip()[:LONGEST]
    return f"'{line}" if line.startswith(_FORMULA) else line


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for one writer; the system lets go of it whatever becomes of us."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remarks(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The first cell of each row and the row as it was written, which may be several lines."""
    rows, start = csv.reader(lines), 0
    for row in rows:
        yield (row[0].strip() if row else ""), "".join(lines[start : rows.line_num])
        start = rows.line_num


def _with_digests(text: str) -> str:
    """The text with a column for digests, ending with a whole line."""
    if not text.strip():
        return ",".join(COLUMNS) + "\n"
    text = text if text.endswith("\n") else text + "\n"
    old, new = ",".join(WITHOUT_DIGEST), ",".join(COLUMNS)
    return re.sub(rf"^{old}(?=\r?$)", new, text, count=1, flags=re.MULTILINE)


def _line(said: Override) -> str:
    place = ["" if frame is None else frame for frame in (said.start_frame, said.end_frame)]
    words = [said.verdict, plain(said.reason), plain(said.reviewer), said.date, said.measured]
    if problems := overrides.problems([str(cell) for cell in (said.clip, *place, *words)]):
        raise CradleError(f"{said.clip}: {'; '.join(problems)}")
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow([said.clip, *place, *words])
    return row.getvalue()


def _replace(path: Path, text: str) -> None:
    # One name for all: whoever holds the folder may write over what a killed process left.
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
