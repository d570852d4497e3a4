"""`cradle bench what_if`: how fast thresholds can be argued about, on 10,000 made-up clips."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.dataset import measures, what_if
from pipeline.dataset.measures import Tables
from pipeline.dataset.params import Select
from tests.bench._figures import Figure, report
from tests.dataset import world

WALKS = (("yaw_deg", 0, 45), ("pitch_deg", 0, 25), ("mouth_visible", 0.8, 0.2))
"""Measure, middle and reach."""
CHANGE = ["select.min_mouth_visible=0.6", "select.max_yaw_deg=30"]


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench what_if", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=300)
    arguments = parser.parse_args(argv)
    tables = made_up(arguments.clips, arguments.frames)
    sources = tables.clips.set_index("clip").index.to_series()
    began = time.perf_counter()
    change = what_if.compare(tables, sources, Select(), what_if.thresholds(Select(), CHANGE))
    taken_s = time.perf_counter() - began
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    figures = [
        Figure("both decisions and their difference", taken_s, 5, unit="s"),
        Figure("peak memory", peak_gb, 2, unit="GB"),
        Figure("clips of which anything enters or leaves", len(change.flips)),
        Figure("spans before", change.before.spans),
    ]
    size = f"{arguments.clips:,} clips, {arguments.clips * arguments.frames:,} frames"
    return report(f"what-if, {size}", figures, arguments.json)


def made_up(clips: int, frames: int) -> Tables:
    """Clips whose measures walk about the thresholds, so that spans are many and broken."""
    rng = np.random.default_rng(0)
    table = world.clips([f"clip_{number:05d}" for number in range(clips)], frames)
    seen = world.faces(table)
    count = len(seen)
    for name, middle, spread in WALKS:
        walk = np.cumsum(rng.normal(0, spread / 8, count))
        seen[name] = middle + spread * np.sin(walk / spread)
    seen["found"] = rng.random(count) > 0.02
    voice = world.voice(table).assign(snr_db=rng.normal(18, 8, clips))
    events = pd.concat([world.events(table)] * 3, ignore_index=True)
    return measures.gather(table, voice, seen, events, world.MINIMUM_S)
