"""Everything that was measured of the clips, side by side on one grid of frames.

tables = measures.gather(clips, voice, faces, events, minimum_s, overrides)
tables.frames["yaw_abs_deg"]     one value a frame of the whole dataset, clip after clip
tables.first[i]                  where clip i begins on that grid
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core import ledger, tables
from pipeline.core.errors import CradleError
from pipeline.dataset.company import COLUMNS, beside, company
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Floats, Gate
from pipeline.dataset.overrides import Override

FPS = 30.0
DIGEST_DIGITS = 6
DIGEST_LETTERS = 12
INFANT = "infant"
CLAIMED = "claimed_score"
"""How much a voice sounds like what the catalogue says it is; made of the scores of all kinds."""
LEDGERS = ("download/ledger", "isolate/ledger", "landmarks/ledger")
READ = (
    "download/clips",
    "isolate/clips",
    "isolate/events",
    "isolate/frames",
    "landmarks/frames",
    "landmarks/tracks",
)
CLIPS = ["clip", "vocalization", "frames", "media_digest"]
EVENTS = ["clip", "start_s", "end_s", "who"]
OF_CLIP = "rival_likeness"
"""The one measure of a frame gate that is the same in all frames of a clip."""
DERIVED: dict[str, tuple[str, Callable[[Floats], Floats]]] = {
    "yaw_abs_deg": ("yaw_deg", np.abs),
    "pitch_abs_deg": ("pitch_deg", np.abs),
    "surety": ("infant_likeness", lambda likeness: np.abs(2.0 * likeness - 1.0)),
}
"""Measures of frame gates that are made of a column of frames.parquet."""


@dataclass(frozen=True)
class Tables:
    """The measurements of C clips with N frames in all."""

    clips: Mapping[str, NDArray]
    """(C,) each, by clip id: clip, vocalization, frames, input_digest, min_event_s."""
    voice: Mapping[str, Floats]
    """(C,) by measure of a voice gate."""
    frames: Mapping[str, Floats]
    """(N,) by measure of a frame gate."""
    events: Mapping[str, NDArray]
    """Of the infant's events, by clip and time: clip_number, start_s, end_s."""
    cut: NDArray[np.bool_]
    """(N,) frames that begin another shot than the frame before."""
    company: Mapping[str, NDArray]
    """(C,) each: clip, moves_with_sound, rival_likeness, rival_moves."""
    overrides: tuple[Override, ...] = ()
    """What reviewers said of these clips."""

    def __len__(self) -> int:
        return len(self.clips["clip"])

    @property
    def counts(self) -> NDArray[np.int64]:
        """(C,) frames of each clip."""
        return self.clips["frames"]

    @cached_property
    def place(self) -> dict[str, int]:
        """Number of each clip."""
        return {str(clip): number for number, clip in enumerate(self.clips["clip"])}

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """(C + 1,) where each clip begins on the grid, and where the last ends."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @cached_property
    def clip_of_frame(self) -> NDArray[np.int32]:
        """(N,) number of each frame's clip."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.counts)

    @property
    def frame(self) -> NDArray[np.int64]:
        """(N,) number of each frame in its clip."""
        return np.arange(self.first[-1]) - np.repeat(self.first[:-1], self.counts)

    @cached_property
    def begins(self) -> NDArray[np.bool_]:
        """(N,) frames that begin a shot; every clip begins one."""
        begins = self.cut.copy()
        begins[self.first[:-1][self.counts > 0]] = True
        return begins

    @cached_property
    def shot_of_frame(self) -> NDArray[np.int32]:
        """(N,) number of each frame's shot."""
        return np.cumsum(self.begins, dtype=np.int32)

    def alone(self, clip: str) -> Tables:
        """The measurements of one clip only.

        Raises:
            CradleError: it is not among these clips.
        """
        if clip not in self.place:
            raise CradleError(f"{clip}: not among the clips that select decides on")
        number = self.place[clip]
        part = slice(int(self.first[number]), int(self.first[number + 1]))
        mine = self.events["clip_number"] == number
        events = {name: values[mine] for name, values in self.events.items()}
        return Tables(
            {name: values[[number]] for name, values in self.clips.items()},
            {name: values[[number]] for name, values in self.voice.items()},
            {name: values[part] for name, values in self.frames.items()},
            events | {"clip_number": np.zeros(mine.sum(), np.int64)},
            self.cut[part],
            {name: values[[number]] for name, values in self.company.items()},
            tuple(override for override in self.overrides if override.clip == clip),
        )


