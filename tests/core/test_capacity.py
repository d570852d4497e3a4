"""What more clips would take, worked by hand from what few have taken."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.core import tables
from pipeline.core.capacity import Machines, Part, Project, capacity, measured, most_in_memory
from pipeline.core.costs import Costs
from pipeline.core.store import Store

PROJECT = Project(
    {"stem": Part(36.0, 1e6), "face": Part(72.0, 2e6)},
    {"select": (36.0, 0.036), "fit": None},
    fetched_bytes=5e6,
    tables_bytes=2e4,
)


def test_cores_share_measuring_and_one_makes_tables() -> None:
    found = capacity(PROJECT, 1000, Machines(cores=10, core_hour=0.1, gb_month=1, gb_fetched=2))
    assert found.steps == pytest.approx({"stem": 1.0, "face": 2.0})
    assert found.stages == {"select": pytest.approx(0.02), "fit": None}
    assert found.total_hours == pytest.approx(3.02)
    assert found.core_hours == pytest.approx(30.02)
    assert (found.disk_gb, found.fetched_gb, found.memory_gb) == pytest.approx((3.0, 5.0, 0.02))
    assert found.money == pytest.approx(3.002 + 3 + 10)


def test_a_gpu_takes_the_steps_that_it_is_known_to_be_faster_at() -> None:
    machines = Machines(cores=10, gpus=2, faster={"stem": 5.0}, core_hour=1.0, gpu_hour=10.0)
    found = capacity(PROJECT, 1000, machines)
    assert found.steps["stem"] == pytest.approx(1.0)
    assert found.gpu_hours == pytest.approx(2.0)
    assert found.core_hours == pytest.approx(20.02)


def test_memory_bounds_the_clips_of_one_project() -> None:
    assert most_in_memory(PROJECT, Machines(cores=1, memory_gb=2.0)) == 100_000


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which four clips were measured."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "data/.store")
    with store.publish("media", "ab") as out:
        (out / "video.mp4").write_bytes(b"0" * 1000)
    for step in ("media", "nursery"):
        Costs(store.root).note(step, 4000.0, 8.0, 4)
    for stage in ("select", "fit", "train"):
        Costs(store.root).note_stage(stage, 4, 9.0)
    Costs(store.root).note_stage("select", 14, 29.0)
    (tmp_path / "data/download").mkdir()
    rows = pd.DataFrame({"clip": [f"clip_{number}" for number in range(4)]})
    tables.write(tmp_path / "data/download/ledger.parquet", rows)
    return tmp_path


def test_a_project_tells_what_its_clips_have_taken(root: Path) -> None:
    found = measured(root)
    assert found.steps == {"media": Part(2.0, 1000.0)}
    assert found.stages == {"select": pytest.approx((1.0, 2.0)), "fit": None}
    assert found.fetched_bytes == 1000.0
    assert 10 < found.tables_bytes < 100


def test_the_command_says_where_it_would_break(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["capacity", "--clips", "1e6", "--cores", "100"]
    assert main([*words, "--memory-gb", "0.01"]) == 0
    said = capsys.readouterr().out
    assert "1,000,000 clips: 561.1 hours on 100 cores" in said
    assert "breaks first: tables no longer fit into memory" in said
    assert "99% of the time is tables" in said
    assert "tables of fit" in said
    assert "not known: run it once with another number of clips" in said
    assert main([*words, "--gpus", "1", "--gpu", "media=10", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"]["media"] == pytest.approx(55.6, abs=0.1)


@pytest.mark.parametrize(
    "words",
    [["--clips", "many"], ["--clips", "0"], ["--clips", "9", "--cores", "2", "--gpu", "stem"]],
)
def test_what_is_no_number_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["capacity", "--cores", "1", *words])
    assert ended.value.code == 2
    assert "is no number" in (said := capsys.readouterr().err) or "is not allowed" in said


def test_where_nothing_was_measured_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["capacity", "--clips", "9", "--cores", "1"]) == 1
    assert "`make run` first" in capsys.readouterr().err


def test_what_drops_out_on_the_way_costs_later_steps_nothing(root: Path) -> None:
    rows = pd.DataFrame({"clip": ["clip_0"]})
    (root / "data/fit").mkdir()
    tables.write(root / "data/fit/ledger.parquet", rows)
    Costs(root / "data/.store").note("fit", 10.0, 8.0, 1)
    assert measured(root).steps["fit"].core_s == pytest.approx(2.0)


def test_of_a_part_of_a_table_each_clip_takes_its_share(root: Path) -> None:
    Costs(root / "data/.store").note("heard", 4.0, 2.0, 4)
    for part in range(2):
        with Store(root / "data/.store").publish("heard", f"{part:064x}") as out:
            (out / "frames.parquet").write_bytes(b"x" * 100)
    assert measured(root).steps["heard"] == Part(0.5, 100.0)


def test_a_table_has_so_many_parts_however_many_clips_there_are(root: Path) -> None:
    parts = [(clips, 0.5 + 0.01 * clips) for clips in range(1, 11)]
    Costs(root / "data/.store").note("heard", 55, 5.55, 55, parts)
    found = measured(root).steps["heard"]
    assert (found.fixed_s, found.core_s) == pytest.approx((32.0, 0.01))
    hours = capacity(Project({"heard": found}, {}, 0, 0), 1000, Machines(cores=2)).steps["heard"]
    assert hours == pytest.approx((32.0 + 10.0) / 2 / 3600)
