"""Everything that was measured of the clips, side by side on one grid of frames.

tables = measures.gather(clips, voice, faces, events, overrides, minimum_s)
tables.frames["yaw_abs_deg"]     one value a frame of the whole dataset, clip after clip
tables.first[i]                  where clip i begins on that grid
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.core import ledger, tables
from pipeline.core.errors import CradleError
from pipeline.dataset.company import COLUMNS, company
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Floats, Gate
from pipeline.dataset.overrides import Override

FPS = 30.0
DIGEST_DIGITS = 6
DIGEST_LETTERS = 12
INFANT = "infant"
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

    clips: pd.DataFrame
    """C rows by clip id: clip, vocalization, frames, input_digest, min_event_s."""
    voice: Mapping[str, Floats]
    """(C,) by measure of a voice gate."""
    frames: Mapping[str, Floats]
    """(N,) by measure of a frame gate."""
    events: pd.DataFrame
    """Events of the infant: clip_number, start_s, end_s."""
    cut: NDArray[np.bool_]
    """(N,) frames that begin another shot than the frame before."""
    company: pd.DataFrame
    """C rows: clip, moves_with_sound, rival_likeness, rival_moves."""
    overrides: tuple[Override, ...] = ()
    """What reviewers said of these clips."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """(C,) frames of each clip."""
        return self.clips["frames"].to_numpy(np.int64)

    @property
    def first(self) -> NDArray[np.int64]:
        """(C + 1,) where each clip begins on the grid, and where the last ends."""
        return np.concatenate([[0], np.cumsum(self.counts)])

    @property
    def clip_of_frame(self) -> NDArray[np.int64]:
        """(N,) number of each frame's clip."""
        return np.repeat(np.arange(len(self.clips)), self.counts)

    @property
    def frame(self) -> NDArray[np.int64]:
        """(N,) number of each frame in its clip."""
        return np.arange(self.counts.sum()) - np.repeat(self.first[:-1], self.counts)

    @property
    def shot_of_frame(self) -> NDArray[np.int64]:
        """(N,) number of each frame's shot; every clip begins one."""
        begins = self.cut.copy()
        begins[self.first[:-1][self.counts > 0]] = True
        return np.cumsum(begins) - 1

    def alone(self, clip: str) -> Tables:
        """The measurements of one clip only.

        Raises:
            CradleError: it is not among these clips.
        """
        found = np.flatnonzero(self.clips["clip"] == clip)
        if len(found) != 1:
            raise CradleError(f"{clip}: not among the clips that select decides on")
        number = int(found[0])
        part = slice(int(self.first[number]), int(self.first[number + 1]))
        return Tables(
            self.clips.iloc[[number]].reset_index(drop=True),
            {name: values[[number]] for name, values in self.voice.items()},
            {name: values[part] for name, values in self.frames.items()},
            self.events[self.events["clip_number"] == number].assign(clip_number=0),
            self.cut[part],
            self.company.iloc[[number]].reset_index(drop=True),
            tuple(override for override in self.overrides if override.clip == clip),
        )


def read(
    data: Path,
    minimum_s: Mapping[str, float],
    overrides: tuple[Override, ...],
    only: Collection[str] | None = None,
) -> Tables:
    """Read what was measured of the clips that every stage before kept.

    Args:
        data: the project's data folder.
        minimum_s: the shortest event that counts, by vocalization.
        overrides: what reviewers said, of any clip.
        only: the clips to read, where not all are wanted.
    """
    stages = ("download", "isolate", "landmarks")
    paths = [data / stage / "ledger.parquet" for stage in stages]
    arrived = set.intersection(*(set(ledger.kept(path, only)) for path in paths))
    clips = tables.read(data / "download" / "clips.parquet", clips=only)
    faces = ["clip", "frame", "found", "cut", *_face_columns()]
    return gather(
        clips[clips["clip"].isin(arrived)],
        tables.read(data / "isolate" / "clips.parquet", clips=only),
        tables.read(data / "landmarks" / "frames.parquet", faces, only),
        tables.read(data / "isolate" / "events.parquet", clips=only),
        minimum_s,
        overrides,
        _company(data, only),
    )


def _company(data: Path, only: Collection[str] | None) -> pd.DataFrame:
    levels = ["clip", "frame", "stem_db"]
    return company(
        tables.read(data / "landmarks" / "tracks.parquet", clips=only),
        tables.read(data / "isolate" / "frames.parquet", levels, only),
    )


