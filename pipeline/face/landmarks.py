"""The stage `landmarks`: a face in every frame, which way it looks and what of it can be seen.

data/landmarks/clips.parquet     clip, face_key, backend, backend_digest
data/landmarks/frames.parquet    clip, frame, found, faces, face_score, infant_likeness, ...
data/landmarks/tracks.parquet    clip, track, chosen, infant_likeness, share, face_px, ...
data/landmarks/ledger.parquet
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
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
from pipeline.core.weights import locked
from pipeline.face import faces_tables, measure
from pipeline.face.backends import LANDMARKERS
from pipeline.face.covering import WEIGHTS
from pipeline.face.mesh import CANONICAL
from pipeline.face.params import Landmarks

STEP = "face"
_IMPORTS = ("torch", "pipeline.face.mediapipe_graph", "pipeline.face.behind")
_NEEDS = Needs(memory_gb=1.5, gpu=0.03, spare=True, imports=_IMPORTS)
"""A face takes a core 15 times as long as what covers it would: a GPU serves many of them, and who
has none does as well."""
_ON_GPU = {"fan": Needs(memory_gb=1.5, gpu=0.2, imports=_IMPORTS)}
"""Of landmarkers that run there themselves."""
_READ = ("clip", "media_key", "media_digest", "duration_s")
"""What is asked of download's clips."""
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
    clips = tables.read(stage.data("download") / "clips.parquet", list(_READ)).sort_values("clip")
    digests = dict(zip(clips["clip"], clips["media_digest"], strict=True))
    done = stage.runner.measure(step(stage.params, info), _jobs(stage, clips))
    pieces = {
        clip: parts.Piece({"measured": entry.path}, entry.key)
        for clip, entry in done.entries.items()
    }
    made = parts.make(stage.runner, Step("face_tables", faces_tables.measure), pieces)
    out = stage.fresh_out()
    write_clips(out / "clips.parquet", done, info)
    made.copy(out / measure.FRAMES, faces_tables.FRAMES)
    made.copy(out / measure.TRACKS, faces_tables.TRACKS)
    rows = _account(done, info, digests)
    ledger.write_clips(out / "ledger.parquet", stage.name, rows, digests)
    return Summary(
        seen=len(clips),
        remembered=done.remembered,
        measured=done.measured,
        kept=len(done.entries),
        dropped=ledger.dropped(rows),
    )


def step(params: Landmarks, info: BackendInfo) -> Step:
    """The measurement with everything that its result depends on beside the clip."""
    reads = {**params.model_dump(exclude={"backend"}), "weights": _weights()}
    return Step(STEP, measure.measure, reads, info, _ON_GPU.get(info.name, _NEEDS))


def _weights() -> str:
    """Digest of what every landmarker's points are judged with."""
    return file_digest(CANONICAL, locked(WEIGHTS))


def _jobs(stage: Stage[Landmarks], clips: pd.DataFrame) -> Iterable[Job]:
    same: dict[str, Any] = {
        "backend": stage.params.backend,
        "device": stage.device,
        "params": stage.params.model_dump(),
    }
    for clip, key, digest, cost in zip(*(clips[name] for name in _READ), strict=True):
        video = stage.store.entry("media", key).path / media.VIDEO
        yield Job(clip, {"video": video, **same}, digest, cost=cost)


def write_clips(path: Path, done: Measured, info: BackendInfo) -> None:
    """Write which measurement belongs to which clip."""
    rows = [(clip, entry.key, info.name, info.digest) for clip, entry in done.entries.items()]
    tables.write_parts(path, pd.DataFrame(rows, columns=CLIPS.names), CLIPS)


def _account(done: Measured, info: BackendInfo, digests: dict[str, str]) -> list[ClipRow]:
    rows = [
        *(ClipRow(clip, Reason.KEPT) for clip in done.entries),
        *(ClipRow.of(clip, failure) for clip, failure in done.failures.items()),
    ]
    return [
        replace(row, backend=info.name, backend_digest=info.digest, input_digest=digests[row.clip])
        for row in rows
    ]


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