def read(
    data: Path,
    minimum_s: Mapping[str, float],
    overrides: tuple[Override, ...],
    only: Collection[str] | None = None,
    part: str | None = None,
) -> Tables:
    """Read what was measured of the clips that every stage before kept.

    Args:
        data: the project's data folder.
        minimum_s: the shortest event that counts, by vocalization.
        overrides: what reviewers said, of any clip.
        only: the clips to read, where not all are wanted.
        part: the one part of all tables to read, where not all are wanted.
    """

    def table(name: str, columns: Sequence[str] | None = None) -> pa.Table:
        return tables.arrow(data / f"{name}.parquet", columns, only, part)

    arrived = set.intersection(*(ledger.kept_of(table(name, ledger.FATE)) for name in LEDGERS))
    faces = ["clip", "frame", "found", "cut", *_face_columns()]
    return gather(
        tables.only(table("download/clips", CLIPS), arrived),
        table("isolate/clips"),
        table("landmarks/frames", faces),
        table("isolate/events", EVENTS),
        minimum_s,
        overrides,
        company(table("landmarks/tracks"), table("isolate/frames", ["clip", "frame", "stem_db"])),
    )


def files(data: Path, part: str) -> list[Path]:
    """What is read of one part of the tables."""
    return [data / f"{name}.parquet" / f"{part}.parquet" for name in (*LEDGERS, *READ)]


def gather(
    clips: pa.Table,
    voice: pa.Table,
    faces: pa.Table,
    events: pa.Table,
    minimum_s: Mapping[str, float],
    overrides: tuple[Override, ...] = (),
    described: Mapping[str, NDArray] | None = None,
) -> Tables:
    """Lay the tables of the measuring stages side by side.

    Args:
        clips: data/download/clips.parquet, as far as they came here.
        voice: data/isolate/clips.parquet.
        faces: data/landmarks/frames.parquet.
        events: data/isolate/events.parquet.
        minimum_s: the shortest event that counts, by vocalization.
        overrides: what reviewers said, of any clip.
        described: what `company` says of the clips; nobody is beside the infant without it.

    Raises:
        CradleError: a clip is thought to hold a vocalization that params.yaml does not list.
    """
    kept = _clips(clips, minimum_s)
    names = kept["clip"].tolist()
    grid, cut = _on_grid(faces, names, kept["frames"])
    nobody = {name: np.zeros(0, object) for name in COLUMNS}
    others = beside(described or nobody, names)
    grid[OF_CLIP] = np.repeat(others[OF_CLIP], kept["frames"])
    gathered = Tables(kept, _voice(voice, kept), grid, _infants_events(events, names), cut, others)
    return replace(gathered, overrides=dated(overrides, gathered))


def _clips(clips: pa.Table, minimum_s: Mapping[str, float]) -> dict[str, NDArray]:
    names = np.array(clips["clip"].to_pylist(), object)
    order = np.argsort(names, kind="stable")
    kinds = np.array(clips["vocalization"].to_pylist(), object)[order]
    if foreign := sorted(set(kinds) - set(minimum_s)):
        raise CradleError(
            f"vocalization {', '.join(foreign)}: not listed in params.yaml, "
            f"which has {', '.join(minimum_s)}"
        )
    return {
        "clip": names[order],
        "vocalization": kinds,
        "frames": tables.values(clips["frames"], np.int64)[order],
        "input_digest": np.array(clips["media_digest"].to_pylist(), object)[order],
        "min_event_s": np.array([minimum_s[kind] for kind in kinds], np.float64),
    }


def _voice(voice: pa.Table, clips: Mapping[str, NDArray]) -> dict[str, Floats]:
    """(C,) by measure of a voice gate; nan of a clip that is not there."""
    row = np.full(len(clips["clip"]), len(voice))
    number = tables.numbers(clips["clip"].tolist(), voice["clip"])
    row[number[number >= 0]] = np.flatnonzero(number >= 0)

    def of_clips(name: str) -> Floats:
        return np.append(tables.floats(voice, name), np.nan)[row]

    # A backend that does not score a vocalization cannot deny it.
    claimed = np.full(len(row), np.nan)
    for kind in set(clips["vocalization"]):
        if (column := f"type_{kind}") in voice.column_names:
            claimed = np.where(clips["vocalization"] == kind, of_clips(column), claimed)
    return {
        gate.measure: claimed if gate.measure == CLAIMED else of_clips(gate.measure)
        for gate in VOICE_GATES
    }


