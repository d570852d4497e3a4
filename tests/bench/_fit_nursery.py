"""Fits of a run against the truth of the nursery's clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.core import tables
from pipeline.core.store import Store
from pipeline.morph import model
from pipeline.morph.fit import Fitted
from pipeline.morph.fit_landmarks import load
from tests.bench._figures import Figure
from tests.bench._fit_truth import Array, coverage, covered, face_vertices
from tests.morph.fit_faces import aligned_error_mm


def nursery(store: Path | None) -> list[Figure]:
    """Fits of a run against the truth of the nursery's clips; frames that the fit kept."""
    if store is None:
        why = "--nursery data/.store, of a run"
        return [Figure.missing("nursery: vertices, own size", 2.0, "<=", "mm", why)]
    data = store.parent
    keys = tables.read(data / "fit" / "clips.parquet", ["clip", "fit_key"])
    frames = tables.read(data / "fit" / "frames.parquet", ["clip", "frame", "state"])
    kept = frames[frames["state"] == "kept"].groupby("clip")["frame"]
    truths = _truths(data)
    rows = []
    for clip_id, key in keys.itertuples(index=False):
        if clip_id in truths and clip_id in kept.groups:
            fitted = load(Store(store).entry("fit", key).path / "fit.npz")
            rows.append(_against(fitted, truths[clip_id], kept.get_group(clip_id).to_numpy()))
    if not rows:
        return [Figure("nursery: clips", 0, 1, ">=", "", "no synthetic clip was fitted")]
    own, one, mean, mouth, aperture_mm, residual_mm, lips_mm, sure, who_sure = np.array(rows).T
    note = f"{len(rows)} clips; mean face {np.median(mean):.2f}"
    return [
        Figure("nursery: vertices, own size", float(np.median(own)), 2.0, "<=", "mm", note),
        Figure("nursery: lip vertices, own size", float(np.median(lips_mm)), 1.5, "<=", "mm"),
        Figure("nursery: vertices, one size", float(np.median(one)), None, "<=", "mm"),
        Figure("nursery: worst clip, own size", float(own.max()), None, "<=", "mm"),
        Figure("nursery: lip opening, correlation", float(np.nanmedian(mouth)), 0.97, ">="),
        Figure("nursery: lip opening, error", float(np.median(aperture_mm)), None, "<=", "mm"),
        Figure("nursery: residual", float(np.median(residual_mm)), None, "<=", "mm"),
        *coverage("nursery", float(sure.mean()), float(who_sure.mean())),
    ]


def _truths(data: Path) -> dict[str, Path]:
    """Folders of the nursery's clips in a store, by clip."""
    from pipeline.nursery import truth

    found = sorted((data / ".store" / "nursery").glob("*/*/truth.npz"))
    return {str(truth.read(path.parent).scene["clip"]): path.parent for path in found}


def _against(fitted: Fitted, folder: Path, kept: NDArray[np.int64]) -> list[float]:
    from pipeline.nursery import truth

    true = truth.read(folder)
    shown = true.frames_at(30.0)
    both = kept[(kept < len(shown)) & fitted.valid[kept]]
    found = face_vertices(fitted.identity, fitted.age, fitted.expression[both])
    real = face_vertices(true.identity, true.age, true.expression[shown[both]])
    mean = np.repeat(face_vertices(*_middle()), len(both), 0)
    a, b = (
        _aperture_mm(fitted.identity, fitted.age, fitted.expression[both]),
        _aperture_mm(true.identity, true.age, true.expression[shown[both]]),
    )
    return [
        float(np.median(aligned_error_mm(found, real, False))),
        float(np.median(aligned_error_mm(found, real, True))),
        float(np.median(aligned_error_mm(mean, real, False))),
        float(np.corrcoef(a, b)[0, 1]) if b.std() > 0.5 else float("nan"),
        float(np.abs(a - b).mean()),
        float(np.median(fitted.residual_mm[both])),
        _lips_mm(fitted, true, both, shown),
        covered(fitted.expression[both], true.expression[shown[both]], fitted.expression_std[both]),
        covered(fitted.identity, true.identity, fitted.identity_std),
    ]


def _lips_mm(fitted: Fitted, true: Any, both: NDArray, shown: NDArray) -> float:
    """Median distance of lip vertices, the whole face laid on the true one."""
    head = model.load()
    rows = np.union1d(head.regions["face"], head.lips)
    found = face_vertices(fitted.identity, fitted.age, fitted.expression[both], rows)
    real = face_vertices(true.identity, true.age, true.expression[shown[both]], rows)
    return float(np.median(aligned_error_mm(found, real, False)[:, np.isin(rows, head.lips)]))


def _middle() -> tuple[Array, Array, Array]:
    layout = model.load().layout
    return np.zeros(layout["identity"]), np.zeros(1), np.zeros((1, layout["expression"]))


def _aperture_mm(identity: object, age: object, expression: object) -> Array:
    head = model.load()
    parts = [torch.as_tensor(part).float() for part in (identity, expression, age)]
    pair = list(head.aperture_pair)
    ends = head.decode(parts[0][None], parts[1], parts[2].reshape(1, 1), pair).double()
    return torch.linalg.vector_norm(ends[:, 0] - ends[:, 1], dim=-1).numpy()