def gather(
    clips: pd.DataFrame,
    voice: pd.DataFrame,
    faces: pd.DataFrame,
    events: pd.DataFrame,
    minimum_s: Mapping[str, float],
    overrides: tuple[Override, ...] = (),
    beside: pd.DataFrame | None = None,
) -> Tables:
    """Lay the tables of the measuring stages side by side.

    Args:
        clips: data/download/clips.parquet, as far as they came here.
        voice: data/isolate/clips.parquet.
        faces: data/landmarks/frames.parquet.
        events: data/isolate/events.parquet.
        minimum_s: the shortest event that counts, by vocalization.
        overrides: what reviewers said, of any clip.
        beside: what `company` says of the clips; nobody is beside the infant without it.

    Raises:
        CradleError: a clip is thought to hold a vocalization that params.yaml does not list.
    """
    clips = clips.sort_values("clip").reset_index(drop=True)
    foreign = sorted(set(clips["vocalization"]) - set(minimum_s))
    if foreign:
        raise CradleError(
            f"vocalization {', '.join(foreign)}: not listed in params.yaml, "
            f"which has {', '.join(minimum_s)}"
        )
    known = pd.Index(clips["clip"])
    events = _infants_events(events, known)
    kept = clips[["clip", "vocalization", "frames"]].assign(
        input_digest=clips["media_digest"],
        min_event_s=clips["vocalization"].map(dict(minimum_s)).astype(float),
    )
    by_clip = voice.set_index("clip").reindex(known)
    claimed = _claimed_score(kept, by_clip)
    columns = {
        gate.measure: claimed
        if gate.measure == "claimed_score"
        else by_clip[gate.measure].to_numpy(float)
        for gate in VOICE_GATES
    }
    grid, cut = _on_grid(faces, kept)
    described = pd.DataFrame(columns=COLUMNS) if beside is None else beside
    described = described.set_index("clip").reindex(known).rename_axis("clip").reset_index()
    grid[OF_CLIP] = np.repeat(described[OF_CLIP].to_numpy(float), kept["frames"])
    gathered = Tables(kept, columns, grid, events, cut, described)
    return replace(gathered, overrides=dated(overrides, gathered))


def digest(tables: Tables, clip: str) -> str:
    """Of all that was measured of one clip: what a reviewer looks at is this and nothing else."""
    alone = tables.alone(clip)
    content = hashlib.sha256(str(alone.clips["vocalization"].iloc[0]).encode())
    columns = [*sorted(alone.voice.items()), *sorted(alone.frames.items()), ("cut", alone.cut)]
    for name, values in columns:
        content.update(name.encode())
        content.update(np.round(values.astype(np.float64), DIGEST_DIGITS).tobytes())
    events = alone.events[["start_s", "end_s"]].to_numpy(np.float64)
    content.update(np.round(events, DIGEST_DIGITS).tobytes())
    return content.hexdigest()[:DIGEST_LETTERS]


def dated(overrides: tuple[Override, ...], tables: Tables) -> tuple[Override, ...]:
    """Overrides of clips that are here, each told whether something else is measured by now."""
    known = pd.Index(tables.clips["clip"])
    mine = [override for override in overrides if override.clip in known]
    now = {clip: digest(tables, clip) for clip in {o.clip for o in mine if o.measured}}
    return tuple(replace(o, stale=bool(o.measured) and o.measured != now[o.clip]) for o in mine)


def frame_columns(faces: pd.DataFrame) -> dict[str, Floats]:
    """(F,) by measure of a frame gate, as far as a face's own frames.parquet tells it."""
    found = {gate.measure: faces[name].to_numpy(float) for gate, name in _columns()}
    return {
        measure: DERIVED[measure][1](values) if measure in DERIVED else values
        for measure, values in found.items()
    }


def _columns() -> Iterator[tuple[Gate, str]]:
    """Every gate that judges a frame by itself, and the column that it needs."""
    for gate in FRAME_GATES:
        if gate.measure != OF_CLIP:
            yield gate, DERIVED[gate.measure][0] if gate.measure in DERIVED else gate.measure


def _face_columns() -> list[str]:
    return list(dict.fromkeys(name for _, name in _columns()))


def _on_grid(
    faces: pd.DataFrame, clips: pd.DataFrame
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """What each frame gate measures, and where shots begin, (N,) each."""
    counts = clips["frames"].to_numpy(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    number = tables.numbers(pd.Index(clips["clip"]), faces["clip"])
    frame = faces["frame"].to_numpy(np.int64)
    here = number >= 0
    inside = here & (frame >= 0)
    inside[here] &= frame[here] < counts[number[here]]
    place = first[number[inside]] + frame[inside]
    found = faces["found"].to_numpy(bool)[inside]
    grid = {}
    for measure, column in frame_columns(faces).items():
        grid[measure] = np.full(first[-1], np.nan)
        grid[measure][place] = np.where(found, column[inside], np.nan)
    # A face that was not found has a score all the same: none.
    grid["face_score"] = np.nan_to_num(grid["face_score"], nan=0.0)
    cut = np.zeros(first[-1], bool)
    cut[place] = faces["cut"].to_numpy(bool)[inside]
    return grid, cut


def _infants_events(events: pd.DataFrame, known: pd.Index) -> pd.DataFrame:
    events = events[events["who"] == INFANT]
    number = tables.numbers(known, events["clip"])
    kept = events.assign(clip_number=number)[number >= 0]
    return kept.sort_values(["clip_number", "start_s"]).reset_index(drop=True)


def _claimed_score(clips: pd.DataFrame, voice: pd.DataFrame) -> Floats:
    """(C,) score of the vocalization that each clip is thought to hold.

    NaN where the voice's backend does not score that vocalization, which it then cannot deny.
    """
    scores = np.full(len(clips), np.nan)
    for name in set(clips["vocalization"]):
        if (column := f"type_{name}") in voice.columns:
            mine = (clips["vocalization"] == name).to_numpy(bool)
            scores[mine] = voice[column].to_numpy(float)[mine]
    return scores
