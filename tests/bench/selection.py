"""`cradle bench selection`: what a finished run kept and dropped, against the nursery's truth.

Run it in a project's folder after `dvc repro`. Thresholds were chosen on other seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import nursery
from pipeline.audit import read
from pipeline.core import tables
from pipeline.core.store import Store
from pipeline.nursery import truth
from pipeline.params import load
from tests.bench._figures import Figure, report

FPS = 30.0


def main(argv: Sequence[str]) -> int:
    """Compare and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench selection", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--project", type=Path, default=Path())
    arguments = parser.parse_args(argv)
    clips, frames = judged(arguments.project)
    print(clips.to_string(index=False))
    bad, good = clips[~clips["good"]], clips[clips["good"]]
    seen, hidden = frames[frames["good"]], frames[~frames["good"]]
    figures = [
        Figure("bad clips dropped for their own reason", bad["right"].mean(), 0.9, ">="),
        Figure("bad clips dropped at all", (bad["state"] != "kept").mean()),
        Figure("good clips kept", good["right"].mean(), 0.9, ">="),
        Figure("good frames kept, where the face decides", seen["kept"].mean()),
        Figure("bad frames dropped, where the face decides", 1 - hidden["kept"].mean()),
    ]
    return report(f"selection, {len(bad)} bad and {len(good)} good clips", figures, arguments.json)


def judged(root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a nursery clip, and one a frame, with truth beside verdict."""
    wanted = load(root).nursery
    step, store = nursery.step(wanted), Store(root / "data" / ".store")
    fates = read.read(root / "data").fates
    verdicts = tables.read(root / "data/select/frames.parquet", ["clip", "frame", "reason"])
    by_clip = dict(list(verdicts.groupby("clip")))
    rows, frames = [], []
    for job in nursery.jobs(wanted):
        known = truth.read(store.entry(step.name, step.key(job.digest)).path)
        fate, expected = fates[job.clip].row, known.scene["expected"]
        rows.append(
            {
                "clip": job.clip,
                "good": "kept" in expected,
                "expected": " ".join(expected),
                "state": fate["state"],
                "reason": fate["reason"],
                "right": fate["reason"] in expected,
            }
        )
        if job.clip in by_clip:
            frames.append(_frames(by_clip[job.clip], known))
    return pd.DataFrame(rows), pd.concat(frames)


def _frames(said: pd.DataFrame, known: truth.Truth) -> pd.DataFrame:
    shown = known.frames_at(FPS)[: len(said)]
    kept = said["reason"].isin(["kept", "bridged"]).to_numpy()[: len(shown)]
    return pd.DataFrame({"good": np.asarray(known.good)[shown], "kept": kept})
