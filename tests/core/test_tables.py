"""Tables read without pandas are the tables that were written."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.core import tables
from pipeline.core.code import PROJECT


@pytest.fixture(params=["file", "parts"])
def path(tmp_path, monkeypatch, request):
    monkeypatch.setattr(tables, "GROUP_ROWS", 4)
    frame = pd.DataFrame(
        {
            "clip": np.repeat(["a", "b", "c"], [5, 3, 6]),
            "frame": np.arange(14, dtype=np.int32),
            "found": np.arange(14) % 3 == 0,
            "score": pd.array([None if n % 4 == 1 else n / 2 for n in range(14)], "Float64"),
            "points": [np.arange(n % 3, dtype=np.float32) for n in range(14)],
            "word": ["x" if n % 2 else None for n in range(14)],
        }
    )
    path = tmp_path / "t.parquet"
    if request.param == "file":
        tables.write(path, frame)
    else:
        path.mkdir()
        # Two clips share a part, and stand around the other one.
        tables.write(path / "00.parquet", frame[frame["clip"] != "b"])
        tables.write(path / "01.parquet", frame[frame["clip"] == "b"])
        monkeypatch.setattr(tables, "part", lambda clip: "01" if clip == "b" else "00")
    return path


def test_columns_are_what_pandas_reads(path):
    table, frame = tables.arrow(path), tables.read(path)
    assert tables.values(table["frame"], np.int64).tolist() == frame["frame"].tolist()
    assert tables.values(table["found"], np.bool_).tolist() == frame["found"].tolist()
    np.testing.assert_array_equal(tables.floats(table, "score"), frame["score"].to_numpy(float))
    lengths, points = tables.lists(table["points"], np.float64)
    assert lengths.tolist() == [len(part) for part in frame["points"]]
    assert points.tolist() == np.concatenate(frame["points"].tolist()).tolist()


@pytest.mark.parametrize("clips", [["b"], ["a", "c"], ["nobody"], []])
def test_the_rows_of_some_clips_are_theirs(path, clips):
    whole = tables.read(path)
    expected = whole[whole["clip"].isin(clips)].reset_index(drop=True)
    found = tables.read(path, ["frame", "clip"], clips)
    assert list(found) == ["frame", "clip"]
    assert found["frame"].tolist() == expected["frame"].tolist()
    table = tables.arrow(path, ["score", "found"], clips)
    assert table.column_names == ["score", "found"]
    np.testing.assert_array_equal(tables.floats(table, "score"), expected["score"].to_numpy(float))
    assert tables.values(table["found"], np.bool_).tolist() == expected["found"].tolist()


def test_rows_say_none_where_nothing_is_known(path):
    first, second = tables.rows(tables.arrow(path, ["clip", "score", "word"], ["a"]))[:2]
    assert first == {"clip": "a", "score": 0.0, "word": None}
    assert second == {"clip": "a", "score": None, "word": "x"}


def test_names_are_found_whether_coded_or_plain(path):
    coded = tables.arrow(path, ["clip"])["clip"]
    plain = pa.chunked_array([pa.array(["c", "z", "a"])])
    assert set(tables.numbers(["c", "a"], coded)) == {0, 1, -1}
    assert tables.numbers(["c", "a"], plain).tolist() == [0, -1, 1]


def test_a_column_without_a_value_is_nan():
    column = pa.chunked_array([pa.nulls(3)])
    assert np.isnan(tables.values(column, np.float64)).all()


def test_a_missing_table_is_named(tmp_path):
    for reading in (tables.read, tables.arrow):
        with pytest.raises(FileNotFoundError) as caught:
            reading(tmp_path / "gone.parquet")
        assert caught.value.filename == str(tmp_path / "gone.parquet")


def test_questions_about_few_clips_load_neither_pandas_nor_all_of_arrow(path):
    """Either takes longer to load than such a question takes to answer."""
    code = f"""
import pathlib, sys
from pipeline.core import tables
tables.part = lambda clip: "01" if clip == "b" else "00"
table = tables.arrow(pathlib.Path({str(path)!r}), None, ["a", "c"])
assert tables.rows(table)[-1]["clip"] == "c"
tables.lists(table["points"], float)
sys.exit(any(name in sys.modules for name in ("pandas", "pyarrow.compute")))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


def test_lists_of_some_clips_are_theirs(path):
    whole = tables.read(path)
    expected = whole[whole["clip"].isin(["b"])]["points"].tolist()
    lengths, points = tables.lists(tables.arrow(path, ["points"], ["b"])["points"], np.float64)
    assert lengths.tolist() == [len(part) for part in expected]
    assert points.tolist() == np.concatenate(expected).tolist()


def test_small_parts_are_taken_together(tmp_path: Path) -> None:
    clips = [f"clip_{number}" for number in range(500)]
    tables.write_parts(tmp_path / "t.parquet", pd.DataFrame({"clip": clips}))
    parts = tables.parts_of(tmp_path / "t.parquet")
    assert len(parts) > 50
    # A part is never taken apart, and never left out.
    assert list(tables.together(tmp_path / "t.parquet", 1)) == [[part] for part in parts]
    assert list(tables.together(tmp_path / "t.parquet", 500)) == [parts]
    found = list(tables.together(tmp_path / "t.parquet", 40))
    assert [part for some in found for part in some] == parts
    counts = [sum(map(tables.count_rows, some)) for some in found]
    assert max(counts) <= 40
    assert min(counts[:-1]) > 20
