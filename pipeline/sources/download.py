"""Every row of the catalogue into normalised media, or into the reason why not.

data/download/clips.parquet, a row a clip that is kept:
    clip, source, vocalization, age_months, consent, licence, synthetic, media_key, media_digest,
    source_digest, fingerprint_key, frames, width, height, duration_s
data/download/ledger.parquet, a row a clip of the catalogue.

The media are in the store, under step "media"; what was fetched is not kept beside them. The
catalogue holds addresses, and no table here does: a title or a name never enters one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from pipeline import media
from pipeline.core import ledger, parts, tables, vault
from pipeline.core.backends import BackendInfo
from pipeline.core.ledger import ClipRow
from pipeline.core.reasons import Reason, State
from pipeline.core.runner import Job, Measured, Needs, Step
from pipeline.core.stage import Stage, Summary
from pipeline.core.store import Entry, Failure
from pipeline.sources import address as addresses
from pipeline.sources import fingerprint, partial, progress, withdrawal
from pipeline.sources.catalogue import (
    Consent,
    Source,
    grouped,
    joined,
    read_sources,
    read_takedowns,
)
from pipeline.sources.digesting import Digests
from pipeline.sources.fetch import Reach, check
from pipeline.sources.forgetting import EXPIRED, Overruled, forget
from pipeline.sources.obtain import measure
from pipeline.sources.params import Download
from pipeline.sources.takedown import expired

CLIPS = pa.schema(
    [
        ("clip", pa.string()),
        ("source", pa.string()),
        ("vocalization", pa.string()),
        ("age_months", pa.float64()),
        ("consent", pa.string()),
        ("licence", pa.string()),
        ("synthetic", pa.bool_()),
        ("media_key", pa.string()),
        ("media_digest", pa.string()),
        ("source_digest", pa.string()),
        ("fingerprint_key", pa.string()),
        ("frames", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("duration_s", pa.float64()),
    ]
)
_NEEDS = Needs(imports=("pipeline.media.demux", "scipy.fft", "scipy.ndimage"))
_ASK_AGAIN = (Reason.UNREACHABLE, Reason.TIMED_OUT)


class Nursery(Protocol):
    """Where clips come from that are made and not fetched."""

    def rows(self, params: Any) -> Sequence[Mapping[str, Any]]:
        """Rows for the catalogue, by its columns; none where the nursery is switched off."""
        ...

    def step(self, params: Any) -> Step:
        """The step that makes a clip: it writes clip.mp4."""
        ...

    def jobs(self, params: Any) -> Sequence[Job]:
        """A job a row, named by the row's id."""
        ...


def run(
    stage: Stage[Download],
    nursery: Nursery | None = None,
    overruled: Overruled = lambda path, clips: None,
) -> Summary:
    """Fetch and normalise what the catalogue and the nursery name; forget what is past its date.

    Raises:
        CradleError: before any work, everything that is wrong in the tables, or with the cookies.
    """
    check(reach(stage.params))
    rows = read_catalogue(stage, nursery)
    past = expired(stage.root, datetime.now(UTC).date())
    takedowns = read_takedowns(stage.root)
    told = {row.id: refused for row in rows if (refused := _refusal(row, takedowns, stage.params))}
    wanted = [row for row in rows if row.id not in told]
    files, failures = _files(stage, nursery, wanted)
    room = stage.store.root / partial.FOLDER
    jobs = _jobs(stage, [row for row in wanted if row.id not in failures], files, room)
    jobs = withdrawal.reconsidered(stage.store, step(stage.params), jobs, takedowns)
    folders = {Path(job.inputs["partial"]).name: job.clip for job in jobs if job.inputs["partial"]}
    with progress.showing(room, folders):
        done = _measure(stage, jobs)
    withdrawn = withdrawal.withdraw(done, takedowns)
    digests = {job.clip: job.digest for job in jobs}
    # What is per clip and no longer needed is let go: of many clips it is much.
    del jobs
    failures |= done.failures
    told |= {clip: _row(ClipRow.of(clip, why), digests) for clip, why in failures.items()}
    infos = {clip: media.MediaInfo.read(entry.path) for clip, entry in done.entries.items()}
    told |= {clip: _row(_decide(clip, info, stage.params), digests) for clip, info in infos.items()}
    good = {clip: done.entries[clip] for clip in infos if told[clip].state is State.KEPT}
    prints = _fingerprint(stage, good, infos)
    told |= {clip: _row(ClipRow.of(clip, why), digests) for clip, why in prints.failures.items()}
    _write(stage, rows, told, (done.entries, prints.entries), infos)
    withdrawal.bury(stage.store, step(stage.params), withdrawn)
    partial.sweep(room, folders)
    if past.ids:
        forget(stage.root, past, overruled, "retention_until", EXPIRED)
    kept = sum(row.state is State.KEPT for row in told.values())
    return Summary(len(rows), done.remembered, done.measured, kept, ledger.dropped(told.values()))


