"""The stage `isolate`: the infant's stem, who sounds when, and measures of every clip.

data/isolate/clips.parquet    a clip: stem_key, voice_key, infant_s, snr_db, adult_overlap, ...
data/isolate/frames.parquet   a frame of video: scores of who, pitch, levels
data/isolate/events.parquet   a stretch of sound: start_s, end_s, who, type, score, snr_db, ...
data/isolate/ledger.parquet
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from pipeline.core.store import Entry, Failure
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
_HEARD = Needs(imports=("soundfile",))
_TOGETHER = 500
"""Clips of which is told at once what their events are: of twice as many, it takes .5 s less of
10,000 and 22 MB more."""
_ORIGIN = ("separator", "separator_digest", "voices", "voices_digest")


@dataclass(frozen=True)
class _Done:
    """What was measured, and of which clips."""

    clips: Path
    """Download's table: it is read part by part, as nothing is kept of a clip but its keys."""
    stems: Measured
    voices: Measured

    def failure(self, clip: str) -> Failure | None:
        """Why it has no voices, if it has none."""
        return self.voices.failures.get(clip) or self.stems.failures.get(clip)


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
    clips = stage.data("download") / "clips.parquet"
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
        _voice_jobs(stage, clips, stems, tracker),
    )
    done = _Done(clips, stems, voices)
    step = Step("heard", heard_tables.measure, needs=_HEARD)
    pieces = parts.Pieces(voices.entries, partial(_digests, done), partial(_inputs, stage, done))
    heard = parts.make(stage.runner, step, pieces)
    out = stage.fresh_out()
    unknown = [kind.name for kind in kinds if kind.name not in examples]
    typists = Typists(kinds, examples, claims(_events(heard), _claiming(clips, unknown), unknown))
    heard.copy(out / heard_tables.FRAMES_FILE, heard_tables.FRAMES)
    _write(out, done, heard, typists, _origin(separator, tracker))
    # A new stem asks for new voices: whoever was measured at all is in the greater of the two.
    seen, measured = len(stems.entries) + len(stems.failures), max(stems.measured, voices.measured)
    return Summary(
        seen=seen,
        remembered=seen - measured,
        measured=measured,
        kept=len(voices.entries),
        dropped=Counter(
            str(it.reason) for each in (stems, voices) for it in each.failures.values()
        ),
        extra=told_by_bounds(typists.of("")),
    )


def _events(heard: parts.Made) -> Iterator[pd.DataFrame]:
    """What was heard, part by part: all of it at once is much of a stage's memory."""
    return (rows for _, rows in heard.each(heard_tables.EVENTS_FILE, heard_tables.HEARD))


def _claiming(clips: Path, names: Sequence[str]) -> pd.DataFrame:
    """clip, source and vocalization of the clips that the catalogue says hold one of `names`."""
    parts_of = (rows.to_pandas() for rows in tables.each(clips, ["clip", "source", "vocalization"]))
    found = [rows[rows["vocalization"].isin(names).to_numpy(bool)] for rows in parts_of]
    return pd.concat([rows.astype(str) for rows in found])


def _write(
    out: Path, done: _Done, heard: parts.Made, typists: Typists, origin: Mapping[str, str]
) -> None:
    """Write what each event is, what each clip is, and the ledger, part by part."""
    schema = clips_schema(typists.kinds)
    with (
        tables.in_parts(out / heard_tables.EVENTS_FILE, TYPED) as put_events,
        tables.in_parts(out / "clips.parquet", schema) as put_clips,
        tables.in_parts(out / "ledger.parquet", ledger.CLIPS) as put_ledger,
    ):
        for files in tables.together(done.clips, _TOGETHER):
            clips = {it.stem: tables.read(it, ["clip", "source", "media_digest"]) for it in files}
            for part, told, about in _told(clips, heard, done, typists, origin):
                put_events(part, told)
                put_clips(part, about)
            for part, rows in clips.items():
                account = _account(rows, done, origin)
                put_ledger(part, ledger.of_clips("isolate", account, rows["clip"]))


def _told(
    clips: Mapping[str, pd.DataFrame],
    heard: parts.Made,
    done: _Done,
    typists: Typists,
    origin: Mapping[str, str],
) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    """What each event and each clip of some parts is, by the part."""
    here = [part for part in clips if part in heard.folders]
    if not here:
        return
    every = pd.concat([clips[part] for part in here])
    sources = dict(zip(every["clip"], every["source"], strict=True))
    events, about = (
        [tables.read(heard.folders[part] / name) for part in here]
        for name in (heard_tables.EVENTS_FILE, heard_tables.CLIPS_FILE)
    )
    told = of_clips(pd.concat(events, ignore_index=True), sources, typists)
    told_clips = _about(pd.concat(about, ignore_index=True), told, done, typists, origin)
    yield from zip(
        here,
        _apart(tables.of_frame(told, TYPED), events),
        _apart(tables.of_frame(told_clips, clips_schema(typists.kinds)), about),
        strict=True,
    )


