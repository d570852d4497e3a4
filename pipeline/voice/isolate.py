"""The stage `isolate`: the infant's stem, who sounds when, and measures of every clip.

data/isolate/clips.parquet    a clip: stem_key, voice_key, infant_s, snr_db, adult_overlap, ...
data/isolate/frames.parquet   a frame of video: scores of who, pitch, levels
data/isolate/events.parquet   a stretch of sound: start_s, end_s, who, type, score, snr_db, ...
data/isolate/ledger.parquet
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.core import ledger, tables
from pipeline.core.backends import BackendInfo
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Needs, Step
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Failure
from pipeline.voice.backends import SEPARATORS, TRACK_HZ, VOICES, Voices
from pipeline.voice.measure import (
    EVENTS,
    STEM,
    TRACKS,
    Isolated,
    measure_stem,
    measure_voices,
    read,
)
from pipeline.voice.measures import frame_levels_db, measures
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations import Typist, examples_by_kind
from pipeline.voice.vocalizations_claims import Typists, claims
from pipeline.voice.vocalizations_params import Vocalization
from pipeline.voice.vocalizations_table import EVENTS as TYPED
from pipeline.voice.vocalizations_table import column_of, shares, typed

FPS = 30.0
_NEEDS = Needs(memory_gb=1.5, gpu=0.2)

_MEASURES = (
    "infant_s",
    "adult_s",
    "other_s",
    "snr_db",
    "adult_overlap",
    "other_overlap",
    "decay_s",
    "clipped_share",
)
_ORIGIN = ("separator", "separator_digest", "voices", "voices_digest")
_SCORES = ("infant", "adult", "other")
FRAMES = pa.schema(
    [
        ("clip", pa.string()),
        ("frame", pa.int32()),
        *((name, pa.float32()) for name in (*_SCORES, "f0_hz", "stem_db", "residual_db")),
    ]
)


def clips_schema(kinds: Sequence[Vocalization]) -> pa.Schema:
    """Columns of clips.parquet: beside the measures, one for each kind of vocalization."""
    return pa.schema(
        [
            *((name, pa.string()) for name in ("clip", "stem_key", "voice_key")),
            *((name, pa.float64()) for name in _MEASURES),
            *((column_of(kind.name), pa.float64()) for kind in kinds),
            *((name, pa.string()) for name in _ORIGIN),
        ]
    )


def run(stage: Stage[Isolate]) -> Summary:
    """Measure the sound of every clip that `download` kept, and write the tables."""
    separator = SEPARATORS.info(stage.params.separator)
    tracker = VOICES.info(stage.params.voices)
    # Before any work: what params.yaml says of kinds may be wrong.
    kinds = stage.everything.vocalizations
    examples = examples_by_kind(kinds, stage.root)
    clips = tables.read(stage.data("download") / "clips.parquet").sort_values("clip")
    sounds = {
        clip: stage.store.entry("media", key).path / "sound_16k.flac"
        for clip, key in zip(clips["clip"], clips["media_key"], strict=True)
    }
    stems = stage.runner.measure(
        Step("stem", measure_stem, {}, separator, _NEEDS),
        _stem_jobs(stage, clips, sounds, separator),
    )
    voices = stage.runner.measure(
        Step("voice", measure_voices, _words(stage.params, tracker), tracker, _NEEDS),
        _voice_jobs(stage, stems, sounds, tracker),
    )
    out = stage.fresh_out()
    heard = {clip: tables.read(entry.path / EVENTS) for clip, entry in voices.entries.items()}
    unknown = [kind.name for kind in kinds if kind.name not in examples]
    typists = Typists(kinds, examples, claims(heard, clips, unknown))
    origin = _origin(separator, tracker)
    _write_tables(out, clips, sounds, stems, voices, heard, typists, origin)
    failures = {**stems.failures, **voices.failures}
    rows = _account(clips, voices, failures, separator, tracker)
    ledger.write_clips(out / "ledger.parquet", stage.name, rows, list(clips["clip"]))
    # A new stem asks for new voices: whoever was measured at all is in the greater of the two.
    measured = max(stems.measured, voices.measured)
    return Summary(
        seen=len(clips),
        remembered=len(clips) - measured,
        measured=measured,
        kept=len(voices.entries),
        dropped=Counter(str(failure.reason) for failure in failures.values()),
        extra=told_by_bounds(typists.of("")),
    )


def told_by_bounds(typist: Typist) -> str:
    """Which kinds are told without any example, in words; nothing where there are none."""
    names = ", ".join(typist.by_bounds)
    return f"told by acoustic bounds alone, for want of examples: {names}" if names else ""


def _words(params: Isolate, tracker: BackendInfo) -> dict[str, Any]:
    """What the measurement of voices reads of the parameters."""
    return {} if tracker.embedded else {"labels": params.pyannote_labels}


def _stem_jobs(
    stage: Stage[Isolate], clips: pd.DataFrame, sounds: dict[str, Path], info: BackendInfo
) -> list[Job]:
    records: list[dict[str, Any]] = clips.to_dict("records")  # type: ignore[assignment]
    return [
        Job(
            row["clip"],
            {"sound": sounds[row["clip"]], "backend": info.name, "device": stage.device},
            row["media_digest"],
            cost=row["duration_s"],
        )
        for row in records
    ]


def _voice_jobs(
    stage: Stage[Isolate], stems: Measured, sounds: dict[str, Path], info: BackendInfo
) -> list[Job]:
    return [
        Job(
            clip,
            {
                "sound": sounds[clip],
                "stem": stem.path / STEM,
                "backend": info.name,
                "device": stage.device,
                "labels": stage.params.pyannote_labels,
            },
            # The key of a stem is the digest of the sound and of all that made the stem of it.
            stem.key,
        )
        for clip, stem in stems.entries.items()
    ]


def _origin(separator: BackendInfo, tracker: BackendInfo) -> dict[str, str]:
    return {
        "separator": separator.name,
        "separator_digest": separator.digest,
        "voices": tracker.name,
        "voices_digest": tracker.digest,
    }


def _account(
    clips: pd.DataFrame,
    voices: Measured,
    failures: dict[str, Failure],
    separator: BackendInfo,
    tracker: BackendInfo,
) -> list[ClipRow]:
    rows = [
        *(ClipRow(clip, Reason.KEPT) for clip in voices.entries),
        *(ClipRow.of(clip, failure) for clip, failure in failures.items()),
    ]
    digests = dict(zip(clips["clip"], clips["media_digest"], strict=True))
    return [
        replace(
            row,
            backend=f"{separator.name}+{tracker.name}",
            backend_digest=f"{separator.digest}+{tracker.digest}",
            input_digest=digests[row.clip],
        )
        for row in rows
    ]


def _write_tables(
    out: Path,
    clips: pd.DataFrame,
    sounds: dict[str, Path],
    stems: Measured,
    voices: Measured,
    heard: dict[str, pd.DataFrame],
    typists: Typists,
    origin: dict[str, str],
) -> None:
    frames_of = dict(zip(clips["clip"], clips["frames"], strict=True))
    schema = clips_schema(typists.kinds)
    names = [kind.name for kind in typists.kinds]
    sources = dict(zip(clips["clip"], clips["source"], strict=True))
    about, frames, all_told = [], [], []
    for clip, entry in voices.entries.items():
        found = read(sounds[clip], stems.entries[clip].path / STEM, entry.path / TRACKS)
        told = typed(heard[clip], typists.of(sources[clip]))
        row: dict[str, Any] = {
            "clip": clip,
            "stem_key": stems.entries[clip].key,
            "voice_key": entry.key,
            **measures(found.sound, found.stem, found.voices),
            **shares(told, names),
            **origin,
        }
        about.append(row)
        frames.append(frame_table(found, int(frames_of[clip])).assign(clip=clip))
        all_told.append(told.assign(clip=clip))
    tables.write(out / "clips.parquet", pd.DataFrame(about, columns=schema.names), schema)
    tables.write(out / "frames.parquet", _joined(frames, FRAMES), FRAMES)
    tables.write(out / "events.parquet", _joined(all_told, TYPED), TYPED)


def _joined(parts: list[pd.DataFrame], schema: pa.Schema) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=schema.names)


def frame_table(found: Isolated, frames: int) -> pd.DataFrame:
    """One row for each of `frames` frames of a 30 fps video: what is heard while it is seen."""
    middle_s = (np.arange(frames) + 0.5) / FPS
    columns: dict[str, Any] = {"frame": np.arange(frames, dtype=np.int32)}
    for name in _SCORES:
        track = getattr(found.voices, name)
        columns[name] = np.interp(middle_s * TRACK_HZ, np.arange(len(track)), track)
    columns["f0_hz"] = _nearest(found.voices, middle_s)
    columns["stem_db"] = frame_levels_db(found.stem, frames, FPS)
    columns["residual_db"] = frame_levels_db(found.sound - found.stem, frames, FPS)
    return pd.DataFrame(columns)


def _nearest(voices: Voices, times_s: np.ndarray) -> np.ndarray:
    """Pitch at the nearest step: between a pitch and none there is no middle."""
    steps = np.round(times_s * TRACK_HZ).astype(int)
    return voices.f0_hz[np.clip(steps, 0, len(voices.f0_hz) - 1)]
