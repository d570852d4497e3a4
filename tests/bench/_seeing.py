"""How well what is said to be seen of a face agrees with what is: shared by the parts of `face`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core.reasons import Reason
from pipeline.dataset import measures
from pipeline.dataset.decide import decide
from pipeline.dataset.gates import FRAME_GATES, PASSED, VOICE_GATES, judge
from pipeline.dataset.params import Select
from pipeline.face.measure import Measured
from tests.bench._figures import Figure
from tests.dataset import world

Bools = NDArray[np.bool_]
Floats = NDArray[np.floating]

COMES_THROUGH = (Reason.KEPT, Reason.BRIDGED, Reason.SPAN_TOO_SHORT)
HIDING = (Reason.FACE_HIDDEN, Reason.MOUTH_HIDDEN)
BINS = 10
ASTRAY = 0.25
"""Mean distance from where the face is, in its widths, at which a mesh lies on something else."""


@dataclass(frozen=True)
class Landmarks:
    """Landmarks whose truth is known, (N,) each: said to be seen, and seen."""

    said: NDArray[np.float32]
    seen: Bools


def kept(frames: pd.DataFrame, select: Select) -> Bools:
    """Which frames of one clip come through (F,) where its voice leaves nothing to be desired.

    A span's least length is not asked for: that says nothing of what can be seen.
    """
    tables = _alone(frames)
    reasons = decide(tables, select.model_copy(update={"min_span_s": 1e-3})).frames["reason"]
    return reasons.isin(list(COMES_THROUGH)).to_numpy()


def passes_but_for_hiding(frames: pd.DataFrame, select: Select) -> Bools:
    """Which frames pass every gate beside those of what is hidden, (F,)."""
    others = [gate for gate in FRAME_GATES if gate.reason not in HIDING]
    return judge(others, _alone(frames).frames, select) == PASSED


def _alone(frames: pd.DataFrame) -> measures.Tables:
    clip, count = "clip", len(frames)
    clips = pd.DataFrame(
        {"clip": [clip], "vocalization": ["cry"], "frames": [count], "media_digest": [""]}
    )
    best = {gate.measure: 0.0 if gate.op == "<=" else 1e6 for gate in VOICE_GATES}
    events = pd.DataFrame(
        {"clip": [clip], "who": [measures.INFANT], "start_s": [0.0], "end_s": [count / 30.0]}
    )
    voice = pd.DataFrame([{"clip": clip, **best}])
    return world.gather(clips, voice, frames.assign(clip=clip), events, {"cry": 0.0})


def on_the_face(found: Measured, truth_px: Floats, which: Bools | slice = slice(None)) -> Bools:
    """In which frames (F,) the mesh lies on the face whose landmarks are `truth_px` (F, 478, 2)."""
    there = truth_px[:, which]
    apart = np.linalg.norm(found.points[:, which, :2] - there, axis=-1).mean(axis=1)
    width = np.ptp(there[..., 0], axis=1) + np.ptp(there[..., 1], axis=1)
    # What was not found is nan, which is near nothing.
    return np.asarray(apart < ASTRAY * width / 2)


def balanced(positive: Bools, said: Bools) -> float:
    """Balanced accuracy: the mean of both classes' shares said rightly."""
    return float((said[positive].mean() + (~said[~positive]).mean()) / 2)


def auroc(landmarks: Landmarks) -> float:
    """How often a seen landmark is said to be seen more than a hidden one, ties counting half."""
    order = pd.Series(landmarks.said).rank().to_numpy()
    seen, hidden = int(landmarks.seen.sum()), int((~landmarks.seen).sum())
    if not seen or not hidden:
        return float("nan")
    return float((order[landmarks.seen].sum() - seen * (seen + 1) / 2) / (seen * hidden))


def calibration_error(landmarks: Landmarks) -> float:
    """Mean distance of what is said from the share that is seen, over ten bins.

    Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    bins = np.clip((landmarks.said * BINS).astype(int), 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    said = np.bincount(bins, landmarks.said, BINS)
    seen = np.bincount(bins, landmarks.seen.astype(float), BINS)
    return float(np.abs(said - seen).sum() / counts.sum())


def joined(parts: Sequence[Landmarks]) -> Landmarks:
    """All of them."""
    return Landmarks(
        np.concatenate([part.said for part in parts]), np.concatenate([part.seen for part in parts])
    )


def landmark_figures(title: str, parts: Sequence[Landmarks], asked: float) -> list[Figure]:
    """Both figures of single landmarks."""
    all_ = joined(parts)
    note = f"{len(all_.seen)} landmarks, {all_.seen.mean():.0%} seen"
    return [
        Figure(f"{title}: per-landmark visibility, AUROC", auroc(all_), asked, ">=", note=note),
        Figure(f"{title}: calibration error", calibration_error(all_), 0.05),
    ]