def _apart(whole: pa.Table, like: Sequence[pd.DataFrame]) -> Iterator[pa.Table]:
    """A table in pieces, each with as many rows as one of `like`."""
    start = 0
    for rows in like:
        yield whole.slice(start, len(rows))
        start += len(rows)


def told_by_bounds(typist: Typist) -> str:
    """Which kinds are told without any example, in words; nothing where there are none."""
    names = ", ".join(typist.by_bounds)
    return f"told by acoustic bounds alone, for want of examples: {names}" if names else ""


def _words(params: Isolate, tracker: BackendInfo) -> dict[str, Any]:
    """What the measurement of voices reads of the parameters."""
    return {} if tracker.embedded else {"labels": params.pyannote_labels}


def _sound(stage: Stage[Isolate], media_key: str) -> Path:
    return stage.store.entry("media", media_key).path / "sound_16k.flac"


def _stem_jobs(stage: Stage[Isolate], clips: Path, info: BackendInfo) -> Iterator[Job]:
    same = {"backend": info.name, "device": stage.device}
    columns = ("clip", "media_key", "media_digest", "duration_s")
    for rows in tables.each(clips, columns):
        for clip, key, digest, cost in zip(*(rows[it].to_pylist() for it in columns), strict=True):
            yield Job(clip, same, digest, cost=cost, late=partial(_heard, stage, key))


def _voice_jobs(
    stage: Stage[Isolate], clips: Path, stems: Measured, info: BackendInfo
) -> Iterator[Job]:
    same = {
        "backend": info.name,
        "device": stage.device,
        "labels": stage.params.pyannote_labels,
    }
    for rows in tables.each(clips, ["clip", "media_key", "duration_s"]):
        for clip, key, span_s in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            if clip in stems.entries:
                stem = stems.entries[clip]
                # The key of a stem is the digest of the sound and of all that made it of that.
                late = partial(_heard, stage, key, stem)
                yield Job(clip, same, stem.key, cost=span_s, late=late)


def _heard(stage: Stage[Isolate], media_key: str, stem: Entry | None = None) -> dict[str, Path]:
    """What a step listens to: files, which are looked up for what is measured alone."""
    sound = {"sound": _sound(stage, media_key)}
    return sound if stem is None else {**sound, "stem": stem.path / STEM}


def _origin(separator: BackendInfo, tracker: BackendInfo) -> dict[str, str]:
    return {
        "separator": separator.name,
        "separator_digest": separator.digest,
        "voices": tracker.name,
        "voices_digest": tracker.digest,
    }


def _account(clips: pd.DataFrame, done: _Done, origin: Mapping[str, str]) -> Iterator[ClipRow]:
    """A row of the ledger for every clip that something became of."""
    backend = f"{origin['separator']}+{origin['voices']}"
    backend_digest = f"{origin['separator_digest']}+{origin['voices_digest']}"
    for clip, digest in zip(clips["clip"], clips["media_digest"], strict=True):
        failed = done.failure(clip)
        if failed is not None or clip in done.voices.entries:
            row = ClipRow.of(clip, failed) if failed else ClipRow(clip, Reason.KEPT)
            yield replace(row, backend=backend, backend_digest=backend_digest, input_digest=digest)


def _digests(done: _Done, clips: Sequence[str]) -> dict[str, str]:
    found = tables.arrow(done.clips, ["clip", "frames"], clips)
    frames = zip(*(column.to_pylist() for column in found.columns), strict=True)
    # The key of the voices is the digest of the stem's, and that of the sound's.
    return {clip: f"{done.voices.entries[clip].key} {count}" for clip, count in frames}


def _inputs(stage: Stage[Isolate], done: _Done, clips: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = tables.rows(tables.arrow(done.clips, ["clip", "media_key", "frames"], clips))
    return {
        row["clip"]: {
            "sound": _sound(stage, row["media_key"]),
            "stem": done.stems.entries[row["clip"]].path,
            "voice": done.voices.entries[row["clip"]].path,
            "frames": row["frames"],
        }
        for row in rows
    }


def _about(
    about: pd.DataFrame,
    told: pd.DataFrame,
    done: _Done,
    typists: Typists,
    origin: Mapping[str, str],
) -> pd.DataFrame:
    """A row a clip: its keys, its measures, and how much it is of each kind."""
    clips = about["clip"].tolist()
    columns: dict[str, Any] = {
        **{str(name): about[name] for name in about},
        "stem_key": [done.stems.entries[clip].key for clip in clips],
        "voice_key": [done.voices.entries[clip].key for clip in clips],
        **shares(told, clips, [kind.name for kind in typists.kinds]),
        **{name: [said] * len(clips) for name, said in origin.items()},
    }
    return pd.DataFrame(columns)
