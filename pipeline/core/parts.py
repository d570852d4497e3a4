"""Tables of many clips in a fixed number of parts, each remembered by what it was made of.

    data/landmarks/frames.parquet/2c.parquet     rows of the clips whose ids' digests say 2c

    made = parts.make(stage.runner, Step("faces", measure), {"clip_1": Piece({...}, digest), ...})
    made.copy(out / "frames.parquet", FRAMES)    # a table in parts
    made.read("clips.parquet", CLIPS)            # all rows of a small one

One clip more changes one part: the others are neither made again nor are they other files to DVC.
A part is made as a clip is measured, by a worker: `measure(out, inputs)` finds the pieces of its
clips in `inputs["clips"]` and writes tables, a file each, with `join`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core import tables
from pipeline.core.errors import CradleError
from pipeline.core.runner import Job, Runner, Step

if TYPE_CHECKING:
    import pandas as pd

_FEW = 200
"""Clips whose tables are made sooner than the processes start that would make them."""


@dataclass(frozen=True)
class Piece:
    """One clip's share of a part."""

    inputs: Mapping[str, Any]
    """Plain values and paths, handed to the step's `measure`; they do not enter the key."""
    digest: str
    """Of the content of everything in `inputs`."""


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
        """All rows of a table, sorted by clip; `schema` is for one without any clip."""
        found = [pq.read_table(folder / name) for folder in self.folders.values()]
        whole = pa.concat_tables(found or [schema.empty_table()]).to_pandas()
        return whole.sort_values(tables.CLIP, kind="stable", ignore_index=True)


def make(
    runner: Runner, step: Step, pieces: Mapping[str, Piece], count: int = tables.PARTS
) -> Made:
    """Make what is not remembered of the parts, `count` at most, that some clips belong to.

    The step is handed `part`, its own params, and in `clips` the inputs of every piece.

    Raises:
        CradleError: a part cannot be made; its clips were measured, so that is our failure.
    """
    jobs = [_job(step, part, mine) for part, mine in by_part(pieces, count).items()]
    done = runner.measure(step, jobs, here=len(pieces) <= _FEW)
    for part, failure in done.failures.items():
        raise CradleError(
            f"{step.name}: the tables of part {part} cannot be made: {failure.detail}; "
            f"the traceback is in {runner.store.root / 'tracebacks'}"
        )
    return Made({part: entry.path for part, entry in done.entries.items()})


def by_part(pieces: Mapping[str, Piece], count: int = tables.PARTS) -> dict[str, dict[str, Piece]]:
    """Pieces by clip, by the part that the clip belongs to; both sorted."""
    found: dict[str, dict[str, Piece]] = {}
    for clip in sorted(pieces):
        found.setdefault(tables.part(clip, count), {})[clip] = pieces[clip]
    return dict(sorted(found.items()))


def _job(step: Step, part: str, mine: Mapping[str, Piece]) -> Job:
    content = json.dumps([part, [[clip, piece.digest] for clip, piece in mine.items()]])
    digest = hashlib.sha256(content.encode()).hexdigest()
    clips = {clip: dict(piece.inputs) for clip, piece in mine.items()}
    inputs = {**step.params, "part": part, "clips": clips}
    return Job(part, inputs, digest, cost=float(len(mine)), clips=len(mine))


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


def write(path: Path, frame: pd.DataFrame, schema: pa.Schema) -> None:
    """Write a table of many clips in its parts; of each clip, rows keep their order."""
    path.mkdir()
    ids = frame[tables.CLIP].unique().tolist()
    belongs = frame[tables.CLIP].map({clip: tables.part(clip) for clip in ids})
    found = frame.groupby(belongs, sort=True) if ids else [("00", frame)]
    for part, rows in found:
        ordered = rows.sort_values(tables.CLIP, kind="stable")
        tables.write(path / f"{part}.parquet", ordered, schema)


def _named(schema: pa.Schema, found: Iterable[tuple[str, pa.Table]]) -> Iterator[pa.Table]:
    for clip, rows in found:
        names = pa.repeat(pa.scalar(clip, pa.string()), len(rows))
        columns = [names if field.name == tables.CLIP else rows[field.name] for field in schema]
        yield pa.table(columns, schema.names).cast(schema)
