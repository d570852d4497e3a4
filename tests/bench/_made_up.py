"""A finished run of thousands of made-up clips: tables on disk, as every stage would write them."""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipeline.core import ledger, tables
from pipeline.core.code import PROJECT
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.dataset import measures, select_tables
from pipeline.dataset.decide import Decisions, decide
from pipeline.dataset.params import Select
from tests.dataset import world

WALKS = (("yaw_deg", 0, 45), ("pitch_deg", 0, 25), ("mouth_visible", 0.8, 0.2))
"""Measure, middle and reach."""
MINIMUM_S = world.MINIMUM_S
KINDS = tuple(MINIMUM_S)


def measured(clips: int, frames: int) -> dict[str, pd.DataFrame]:
    """What was measured; measures walk about the thresholds, so that spans are many and broken."""
    rng = np.random.default_rng(0)
    table = world.clips([f"clip_{number:05d}" for number in range(clips)], frames)
    table["vocalization"] = [KINDS[number % len(KINDS)] for number in range(clips)]
    table["source"] = [f"source {number // 3}" for number in range(clips)]
    table["age_months"] = rng.integers(1, 24, clips).astype(float)
    seen = world.faces(table)
    for name, middle, spread in WALKS:
        walk = np.cumsum(rng.normal(0, spread / 8, len(seen)))
        seen[name] = middle + spread * np.sin(walk / spread)
    seen["found"] = rng.random(len(seen)) > 0.02
    voice = world.voice(table).assign(snr_db=rng.normal(18, 8, clips))
    voice[["type_laugh", "type_babble"]] = 0.5
    events = pd.concat([world.events(table)] * 3, ignore_index=True)
    return {"clips": table, "faces": seen, "voice": voice, "events": events}


def options(bench: str, about: str | None) -> argparse.ArgumentParser:
    """What every benchmark over made-up clips takes: how many, and where figures are written."""
    parser = argparse.ArgumentParser(prog=f"cradle bench {bench}", description=about)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=300)
    return parser


def project(root: Path, clips: int, frames: int) -> Path:
    """Write all of it into `root`, with what select decides, and return it.

    A process of its own does it: what making it up takes is no part of anybody's peak memory.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as beside:
        return beside.submit(_write, root, clips, frames).result()


def _write(root: Path, clips: int, frames: int) -> Path:
    data, made = root / "data", measured(clips, frames)
    names = list(made["clips"]["clip"])
    for stage in ("download", "isolate", "landmarks", "select"):
        (data / stage).mkdir(parents=True)
    for stage in ("download", "isolate", "landmarks"):
        rows = [ClipRow(name, Reason.KEPT, backend="made_up") for name in names]
        ledger.write_clips(data / stage / "ledger.parquet", stage, rows, names)
    tables.write_parts(data / "download" / "clips.parquet", made["clips"])
    tables.write_parts(data / "isolate" / "clips.parquet", made["voice"])
    tables.write_parts(data / "isolate" / "events.parquet", made["events"])
    tables.write_parts(data / "isolate" / "frames.parquet", world.levels(made["clips"]))
    tables.write_parts(data / "landmarks" / "frames.parquet", made["faces"])
    tables.write_parts(data / "landmarks" / "tracks.parquet", world.tracks(made["clips"]))
    for name in ("params.yaml", "data/overrides.csv"):
        (root / name).write_bytes((PROJECT / name).read_bytes())
    decided = decide(measures.read(data, MINIMUM_S, ()), Select(min_snr_db=10.0))
    _in_parts(data / "select", decided, names)
    return root


def _in_parts(folder: Path, decided: Decisions, names: list[str]) -> None:
    """What select decided, as the stage leaves it."""
    with tempfile.TemporaryDirectory() as whole:
        select_tables.write(Path(whole), decided, names)
        for path in Path(whole).iterdir():
            tables.write_parts(folder / path.name, tables.read(path), pq.read_schema(path))
