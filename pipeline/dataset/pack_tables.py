"""Spans of some clips as rows of the dataset: latents and features, cut out and filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.dataset.shards import LABELS, Shards
from pipeline.dataset.splits import SPLITS

Floats = NDArray[np.float32]
FEATURES = "features.npy"
NUMBERED = 1000
"""Shards of one part are numbered from the part's own thousand on."""


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


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Write shards of the clips in `inputs["clips"]`.

    Of each `fit` and `featured` are folders of the store, `frames` how many it has, `poor` those
    that were not measured well, and `spans` its spans by the columns of `shards.LABELS`.
    """
    first, width, limit_mb = int(inputs["part"], 16) * NUMBERED, inputs["width"], inputs["shard_mb"]
    writers = {name: Shards(out, name, width, limit_mb, first) for name in SPLITS}
    for row in _rows(inputs["clips"]):
        writers[row["split"]].add(row)
    for writer in writers.values():
        writer.finish()


def _rows(clips: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for piece in clips.values():
        clip = _clip(piece)
        for span in piece["spans"]:
            start = span["start_frame"]
            tensors = clip.cut(start, start + span["frames"])
            valid = {"valid_frames": int(tensors["valid"].sum())}
            labels = {**span, **valid}
            yield {name: labels[name] for name in LABELS.names} | tensors


def _clip(piece: Mapping[str, Any]) -> _Clip:
    with np.load(Path(piece["fit"]) / "fit.npz", allow_pickle=False) as file:
        latents = {name: file[name] for name in ("identity", "age", "expression", "valid")}
        latents |= {name: file[name] for name in ("rotation", "translation")}
    poor = np.zeros(piece["frames"], bool)
    poor[piece["poor"]] = True
    audio = np.load(Path(piece["featured"]) / FEATURES, allow_pickle=False)
    return _Clip(latents, poor, audio)


def fill(values: NDArray, valid: NDArray[np.bool_]) -> Floats:
    """Replace rows of (T, D) that are not `valid` by the line between their valid neighbours."""
    known = np.flatnonzero(valid)
    if not len(known):
        return np.zeros(values.shape, np.float32)
    every = np.arange(len(values))
    filled = [np.interp(every, known, column[known]) for column in values.T]
    return np.ascontiguousarray(np.stack(filled, 1), np.float32)
