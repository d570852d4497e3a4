"""The packed dataset as the generator reads it: spans, windows of them, batches.

data/pack/meta.json              {"feature": {"name", "width"}, "fps": 30, ...}
data/pack/train-00000.parquet    one row a span; see pipeline/dataset/shards.py
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.dataset import shards
from pipeline.dataset.shards import PackError, Row
from pipeline.dataset.splits import SPLITS

Floats = NDArray[np.float32]
Around = tuple[int, int]
"""How many frames of sound come before and after a window."""


@dataclass(frozen=True)
class Span:
    """One kept span: what the face did, and what was heard."""

    span_id: str
    clip: str
    vocalization: str
    start_frame: int
    expression: Floats
    """(T, 64) latents, standard deviations of the morphable model."""
    valid: NDArray[np.bool_]
    """(T,) whether the latents were measured; a bridged frame's were not."""
    audio: Floats
    """(T, C)"""
    identity: Floats
    """(32,)"""
    age: Floats
    """(1,)"""
    synthetic: bool = False
    """Whether it was made rather than filmed."""
    source: str = ""
    """What clips of one child have in common."""

    @property
    def frames(self) -> int:
        """Its length."""
        return len(self.expression)

    def first(self, frames: int) -> Span:
        """Its first so many frames."""
        return dataclasses.replace(
            self,
            expression=self.expression[:frames],
            valid=self.valid[:frames],
            audio=self.audio[:frames],
        )


@dataclass(frozen=True)
class Pack:
    """All spans by split, and what the dataset says of itself."""

    spans: dict[str, list[Span]]
    meta: dict[str, Any]
    digest: str

    @property
    def vocalizations(self) -> list[str]:
        """Names, in the order that a generator trained on it will number them."""
        return sorted(self.meta["vocalizations"])

    @property
    def audio_width(self) -> int:
        """Numbers a frame of audio features."""
        return int(self.meta["feature"]["width"])


@dataclass(frozen=True)
class Batch:
    """Windows of equal length; what was not there is zero and masked."""

    expression: Tensor
    """(B, T, 64)"""
    valid: Tensor
    """(B, T) bool: the latents were measured."""
    heard: Tensor
    """(B, N) bool: inside the span, so the sound is real."""
    audio: Tensor
    """(B, N, C), which may begin before the window and end after it."""
    identity: Tensor
    """(B, 32)"""
    age: Tensor
    """(B, 1)"""
    vocalization: Tensor
    """(B,) index into the vocalizations; -1 where unknown."""
    before: int = 0
    """How many frames of sound come before the first of the window."""

    def to(self, device: str) -> Batch:
        """Move every tensor."""
        return self.each(lambda tensor: tensor.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """Change every tensor."""
        changed: dict[str, Any] = {
            name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **changed)


def read(folder: Path) -> Pack:
    """Read a packed dataset whole.

    Raises:
        PackError: meta.json, a shard, a column or a frame is missing or of another shape.
    """
    paths = shards.some_paths(folder)
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise PackError(f"{folder}: no packed dataset: {error}; run the pack stage first") from None
    spans: dict[str, list[Span]] = {split: [] for split in SPLITS}
    for path in paths:
        for row in shards.read(path):
            spans[row["split"]].append(_span(row))
    for group in spans.values():
        group.sort(key=lambda span: span.span_id)
    return Pack(spans, meta, _digest(paths))


def _span(row: Row) -> Span:
    valid = row["valid"]
    # A frame that was not measured may hold anything, NaN included; NaN times 0 is NaN.
    expression = np.where(valid[:, None], row["expression"], 0.0).astype(np.float32)
    return Span(
        span_id=row["span_id"],
        clip=row["clip"],
        vocalization=row["vocalization"],
        start_frame=row["start_frame"],
        expression=expression,
        valid=valid,
        audio=row["audio"].copy(),
        identity=row["identity"].copy(),
        age=np.array([row["age"]], np.float32),
        synthetic=row["synthetic"],
        source=row["source"],
    )


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def collate(
    spans: Sequence[Span],
    starts: Sequence[int],
    frames: int,
    vocalizations: Sequence[str],
    around: Around = (0, 0),
) -> Batch:
    """Cut one window of `frames` from each span at its start, padding what lies beyond the span."""
    windows = [
        _window(span, start, frames, around) for span, start in zip(spans, starts, strict=True)
    ]
    names = {name: number for number, name in enumerate(vocalizations)}
    numbers = [names.get(span.vocalization, -1) for span in spans]
    return Batch(
        **{key: torch.from_numpy(np.stack([w[key] for w in windows])) for key in windows[0]},
        identity=torch.from_numpy(np.stack([span.identity for span in spans])),
        age=torch.from_numpy(np.stack([span.age for span in spans])),
        vocalization=torch.tensor(numbers, dtype=torch.long),
        before=around[0],
    )


def _window(span: Span, start: int, frames: int, around: Around) -> dict[str, NDArray]:
    stop = start + frames
    seen, heard = np.arange(start, stop), np.arange(start - around[0], stop + around[1])
    return {
        "expression": _at(span.expression, seen),
        "valid": _at(span.valid, seen),
        "heard": _at(np.ones(span.frames, bool), heard),
        "audio": _at(span.audio, heard),
    }


def _at(rows: NDArray, place: NDArray[np.int64]) -> NDArray:
    """Rows at some places; 0 at those that lie beyond the first or the last."""
    inside = (place >= 0) & (place < len(rows))
    found = np.zeros((len(place), *rows.shape[1:]), rows.dtype)
    found[inside] = rows[place[inside]]
    return found


def draw(
    spans: Sequence[Span],
    count: int,
    frames: int,
    vocalizations: Sequence[str],
    random: np.random.Generator,
    around: Around = (0, 0),
) -> Batch:
    """Draw `count` windows; a span is as likely as it is long, a start as any other."""
    share = np.array([span.frames for span in spans], float)
    chosen = random.choice(len(spans), count, p=share / share.sum())
    picked = [spans[number] for number in chosen]
    starts = [int(random.integers(0, max(1, span.frames - frames + 1))) for span in picked]
    return collate(picked, starts, frames, vocalizations, around)


def whole(span: Span, vocalizations: Sequence[str]) -> Batch:
    """Take one span as a batch of one, unpadded."""
    return collate([span], [0], span.frames, vocalizations)


def tiles(
    spans: Sequence[Span],
    count: int,
    frames: int,
    vocalizations: Sequence[str],
    around: Around = (0, 0),
) -> Iterator[Batch]:
    """Cover spans with windows one after another, `count` in a batch, always in the same way."""
    windows = [(span, start) for span in spans for start in range(0, span.frames, frames)]
    for first in range(0, len(windows), count):
        picked, starts = zip(*windows[first : first + count], strict=True)
        yield collate(picked, starts, frames, vocalizations, around)
