"""Tables in parts: one clip more changes one of them, and reading one reads like any table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.core import parts, tables
from pipeline.core.errors import CradleError
from pipeline.core.parts import Piece
from pipeline.core.runner import Run, Runner, Step
from pipeline.core.store import Store

SCHEMA = pa.schema([("clip", pa.string()), ("frame", pa.int32())])
CLIPS = [f"clip_{number:03}" for number in range(200)]


def count(out: Path, inputs: Mapping[str, Any]) -> None:
    """As many rows as each piece says, and a line in the diary of the parts that were made."""
    with Path(inputs["diary"]).open("a") as diary:
        diary.write(f"{inputs['part']}\n")
    rows = ((clip, pa.table({"frame": [*range(p["n"])]})) for clip, p in inputs["clips"].items())
    parts.join(out / "frames.parquet", SCHEMA, rows)


def refuse(out: Path, inputs: Mapping[str, Any]) -> None:
    raise OSError("no such sound")


def made(tmp_path: Path, clips: list[str], name: str) -> Path:
    pieces = {clip: Piece({"n": 1 + number % 3}, str(number)) for number, clip in enumerate(clips)}
    runner = Runner(Store(tmp_path / "store"), Run(executor="serial"))
    step = Step("count", count, {"diary": str(tmp_path / "diary")})
    (tmp_path / name).mkdir()
    path = tmp_path / name / "frames.parquet"
    parts.make(runner, step, pieces).copy(path, SCHEMA)
    return path


def test_one_clip_more_makes_one_part_anew_and_changes_one_file(tmp_path: Path) -> None:
    before = made(tmp_path, CLIPS, "before")
    first = (tmp_path / "diary").read_text().split()
    assert len(first) == len(set(first)) == len(list(before.iterdir()))
    after = made(tmp_path, [*CLIPS, "another"], "after")
    assert (tmp_path / "diary").read_text().split() == [*first, tables.part("another")]
    was = {path.name: path.read_bytes() for path in before.iterdir()}
    now = {path.name: path.read_bytes() for path in after.iterdir()}
    assert [name for name in now if was.get(name) != now[name]] == [
        f"{tables.part('another')}.parquet"
    ]
    again = made(tmp_path, CLIPS, "again")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == was


def test_however_many_clips_there_are_the_parts_are_few(tmp_path: Path) -> None:
    clips = [f"clip_{number}" for number in range(5000)]
    dealt = parts.by_part(clips)
    assert len(dealt) == tables.PARTS
    assert max(map(len, dealt.values())) < 2 * 5000 / tables.PARTS
    assert sum(map(len, dealt.values())) == 5000
    assert len(parts.by_part(clips, 4)) == 4


def test_pieces_are_asked_for_part_by_part_and_inputs_for_what_is_made_alone(
    tmp_path: Path,
) -> None:
    told: list[list[str]] = []
    handed: list[list[str]] = []

    def digests(clips: Sequence[str]) -> dict[str, str]:
        told.append(list(clips))
        return {clip: clip for clip in clips}

    def inputs(clips: Sequence[str]) -> dict[str, dict[str, int]]:
        handed.append(list(clips))
        return {clip: {"n": 1} for clip in clips}

    runner = Runner(Store(tmp_path / "store"), Run(executor="serial"))
    step = Step("count", count, {"diary": str(tmp_path / "diary")})
    for _ in range(2):
        parts.make(runner, step, parts.Pieces(CLIPS, digests, inputs))
    dealt = [*parts.by_part(CLIPS).values()]
    assert told == [*dealt, *dealt]
    assert sorted(handed) == sorted(dealt)


def test_a_table_in_parts_reads_in_the_order_of_clips(tmp_path: Path) -> None:
    path = made(tmp_path, CLIPS, "out")
    expected = [(clip, n) for number, clip in enumerate(CLIPS) for n in range(1 + number % 3)]
    frame = tables.read(path)
    assert list(zip(frame["clip"], frame["frame"], strict=True)) == expected
    table = tables.arrow(path, ["frame", "clip"])
    assert [(row["clip"], row["frame"]) for row in tables.rows(table)] == expected
    assert tables.read(path, ["frame"])["frame"].tolist() == [n for _, n in expected]
    some = tables.read(path, clips=["clip_007", "clip_002"])
    assert list(zip(some["clip"], some["frame"], strict=True)) == [
        it for it in expected if it[0] in ("clip_002", "clip_007")
    ]


def test_of_one_clip_one_part_is_opened(tmp_path: Path) -> None:
    path = made(tmp_path, CLIPS, "out")
    for other in path.glob("*.parquet"):
        if other.stem != tables.part("clip_005"):
            other.write_bytes(b"not looked at")
    assert tables.arrow(path, clips=["clip_005"])["frame"].to_pylist() == [0, 1, 2]


def test_written_from_a_frame_it_is_the_same(tmp_path: Path) -> None:
    path = made(tmp_path, CLIPS, "out")
    again = tmp_path / "frames.parquet"
    tables.write_parts(again, tables.read(path), SCHEMA)
    pd.testing.assert_frame_equal(tables.read(again), tables.read(path))
    assert {it.name for it in again.iterdir()} == {it.name for it in path.iterdir()}


def test_written_part_by_part_it_is_the_same(tmp_path: Path) -> None:
    frame = tables.read(made(tmp_path, CLIPS, "out"))
    whole, by_part = tmp_path / "whole.parquet", tmp_path / "by_part.parquet"
    tables.write_parts(whole, frame, SCHEMA)
    with tables.in_parts(by_part, SCHEMA) as put:
        for part, clips in parts.by_part(CLIPS).items():
            put(part, frame[frame["clip"].isin(clips)])
    assert {it.name: it.read_bytes() for it in by_part.iterdir()} == {
        it.name: it.read_bytes() for it in whole.iterdir()
    }


def test_a_table_whose_writing_fails_stays_as_it_was(tmp_path: Path) -> None:
    path = made(tmp_path, CLIPS, "out")
    before = {it.name: it.read_bytes() for it in path.iterdir()}
    with pytest.raises(ZeroDivisionError), tables.in_parts(path, SCHEMA) as put:
        put("00", SCHEMA.empty_table())
        raise ZeroDivisionError
    assert {it.name: it.read_bytes() for it in path.iterdir()} == before


def test_of_no_clips_there_is_a_table_without_rows(tmp_path: Path) -> None:
    path = made(tmp_path, [], "out")
    assert tables.read(path).columns.tolist() == ["clip", "frame"]
    assert len(tables.arrow(path, ["frame"])) == 0
    tables.write_parts(tmp_path / "none.parquet", tables.read(path), SCHEMA)
    assert len(tables.read(tmp_path / "none.parquet")) == 0


def test_a_part_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    runner = Runner(Store(tmp_path / "store"), Run(executor="serial"))
    with pytest.raises(CradleError, match=r"refuse: the tables of part .. cannot be made: OSError"):
        parts.make(runner, Step("refuse", refuse), {"clip": Piece({}, "")})
