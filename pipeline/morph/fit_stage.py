"""The stage `fit`: one identity, age and camera a clip, one expression and pose a frame.

data/fit/clips.parquet    a clip: fit_key, focal_px, age, median residuals, frames fitted and kept
data/fit/poses.parquet    a frame: how it was fitted: pose, residuals
data/fit/frames.parquet   the ledger of frames: every frame of a span that was fitted or not
data/fit/spans.parquet    what is left of select's spans once poor frames are cut out
data/fit/ledger.parquet   the ledger of clips

Fitting takes no threshold and asks nothing of select but which clips are worth it: all frames with
a face are fitted, and a fit is found again by the landmarks that it was made from.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.core import ledger, parts, tables
from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import ClipFailed
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason, State
from pipeline.core.runner import Job, Measured, Needs, Step
from pipeline.core.stage import Stage, Summary
from pipeline.core.weights import of_the_user
from pipeline.morph import age, embedding, fit_decide, fit_tables
from pipeline.morph.model import MODELS
from pipeline.morph.params import Fit

STEP = "fit"
_NEEDS = Needs(memory_gb=1.5, gpu=0.2)
CLIPS = pa.schema(
    [
        ("clip", pa.string()),
        ("fit_key", pa.string()),
        ("focal_px", pa.float64()),
        ("age", pa.float64()),
        ("residual_px", pa.float64()),
        ("residual_mm", pa.float64()),
        ("fitted_frames", pa.int32()),
        ("kept_frames", pa.int32()),
    ]
)
SPANS = pa.schema(
    [
        ("clip", pa.string()),
        ("span", pa.int32()),
        ("start_frame", pa.int32()),
        ("end_frame", pa.int32()),
        ("vocalization", pa.string()),
        ("bridged", pa.int32()),
    ]
)


def run(stage: Stage[Fit]) -> Summary:
    """Fit every clip that `select` kept, cut out what was fitted poorly, and write the tables."""
    clips, info = _clips(stage), origin(stage.params)
    done = _measure(stage, clips, info)
    made = _tables(stage, done)
    out = stage.fresh_out()
    poses = made.read(fit_tables.POSES_FILE, fit_tables.POSES)
    selected = _selected(stage, done)
    decided = fit_decide.decide(poses, selected.spans, selected.bridged, stage.params)
    made.copy(out / fit_tables.POSES_FILE, fit_tables.POSES)
    tables.write(out / "spans.parquet", decided.spans, SPANS)
    tables.write(out / "clips.parquet", _about(done, made, decided.spans), CLIPS)
    ledger.write_frames(out / "frames.parquet", stage.name, decided.frames)
    rows = _rows(clips, done, decided.clips, info)
    ledger.write_clips(out / "ledger.parquet", stage.name, rows, list(clips["clip"]))
    return Summary(
        seen=len(clips),
        remembered=done.remembered,
        measured=done.measured,
        kept=sum(row.state is State.KEPT for row in rows),
        dropped=ledger.dropped(rows),
        extra=_in_words(decided),
    )


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Fit one clip: landmarks.npz in, fit.npz out.

    Raises:
        ClipFailed: no frame has a face that could be fitted.
    """
    # Here, not above: a stage that has nothing to fit need not wait for torch.
    from pipeline.morph.fit import FitError
    from pipeline.morph.fit_landmarks import fit_landmarks

    try:
        fitted = fit_landmarks(
            inputs["landmarks"],
            inputs["height"],
            inputs["width"],
            Fit.model_validate(inputs["params"]),
            inputs["device"],
            inputs["age_months"],
        )
    except FitError as error:
        raise ClipFailed(Reason.FIT_POOR, str(error)) from error
    fitted.save(out / "fit.npz")


def origin(params: Fit) -> BackendInfo:
    """The morphable model that is fitted, as every row names it."""
    embedded = params.model == "procedural"
    files = sorted(
        {
            *embedding.FOLDER.glob(f"{params.model}*.npz"),
            embedding.path_of(params.model),
            embedding.FOLDER / "strays" / f"{params.model}.npz",
        }
    )
    files = [file for file in files if file.is_file()]
    digest, licence = file_digest(*files), "MIT"
    if not embedded:
        weights = of_the_user(params.model, "its file")
        digest, licence = sha256(f"{weights.sha256}{digest}".encode()).hexdigest(), weights.licence
    return BackendInfo(
        task="morph",
        name=params.model,
        digest=digest,
        licence=licence,
        embedded=embedded,
        module=MODELS[params.model],
    )


