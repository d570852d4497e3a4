"""The stage `isolate`: the infant's stem, who sounds when, and measures of every clip.

data/isolate/clips.parquet    a clip: stem_key, voice_key, infant_s, snr_db, adult_overlap, ...
data/isolate/frames.parquet   a frame of video: scores of who, pitch, levels
data/isolate/events.parquet   a stretch of sound: start_s, end_s, who, type, score, snr_db, ...
data/isolate/ledger.parquet
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.core import ledger, parts, tables
from pipeline.core.backends import BackendInfo
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Needs, Step, Together
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Failure
from pipeline.voice import heard_tables
from pipeline.voice.backends import AT_ONCE_S, SEPARATORS, VOICES
from pipeline.voice.heard_tables import MEASURES
from pipeline.voice.measure import (
    STEM,
    measure_stem,
    measure_stems,
    measure_voices,
    measure_voices_of,
)
from pipeline.voice.params import Isolate
from pipeline.voice.vocalizations import Typist, examples_by_kind
from pipeline.voice.vocalizations_claims import Typists, claims
from pipeline.voice.vocalizations_params import Vocalization
from pipeline.voice.vocalizations_table import EVENTS as TYPED
from pipeline.voice.vocalizations_table import column_of, of_clips, shares

_STEM_NEEDS = Needs(memory_gb=1.5, gpu=0.1, imports=("torch",))
_DEMUCS_NEEDS = Needs(memory_gb=1.5, gpu=0.2, imports=("torch",))
"""A chunk of its own takes as much as half a minute does elsewhere."""
_VOICE_NEEDS = Needs(memory_gb=1.5, gpu=0.05, imports=("torch",))
"""Most of it is done on a core: pitch, levels, events."""
_READ = ["clip", "source", "vocalization", "media_key", "media_digest", "frames", "duration_s"]
"""What is asked of download's clips."""
_ORIGIN = ("separator", "separator_digest", "voices", "voices_digest")


