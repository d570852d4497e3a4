"""A project that has been run, made of small tables and one short video a clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import media
from pipeline.audit.params import Audit
from pipeline.core import ledger, tables
from pipeline.core.code import PROJECT
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Run, Runner
from pipeline.core.stage import Stage
from pipeline.core.store import Store
from pipeline.dataset import select_tables
from pipeline.dataset.decide import decide
from pipeline.dataset.params import Select
from pipeline.dataset.shards import Shards
from pipeline.params import load
from tests.dataset import world

FRAMES = 90
LIMITS = Select(min_brightness=0.1, min_snr_db=8.0, min_mouth_visible=0.75, min_face_visible=0.8)
HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "javascript:document.title='owned'",
    "'; document.title='owned'; '",
    "</style><script>document.title='owned'</script>",
    "{{ 7*7 }}{% raw %}",
    "<a href='https://evil.example/'>click</a>",
    "]]><!--\u202egnp.exe",
]
CLIPS = ["good", "hidden", "noisy", "turned", "overruled", "poor_fit", "crashed"]


def build(root: Path, hostile: bool = True, videos: bool = True) -> Path:
    """Write a finished run into `root` and return it."""
    data, store = root / "data", Store(root / "data" / ".store")
    for stage in ("download", "isolate", "landmarks", "select", "fit", "pack", "metrics"):
        (data / stage).mkdir(parents=True)
    clips = _clips(store, hostile, videos)
    tables.write(data / "download" / "clips.parquet", clips)
    _download_ledger(data)
    arrived = [name for name in CLIPS if name != "crashed"]
    here = clips[clips["clip"].isin(arrived)]
    _measured(data, store, clips, here)
    _decided(data, here)
    _learned(data)
    return root


def stage(root: Path, **params: Any) -> Stage[Audit]:
    """The audit stage at work in `root`."""
    store = Store(root / "data" / ".store")
    runner = Runner(store, Run(executor="serial"))
    return Stage("audit", Audit(**params), load(PROJECT), root, store, runner)


def _clips(store: Store, hostile: bool, videos: bool) -> pd.DataFrame:
    clips = world.clips(CLIPS, FRAMES)
    if hostile:
        clips["source"] = [HOSTILE[i % len(HOSTILE)] for i in range(len(CLIPS))]
        clips["licence"] = HOSTILE[1]
    clips["synthetic"] = [True] * 3 + [False] * (len(CLIPS) - 3)
    clips["consent"] = ["synthetic"] * 3 + ["none"] * 2 + ["parental"] * (len(CLIPS) - 5)
    clips["media_key"] = [f"{number:064x}" for number in range(len(CLIPS))]
    for key in clips["media_key"] if videos else []:
        with store.publish("media", key) as out:
            _video(out / "video.mp4")
    return clips


def _video(path: Path) -> None:
    y, x = np.mgrid[:96, :128]
    with media.VideoWriter(path, 128, 96) as video:
        for frame in range(FRAMES):
            face = ((x - 64) ** 2 + (y - 48) ** 2 < 30**2) * 120
            shade = np.stack([face + 60, face + frame, 90 + 0 * face], -1)
            video.write(shade.astype(np.uint8))


def _download_ledger(data: Path) -> None:
    rows = [ClipRow(name, Reason.KEPT, input_digest="0" * 64) for name in CLIPS]
    rows += [
        ClipRow("gone", Reason.UNREACHABLE, detail=HOSTILE[0]),
        ClipRow("taken_back", Reason.WITHDRAWN),
        ClipRow("long", Reason.TOO_LONG, 700.0, 600.0, "<=", detail="lasts too long, in seconds"),
    ]
    ledger.write_clips(
        data / "download" / "ledger.parquet", "download", rows, [r.clip for r in rows]
    )


def _measured(data: Path, store: Store, clips: pd.DataFrame, here: pd.DataFrame) -> None:
    seen, sounds = world.faces(here), world.voice(here)
    sway = np.tile(20 * np.sin(np.arange(FRAMES) / 9), len(here))
    seen["yaw_deg"] = sway
    _spoil(seen, "hidden", slice(10, 80), "mouth_visible", np.linspace(0.3, 0.61, 70))
    _spoil(seen, "hidden", slice(10, 80), "hidden_by", np.full(70, "hand"))
    _spoil(seen, "turned", slice(0, 90), "yaw_deg", np.linspace(-70, -48, 90))
    _spoil(seen, "good", slice(40, 42), "mouth_visible", np.array([0.4, 0.7]))
    sounds.loc[sounds["clip"] == "noisy", "snr_db"] = 2.5
    tables.write(data / "isolate" / "clips.parquet", sounds)
    events = world.events(here).assign(heard_as="Baby cry, infant cry 0.80")
    tables.write(data / "isolate" / "events.parquet", events)
    tables.write(data / "landmarks" / "frames.parquet", seen)
    tables.write(data / "landmarks" / "tracks.parquet", world.tracks(here))
    voices = seen[["clip", "frame"]].assign(
        infant=0.9, adult=0.1, other=0.0, f0_hz=np.nan, stem_db=-30.0
    )
    tables.write(data / "isolate" / "frames.parquet", voices)
    keys = {name: f"{number + 100:064x}" for number, name in enumerate(here["clip"])}
    for key in keys.values():
        with store.publish("face", key) as out:
            random = np.random.default_rng(1)
            points = random.uniform(20, 90, (FRAMES, 478, 3)).astype(np.float32)
            points[5] = np.nan
            np.savez(
                out / "landmarks.npz",
                points=points,
                visibility=random.uniform(0, 1, (FRAMES, 478)).astype(np.float16),
            )
    faces = pd.DataFrame({"clip": list(keys), "face_key": list(keys.values())})
    tables.write(data / "landmarks" / "clips.parquet", faces)
    for name, backend in (("isolate", "embedded"), ("landmarks", "mediapipe")):
        rows = [_measured_row(clip, name, backend) for clip in CLIPS]
        ledger.write_clips(data / name / "ledger.parquet", name, rows, CLIPS)


def _measured_row(clip: str, stage: str, backend: str) -> ClipRow:
    if clip == "crashed":
        return ClipRow(clip, Reason.WORKER_CRASHED, detail="died twice")
    return ClipRow(clip, Reason.KEPT, backend=backend, backend_digest="ab" * 32)


def _spoil(table: pd.DataFrame, clip: str, part: slice, column: str, values: np.ndarray) -> None:
    table.loc[table.index[table["clip"] == clip][part], column] = values


def _decided(data: Path, here: pd.DataFrame) -> None:
    said = (world.override("overruled", "drop"),)
    measured = world.gather(
        here,
        tables.read(data / "isolate" / "clips.parquet"),
        tables.read(data / "landmarks" / "frames.parquet"),
        tables.read(data / "isolate" / "events.parquet"),
        world.MINIMUM_S,
        said,
    )
    decisions = decide(measured, LIMITS)
    select_tables.write(data / "select", decisions, list(here["clip"]))
    kept = ["good", "poor_fit"]
    frames = pd.DataFrame(
        [
            {
                "clip": clip,
                "frame": frame,
                "reason": "fit_poor" if clip == "poor_fit" else "kept",
                "measure": "residual_mm",
                "measured": 5.0 if clip == "poor_fit" else 1.0,
                "threshold": 3.0,
                "op": "<=",
            }
            for clip in kept
            for frame in range(FRAMES)
        ]
    )
    ledger.write_frames(data / "fit" / "frames.parquet", "fit", frames)
    origin = {"backend": "procedural", "backend_digest": "cd" * 32}
    rows = [
        ClipRow("good", Reason.KEPT, **origin),
        ClipRow("poor_fit", Reason.FIT_POOR, 5.0, 3.0, "<=", detail="residual_mm", **origin),
    ]
    ledger.write_clips(data / "fit" / "ledger.parquet", "fit", rows, kept)
    tables.write(data / "fit" / "spans.parquet", decisions.spans[decisions.spans["clip"] == "good"])
    tables.write(
        data / "fit" / "clips.parquet", pd.DataFrame({"clip": kept, "fit_key": ["f" * 64] * 2})
    )
    _packed(data / "pack", decisions.spans[decisions.spans["clip"] == "good"])
    ledger.write_clips(
        data / "pack" / "ledger.parquet", "pack", [ClipRow("good", Reason.KEPT)], ["good"]
    )


def _packed(folder: Path, spans: pd.DataFrame) -> None:
    shards = Shards(folder, "train", audio_width=1, limit_mb=1)
    for row in spans.to_dict("records"):
        frames = row["end_frame"] - row["start_frame"]
        shards.add(
            {
                "span_id": f"{row['clip']}__{row['span']}",
                "clip": row["clip"],
                "source": row["clip"],
                "split": "train",
                "vocalization": row["vocalization"],
                "start_frame": row["start_frame"],
                "frames": frames,
                "valid_frames": frames,
                "synthetic": False,
                "expression": np.zeros((frames, 64), np.float32),
                "pose": np.zeros((frames, 6), np.float32),
                "valid": np.ones(frames, bool),
                "audio": np.zeros((frames, 1), np.float32),
                "identity": np.zeros(32, np.float32),
                "age": 0.0,
            }
        )
    shards.close()


def _learned(data: Path) -> None:
    row = {"lve_mm2": 4.0, "l_ccc": 0.5, "aperture_dtw_mm": 1.0}
    figures = {
        "spans": 4,
        "seeds": 3,
        "ours": row,
        "shuffled": {**row, "lve_mm2": 9.0, "l_ccc": 0.1},
        "mean_face": {**row, "lve_mm2": 12.0, "l_ccc": 0.0},
    }
    (data / "metrics" / "evaluate.json").write_text(json.dumps(figures))
    for split in ("train", "validation"):
        folder = data / "train" / "plots" / "metrics" / split
        folder.mkdir(parents=True)
        steps = "\n".join(f"{step}\t{10 / (step + 1)}" for step in range(0, 200, 20))
        (folder / "loss.tsv").write_text(f"step\tloss\n{steps}\n")
    (data / "evaluate" / "videos").mkdir(parents=True)
    _video(data / "evaluate" / "videos" / "good__0.mp4")
    wave = "\n".join(
        f"good__0,{i},{3 + np.sin(i / 4):.3f},{3 + np.sin(i / 4 + 0.3):.3f},2.0,2.0,3.0"
        for i in range(60)
    )
    head = "span_id,frame,truth,ours,shuffled,mean_face,energy"
    (data / "evaluate" / "aperture.csv").write_text(f"{head}\n{wave}\n")
