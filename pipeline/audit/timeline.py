"""A clip over its time: verdicts, voices, and the measures that decide most often, as drawing data.

Everything is laid on a width of 1000 units; a height is 1 where a track is at its top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.audit.read import Account
from pipeline.audit.why import Story
from pipeline.audit.words import of_run
from pipeline.core import tables

WIDTH = 1000.0
MOST_POINTS = 250
CURVES = (
    ("mouth visible", "mouth_visible", "mouth_visible", 0.0, 1.0),
    ("yaw", "yaw_deg", "yaw_abs_deg", 0.0, 90.0),
)
"""Title, column of the landmarks, measure of the ledger, bottom and top of the drawing."""


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
    path = account.data / "select" / "frames.parquet"
    if not path.exists():
        return {}
    rules = tables.read(path, ["measure", "threshold"]).dropna().drop_duplicates("measure")
    return {str(row.measure): float(str(row.threshold)) for row in rules.itertuples()}


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
    voices = account.frames("isolate", story.clip)
    faces = account.frames("landmarks", story.clip)
    return Timeline(
        strip(story),
        [(start * scale, (end - start) * scale) for start, end in story.spans],
        _area(voices, "infant", story.frames),
        _area(voices, "adult", story.frames),
        [
            _curve(title, faces, column, bottom, top, known_limits.get(measure), story.frames)
            for title, column, measure, bottom, top in CURVES
            if column in faces
        ],
        story.frames / 30.0,
    )


def _curve(
    title: str,
    table: pd.DataFrame,
    column: str,
    bottom: float,
    top: float,
    limit: float | None,
    frames: int,
) -> Curve:
    values = np.abs(table[column].to_numpy(float)) if len(table) else np.zeros(0)
    heights = _height(values, bottom, top)
    place = None if limit is None else float(_height(np.array([limit]), bottom, top)[0])
    text = "" if limit is None else f"{limit:g}"
    return Curve(title, line(table["frame"].to_numpy(float), heights, frames), place, text)


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
