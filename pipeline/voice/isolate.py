"""The stage `isolate`: the infant's stem, who sounds when, and measures of every clip.

data/isolate/clips.parquet    a clip: stem_key, voice_key, infant_s, snr_db, adult_overlap, ...
data/isolate/frames.parquet   a frame of video: scores of who and of type, pitch, levels
data/isolate/events.parquet   a stretch of sound: start_s, end_s, who, type, score, snr_db
data/isolate/ledger.parquet
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from dataclasses import asdict, replace
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.signal import resample_poly

from pipeline import media
from pipeline.core import ledger, tables
from pipeline.core.backends import BackendInfo
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason
from pipeline.core.runner import Job, Measured, Step
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Failure
from pipeline.voice.backends import RATE, SEPARATORS, TRACK_HZ, VOICES, Voices
from pipeline.voice.events import events
from pipeline.voice.measure import (
    STEM,
    TRACKS,
    Isolated,
    isolate,
    measure_stem,
    measure_voices,
    read,
)
from pipeline.voice.measures import frame_levels_db, measures
from pipeline.voice.params import Isolate

FPS = 30.0
_VIDEOS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".3gp"})

CLIPS = pa.schema(
    [
        ("clip", pa.string()),
        ("stem_key", pa.string()),
        ("voice_key", pa.string()),
        *(
            (name, pa.float64())
            for name in (
                "infant_s",
                "adult_s",
                "other_s",
                "snr_db",
                "adult_overlap",
                "other_overlap",
                "decay_s",
                "clipped_share",
                "cry",
                "laugh",
                "babble",
            )
        ),
        ("separator", pa.string()),
        ("separator_digest", pa.string()),
        ("voices", pa.string()),
        ("voices_digest", pa.string()),
    ]
)
_SCORES = ("infant", "adult", "other", "cry", "laugh", "babble")
FRAMES = pa.schema(
    [
        ("clip", pa.string()),
        ("frame", pa.int32()),
        *((name, pa.float32()) for name in (*_SCORES, "f0_hz", "stem_db", "residual_db")),
    ]
)
EVENTS = pa.schema(
    [
        ("clip", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("who", pa.string()),
        ("type", pa.string()),
        ("score", pa.float64()),
        ("snr_db", pa.float64()),
    ]
)


def run(stage: Stage[Isolate]) -> Summary:
    """Measure the sound of every clip that `download` kept, and write the tables."""
    separator = SEPARATORS.info(stage.params.separator)
    tracker = VOICES.info(stage.params.voices)
    clips = tables.read(stage.data("download") / "clips.parquet").sort_values("clip")
    sounds = {
        clip: stage.store.entry("media", key).path / "sound_16k.flac"
        for clip, key in zip(clips["clip"], clips["media_key"], strict=True)
    }
    stems = stage.runner.measure(
        Step("stem", measure_stem, {}, separator), _stem_jobs(stage, clips, sounds, separator)
    )
    voices = stage.runner.measure(
        Step("voice", measure_voices, {}, tracker), _voice_jobs(stage, stems, sounds, tracker)
    )
    out = stage.fresh_out()
    _write_tables(out, clips, sounds, stems, voices, _origin(separator, tracker))
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
    )


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
    origin: dict[str, str],
) -> None:
    frames_of = dict(zip(clips["clip"], clips["frames"], strict=True))
    about, frames, heard = [], [], []
    for clip, entry in voices.entries.items():
        found = read(sounds[clip], stems.entries[clip].path / STEM, entry.path / TRACKS)
        about.append(
            {
                "clip": clip,
                "stem_key": stems.entries[clip].key,
                "voice_key": entry.key,
                **measures(found.sound, found.stem, found.voices),
                **origin,
            }
        )
        frames.append(frame_table(found, int(frames_of[clip])).assign(clip=clip))
        heard += [
            {"clip": clip, **asdict(event)}
            for event in events(found.voices, found.sound, found.stem)
        ]
    tables.write(out / "clips.parquet", pd.DataFrame(about, columns=CLIPS.names), CLIPS)
    empty = pd.DataFrame(columns=FRAMES.names)
    joined = pd.concat(frames, ignore_index=True) if frames else empty
    tables.write(out / "frames.parquet", joined, FRAMES)
    tables.write(out / "events.parquet", pd.DataFrame(heard, columns=EVENTS.names), EVENTS)


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


def isolate_file(path: Path, wanted: Isolate, out: Path, device: str = "cpu") -> dict[str, Any]:
    """Isolate one file of sound into the folder `out`.

    Writes stem_16k.flac, residual_16k.flac, voice.npz and voice.json; the latter holds the
    measures and the events, and is returned.

    Raises:
        CradleError: the file is not sound, or there is no such backend.
    """
    found = _isolated(path, wanted, device)
    out.mkdir(parents=True, exist_ok=True)
    media.write_sound(out / STEM, found.stem, RATE)
    media.write_sound(out / "residual_16k.flac", found.sound - found.stem, RATE)
    np.savez(out / TRACKS, **found.voices.tracks())
    about = {
        "measures": _plain(measures(found.sound, found.stem, found.voices)),
        "events": _events_of(found),
    }
    (out / "voice.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return about


def events_of_file(path: Path, wanted: Isolate, device: str = "cpu") -> list[dict[str, Any]]:
    """Tell who sounds when in one file of sound: start_s, end_s, who, type, score, snr_db.

    Raises:
        CradleError: the file is not sound, or there is no such backend.
    """
    return _events_of(_isolated(path, wanted, device))


def _isolated(path: Path, wanted: Isolate, device: str) -> Isolated:
    separator = SEPARATORS.load(wanted.separator, device)
    return isolate(_sound_of(path), separator, VOICES.load(wanted.voices, device))


def _events_of(found: Isolated) -> list[dict[str, Any]]:
    return [_plain(asdict(event)) for event in events(found.voices, found.sound, found.stem)]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Make a row that JSON can hold: numbers rounded to what they are good for, nan as null."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, float):
            plain[name] = None if math.isnan(value) else round(value, 3)
        else:
            plain[name] = value
    return plain


def _sound_of(path: Path) -> np.ndarray:
    """Sound (n,) at 16 kHz of a sound file, or of a video."""
    if path.suffix.lower() in _VIDEOS:
        with tempfile.TemporaryDirectory() as folder:
            media.normalise(path, Path(folder), media.Limits())
            return media.read_sound(Path(folder, media.SOUND_16K))[0]
    sound, rate = media.read_sound(path)
    mono = np.nan_to_num(sound.mean(1) if sound.ndim == 2 else sound)
    common = gcd(rate, RATE)
    return np.asarray(resample_poly(mono, RATE // common, rate // common), np.float32)
