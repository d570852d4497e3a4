"""A clip over its time: verdicts, voices, and the measures that decide most often, as drawing data.

Everything is laid on a width of 1000 units; a height is 1 where a track is at its top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.audit.read import FRAME_JUDGES, Account
from pipeline.audit.why import Story
from pipeline.audit.words import of_run
from pipeline.core import tables

WIDTH = 1000.0
MOST_POINTS = 250
ALWAYS = ("mouth_visible", "yaw_abs_deg")
"""Measures that are drawn of every clip; those that dropped frames of it are added."""
MOST_CURVES = 4
RESIDUAL = "residual_mm"
"""How far the fitted face lies from the landmarks; drawn of every clip that was fitted."""
OF_ANGLE = "_abs_deg"
"""The ledger holds the size of an angle, the landmarks hold it with its sign."""


@dataclass(frozen=True)
class Block:
    """A stretch of time of one verdict."""

    x: float
    width: float
    reason: str
    words: str


@dataclass(frozen=True)
class Curve:
    """One measure over time."""

    title: str
    path: str
    """SVG path on a height of 100, top down."""
    limit: float | None
    """Height of the threshold, on the same scale."""
    limit_text: str


@dataclass(frozen=True)
class Timeline:
    """What is drawn of one clip."""

    verdicts: list[Block]
    spans: list[tuple[float, float]]
    """Start and width of every kept span."""
    infant: str
    """SVG path of an area on a height of 100."""
    adult: str
    curves: list[Curve]
    seconds: float


def limits(account: Account) -> dict[str, float]:
    """The thresholds that frames were held against, by measure."""
    known: dict[str, float] = {}
    for stage in FRAME_JUDGES:
        path = account.data / stage / "frames.parquet"
        if path.exists():
            rules = tables.read(path, ["measure", "threshold"]).dropna().drop_duplicates("measure")
            known |= {str(row.measure): float(str(row.threshold)) for row in rules.itertuples()}
    return known


def strip(story: Story) -> list[Block]:
    """The verdicts alone: select's, and over them what fit thought otherwise."""
    scale = WIDTH / max(1, story.frames)
    return [
        Block(
            run.start_frame * scale,
            (run.end_frame - run.start_frame) * scale,
            run.reason,
            of_run(run),
        )
        for run in story.runs
        if run.stage == "select" or run.reason not in ("kept", "bridged")
    ]


def draw(account: Account, story: Story, known_limits: Mapping[str, float]) -> Timeline:
    """Lay out one clip's timeline."""
    scale = WIDTH / max(1, story.frames)
    voices = account.frames("isolate", story.clip).to_pandas()
    faces = account.frames("landmarks", story.clip).to_pandas()
    measured = [(measure, faces) for measure in _chosen(story, faces)]
    poses = account.of_clip("fit", "poses", story.clip).to_pandas()
    if len(poses):
        measured.append((RESIDUAL, poses.sort_values("frame")))
    return Timeline(
        strip(story),
        [(start * scale, (end - start) * scale) for start, end in story.spans],
        _area(voices, "infant", story.frames),
        _area(voices, "adult", story.frames),
        [_curve(measure, table, known_limits, story.frames) for measure, table in measured],
        story.frames / 30.0,
    )


def _chosen(story: Story, faces: pd.DataFrame) -> list[str]:
    dropped: Counter[str] = Counter()
    for run in story.runs:
        if run.rule is not None and not run.rule.holds:
            dropped[run.rule.measure] += run.end_frame - run.start_frame
    wanted = dict.fromkeys([*ALWAYS, *(measure for measure, _ in dropped.most_common())])
    return [measure for measure in wanted if _column(measure) in faces][:MOST_CURVES]


def _column(measure: str) -> str:
    return measure.replace(OF_ANGLE, "_deg")


def _curve(measure: str, table: pd.DataFrame, limits: Mapping[str, float], frames: int) -> Curve:
    values = np.abs(table[_column(measure)].to_numpy(float))
    limit = limits.get(measure)
    top = _top(measure, values, limit)
    place = None if limit is None else float(_height(np.array([limit]), 0.0, top)[0])
    title = measure.replace(OF_ANGLE, "").replace("_", " ")
    path = line(table["frame"].to_numpy(float), _height(values, 0.0, top), frames)
    return Curve(title, path, place, "" if limit is None else f"{limit:g}")


def _top(measure: str, values: NDArray[np.float64], limit: float | None) -> float:
    """A scale on which clips can be compared: shares to 1, angles to 90 degrees, others alike."""
    if measure.endswith(OF_ANGLE):
        return 90.0
    known = values[np.isfinite(values)]
    if (limit is None or limit <= 1) and known.max(initial=0.0) <= 1:
        return 1.0
    return 2 * limit if limit else float(known.max(initial=1.0))


def line(x: NDArray[np.float64], heights: NDArray[np.float64], frames: int) -> str:
    """An SVG path through points, broken where a value is missing."""
    step = max(1, len(x) // MOST_POINTS)
    parts, pen_up = [], True
    for at, height in zip(x[::step], heights[::step], strict=True):
        if np.isnan(height):
            pen_up = True
            continue
        parts.append(f"{'M' if pen_up else 'L'}{_x(at + 0.5, frames)} {height:.1f}")
        pen_up = False
    return "".join(parts)


def _area(table: pd.DataFrame, column: str, frames: int) -> str:
    if column not in table or not len(table):
        return ""
    heights = _height(np.nan_to_num(table[column].to_numpy(float)), 0.0, 1.0)
    inner = line(table["frame"].to_numpy(float), heights, frames)
    first, last = table["frame"].iloc[0] + 0.5, table["frame"].iloc[-1] + 0.5
    return f"M{_x(first, frames)} 100{inner.replace('M', 'L')}L{_x(last, frames)} 100Z"


def _x(frame: float, frames: int) -> str:
    return f"{frame * WIDTH / max(1, frames):.1f}"


def _height(values: NDArray[np.float64], bottom: float, top: float) -> NDArray[np.float64]:
    share = (values.astype(np.float64) - bottom) / (top - bottom)
    return 100.0 - 100.0 * np.minimum(np.maximum(share, 0.0), 1.0)
