"""Tables of many clips in a fixed number of parts, each remembered by what it was made of.

    data/landmarks/frames.parquet/2c.parquet     rows of the clips whose ids' digests say 2c

    made = parts.make(stage.runner, Step("faces", measure), {"clip_1": Piece({...}, digest), ...})
    made.copy(out / "frames.parquet", FRAMES)    # a table in parts
    made.read("clips.parquet", CLIPS)            # all rows of a small one
    parts.remake(stage.runner, Step("select_tables", measure), {"2c": Of({...}, digest, 150), ...})

One clip more changes one part: the others are neither made again nor are they other files to DVC.
What is decided clip by clip is decided part by part, each of the same part of the tables before.
A part is made as a clip is measured, by a worker: `measure(out, inputs)` finds the pieces of its
clips in `inputs["clips"]` and writes tables, a file each, with `join`. `Pieces` are asked for part
by part: for digests, to tell what is remembered, and for inputs of what a worker makes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core import memory, tables
from pipeline.core.errors import CradleError
from pipeline.core.runner import Job, Runner, Step

if TYPE_CHECKING:
    import pandas as pd

_FEW = 200
"""Clips whose tables are made sooner than the processes start that would make them."""

_NEAR = 2_000
"""Clips whose tables this machine makes sooner than a cluster helps: its processes take 3 s of each
stage to start and import, 8 s where it starts as well, and a core makes 60 clips a second."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One clip's share of a part."""

    inputs: Mapping[str, Any]
    """Plain values and paths, handed to the step's `measure`; they do not enter the key."""
    digest: str
    """Of the content of everything in `inputs`."""


@dataclass(frozen=True)
class Pieces:
    """Pieces that are there for the clips of one part at a time, as those of all are much."""

    clips: Collection[str]
    digests: Callable[[Sequence[str]], Mapping[str, str]]
    """Of some clips, in their order."""
    inputs: Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]
    """Likewise; asked only for the clips of parts that are made."""

    @classmethod
    def whole(
        cls, clips: Collection[str], of: Callable[[Sequence[str]], Mapping[str, Piece]]
    ) -> Pieces:
        """Those of whom digests and inputs are told by the same, `of` some clips."""
        return cls(
            clips,
            lambda some: {clip: piece.digest for clip, piece in of(some).items()},
            lambda some: {clip: piece.inputs for clip, piece in of(some).items()},
        )


@dataclass(frozen=True)
class Of:
    """What one part of a table is made of, where that is parts of others."""

    inputs: Mapping[str, Any]
    """Plain values and paths, handed to the step's `measure`; they do not enter the key."""
    digest: str
    """Of the content of everything in `inputs`."""
    clips: int


@dataclass(frozen=True)
class Made:
    """Where the parts lie, by name."""

    folders: Mapping[str, Path]

    def copy(self, path: Path, schema: pa.Schema) -> None:
        """Lay the table of that name out in its parts; `schema` is for one without any clip."""
        path.mkdir()
        for part, folder in self.folders.items():
            shutil.copyfile(folder / path.name, path / f"{part}.parquet")
        if not self.folders:
            join(path / "00.parquet", schema, [])

    def read(self, name: str, schema: pa.Schema) -> pd.DataFrame:
        """All rows of a small table, sorted by clip; `schema` is for one without any clip."""
        found = [pq.read_table(folder / name) for folder in self.folders.values()]
        whole = pa.concat_tables(found or [schema.empty_table()]).to_pandas()
        return whole.sort_values(tables.CLIP, kind="stable", ignore_index=True)

    def each(self, name: str, schema: pa.Schema) -> Iterator[tuple[str, pd.DataFrame]]:
        """Each part of a large table and its rows, sorted by clip; one without any has one."""
        for part, folder in self.folders.items():
            yield part, pq.read_table(folder / name).to_pandas()
        if not self.folders:
            yield "00", schema.empty_table().to_pandas()


