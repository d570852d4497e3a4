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

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core import ledger, parts, tables
from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.errors import ClipFailed, CradleError
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Needs, Step, Together, Write
from pipeline.core.stage import Stage, Summary
from pipeline.core.weights import of_the_user
from pipeline.morph import age, embedding, fit_judged, fit_tables
from pipeline.morph.model import MODELS
from pipeline.morph.params import Fit

if TYPE_CHECKING:
    from pipeline.morph.fit import Fitted
    from pipeline.morph.fit_given import FitError

STEP = "fit"
_NEEDS = Needs(memory_gb=1.5, gpu=0.2, imports=("torch",))
_AT_ONCE = 10_000
"""Frames that keep a GPU busy; they take 2 GB of it, and in the shortest clips 5."""
_HERE = 10_000
"""Clips that are judged sooner than other processes start."""


def run(stage: Stage[Fit]) -> Summary:
    """Fit every clip that `select` kept, cut out what was fitted poorly, and write the tables."""
    clips, info = _clips(stage), origin(stage.params)
    done = _measure(stage, clips, info)
    made = _tables(stage, done)
    judged = _judged(stage, clips, done, made, info)
    out = stage.fresh_out()
    made.copy(out / fit_tables.POSES_FILE, fit_tables.POSES)
    for name, schema in fit_judged.TABLES.items():
        judged.copy(out / name, schema)
    kept, dropped = ledger.tally(out / fit_judged.LEDGER_FILE)
    return Summary(
        seen=len(clips),
        remembered=done.remembered,
        measured=done.measured,
        kept=kept,
        dropped=dropped,
        extra=_in_words(out, judged),
    )


def measure(out: Path, inputs: Mapping[str, Any]) -> None:
    """Fit one clip: landmarks.npz in, fit.npz out.

    Raises:
        ClipFailed: no frame has a face that could be fitted.
    """
    [write] = measure_together([inputs])
    write(out)


def measure_together(inputs: Sequence[Mapping[str, Any]]) -> list[Write]:
    """Fit clips, all their frames at once."""
    # Here, not above: a stage that has nothing to fit need not wait for torch.
    from pipeline.morph.fit_landmarks import Seen, fit_files

    params, device = Fit.model_validate(inputs[0]["params"]), inputs[0]["device"]
    known = [(x["landmarks"], x["height"], x["width"], x["age_months"]) for x in inputs]
    found = fit_files([Seen(*one) for one in known], params, device)
    return [partial(_save, fitted) for fitted in found]


def _save(fitted: Fitted | FitError, out: Path) -> None:
    if isinstance(fitted, CradleError):
        raise ClipFailed(Reason.FIT_POOR, str(fitted)) from fitted
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


def _clips(stage: Stage[Fit]) -> list[dict[str, Any]]:
    """Clips that select kept, by id: clip, face_key, frames, height, width, age_months."""
    kept = set(ledger.kept(stage.data("select") / "ledger.parquet"))
    columns = ["clip", "frames", "height", "width", "age_months"]
    sizes = tables.rows(tables.arrow(stage.data("download") / "clips.parquet", columns))
    faces = tables.arrow(stage.data("landmarks") / "clips.parquet", ["clip", "face_key"])
    keys = dict(zip(faces["clip"].to_pylist(), faces["face_key"].to_pylist(), strict=True))
    found = [row | {"face_key": keys[row["clip"]]} for row in sizes if row["clip"] in kept]
    return sorted(found, key=itemgetter("clip"))


def _measure(stage: Stage[Fit], clips: list[dict[str, Any]], info: BackendInfo) -> Measured:
    params = stage.params.measured()
    jobs = [
        Job(
            row["clip"],
            {
                "landmarks": stage.store.entry("face", row["face_key"]).path / "landmarks.npz",
                "height": row["height"],
                "width": row["width"],
                "params": params,
                "device": stage.device,
                "age_months": _age_months(row),
            },
            _content(row, stage.params.model),
            cost=float(row["frames"]),
        )
        for row in clips
    ]
    together = Together.on(stage.device, measure_together, _AT_ONCE)
    step = Step(STEP, measure, params, info, _NEEDS, together)
    return stage.runner.measure(step, jobs)


def _age_months(row: dict[str, Any]) -> float | None:
    age_months = row["age_months"]
    return None if age_months is None or np.isnan(age_months) else float(age_months)


def _content(row: dict[str, Any], model: str) -> str:
    """All of a clip that its fit depends on; an age that the model knows nothing of is none."""
    seen = f"{row['face_key']} {row['height']}x{row['width']}"
    latent = age.latent(model, _age_months(row))
    return seen if latent is None else f"{seen} age {latent!r}"


def _tables(stage: Stage[Fit], done: Measured) -> parts.Made:
    pieces = parts.Pieces.whole(done.entries, partial(_pieces, done))
    return parts.make(stage.runner, Step("fit_tables", fit_tables.measure), pieces)


def _pieces(done: Measured, clips: Sequence[str]) -> dict[str, parts.Piece]:
    found = {clip: done.entries[clip] for clip in clips}
    return {
        clip: parts.Piece({"fit": entry.path / "fit.npz"}, entry.key)
        for clip, entry in found.items()
    }


def _judged(
    stage: Stage[Fit],
    clips: list[dict[str, Any]],
    done: Measured,
    made: parts.Made,
    info: BackendInfo,
) -> parts.Made:
    """Decide which frames were fitted well enough, part by part."""
    step = Step(
        "fit_judged",
        fit_judged.measure,
        {"params": stage.params.decides(), "backend": [info.name, info.digest]},
    )
    of_part: dict[str, dict[str, Any]] = {}
    for row in clips:
        clip = row["clip"]
        failed = done.failures.get(clip)
        of_part.setdefault(tables.part(clip), {})[clip] = {
            "face_key": row["face_key"],
            "fit_key": done.entries[clip].key if clip in done.entries else None,
            "failed": None if failed is None else asdict(failed),
        }
    found = {
        part: fit_judged.of_part(stage.data("select"), part, mine, made.folders.get(part))
        for part, mine in sorted(of_part.items())
    }
    return parts.remake(stage.runner, step, found, _HERE)


def _in_words(out: Path, judged: parts.Made) -> str:
    spans, frames = ledger.extent(out / fit_judged.SPANS_FILE)
    poor = sum(
        json.loads((folder / fit_judged.TOLD_FILE).read_text())["poor"]
        for folder in judged.folders.values()
    )
    return f"{spans:,} spans of {frames:,} frames, {poor:,} frames fitted poorly"
