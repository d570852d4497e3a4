"""Writing data/overrides.csv: whole or not at all, and one writer after the other.

    append(root / "data" / "overrides.csv", [Override("kitchen_04", "drop", "no consent", ...)])
    forget(root / "data" / "overrides.csv", ["kitchen_04"])
    take_back(root / "data" / "overrides.csv", Override("kitchen_04", "drop", "no consent", ...))

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
from dataclasses import replace
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
        rows = list(_rows(lines))
        kept = [text for cells, text in rows if not cells or cells[0] not in clips]
        gone = len(rows) - len(kept)
        if gone:
            _replace(path, "".join(kept))
    return gone


def take_back(path: Path, said: Override) -> None:
    """Take out the last line that says exactly this.

    Raises:
        CradleError: there is none, or the file holds lines that cannot be understood.
    """
    with _alone(path.parent):
        overrides.read(path)
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_rows(file.readlines()))
        wanted = _cells(said)
        same = [n for n, (cells, _) in enumerate(rows) if [*cells, ""][: len(wanted)] == wanted]
        if not same:
            raise CradleError(f"{path}: {said.clip}: nobody says so any more")
        del rows[same[-1]]
        _replace(path, "".join(text for _, text in rows))


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


def _rows(lines: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """The cells of each row and the row as it was written, which may be several lines."""
    rows, start = csv.reader(lines), 0
    for row in rows:
        yield [cell.strip() for cell in row], "".join(lines[start : rows.line_num])
        start = rows.line_num


def _with_digests(text: str) -> str:
    """The text with a column for digests, ending with a whole line."""
    if not text.strip():
        return ",".join(COLUMNS) + "\n"
    text = text if text.endswith("\n") else text + "\n"
    old, new = ",".join(WITHOUT_DIGEST), ",".join(COLUMNS)
    return re.sub(rf"^{old}(?=\r?$)", new, text, count=1, flags=re.MULTILINE)


def _line(said: Override) -> str:
    cells = _cells(replace(said, reason=plain(said.reason), reviewer=plain(said.reviewer)))
    if problems := overrides.problems(cells):
        raise CradleError(f"{said.clip}: {'; '.join(problems)}")
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow(cells)
    return row.getvalue()


def _cells(said: Override) -> list[str]:
    place = ["" if frame is None else str(frame) for frame in (said.start_frame, said.end_frame)]
    words = [said.verdict, said.reason, said.reviewer, said.date, said.measured]
    return [said.clip, *place, *words]


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
