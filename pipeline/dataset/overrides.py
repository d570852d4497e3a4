"""What reviewers said: data/overrides.csv, which beats every gate.

    clip,start_frame,end_frame,verdict,reason,reviewer,date
    kitchen_04,,,drop,the baby is the cousin and has no consent,mk,2026-11-02
    sofa_11,40,95,keep,the hand is beside the mouth and not over it,mk,2026-11-02

Without frames a line speaks of the whole clip; `end_frame` is the first that it no longer speaks
of. Where lines contradict, the last one holds.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import CradleError, IdError
from pipeline.core.ids import clip_id

COLUMNS = ("clip", "start_frame", "end_frame", "verdict", "reason", "reviewer", "date")
VERDICTS = ("keep", "drop")
NONE, KEEP, DROP = 0, 1, 2


class OverridesError(CradleError):
    """data/overrides.csv holds lines that cannot be understood; all of them are listed."""


@dataclass(frozen=True)
class Override:
    """One line."""

    clip: str
    verdict: Literal["keep", "drop"]
    reason: str
    reviewer: str
    date: str
    start_frame: int | None = None
    end_frame: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it speaks of the whole clip."""
        return self.start_frame is None

    def __str__(self) -> str:
        return f"{self.reviewer} on {self.date}: {self.reason}"


def read(path: Path) -> tuple[Override, ...]:
    """Read the file; a project without one has no overrides.

    Raises:
        OverridesError: a line cannot be understood; all such lines are listed with their numbers.
    """
    if not path.exists():
        return ()
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise OverridesError(f"{path}:1: the columns should be {','.join(COLUMNS)}")
        lines = [(rows.line_num, row) for row in rows]
    problems = [f"{path}:{number}: {text}" for number, row in lines for text in _problems(row)]
    if problems:
        raise OverridesError("\n".join(problems))
    return tuple(_override(row) for _, row in lines)


def paint(
    overrides: Iterable[Override], place: dict[str, int], first: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Lay overrides on the grid of frames: NONE, KEEP or DROP for every frame, (N,).

    Args:
        overrides: of clips in `place`.
        place: number of each clip.
        first: (C + 1,) where each clip begins on the grid.
    """
    verdict = np.zeros(first[-1], np.int8)
    for override in overrides:
        number = place[override.clip]
        begin, end = int(first[number]), int(first[number + 1])
        start = min(begin + (override.start_frame or 0), end)
        stop = end if override.end_frame is None else min(begin + override.end_frame, end)
        verdict[start:stop] = KEEP if override.verdict == "keep" else DROP
    return verdict


def _override(row: dict[str, str]) -> Override:
    start, end = row["start_frame"].strip(), row["end_frame"].strip()
    return Override(
        row["clip"].strip(),
        "keep" if row["verdict"].strip() == "keep" else "drop",
        row["reason"].strip(),
        row["reviewer"].strip(),
        row["date"].strip(),
        int(start) if start else None,
        int(end) if end else None,
    )


def _problems(row: dict[str, str]) -> list[str]:
    if None in row or None in row.values():
        return [f"should have {len(COLUMNS)} columns"]
    problems = []
    try:
        clip_id(row["clip"].strip())
    except IdError as error:
        problems.append(str(error))
    if row["verdict"].strip() not in VERDICTS:
        problems.append(f"verdict {row['verdict']!r} is not one of {', '.join(VERDICTS)}")
    problems += [f"{name} is missing" for name in ("reason", "reviewer") if not row[name].strip()]
    try:
        datetime.date.fromisoformat(row["date"].strip())
    except ValueError:
        problems.append(f"date {row['date']!r} is not like 2026-11-02")
    return problems + _range_problems(row["start_frame"].strip(), row["end_frame"].strip())


def _range_problems(start: str, end: str) -> list[str]:
    if not start and not end:
        return []
    if not (start.isdecimal() and end.isdecimal()):
        return [f"frames {start!r} to {end!r}: give both as whole numbers, or neither"]
    if int(start) >= int(end):
        return [f"frames {start} to {end}: the end is the first frame that is not meant"]
    return []