def read_catalogue(stage: Stage[Download], nursery: Nursery | None) -> list[Source]:
    """Every row, the nursery's included, sorted by id."""
    known = [vocalization.name for vocalization in stage.everything.vocalizations]
    sources = read_sources(stage.root, known)
    made = nursery.rows(stage.everything.nursery) if nursery else []
    filled = [{"address": f"{addresses.NURSERY}{row['id']}", **row} for row in made]
    return joined(sources, grouped([_made(row) for row in filled]))


def _made(row: Mapping[str, Any]) -> Source:
    # Its address is one that no hand-written row may have, so it is set past the rules for those.
    given = {name: value for name, value in row.items() if value != "" and name != "address"}
    plain = Source.model_validate({**given, "address": "nursery"})
    return plain.model_copy(update={"address": row["address"]})


def _refusal(row: Source, takedowns: Iterable[Any], params: Download) -> ClipRow | None:
    """What is said of a row that is not even looked at."""
    taken = next((it for it in takedowns if it.covers(row)), None)
    if taken is not None:
        return ClipRow(
            row.id, Reason.WITHDRAWN, detail=f"{taken.date} {taken.reason}".strip()[:200]
        )
    if row.retention_until is not None and row.retention_until < datetime.now(UTC).date():
        return ClipRow(row.id, Reason.WITHDRAWN, detail=f"to be kept until {row.retention_until}")
    if row.consent is Consent.NONE and not params.allow_no_consent:
        return ClipRow(row.id, Reason.NO_CONSENT)
    return None


def _files(
    stage: Stage[Download], nursery: Nursery | None, wanted: Sequence[Source]
) -> tuple[dict[str, Path], dict[str, Failure]]:
    """Where the files are that need no network, and why there is none where there should be."""
    files: dict[str, Path] = {}
    failures: dict[str, Failure] = {}
    made = {row.id for row in wanted if addresses.is_nursery(row.address)}
    if nursery is not None and made:
        params = stage.everything.nursery
        jobs = [job for job in nursery.jobs(params) if job.clip in made]
        rendered = stage.runner.measure(nursery.step(params), jobs)
        files |= {clip: entry.path / "clip.mp4" for clip, entry in rendered.entries.items()}
        failures |= rendered.failures
    for row in wanted:
        if row.id in made or addresses.is_remote(row.address):
            continue
        path = stage.root / row.address
        # Neither is remembered: the next run looks again, which costs nothing.
        if not path.is_file():
            failures[row.id] = Failure(Reason.UNREACHABLE, "there is no such file")
        elif not os.access(path, os.R_OK):
            failures[row.id] = Failure(Reason.UNREACHABLE, "this user may not read the file")
        else:
            files[row.id] = path
    return files, failures


def _jobs(
    stage: Stage[Download], rows: Sequence[Source], files: Mapping[str, Path], room: Path
) -> list[Job]:
    digests, limits, far = Digests(stage.store.root), limits_of(stage.params), reach(stage.params)
    jobs = [_job(row, files.get(row.id), digests, (limits, far), room) for row in rows]
    digests.save()
    return jobs


def _job(
    row: Source,
    file: Path | None,
    digests: Digests,
    bounds: tuple[media.Limits, Reach],
    room: Path,
) -> Job:
    """The job of one clip; its digest is of the content where there is a file to read."""
    limits, far = bounds
    origin = digests.of(file) if file else row.address
    # A host that is listed later is asked then, whatever was said while it was not.
    listed = ["listed"] if addresses.within(row.address, far.listed) else []
    identity = json.dumps([origin, row.start_s, row.end_s, *listed])
    digest = hashlib.sha256(identity.encode()).hexdigest()
    inputs = {
        "address": str(file.absolute()) if file else row.address,
        "section": media.Section(row.start_s, row.end_s),
        "limits": limits,
        "reach": far,
        # A file that is here already can be read again, and half a recording cannot be sealed.
        "partial": None if file or vault.in_use() else room / digest,
    }
    cost = float(file.stat().st_size) if file else float(limits.max_bytes)
    return Job(row.id, inputs, digest, cost)


def limits_of(params: Download) -> media.Limits:
    """What one clip may cost, and its form."""
    return media.Limits(
        max_bytes=round(params.max_source_mb * 1e6),
        max_pixels=round(params.max_source_mpx * 1e6),
        max_frames=params.max_source_frames,
        max_side_px=params.max_side_px,
        crf=params.crf,
        wall_s=params.normalise_timeout_s,
    )