def digest(tables: Tables, clip: str) -> str:
    """Of all that was measured of one clip: what a reviewer looks at is this and nothing else."""
    alone = tables.alone(clip)
    content = hashlib.sha256(str(alone.clips["vocalization"][0]).encode())
    columns = [*sorted(alone.voice.items()), *sorted(alone.frames.items()), ("cut", alone.cut)]
    for name, values in columns:
        content.update(name.encode())
        content.update(np.round(values.astype(np.float64), DIGEST_DIGITS).tobytes())
    events = np.stack([alone.events["start_s"], alone.events["end_s"]], 1)
    content.update(np.round(events, DIGEST_DIGITS).tobytes())
    return content.hexdigest()[:DIGEST_LETTERS]


def dated(overrides: tuple[Override, ...], tables: Tables) -> tuple[Override, ...]:
    """Overrides of clips that are here, each told whether something else is measured by now."""
    mine = [override for override in overrides if override.clip in tables.place]
    now = {clip: digest(tables, clip) for clip in {o.clip for o in mine if o.measured}}
    return tuple(replace(o, stale=bool(o.measured) and o.measured != now[o.clip]) for o in mine)


def frame_columns(faces: pa.Table) -> dict[str, Floats]:
    """(F,) by measure of a frame gate, as far as a face's own frames.parquet tells it."""
    return {gate.measure: _measured(faces, gate, name) for gate, name in _columns()}


def _measured(faces: pa.Table, gate: Gate, column: str) -> Floats:
    values = tables.floats(faces, column)
    return DERIVED[gate.measure][1](values) if gate.measure in DERIVED else values


def _columns() -> Iterator[tuple[Gate, str]]:
    """Every gate that judges a frame by itself, and the column that it needs."""
    for gate in FRAME_GATES:
        if gate.measure != OF_CLIP:
            yield gate, DERIVED[gate.measure][0] if gate.measure in DERIVED else gate.measure


def _face_columns() -> list[str]:
    return list(dict.fromkeys(name for _, name in _columns()))


def _on_grid(
    faces: pa.Table, names: list[str], counts: NDArray[np.int64]
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """What each frame gate measures, and where shots begin, (N,) each."""
    first = np.concatenate([[0], np.cumsum(counts)])
    number = tables.numbers(names, faces["clip"])
    frame = tables.values(faces["frame"], np.int64)
    inside = (number >= 0) & (frame >= 0) & (frame < np.append(counts, 0)[number])
    place = (first[number] + frame)[inside]
    found = tables.values(faces["found"], np.bool_)
    # As stages write it, nothing has to be moved.
    as_it_is = len(place) == len(inside) == first[-1] and bool((np.diff(place) == 1).all())

    def laid(values: NDArray, where_not: float | bool) -> NDArray:
        if as_it_is:
            return values
        grid = np.full(first[-1], where_not)
        grid[place] = values[inside]
        return grid

    grid = {}
    for gate, name in _columns():
        # A face that was not found has a score all the same: none.
        none = 0.0 if gate.measure == "face_score" else np.nan
        values = np.where(found, _measured(faces, gate, name), none)
        grid[gate.measure] = laid(values, none)
    grid["face_score"] = np.nan_to_num(grid["face_score"], nan=0.0)
    return grid, laid(tables.values(faces["cut"], np.bool_), False)


def _infants_events(events: pa.Table, names: list[str]) -> dict[str, NDArray]:
    number = tables.numbers(names, events["clip"])
    infants = np.array([who == INFANT for who in events["who"].to_pylist()], bool)
    start_s, end_s = tables.floats(events, "start_s"), tables.floats(events, "end_s")
    mine = np.flatnonzero(infants & (number >= 0))
    order = mine[np.lexsort((start_s[mine], number[mine]))]
    return {"clip_number": number[order], "start_s": start_s[order], "end_s": end_s[order]}
