"""What was learned, for the report: the table of metrics, curves of training, videos."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = {
    "lve_mm2": ("LVE", "mm²", False),
    "lve_l2_mm": ("LVE, not squared", "mm", False),
    "aperture_dtw_mm": ("aperture DTW", "mm", False),
    "l_pcc": ("L-PCC", "", True),
    "l_ccc": ("L-CCC", "", True),
    "aperture_ccc": ("aperture CCC", "", True),
    "fdd_abs_mm2": ("FDD", "mm²", False),
    "mouth_closed_f1": ("mouth closed F1", "", True),
}
"""Title, unit, and whether more is better."""
METHODS = {
    "ours": "the generator",
    "expected": "what it expects, nothing drawn",
    "ours_familiar": "the generator, having seen other spans of the infant",
    "expected_familiar": "what it expects, having seen other spans of the infant",
    "shuffled": "the same, given another clip's sound",
    "mean_face": "the mean face",
    "energy": "a line from the sound's energy",
    "retrieval": "the training window that sounds most alike",
    "faceformer": "FaceFormer, own implementation",
    "codetalker": "CodeTalker, own implementation",
    "imitator": "Imitator, own implementation",
    "imitator_familiar": "Imitator, adapted to other spans of the infant",
    "adult": "a model of adults, brought to our lips",
}
KIND_COLUMNS = ("lve_mm2", "aperture_dtw_mm", "l_pcc", "l_ccc", "laugh_rate", "babble_rate")
KIND_HEADS = ("spans", "LVE mm²", "aperture DTW mm", "L-PCC", "L-CCC", "laughs", "syllables")
"""The last two are events seen for one heard."""
PUBLISHED = {
    "the published generator": (4.518, 0.742, 0.111, 0.074),
    "FaceFormer": (25.35, 2.48, 0.035, 0.010),
    "CodeTalker": (25.37, 2.48, 0.045, 0.011),
    "Imitator": (25.33, 2.46, 0.039, 0.013),
}
"""LVE, aperture DTW, L-PCC and L-CCC as published for this task, on filmed infants: other data, and
of no use to compare with ours but in their order."""
PUBLISHED_HEADS = ("LVE", "aperture DTW", "L-PCC", "L-CCC")
PLOT = (300.0, 120.0)


@dataclass(frozen=True)
class Cell:
    """One figure of the table."""

    text: str
    best: bool


@dataclass(frozen=True)
class Line:
    """One line of a plot."""

    name: str
    path: str


@dataclass(frozen=True)
class Plot:
    """Lines over steps or frames."""

    title: str
    lines: list[Line]
    low: str
    high: str
    until: str


@dataclass(frozen=True)
class Video:
    """A side-by-side video, in the page or beside it."""

    name: str
    source: str
    """A data URI, or empty."""
    link: str


@dataclass(frozen=True)
class Learned:
    """Everything about training and evaluation."""

    heads: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    gains: list[str] = field(default_factory=list)
    variety: str = ""
    kinds: list[tuple[str, list[str]]] = field(default_factory=list)
    """By vocalization, the generator alone."""
    kind_heads: tuple[str, ...] = KIND_HEADS
    published_heads: tuple[str, ...] = PUBLISHED_HEADS
    published: list[tuple[str, list[str]]] = field(default_factory=list)
    curves: list[Plot] = field(default_factory=list)
    apertures: list[Plot] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)


def learned(data: Path, inline_video_mb: float) -> Learned:
    """Collect what `train` and `evaluate` wrote; what is not there stays empty."""
    path = data / "metrics" / "evaluate.json"
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    heads, rows = _table(figures)
    return Learned(
        heads=heads,
        rows=rows,
        facts={key: value for key, value in figures.items() if isinstance(value, int | float)},
        gains=_gains(data / "evaluate" / "margins.csv"),
        variety=_variety(figures.get("ours", {})),
        kinds=_kinds(data / "evaluate" / "by_vocalization.csv"),
        published=[(name, [f"{value:g}" for value in row]) for name, row in PUBLISHED.items()],
        curves=_curves(data / "train" / "plots" / "metrics"),
        apertures=_apertures(data / "evaluate" / "aperture.csv"),
        videos=_videos(data / "evaluate" / "videos", inline_video_mb),
    )


def _table(figures: dict[str, Any]) -> tuple[list[str], list[tuple[str, list[Cell]]]]:
    methods = {name: row for name, row in figures.items() if isinstance(row, dict)}
    columns = [name for name in COLUMNS if any(name in row for row in methods.values())]
    heads = [
        f"{COLUMNS[name][0]}{' ' + COLUMNS[name][1] if COLUMNS[name][1] else ''} "
        f"{'↑' if COLUMNS[name][2] else '↓'}"
        for name in columns
    ]
    best = {name: _best(name, methods) for name in columns}
    rows = []
    for method, row in methods.items():
        cells = [
            Cell(f"{row[name]:.3f}", row[name] == best[name]) if name in row else Cell("–", False)
            for name in columns
        ]
        rows.append((METHODS.get(method, method), cells))
    return heads, rows


def _best(name: str, methods: dict[str, dict[str, float]]) -> float:
    values = [row[name] for row in methods.values() if name in row]
    return max(values) if COLUMNS[name][2] else min(values)


def _gains(path: Path) -> list[str]:
    if not path.exists():
        return []
    table = pd.read_csv(path)
    table = table[table["metric"].isin(["lve_mm2", "l_ccc"])]
    return [
        f"{METHODS[row['own']]}, {COLUMNS[row['metric']][0]}: better than "
        f"{METHODS.get(row['than'], row['than'])} by "
        f"{row['gain']:.3f} (95% interval {row['low']:.3f} to {row['high']:.3f}, "
        f"{row['sources']} sources, p {row['p_holm']:.3f} after correction)"
        for row in table.to_dict("records")
    ]


def _kinds(path: Path) -> list[tuple[str, list[str]]]:
    """What the generator reaches for each vocalization, by `KIND_HEADS`."""
    if not path.exists():
        return []
    table = pd.read_csv(path)
    rows = table[table["method"] == "ours"].to_dict("records")
    return [
        (row["vocalization"], [f"{row['spans']}", *(_cell(row[name]) for name in KIND_COLUMNS)])
        for row in rows
    ]


def _cell(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _variety(ours: dict[str, float]) -> str:
    """What several samples of a sound say, in words."""
    if "diversity_mm" not in ours:
        return ""
    return (
        f"{ours['samples']:.0f} samples of a sound lie {ours['diversity_mm']:.2f} mm apart at the "
        f"lips; LVE {ours['lve_mean_mm2']:.2f} mm² on average, {ours['lve_best_mm2']:.2f} of the "
        f"best one, {ours['lve_of_mean_mm2']:.2f} of their mean."
    )


def _curves(folder: Path) -> list[Plot]:
    """One plot a term of the loss, training and validation in it."""
    terms: dict[str, dict[str, tuple[NDArray, NDArray]]] = {}
    for path in sorted(folder.glob("*/*.tsv")):
        table = pd.read_csv(path, sep="\t")
        if len(table) and "step" in table:
            value = table.columns.drop(["step", "timestamp"], errors="ignore")[-1]
            points = (table["step"].to_numpy(float), table[value].to_numpy(float))
            terms.setdefault(path.stem, {})[path.parent.name] = points
    ordered = sorted(terms, key=lambda term: (term != "loss", term))
    return [plot(term.replace("_", " "), terms[term]) for term in ordered]


def _apertures(path: Path) -> list[Plot]:
    if not path.exists():
        return []
    plots = []
    for span, rows in pd.read_csv(path).groupby("span_id", sort=True):
        frame = rows["frame"].to_numpy(float)
        tracks = {
            name.replace("_", " "): (frame, rows[name].to_numpy(float))
            for name in rows.columns.drop(["span_id", "frame"])
        }
        plots.append(plot(str(span), tracks))
    return plots


def plot(title: str, tracks: dict[str, tuple[NDArray, NDArray]]) -> Plot:
    """Scale tracks (x, y) onto one drawing."""
    ys = np.concatenate([y for _, y in tracks.values()])
    xs = np.concatenate([x for x, _ in tracks.values()])
    known = ys[np.isfinite(ys)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    left, right = float(xs.min()), float(xs.max())
    across, up = max(right - left, 1e-9), max(high - low, 1e-9)
    lines = []
    for name, (x, y) in tracks.items():
        step = max(1, len(x) // 250)
        lines.append(Line(name, _path((x[::step] - left) / across, 1 - (y[::step] - low) / up)))
    return Plot(title, lines, f"{low:.3g}", f"{high:.3g}", f"{right:g}")


def _path(x: NDArray, y: NDArray) -> str:
    width, height = PLOT
    parts, pen_up = [], True
    for a, b in zip(x, y, strict=True):
        if not np.isfinite(b):
            pen_up = True
            continue
        parts.append(f"{'M' if pen_up else 'L'}{a * width:.1f} {b * height:.1f}")
        pen_up = False
    return "".join(parts)


def _videos(folder: Path, inline_video_mb: float) -> list[Video]:
    left = inline_video_mb * 1e6
    videos = []
    for path in sorted(folder.glob("*.mp4")):
        content = path.read_bytes()
        source = ""
        if len(content) <= left:
            left -= len(content)
            source = f"data:video/mp4;base64,{base64.b64encode(content).decode()}"
        videos.append(Video(path.stem, source, f"../evaluate/videos/{path.name}"))
    return videos
