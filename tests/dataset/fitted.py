"""A project of real files as `pack` finds it: clips that were heard, judged and fitted."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd

from pipeline import media
from pipeline.core import ledger, tables
from pipeline.core.backends import BackendInfo
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Run, Runner, Step
from pipeline.core.stage import Stage
from pipeline.core.store import Store
from pipeline.dataset.params import Pack
from tests.dataset import world

FRAMES = 60
HOP = 16_000 / 30
BAD = "clip_4"  # has a bridged frame and a poor one
NAMES = [f"clip_{number}" for number in range(6)]


INFO = BackendInfo("audio_features", "level", "f" * 64, "MIT", True)


def measure_level(out, inputs):
    """Loudest sample around each frame, and its number."""
    sound, _ = media.read_sound(inputs["sound"])
    frames = inputs["frames"]
    edges = np.round(np.arange(frames + 1) * HOP).astype(int)
    level = [np.abs(sound[a:b]).max() for a, b in itertools.pairwise(edges)]
    np.save(out / "features.npy", np.column_stack([level, np.arange(frames)]).astype(np.float32))


class Level:
    width = 2
    described: ClassVar = {"name": "level", "width": 2}
    step = Step("features", measure_level, described, INFO)
    inputs: ClassVar = {}


def latents(random: np.random.Generator, frames: int = FRAMES) -> dict[str, np.ndarray]:
    expression = random.normal(size=(frames, 64)).astype(np.float32)
    valid = np.ones(frames, bool)
    valid[20] = False
    expression[20] = np.nan
    return {
        "identity": random.normal(size=32).astype(np.float32),
        "age": np.array([0.3], np.float32),
        "focal_px": np.float32(500),
        "expression": expression,
        "rotation": random.normal(size=(frames, 3)).astype(np.float32),
        "translation": random.normal(size=(frames, 3)).astype(np.float32),
        "residual_px": np.ones(frames, np.float32),
        "valid": valid,
    }


def make(root: Path) -> Path:
    """Six clips of three sources a vocalization, fitted and heard; the last one too dark."""
    data, store = root / "data", Store(root / "data" / ".store")
    for name in ("download", "isolate", "landmarks", "select", "fit"):
        (data / name).mkdir(parents=True)
    clips = world.clips(NAMES, FRAMES)
    clips["vocalization"] = ["cry"] * 3 + ["laugh"] * 3
    clips["synthetic"] = [True] + [False] * 5
    tables.write(data / "download" / "clips.parquet", clips)
    keys = {}
    for number, clip in enumerate(NAMES):
        keys[clip] = f"{number:064x}"
        with store.publish("fit", keys[clip]) as out:
            np.savez(out / "fit.npz", **latents(np.random.default_rng(number)))
        with store.publish("stem", keys[clip]) as out:
            sound = np.zeros(int(FRAMES * HOP), np.float32)
            sound[int(30 * HOP) + 5] = 0.5
            media.write_sound(out / "stem_16k.flac", sound, 16_000)
    key_table = clips[["clip"]].assign(fit_key=list(keys.values()), stem_key=list(keys.values()))
    tables.write(data / "fit" / "clips.parquet", key_table[["clip", "fit_key"]])
    poses = pd.DataFrame({"clip": np.repeat(NAMES, FRAMES), "frame": [*range(FRAMES)] * len(NAMES)})
    tables.write(data / "fit" / "poses.parquet", poses)
    tables.write(data / "isolate" / "clips.parquet", key_table[["clip", "stem_key"]])
    spans = clips[["clip", "vocalization"]].assign(span=0, start_frame=10, end_frame=50, bridged=0)
    tables.write(data / "fit" / "spans.parquet", spans)
    write_frames(data / "select", "select", {(BAD, 15): Reason.BRIDGED})
    write_frames(data / "fit", "fit", {(BAD, 30): Reason.FIT_POOR})
    origin = {"fit": ("procedural", "d" * 64), "landmarks": ("mediapipe", "e" * 64)}
    for name in ("download", "isolate", "landmarks", "select", "fit"):
        backend, digest = origin.get(name, (None, None))
        rows = [ClipRow(c, Reason.KEPT, backend=backend, backend_digest=digest) for c in NAMES]
        if name == "select":
            rows[5] = ClipRow(NAMES[5], Reason.DARK, 0.1, 0.2, ">=")
        came_in = NAMES
        if name == "fit":
            rows, came_in = rows[:5], NAMES[:5]
        ledger.write_clips(data / name / "ledger.parquet", name, rows, came_in)
    return root


def write_frames(folder, stage, said):
    rows = [
        {"clip": c, "frame": f, "reason": said.get((c, f), Reason.KEPT)}
        for c in NAMES
        for f in range(FRAMES)
    ]
    frame = pd.DataFrame(rows).assign(measure=None, measured=np.nan, threshold=np.nan, op=None)
    ledger.write_frames(
        folder / "frames.parquet", stage, frame.assign(reason=frame["reason"].map(str))
    )


def stage(root, **params):
    store = Store(root / "data" / ".store")
    kinds = (SimpleNamespace(name="cry"), SimpleNamespace(name="laugh"))
    return Stage(
        "pack",
        Pack(**params),
        SimpleNamespace(vocalizations=kinds),
        root,
        store,
        Runner(store, Run(executor="serial")),
    )