@dataclass(frozen=True)
class _Selected:
    spans: pd.DataFrame
    bridged: pd.DataFrame


def _clips(stage: Stage[Fit]) -> pd.DataFrame:
    """Clips that select kept: clip, face_key, frames, height, width, age_months."""
    kept = ledger.kept(stage.data("select") / "ledger.parquet")
    columns = ["clip", "frames", "height", "width", "age_months"]
    sizes = tables.read(stage.data("download") / "clips.parquet", columns)
    faces = tables.read(stage.data("landmarks") / "clips.parquet", ["clip", "face_key"])
    clips = sizes.merge(faces, on="clip", validate="one_to_one")
    return clips[clips["clip"].isin(kept)].sort_values("clip").reset_index(drop=True)


def _measure(stage: Stage[Fit], clips: pd.DataFrame, info: BackendInfo) -> Measured:
    params = stage.params.measured()
    jobs = [
        Job(
            row["clip"],
            {
                "landmarks": stage.store.entry("face", row["face_key"]).path / "landmarks.npz",
                "height": int(row["height"]),
                "width": int(row["width"]),
                "params": params,
                "device": stage.device,
                "age_months": _age_months(row),
            },
            _content(row, stage.params.model),
            cost=float(row["frames"]),
        )
        for row in clips.to_dict("records")
    ]
    return stage.runner.measure(Step(STEP, measure, params, info, _NEEDS), jobs)


def _age_months(row: dict[Hashable, Any]) -> float | None:
    return None if np.isnan(row["age_months"]) else float(row["age_months"])


def _content(row: dict[Hashable, Any], model: str) -> str:
    """All of a clip that its fit depends on; an age that the model knows nothing of is none."""
    seen = f"{row['face_key']} {row['height']}x{row['width']}"
    latent = age.latent(model, _age_months(row))
    return seen if latent is None else f"{seen} age {latent!r}"


def _selected(stage: Stage[Fit], done: Measured) -> _Selected:
    spans = tables.read(stage.data("select") / "spans.parquet")
    frames = tables.read(stage.data("select") / "frames.parquet", ["clip", "frame", "reason"])
    bridged = frames.loc[frames["reason"] == Reason.BRIDGED, ["clip", "frame"]]
    fitted = list(done.entries)
    return _Selected(spans[spans["clip"].isin(fitted)], bridged[bridged["clip"].isin(fitted)])


def _tables(stage: Stage[Fit], done: Measured) -> parts.Made:
    pieces = {
        clip: parts.Piece({"fit": entry.path / "fit.npz"}, entry.key)
        for clip, entry in done.entries.items()
    }
    return parts.make(stage.runner, Step("fit_tables", fit_tables.measure), pieces)


def _about(done: Measured, made: parts.Made, spans: pd.DataFrame) -> pd.DataFrame:
    about = made.read(fit_tables.ABOUT_FILE, fit_tables.ABOUT)
    length = (spans["end_frame"] - spans["start_frame"]).groupby(spans["clip"]).sum()
    return about.assign(
        fit_key=[done.entries[clip].key for clip in about["clip"]],
        kept_frames=about["clip"].map(length).fillna(0).astype(int),
    )


def _rows(
    clips: pd.DataFrame, done: Measured, decided: list[ClipRow], info: BackendInfo
) -> list[ClipRow]:
    failed = [ClipRow.of(clip, failure) for clip, failure in done.failures.items()]
    digests = dict(zip(clips["clip"], clips["face_key"], strict=True))
    return [
        replace(
            row,
            backend=info.name,
            backend_digest=info.digest,
            input_digest=digests[row.clip],
        )
        for row in [*decided, *failed]
    ]


def _in_words(decided: fit_decide.Decided) -> str:
    kept = int((decided.spans["end_frame"] - decided.spans["start_frame"]).sum())
    poor = int((decided.frames["reason"] == str(Reason.FIT_POOR)).sum())
    return f"{len(decided.spans):,} spans of {kept:,} frames, {poor:,} frames fitted poorly"
