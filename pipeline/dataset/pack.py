"""The pack stage: kept spans as tensors, split by source.

data/pack/train-04000.parquet       one row a span, labels and tensors: see shards.py
data/pack/sources.parquet           licence and consent of every source: see rights.py
data/pack/ledger.parquet            the ledger of clips
data/pack/meta.json                 feature, fps, morphable model, vocalizations, backends
data/pack/README.md                 the card, whose head `datasets.load_dataset` reads
data/pack/DATASHEET.md              the questions of "Datasheets for Datasets", answered
data/pack/croissant.json            Croissant metadata, with the SHA-256 of all of the above

No file holds a picture, a sound, or a clock's time: the same run writes the same bytes. Which shard
a clip is in goes by its id: one clip more writes one shard anew.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.core import ledger, parts, tables
from pipeline.core.errors import CradleError
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Step
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Entry
from pipeline.dataset import card, croissant, datasheet, facts, pack_tables, shards
from pipeline.dataset.facts import JUDGES
from pipeline.dataset.measures import FPS
from pipeline.dataset.params import Pack
from pipeline.dataset.rights import SOURCES
from pipeline.dataset.shards import LABELS, Shards
from pipeline.dataset.splits import SPLITS, split

PARTS = 16
"""How many shards there are of all splits together, unless some are full."""


class Featuring(Protocol):
    """What turns a clip's stem into one row of numbers a video frame."""

    @property
    def described(self) -> dict[str, Any]:
        """Name, width, and what else the generator has to know of it."""

    @property
    def width(self) -> int:
        """Numbers a frame."""

    @property
    def step(self) -> Step:
        """Measures features.npy, (frames, width), of a `sound` at 16 kHz and how many `frames`."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the step is handed beside those."""


def run(stage: Stage[Pack], featuring: Featuring) -> Summary:
    """Cut latents and audio features of every kept span, and write them split by source.

    Args:
        stage: the stage at work.
        featuring: what describes the sound.

    Raises:
        CradleError: a measurement does not have as many frames as the clip, or cannot be read.
    """
    kept = _kept(stage)
    spans = _spans(stage, kept)
    frames = {str(clip): int(n) for clip, n in spans.groupby("clip")["frames"].first().items()}
    _same_length(stage, frames)
    measured = _featured(stage, featuring, frames)
    content = _Content(spans, frames, measured.entries, _poor_frames(stage))
    params = {"width": featuring.width, "shard_mb": stage.params.shard_mb}
    step = Step("pack_tables", pack_tables.measure, params)
    pieces = parts.Pieces.whole(frames, partial(_pieces, stage, content))
    made = parts.make(stage.runner, step, pieces, PARTS)
    out = stage.fresh_out()
    _write(made, featuring.width, out)
    index = shards.index(out)
    rows = [ClipRow(clip, Reason.KEPT) for clip in kept]
    ledger.write_clips(out / "ledger.parquet", "pack", rows, kept, whole=True)
    _describe(stage, _meta(stage, featuring, index), index, out)
    sizes = index.groupby("split")["frames"].sum()
    words = ", ".join(f"{name} {sizes.get(name, 0):,}" for name in SPLITS)
    return Summary(
        seen=len(kept),
        remembered=measured.remembered,
        measured=measured.measured,
        kept=len(kept),
        extra=f"{len(index)} spans, frames {words}",
    )


def _kept(stage: Stage[Pack]) -> list[str]:
    """What fit kept, without what has been taken back since, should fit not have run again."""
    there = set(ledger.kept(stage.data("download") / "ledger.parquet"))
    fitted = ledger.kept(stage.data("fit") / "ledger.parquet")
    return [clip for clip in fitted if clip in there]