def reach(params: Download) -> Reach:
    """How far fetching may go."""
    return Reach(
        max_bytes=round(params.max_source_mb * 1e6),
        max_s=params.max_source_s,
        max_side_px=params.max_side_px,
        wall_s=params.fetch_timeout_s,
        extractors=params.extractors,
        hosts=params.hosts,
        allow_hosts=params.allow_hosts,
        attempts=params.attempts,
        backoff_s=params.backoff_s,
        pause_s=params.pause_s,
        bytes_per_s=params.max_rate_mb_s * 1e6,
        cookies=params.cookies,
    )


def step(params: Download) -> Step:
    """The step that fetches and normalises; `min_clip_s` and `max_clip_s` only decide, later."""
    limits = asdict(limits_of(params))
    limits.pop("wall_s")
    limits["max_source_s"] = params.max_source_s
    ffmpeg = BackendInfo("media", "ffmpeg", media.ffmpeg_version(), "GPL-3.0-or-later", True)
    return Step("media", measure, limits, ffmpeg, _NEEDS)


def _measure(stage: Stage[Download], jobs: Sequence[Job]) -> Measured:
    """Measure every clip, and ask again, up to `retry` times, for those that could not be had."""
    fetching = step(stage.params)
    done = stage.runner.measure(fetching, jobs)
    for attempt in range(1, stage.params.retry + 1):
        lost = {clip for clip, why in done.failures.items() if why.reason in _ASK_AGAIN}
        again = [_again(job, attempt) for job in jobs if job.clip in lost]
        more = stage.runner.measure(fetching, again)
        for clip in more.entries:
            del done.failures[clip]
        done.entries |= more.entries
        done.failures |= more.failures
        done.measured += more.measured
    done.measured = min(done.measured, len(jobs))
    done.remembered = len(jobs) - done.measured
    return done.sort()


def _fingerprint(
    stage: Stage[Download], entries: Mapping[str, Entry], infos: Mapping[str, media.MediaInfo]
) -> Measured:
    """What each clip looks and sounds like, by which copies of it are found."""
    jobs = (
        Job(clip, {"media": str(entry.path)}, infos[clip].digest, infos[clip].frames)
        for clip, entry in entries.items()
    )
    return stage.runner.measure(Step("fingerprint", fingerprint.measure), jobs)


def _again(job: Job, attempt: int) -> Job:
    digest = hashlib.sha256(f"{job.digest} attempt {attempt}".encode()).hexdigest()
    return replace(job, digest=digest)


def _decide(clip: str, info: media.MediaInfo, params: Download) -> ClipRow:
    """Judge a clip by how long it runs."""
    if info.duration_s > params.max_clip_s:
        return ClipRow(clip, Reason.TOO_LONG, info.duration_s, params.max_clip_s, "<=")
    if info.duration_s < params.min_clip_s:
        return ClipRow(clip, Reason.TOO_SHORT, info.duration_s, params.min_clip_s, ">=")
    return ClipRow(clip, Reason.KEPT)


def _row(row: ClipRow, digests: Mapping[str, str]) -> ClipRow:
    """The row with its origin; no digest where there was nothing to take one of."""
    return replace(
        row,
        backend="ffmpeg",
        backend_digest=media.ffmpeg_version(),
        input_digest=digests.get(row.clip),
    )


def _write(
    stage: Stage[Download],
    rows: Sequence[Source],
    told: Mapping[str, ClipRow],
    entries: tuple[Mapping[str, Entry], Mapping[str, Entry]],
    infos: Mapping[str, media.MediaInfo],
) -> None:
    out = stage.fresh_out()
    made, prints = entries
    by_id = {row.id: row for row in rows}
    with (
        tables.in_parts(out / "clips.parquet", CLIPS) as put_clips,
        tables.in_parts(out / "ledger.parquet", ledger.CLIPS) as put_ledger,
    ):
        for part, clips in parts.by_part({*by_id, *told}).items():
            kept = [by_id[clip] for clip in clips if told[clip].state is State.KEPT]
            content = [_about(row, made[row.id], prints[row.id], infos[row.id]) for row in kept]
            if content:
                put_clips(part, pa.Table.from_pylist(content, CLIPS))
            mine = [told[clip] for clip in clips if clip in told]
            came_in = [clip for clip in clips if clip in by_id]
            put_ledger(part, ledger.of_clips(stage.name, mine, came_in))


def _about(row: Source, entry: Entry, looks: Entry, info: media.MediaInfo) -> dict[str, Any]:
    return {
        "clip": row.id,
        "source": row.source,
        "vocalization": row.vocalization,
        "age_months": float("nan") if row.age_months is None else row.age_months,
        "consent": str(row.consent),
        "licence": row.licence,
        "synthetic": row.consent is Consent.SYNTHETIC,
        "media_key": entry.key,
        "media_digest": info.digest,
        "source_digest": info.source_digest,
        "fingerprint_key": looks.key,
        "frames": info.frames,
        "width": info.width,
        "height": info.height,
        "duration_s": info.duration_s,
    }