def make(
    runner: Runner,
    step: Step,
    pieces: Mapping[str, Piece] | Pieces,
    count: int = tables.PARTS,
) -> Made:
    """Make what is not remembered of the parts, `count` at most, that some clips belong to.

    The step is handed `part`, its own params, and in `clips` the inputs of every piece.

    Raises:
        CradleError: a part cannot be made; its clips were measured, so that is our failure.
    """
    if not isinstance(pieces, Pieces):
        pieces = Pieces.whole(pieces, partial(_some, pieces))
    dealt = by_part(pieces.clips, count).items()
    jobs = (_job(step, part, clips, pieces) for part, clips in dealt)
    return _made(runner, step, jobs, len(pieces.clips), _FEW)


def remake(runner: Runner, step: Step, found: Mapping[str, Of], here_up_to: int = _FEW) -> Made:
    """Make parts of a table of the same parts of others, by the part; what is remembered is not.

    Up to so many clips in all it is done `here`, without another process.

    Raises:
        CradleError: a part cannot be made.
    """
    jobs = [
        Job(
            part,
            {**step.params, **it.inputs, "part": part},
            f"{part} {it.digest}",
            cost=float(it.clips),
            clips=it.clips,
        )
        for part, it in found.items()
    ]
    return _made(runner, step, jobs, sum(job.clips for job in jobs), here_up_to)


def _made(runner: Runner, step: Step, jobs: Iterable[Job], clips: int, here_up_to: int) -> Made:
    done = runner.measure(step, jobs, here=clips <= here_up_to, near=clips <= _NEAR)
    # Who reads the tables next holds much by itself: processes go, as further ones are there in no
    # time, and so does what the jobs of all clips took here.
    runner.close()
    memory.give_back()
    for part, failure in done.failures.items():
        raise CradleError(
            f"{step.name}: the tables of part {part} cannot be made: {failure.detail}; "
            f"the traceback is in {runner.store.root / 'tracebacks'}"
        )
    return Made({part: entry.path for part, entry in done.entries.items()})


def digest(paths: Iterable[Path]) -> str:
    """Of the content of these parts of tables, as far as they are there, in their order.

    Raises:
        CradleError: a table is not in parts, as older versions wrote it.
    """
    return hashlib.sha256(" ".join(map(_digest, paths)).encode()).hexdigest()


def _digest(path: Path) -> str:
    if not path.parent.is_dir():
        raise CradleError(f"{path.parent}: not a table in parts; `dvc repro` makes it anew")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "-"


def by_part(clips: Iterable[str], count: int = tables.PARTS) -> dict[str, list[str]]:
    """Clips by the part that they belong to; both sorted."""
    found: dict[str, list[str]] = {}
    for clip in sorted(clips):
        found.setdefault(tables.part(clip, count), []).append(clip)
    return dict(sorted(found.items()))


def _some(pieces: Mapping[str, Piece], clips: Sequence[str]) -> dict[str, Piece]:
    return {clip: pieces[clip] for clip in clips}


def _job(step: Step, part: str, clips: Sequence[str], pieces: Pieces) -> Job:
    content = json.dumps([part, [[*it] for it in pieces.digests(clips).items()]])
    digest = hashlib.sha256(content.encode()).hexdigest()
    given = {**step.params, "part": part}
    late = partial(_inputs, clips, pieces)
    return Job(part, given, digest, cost=float(len(clips)), clips=len(clips), late=late)


def _inputs(clips: Sequence[str], pieces: Pieces) -> dict[str, Any]:
    return {"clips": dict(pieces.inputs(clips))}


def join(path: Path, schema: pa.Schema, found: Iterable[tuple[str, pa.Table]]) -> None:
    """Write the rows of some clips as one table, each with its clip's id.

    Args:
        path: where to.
        schema: its columns, `clip` among them.
        found: clips, and their rows with every other column, of the same types or such as fit.
    """
    whole = pa.concat_tables([schema.empty_table(), *_named(schema, found)])
    pq.write_table(
        whole.combine_chunks(), path, compression="zstd", row_group_size=tables.GROUP_ROWS
    )


def _named(schema: pa.Schema, found: Iterable[tuple[str, pa.Table]]) -> Iterator[pa.Table]:
    for clip, rows in found:
        names = pa.repeat(pa.scalar(clip, pa.string()), len(rows))
        columns = [names if field.name == tables.CLIP else rows[field.name] for field in schema]
        yield pa.table(columns, schema.names).cast(schema)
