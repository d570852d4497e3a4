"""The pack stage: kept spans as tensors, split by source.

data/pack/train-00000.parquet       one row a span, labels and tensors: see shards.py
data/pack/sources.parquet           licence and consent of every source: see rights.py
data/pack/ledger.parquet            the ledger of clips
data/pack/meta.json                 feature, fps, morphable model, vocalizations, backends
data/pack/README.md                 the card, whose head `datasets.load_dataset` reads
data/pack/DATASHEET.md              the questions of "Datasheets for Datasets", answered
data/pack/croissant.json            Croissant metadata, with the SHA-256 of all of the above

No file holds a picture, a sound, or a clock's time: the same run writes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import media
from pipeline.core import ledger, tables
from pipeline.core.backends import BackendInfo
from pipeline.core.errors import CradleError
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason, State
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Store
from pipeline.dataset import card, croissant, datasheet, facts, shards
from pipeline.dataset.facts import JUDGES
from pipeline.dataset.measures import FPS
from pipeline.dataset.params import Pack
from pipeline.dataset.rights import SOURCES
from pipeline.dataset.shards import LABELS, Shards
from pipeline.dataset.splits import SPLITS, split

RATE_HZ = 16_000
Floats = NDArray[np.float32]


class Features(Protocol):
    """What turns a clip's stem into one row of numbers a video frame."""

    @property
    def name(self) -> str:
        """The encoder's name."""

    @property
    def width(self) -> int:
        """Numbers a frame."""

    @property
    def described(self) -> dict[str, Any]:
        """Name, width, and what else the generator has to know of it."""

    def extract(self, sound: Floats, frames: int) -> Floats:
        """Describe (N,) sound at 16 kHz as (frames, width)."""


@dataclass(frozen=True)
class _Clip:
    """One clip's measurements, whole: the spans are cut out of it."""

    latents: dict[str, NDArray]
    poor: NDArray[np.bool_]
    """(F,) frames that were bridged, or whose fit was found wanting."""
    audio: Floats

    def cut(self, start: int, end: int) -> dict[str, Any]:
        """The tensors of one span; what was not measured is drawn straight from what was."""
        part = slice(start, end)
        pose = np.hstack([self.latents["rotation"], self.latents["translation"]])[part]
        expression = self.latents["expression"][part]
        valid = self.latents["valid"][part].astype(bool) & ~self.poor[part]
        # A row that is marked valid and holds NaN would poison every sum that it enters.
        valid &= np.isfinite(expression).all(1) & np.isfinite(pose).all(1)
        return {
            "expression": fill(expression, valid),
            "pose": fill(pose, valid),
            "valid": valid,
            "audio": np.ascontiguousarray(self.audio[part], np.float32),
            "identity": self.latents["identity"].astype(np.float32).reshape(-1),
            "age": float(self.latents["age"].item()),
        }


def run(stage: Stage[Pack], features: Features, origin: BackendInfo | None = None) -> Summary:
    """Cut latents and audio features of every kept span, and write them split by source.

    Args:
        stage: the stage at work.
        features: what describes the sound.
        origin: the backend behind `features`, for the record.

    Raises:
        CradleError: a measurement does not have as many frames as the clip.
    """
    kept = _kept(stage)
    spans = _spans(stage, kept)
    out = stage.fresh_out()
    _write(stage, features, spans, out)
    index = shards.index(out)
    rows = [ClipRow(clip, Reason.KEPT) for clip in kept]
    ledger.write_clips(out / "ledger.parquet", "pack", rows, kept)
    _describe(stage, _meta(stage, features, origin, index), index, out)
    sizes = index.groupby("split")["frames"].sum()
    words = ", ".join(f"{name} {sizes.get(name, 0):,}" for name in SPLITS)
    return Summary(seen=len(kept), kept=len(kept), extra=f"{len(index)} spans, frames {words}")


def fill(values: NDArray, valid: NDArray[np.bool_]) -> Floats:
    """Replace rows of (T, D) that are not `valid` by the line between their valid neighbours."""
    known = np.flatnonzero(valid)
    if not len(known):
        return np.zeros(values.shape, np.float32)
    every = np.arange(len(values))
    filled = [np.interp(every, known, column[known]) for column in values.T]
    return np.ascontiguousarray(np.stack(filled, 1), np.float32)


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


def _write(stage: Stage[Pack], features: Features, spans: pd.DataFrame, out: Path) -> None:
    limit_mb = stage.params.shard_mb
    writers = {name: Shards(out, name, features.width, limit_mb) for name in SPLITS}
    for clip, mine in _clips(stage, features, spans):
        for row in mine.to_dict("records"):
            tensors = clip.cut(row["start_frame"], row["end_frame"])
            row["frames"] = row["end_frame"] - row["start_frame"]
            row["valid_frames"] = int(tensors["valid"].sum())
            writers[row["split"]].add({name: row[name] for name in LABELS.names} | tensors)
    for writer in writers.values():
        writer.close()


def _clips(
    stage: Stage[Pack], features: Features, spans: pd.DataFrame
) -> Iterator[tuple[_Clip, pd.DataFrame]]:
    fits = _keys(stage.data("fit") / "clips.parquet", "fit_key")
    stems = _keys(stage.data("isolate") / "clips.parquet", "stem_key")
    poor = _poor_frames(stage)
    for name, mine in spans.groupby("clip", sort=True):
        clip, frames = str(name), int(mine["frames"].iloc[0])
        marked = np.zeros(frames, bool)
        marked[poor.get(clip, [])] = True
        latents = _latents(stage.store, fits[clip], clip, frames)
        sound, rate_hz = media.read_sound(_stem(stage.store, stems[clip]))
        if rate_hz != RATE_HZ:
            raise CradleError(f"{clip}: the stem has {rate_hz} Hz, should have {RATE_HZ}")
        audio = features.extract(sound, frames)
        yield _Clip(latents, marked, audio), mine


def _keys(path: Path, column: str) -> dict[str, str]:
    table = tables.read(path, ["clip", column])
    return dict(zip(table["clip"], table[column], strict=True))


def _stem(store: Store, key: str) -> Path:
    return store.entry("stem", key).path / "stem_16k.flac"


def _latents(store: Store, key: str, clip: str, frames: int) -> dict[str, NDArray]:
    with np.load(store.entry("fit", key).path / "fit.npz", allow_pickle=False) as file:
        latents = {name: file[name] for name in file.files}
    if len(latents["expression"]) != frames:
        raise CradleError(
            f"{clip}: the fit has {len(latents['expression'])} frames, the clip {frames}"
        )
    return latents


def _poor_frames(stage: Stage[Pack]) -> dict[str, list[int]]:
    """Frames inside spans that are carried over without having been measured well."""
    bridged = tables.read(stage.data("select") / "frames.parquet", ["clip", "frame", "reason"])
    bridged = bridged[bridged["reason"] == Reason.BRIDGED]
    poor = tables.read(stage.data("fit") / "frames.parquet", ["clip", "frame", "state"])
    poor = poor[poor["state"] != State.KEPT]
    both = pd.concat([bridged, poor])[["clip", "frame"]]
    return {str(clip): rows["frame"].tolist() for clip, rows in both.groupby("clip")}


def _meta(
    stage: Stage[Pack], features: Features, origin: BackendInfo | None, index: pd.DataFrame
) -> dict[str, Any]:
    backends = {name: _backends(stage, name) for name in JUDGES}
    if origin is not None:
        backends["pack"] = [{"name": origin.name, "digest": origin.digest}]
    models = backends["fit"]
    return {
        "feature": features.described,
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
