"""A folder that FiftyOne opens, written without FiftyOne: its temporal detections on videos.

    labels.json   by clip: stretches of frames with `kept` or the reason for which they were dropped
    data.json     by clip: where its video lies

Nothing is copied: `data.json` points into data/.store, so that the folder serves on this machine
alone, holds no picture, and shows nothing any more of what has been taken back. Open it with

    import fiftyone as fo
    fo.Dataset.from_dir(
        dataset_dir=FOLDER, dataset_type=fo.types.FiftyOneTemporalDetectionDataset
    )

The format is that of FiftyOne's importer of this name: `label` is a place in `classes`, `support`
the first and last frame, counted from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import media
from pipeline.core import tables, vault
from pipeline.core.errors import CradleError
from pipeline.core.reasons import Reason, State
from pipeline.core.store import Entry, Store

LABELS, DATA = "labels.json", "data.json"
CLASSES = [str(reason) for reason in Reason]


def export(root: Path, out: Path) -> tuple[int, int]:
    """Write the verdicts of a run; returns how many clips and how many stretches.

    Raises:
        CradleError: nothing has been decided yet, or the folder holds something else.
    """
    if out.exists() and not {path.name for path in out.iterdir()} <= {LABELS, DATA}:
        raise CradleError(f"{out}: holds other files; name a new or empty folder")
    try:
        videos = dict(_videos(root))
        labels = {clip: rows for clip, rows in _labels(root / "data") if clip in videos}
    except FileNotFoundError as error:
        raise CradleError(f"{error.filename}: not found; `make run` makes it") from None
    out.mkdir(parents=True, exist_ok=True)
    _write(out / LABELS, {"classes": CLASSES, "labels": labels})
    _write(out / DATA, {clip: str(videos[clip]) for clip in labels})
    return len(labels), sum(map(len, labels.values()))


def _videos(root: Path) -> Iterator[tuple[str, Path]]:
    """Where the video of each clip lies that still has one."""
    store = Store(root / "data" / ".store")
    path = root / "data" / "download" / "clips.parquet"
    for row in tables.rows(tables.arrow(path, ["clip", "media_key"])):
        entry = store.find("media", str(row["media_key"]))
        if isinstance(entry, Entry) and (entry.path / media.VIDEO).exists():
            yield row["clip"], _readable(entry.path / media.VIDEO)


def _readable(video: Path) -> Path:
    if vault.is_sealed(video):
        raise CradleError(
            "the media are sealed, and FiftyOne cannot open them; `cradle store open` first"
        )
    return video.resolve()


def _labels(data: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """By clip, stretches of frames that were judged alike: select's word, then fit's."""
    judged = _judged(data / "select" / "frames.parquet")
    later = data / "fit" / "frames.parquet"
    fitted = _judged(later) if later.exists() else {}
    for clip, reasons in judged.items():
        for frame, reason in fitted.get(clip, {}).items():
            if Reason.named(CLASSES[reason]).state is not State.KEPT:
                reasons[frame] = reason
        yield clip, list(_stretches(reasons))


def _judged(path: Path) -> dict[str, dict[int, int]]:
    """By clip and frame, the place in CLASSES of the reason."""
    table = tables.arrow(path, ["clip", "frame", "reason"])
    place = {name: number for number, name in enumerate(CLASSES)}
    found: dict[str, dict[int, int]] = {}
    columns = (table[name].to_pylist() for name in ("clip", "frame", "reason"))
    for clip, frame, reason in zip(*columns, strict=True):
        found.setdefault(clip, {})[frame] = place[reason]
    return found


def _stretches(reasons: dict[int, int]) -> Iterator[dict[str, Any]]:
    frames = np.array(sorted(reasons))
    said = np.array([reasons[frame] for frame in frames.tolist()])
    jumps = (np.diff(frames) != 1) | (np.diff(said) != 0)
    for start, end in pairwise([0, *(np.flatnonzero(jumps) + 1).tolist(), len(frames)]):
        support = [int(frames[start]) + 1, int(frames[end - 1]) + 1]
        yield {"label": int(said[start]), "support": support}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
