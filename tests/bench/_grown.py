"""Many ids over few recordings: what a run costs beyond measuring, and how that grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.bench import _films
from tests.bench._figures import Figure
from tests.e2e.project import Project

FILMS, SPAN_S = 10, 4.0
STAGES = ("download", "isolate", "landmarks", "select", "fit", "pack")
STAGE_S, WHOLE_S, THRESHOLD_S, ONE_MORE_S = 5.0, 30.0, 10.0, 20.0
LARGE, MANY = 10_000, 1_000
"""Clips that figures are asked of; a smaller run is told and not judged."""


def figures(root: Path, rows: Sequence[int]) -> list[Figure]:
    """Grow a project to each number of rows, and change little things there."""
    project = _films.films(root, FILMS, SPAN_S)
    _films.name(project, FILMS)
    _films.whole(project.dvc("repro", "pack"))
    alone_s = _one_more(project, 0)
    found, spent_s = [], []
    for number in sorted(rows):
        _films.name(project, number)
        ran = _films.whole(project.dvc("repro", "pack"))
        seconds = {stage: ran.lines[stage].seconds for stage in STAGES}
        spent_s.append(sum(seconds.values()))
        found += _unmeasured(project, number, seconds)
        spare_s = _one_more(project, number) - alone_s
        what = f"{number:,} clips and one more, beyond a run of that one"
        found.append(Figure(what, spare_s, ONE_MORE_S if number >= MANY else None, unit="s"))
    if len(spent_s) > 1:
        slope = np.polyfit(np.log(sorted(rows)), np.log(spent_s), 1)[0]
        found.append(Figure("growth of all stages, exponent", float(slope), 1.05))
    return found


def _unmeasured(project: Project, number: int, seconds: dict[str, float]) -> list[Figure]:
    again = _films.whole(project.dvc("repro", "pack"))
    project.change(select={"max_yaw_deg": 39.0})
    tightened = _films.whole(project.dvc("repro", "select"))
    project.change(select={"max_yaw_deg": 40.0})
    _films.whole(project.dvc("repro", "pack"))
    asked = number >= LARGE
    slowest = max(seconds, key=seconds.__getitem__)
    told = ", ".join(f"{stage} {it:.1f}" for stage, it in seconds.items())
    return [
        Figure(
            f"{number:,} clips, all remembered: {slowest}, the slowest stage",
            seconds[slowest],
            STAGE_S if asked else None,
            unit="s",
            note=told,
        ),
        Figure(
            f"{number:,} clips, nothing changed: stages run", len(again.lines), 0, note="of `repro`"
        ),
        Figure(
            f"{number:,} clips, nothing changed",
            again.seconds,
            WHOLE_S if asked else None,
            unit="s",
        ),
        Figure(
            f"{number:,} clips, another threshold: to the new choice of frames",
            tightened.seconds,
            THRESHOLD_S if asked else None,
            unit="s",
        ),
    ]


def _one_more(project: Project, number: int) -> float:
    """Seconds of a run for one film more, of another length each time."""
    _films.name(project, number, [_films.another(project)])
    added = _films.whole(project.dvc("repro", "pack"))
    if added.measured["landmarks"] != 1:
        raise SystemExit(f"one clip more, and {added.measured} were measured")
    return added.seconds
