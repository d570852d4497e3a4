"""What reviewers said: data/overrides.csv, which beats every gate.

    clip,start_frame,end_frame,verdict,reason,reviewer,date,measured
    kitchen_04,,,drop,the baby is the cousin and has no consent,mk,2026-11-02,
    sofa_11,40,95,keep,the hand is beside the mouth and not over it,mk,2026-11-02,9f31c02a77d0

Lines that begin with # are remarks. Without frames a line speaks of the whole clip; `end_frame` is
the first that it no longer speaks of. Where lines contradict, the last one holds. `measured` is the
digest of the measurements that the line was given on, where whoever wrote it knew; where they are
others by now, the line is stale.
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

WITHOUT_DIGEST = ("clip", "start_frame", "end_frame", "verdict", "reason", "reviewer", "date")
COLUMNS = (*WITHOUT_DIGEST, "measured")
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
    measured: str = ""
    """Digest of what it was given on, where that is known."""
    stale: bool = False
    """Whether something else is measured by now; known once it lies beside the measurements."""

    @property
    def whole(self) -> bool:
        """Whether it speaks of the whole clip."""
        return self.start_frame is None

    def __str__(self) -> str:
        stale = "stale, measured anew since; " if self.stale else ""
        return f"{stale}{self.reviewer} on {self.date}: {self.reason}"


def read(path: Path) -> tuple[Override, ...]:
    """Read the file; a project without one has no overrides.

    Raises:
        OverridesError: a line cannot be understood; all such lines are listed with their numbers.
    """
    if not path.exists():
        return ()
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        lines = [(reader.line_num, row) for row in reader if row and not row[0].startswith("#")]
    if not lines or tuple(lines[0][1]) not in (COLUMNS, WITHOUT_DIGEST):
        number = lines[0][0] if lines else 1
        raise OverridesError(f"{path}:{number}: the columns should be {','.join(COLUMNS)}")
    wrong = [f"{path}:{number}: {text}" for number, row in lines[1:] for text in problems(row)]
    if wrong:
        raise OverridesError("\n".join(wrong))
    return tuple(_override(*(cell.strip() for cell in row)) for _, row in lines[1:])


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


def _override(
    clip: str,
    start: str,
    end: str,
    verdict: str,
    reason: str,
    reviewer: str,
    date: str,
    measured: str = "",
) -> Override:
    return Override(
        clip,
        "keep" if verdict == "keep" else "drop",
        reason,
        reviewer,
        date,
        int(start) if start else None,
        int(end) if end else None,
        measured,
    )


def problems(row: list[str]) -> list[str]:
    """What is wrong with one line's cells, in words."""
    if len(row) not in (len(COLUMNS), len(WITHOUT_DIGEST)):
        return [f"should have {len(COLUMNS)} columns, has {len(row)}"]
    clip, start, end, verdict, reason, reviewer, date = (cell.strip() for cell in row[:7])
    wrong = []
    try:
        clip_id(clip)
    except IdError as error:
        wrong.append(str(error))
    if verdict not in VERDICTS:
        wrong.append(f"verdict {verdict!r} is not one of {', '.join(VERDICTS)}")
    named = {"reason": reason, "reviewer": reviewer}
    wrong += [f"{name} is missing" for name, value in named.items() if not value]
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        wrong.append(f"date {date!r} is not like 2026-11-02")
    return wrong + _range_problems(start, end)


def _range_problems(start: str, end: str) -> list[str]:
    if not start and not end:
        return []
    if not (start.isdecimal() and end.isdecimal()):
        return [f"frames {start!r} to {end!r}: give both as whole numbers, or neither"]
    if int(start) >= int(end):
        return [f"frames {start} to {end}: the end is the first frame that is not meant"]
    return []