def clips_schema(kinds: Sequence[Vocalization]) -> pa.Schema:
    """Columns of clips.parquet: beside the measures, one for each kind of vocalization."""
    return pa.schema(
        [
            *((name, pa.string()) for name in ("clip", "stem_key", "voice_key")),
            *((name, pa.float64()) for name in MEASURES),
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
    clips = tables.read(stage.data("download") / "clips.parquet", _READ).sort_values("clip")
    sounds = dict(zip(clips["clip"], clips["media_key"], strict=True))
    of_stems, of_voices = (
        Together.on(stage.device, many, AT_ONCE_S) for many in (measure_stems, measure_voices_of)
    )
    needs = _DEMUCS_NEEDS if separator.name == "demucs" else _STEM_NEEDS
    stems = stage.runner.measure(
        Step("stem", measure_stem, {}, separator, needs, of_stems),
        _stem_jobs(stage, clips, separator),
    )
    words = _words(stage.params, tracker)
    voices = stage.runner.measure(
        Step("voice", measure_voices, words, tracker, _VOICE_NEEDS, of_voices),
        _voice_jobs(stage, stems, clips, tracker),
    )
    heard = parts.make(
        stage.runner,
        Step("heard", heard_tables.measure),
        _pieces(stage, clips, sounds, stems, voices),
    )
    out = stage.fresh_out()
    unknown = [kind.name for kind in kinds if kind.name not in examples]
    typists = Typists(kinds, examples, claims(_events(heard), clips, unknown))
    told = _tell(heard, out / heard_tables.EVENTS_FILE, clips, typists)
    heard.copy(out / heard_tables.FRAMES_FILE, heard_tables.FRAMES)
    about = _about(heard, told, stems, voices).assign(**_origin(separator, tracker))
    tables.write_parts(out / "clips.parquet", about, clips_schema(kinds))
    del about, told  # The account takes as much again.
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


def _events(heard: parts.Made) -> Iterator[pd.DataFrame]:
    """What was heard, part by part: all of it at once is much of a stage's memory."""
    return (rows for _, rows in heard.each(heard_tables.EVENTS_FILE, heard_tables.HEARD))


def _tell(heard: parts.Made, path: Path, clips: pd.DataFrame, typists: Typists) -> pd.DataFrame:
    """Write what each event is, part by part; how much each clip is of each kind, by clip."""
    sources = dict(zip(clips["clip"], clips["source"], strict=True))
    names = [kind.name for kind in typists.kinds]
    path.mkdir()
    found = []
    for part, events in heard.each(heard_tables.EVENTS_FILE, heard_tables.HEARD):
        told = of_clips(events, sources, typists)
        tables.write(path / f"{part}.parquet", told, TYPED)
        mine = told["clip"].unique().tolist()
        found.append(pd.DataFrame(shares(told, mine, names), index=mine))
    return pd.concat(found)


def told_by_bounds(typist: Typist) -> str:
    """Which kinds are told without any example, in words; nothing where there are none."""
    names = ", ".join(typist.by_bounds)
    return f"told by acoustic bounds alone, for want of examples: {names}" if names else ""


def _words(params: Isolate, tracker: BackendInfo) -> dict[str, Any]:
    """What the measurement of voices reads of the parameters."""
    return {} if tracker.embedded else {"labels": params.pyannote_labels}


def _sound(stage: Stage[Isolate], media_key: str) -> Path:
    return stage.store.entry("media", media_key).path / "sound_16k.flac"


def _stem_jobs(stage: Stage[Isolate], clips: pd.DataFrame, info: BackendInfo) -> Iterator[Job]:
    columns = ("clip", "media_key", "media_digest", "duration_s")
    for clip, key, digest, cost in zip(*(clips[name] for name in columns), strict=True):
        inputs = {"sound": _sound(stage, key), "backend": info.name, "device": stage.device}
        yield Job(clip, inputs, digest, cost=cost)


def _voice_jobs(
    stage: Stage[Isolate], stems: Measured, clips: pd.DataFrame, info: BackendInfo
) -> Iterator[Job]:
    about = clips.set_index("clip")
    sounds, spans_s = about["media_key"].to_dict(), about["duration_s"].to_dict()
    return (
        Job(
            clip,
            {
                "sound": _sound(stage, sounds[clip]),
                "stem": stem.path / STEM,
                "backend": info.name,
                "device": stage.device,
                "labels": stage.params.pyannote_labels,
            },
            # The key of a stem is the digest of the sound and of all that made the stem of it.
            stem.key,
            cost=spans_s[clip],
        )
        for clip, stem in stems.entries.items()
    )


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


def _pieces(
    stage: Stage[Isolate],
    clips: pd.DataFrame,
    sounds: dict[str, str],
    stems: Measured,
    voices: Measured,
) -> dict[str, parts.Piece]:
    frames = dict(zip(clips["clip"], clips["frames"], strict=True))
    return {
        clip: parts.Piece(
            {
                "sound": _sound(stage, sounds[clip]),
                "stem": stems.entries[clip].path,
                "voice": voice.path,
                "frames": int(frames[clip]),
            },
            # The key of the voices is the digest of the stem's, and that of the sound's.
            f"{voice.key} {frames[clip]}",
        )
        for clip, voice in voices.entries.items()
    }


def _about(
    heard: parts.Made, told: pd.DataFrame, stems: Measured, voices: Measured
) -> pd.DataFrame:
    """A row a clip: its keys, its measures, and how much it is of each kind."""
    about = heard.read(heard_tables.CLIPS_FILE, heard_tables.CLIPS)
    mine = told.reindex(about["clip"])
    return about.assign(
        stem_key=[stems.entries[clip].key for clip in about["clip"]],
        voice_key=[voices.entries[clip].key for clip in about["clip"]],
        **{str(column): mine[column].to_numpy(float) for column in mine},
    )
