"""`cradle bench what_if`: how fast thresholds can be argued about, on 10,000 made-up clips."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.dataset import measures, what_if
from pipeline.dataset.params import Select
from tests.bench._figures import Figure, report
from tests.bench._made_up import MINIMUM_S, options, project
from tests.bench._watched import own_peak_kb

CHANGE = ["select.min_mouth_visible=0.6", "select.max_yaw_deg=30"]


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    parser = options("what_if", __doc__)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        root = project(Path(name), arguments.clips, arguments.frames)
        began = time.perf_counter()
        tables = measures.read(root / "data", MINIMUM_S, ())
    read_s = time.perf_counter() - began
    sources = pd.Series({clip: clip for clip in tables.place})
    began = time.perf_counter()
    change = what_if.compare(tables, sources, Select(), what_if.thresholds(Select(), CHANGE))
    taken_s = time.perf_counter() - began
    peak_gb = own_peak_kb() / 1e6
    figures = [
        Figure("reading, both decisions and their difference", read_s + taken_s, 5, unit="s"),
        Figure("of it, reading", read_s, unit="s"),
        Figure("peak memory", peak_gb, 2, unit="GB"),
        Figure("clips of which anything enters or leaves", len(change.flips)),
        Figure("spans before", change.before.spans),
    ]
    size = f"{arguments.clips:,} clips, {arguments.clips * arguments.frames:,} frames"
    return report(f"what-if, {size}", figures, arguments.json)