def _describe(stage: Stage[Pack], meta: dict[str, Any], index: pd.DataFrame, out: Path) -> None:
    """Write what tells people and machines of the shards in `out`."""
    known = facts.gather(stage, meta, index)
    tables.write(out / "sources.parquet", known.sources, SOURCES)
    pages = {
        "meta.json": json.dumps(meta, indent=2, sort_keys=True) + "\n",
        "README.md": card.text(known),
        "DATASHEET.md": datasheet.text(known),
    }
    for name, text in pages.items():
        (out / name).write_text(text, encoding="utf-8")
    told = croissant.metadata(known, out)
    (out / "croissant.json").write_text(
        json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _spans(stage: Stage[Pack], kept: list[str]) -> pd.DataFrame:
    spans = tables.read(stage.data("fit") / "spans.parquet")
    spans = spans[spans["clip"].isin(kept)]
    clips = tables.read(
        stage.data("download") / "clips.parquet", ["clip", "source", "synthetic", "frames"]
    )
    spans = spans.merge(clips, on="clip", validate="many_to_one")
    params = stage.params
    pairs = zip(spans["source"], spans["vocalization"], strict=True)
    assigned = split(pairs, params.val_share, params.test_share)
    ids = [f"{row.clip}__{row.span}" for row in spans.itertuples()]
    spans = spans.assign(span_id=ids, split=spans["source"].map(assigned))
    return spans.sort_values(["clip", "span"]).reset_index(drop=True)


@dataclass(frozen=True)
class _Content:
    """What the dataset is made of."""

    spans: pd.DataFrame
    frames: Mapping[str, int]
    """How many each clip has."""
    heard: Mapping[str, Entry]
    poor: Mapping[str, list[int]]


def _pieces(stage: Stage[Pack], content: _Content, clips: Sequence[str]) -> dict[str, parts.Piece]:
    """What some clips bring: their fits and features, and their spans."""
    fits = tables.arrow(stage.data("fit") / "clips.parquet", ["clip", "fit_key"], clips)
    keys = {row["clip"]: row["fit_key"] for row in tables.rows(fits)}
    spans = content.spans[content.spans["clip"].isin(clips)]
    spans = spans.assign(frames=spans["end_frame"] - spans["start_frame"])
    records = spans[[name for name in LABELS.names if name in spans]].to_dict("records")
    found = {}
    for clip, mine in itertools.groupby(records, key=itemgetter("clip")):
        rows, count = list(mine), content.frames[clip]
        heard, bad = content.heard[clip], content.poor.get(clip, [])
        inputs = {
            "fit": stage.store.entry("fit", keys[clip]).path,
            "featured": heard.path,
            "frames": count,
            "poor": bad,
            "spans": rows,
        }
        digest = json.dumps([keys[clip], heard.key, count, bad, rows], default=str)
        found[clip] = parts.Piece(inputs, digest)
    return found


def _featured(stage: Stage[Pack], featuring: Featuring, frames: Mapping[str, int]) -> Measured:
    measured = stage.runner.measure(featuring.step, _jobs(stage, featuring, frames))
    for clip, failure in measured.failures.items():
        raise CradleError(f"{clip}: {failure.detail}")
    return measured


def _jobs(stage: Stage[Pack], featuring: Featuring, frames: Mapping[str, int]) -> Iterator[Job]:
    for rows in tables.each(stage.data("isolate") / "clips.parquet", ["clip", "stem_key"]):
        for clip, key in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            if clip in frames:
                given = {"frames": frames[clip], **featuring.inputs}
                cost, late = float(frames[clip]), partial(_stem, stage, key)
                yield Job(clip, given, f"{key} {frames[clip]}", cost, late=late)


def _stem(stage: Stage[Pack], key: str) -> dict[str, Path]:
    """The file, which is looked up for what is measured alone."""
    return {"sound": stage.store.entry("stem", key).path / "stem_16k.flac"}


def _same_length(stage: Stage[Pack], frames: Mapping[str, int]) -> None:
    names = list(frames)
    fitted = np.zeros(len(names), np.int64)
    for poses in tables.each(stage.data("fit") / "poses.parquet", ["clip"]):
        number = tables.numbers(names, poses["clip"])
        fitted += np.bincount(number[number >= 0], minlength=len(names))
    for clip, count in zip(names, fitted.tolist(), strict=True):
        if count != frames[clip]:
            raise CradleError(f"{clip}: the fit has {count} frames, the clip {frames[clip]}")


def _write(made: parts.Made, width: int, out: Path) -> None:
    """Lay the shards of all parts side by side; a split without any gets an empty one."""
    for folder in made.folders.values():
        for path in shards.paths(folder):
            shutil.copyfile(path, out / path.name)
    for name in SPLITS:
        if not shards.paths(out, name):
            Shards(out, name, width, limit_mb=1.0).close()


def _poor_frames(stage: Stage[Pack]) -> dict[str, list[int]]:
    """Frames inside spans that are carried over without having been measured well."""
    found: dict[str, list[int]] = {}
    for name, reason in (("select", Reason.BRIDGED), ("fit", Reason.FIT_POOR)):
        path = stage.data(name) / "frames.parquet"
        for part in tables.each(path, ["clip", "frame", "reason"]):
            where = np.flatnonzero(tables.numbers([str(reason)], part["reason"]) == 0)
            for row in part.take(pa.array(where)).to_pylist():
                found.setdefault(row["clip"], []).append(row["frame"])
    return found


def _meta(stage: Stage[Pack], featuring: Featuring, index: pd.DataFrame) -> dict[str, Any]:
    backends = {name: _backends(stage, name) for name in JUDGES}
    origin = featuring.step.backend
    if origin is not None:
        backends["pack"] = [{"name": origin.name, "digest": origin.digest}]
    models = backends["fit"]
    return {
        "feature": featuring.described,
        "fps": FPS,
        "latents": {"identity": 32, "expression": 64, "age": 1},
        "morphable_model": models[0] if models else None,
        "vocalizations": [kind.name for kind in stage.everything.vocalizations],
        "backends": {name: found for name, found in backends.items() if found},
        "frames": {name: int(n) for name, n in index.groupby("split")["frames"].sum().items()},
    }


def _backends(stage: Stage[Pack], name: str) -> list[dict[str, str]]:
    rows = ledger.read_clips(stage.data(name) / "ledger.parquet")
    found = rows[["backend", "backend_digest"]].dropna(subset="backend").drop_duplicates()
    return [
        {"name": str(backend), "digest": str(digest or "")}
        for backend, digest in sorted(found.itertuples(index=False, name=None))
    ]
