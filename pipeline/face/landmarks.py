"""The stage `landmarks`: a face in every frame, which way it looks and what of it can be seen.

data/landmarks/clips.parquet     clip, face_key, backend, backend_digest
data/landmarks/frames.parquet    clip, frame, found, faces, face_score, infant_likeness, ...
data/landmarks/tracks.parquet    clip, track, chosen, infant_likeness, share, face_px, ...
data/landmarks/ledger.parquet
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline import media
from pipeline.core import ledger, parts, tables
from pipeline.core.backends import BackendInfo, file_digest
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Needs, Step
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Entry
from pipeline.core.weights import locked
from pipeline.face import faces_tables, measure
from pipeline.face.backends import LANDMARKERS
from pipeline.face.covering import WEIGHTS
from pipeline.face.mesh import CANONICAL
from pipeline.face.params import Landmarks
from pipeline.face.self_occlusion import TURNED

STEP = "face"
_COMPILED = ("pipeline.face.meshes", "pipeline.face.pixels")
_IMPORTS = ("torch", "pipeline.face.mediapipe_graph", *_COMPILED)
_NEEDS = Needs(memory_gb=1.5, gpu=0.03, spare=True, imports=_IMPORTS)
"""A face takes a core 15 times as long as what covers it would: a GPU serves many of them, and who
has none does as well."""
_ON_GPU = {"fan": Needs(memory_gb=1.5, gpu=0.2, imports=_IMPORTS)}
"""Of landmarkers that run there themselves."""
CLIPS = pa.schema(
    [
        ("clip", pa.string()),
        ("face_key", pa.string()),
        ("backend", pa.string()),
        ("backend_digest", pa.string()),
    ]
)


def run(stage: Stage[Landmarks]) -> Summary:
    """Measure the face in every clip that `download` kept, and write the tables."""
    info = LANDMARKERS.info(stage.params.backend)
    clips = stage.data("download") / "clips.parquet"
    done = stage.runner.measure(step(stage.params, info), _jobs(stage, clips))
    tabled = Step("face_tables", faces_tables.measure)
    pieces = parts.Pieces(done.entries, partial(_digests, done), partial(_inputs, done))
    made = parts.make(stage.runner, tabled, pieces)
    out = stage.fresh_out()
    _write(out, clips, done, info)
    made.copy(out / measure.FRAMES, faces_tables.FRAMES)
    made.copy(out / measure.TRACKS, faces_tables.TRACKS)
    return Summary(
        seen=len(done.entries) + len(done.failures),
        remembered=done.remembered,
        measured=done.measured,
        kept=len(done.entries),
        dropped=Counter(str(failure.reason) for failure in done.failures.values()),
    )


def step(params: Landmarks, info: BackendInfo) -> Step:
    """The measurement with everything that its result depends on beside the clip."""
    reads = {**params.model_dump(exclude={"backend"}), "weights": _weights()}
    return Step(STEP, measure.measure, reads, info, _ON_GPU.get(info.name, _NEEDS))


def _weights() -> str:
    """Digest of what every landmarker's points are judged with."""
    return file_digest(CANONICAL, TURNED, locked(WEIGHTS))


def _jobs(stage: Stage[Landmarks], clips: Path) -> Iterator[Job]:
    """A job a clip of download's table, which is read part by part."""
    same: dict[str, Any] = {
        "backend": stage.params.backend,
        "device": stage.device,
        "params": stage.params.model_dump(),
    }
    columns = ("clip", "media_key", "media_digest", "duration_s")
    for rows in tables.each(clips, columns):
        for clip, key, digest, cost in zip(*(rows[it].to_pylist() for it in columns), strict=True):
            yield Job(clip, same, digest, cost=cost, late=partial(_video, stage, key))


def _video(stage: Stage[Landmarks], media_key: str) -> dict[str, Path]:
    """The file, which is looked up for what is measured alone."""
    return {"video": stage.store.entry("media", media_key).path / media.VIDEO}


def _digests(done: Measured, clips: Sequence[str]) -> dict[str, str]:
    return {clip: done.entries[clip].key for clip in clips}


def _inputs(done: Measured, clips: Sequence[str]) -> dict[str, dict[str, Path]]:
    return {clip: {"measured": done.entries[clip].path} for clip in clips}


def _write(out: Path, clips: Path, done: Measured, info: BackendInfo) -> None:
    """Write which measurement belongs to which clip, and the ledger, part by part."""
    with (
        tables.in_parts(out / "clips.parquet", CLIPS) as put_clips,
        tables.in_parts(out / "ledger.parquet", ledger.CLIPS) as put_ledger,
    ):
        for file in tables.parts_of(clips):
            found = tables.arrow(file, ["clip", "media_digest"])
            digests = {row["clip"]: row["media_digest"] for row in tables.rows(found)}
            entries = {clip: done.entries[clip] for clip in digests if clip in done.entries}
            if entries:
                put_clips(file.stem, _table(entries, info))
            rows = _account(digests, done, info)
            put_ledger(file.stem, ledger.of_clips("landmarks", rows, digests))


def _table(entries: Mapping[str, Entry], info: BackendInfo) -> pd.DataFrame:
    """Which measurement belongs to which clip, as `CLIPS` has it."""
    rows = [(clip, entry.key, info.name, info.digest) for clip, entry in entries.items()]
    return pd.DataFrame(rows, columns=CLIPS.names)


def _account(digests: Mapping[str, str], done: Measured, info: BackendInfo) -> Iterator[ClipRow]:
    """A row of the ledger for every clip that something became of."""
    for clip, digest in digests.items():
        failed = done.failures.get(clip)
        if failed is not None or clip in done.entries:
            row = ClipRow.of(clip, failed) if failed else ClipRow(clip, Reason.KEPT)
            yield replace(row, backend=info.name, backend_digest=info.digest, input_digest=digest)


def measure_file(path: Path, params: Landmarks | None = None) -> pd.DataFrame:
    """Measure the face in a video file, outside any project: a row a frame.

    Raises:
        ClipFailed: the file cannot be decoded.
    """
    return measure_video(path, params).frames


def measure_video(path: Path, params: Landmarks | None = None) -> measure.Measured:
    """The same with landmarks and their visibility."""
    chosen = params or Landmarks()
    landmarker = LANDMARKERS.load(chosen.backend)
    return measure.follow(media.read_frames(path), landmarker, chosen)
