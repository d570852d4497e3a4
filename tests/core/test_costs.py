"""What measuring has cost is a note: newer runs count more, and a torn note is no note."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.costs import Costs


def test_newer_runs_count_more(tmp_path: Path) -> None:
    Costs(tmp_path).note("face", 100.0, 200.0, 4)
    assert Costs(tmp_path).expected_s("face", 10.0) == pytest.approx(20.0)
    Costs(tmp_path).note("face", 100.0, 50.0, 4)
    assert Costs(tmp_path).expected_s("face", 10.0) == pytest.approx(10.0)
    assert Costs(tmp_path).expected_s("face", 0.0) == 0.0
    assert Costs(tmp_path).expected_s("voice", 1.0) is None


def test_a_clip_costs_what_clips_have_cost(tmp_path: Path) -> None:
    Costs(tmp_path).note("face", 100.0, 200.0, 10)
    assert Costs(tmp_path).per_clip() == {"face": 20.0}
    assert Costs(tmp_path).cost_per_clip("face") == 10.0
    assert Costs(tmp_path).cost_per_clip("voice") == 0.0


def test_of_a_stage_two_sizes_tell_what_a_clip_takes(tmp_path: Path) -> None:
    Costs(tmp_path).note_stage("select", 100, 3.0)
    assert Costs(tmp_path).stages() == {"select": None}
    Costs(tmp_path).note_stage("select", 101, 9.0)
    assert Costs(tmp_path).stages() == {"select": None}, "one clip more says nothing"
    Costs(tmp_path).note_stage("select", 100, 2.0)
    Costs(tmp_path).note_stage("select", 1100, 4.0)
    assert Costs(tmp_path).stages()["select"] == pytest.approx((1.8, 0.002))
    for clips in range(2000, 2006):
        Costs(tmp_path).note_stage("select", clips, 5.8)
    assert Costs(tmp_path).stages()["select"] == pytest.approx((1.8, 0.002), rel=0.01)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"steps": {"face": 3}}', '{"steps": {"face": {"cost": 0}}}']
)
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "costs.json").write_text(text)
    assert Costs(tmp_path).expected_s("face", 1.0) is None
    Costs(tmp_path).note("face", 1.0, 2.0, 4)
    assert Costs(tmp_path).expected_s("face", 1.0) == 2.0


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    Costs(tmp_path).note("face", 1.0, 2.0, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["costs.json"]


def test_what_a_stage_takes_besides_measuring_is_told_by_its_largest_run(tmp_path: Path) -> None:
    for clips, seconds in ((9, 1.0), (100, 3.0), (20, 2.0)):
        Costs(tmp_path).note_stage("select", clips, seconds)
    assert Costs(tmp_path).beside_s("select") == 3.0
    assert Costs(tmp_path).beside_s("fit") is None


def test_parts_of_tables_take_time_by_the_part_and_by_the_clip(tmp_path: Path) -> None:
    def note(*clips: int) -> None:
        parts = [(n, 0.02 + 0.001 * n) for n in clips]
        Costs(tmp_path).note("heard", sum(clips), sum(s for _, s in parts), sum(clips), parts)

    note(*[1] * 20)
    assert Costs(tmp_path).of_parts("heard") is None, "parts that are all alike"
    note(*[1, 2, 3, 4] * 5)
    assert Costs(tmp_path).of_parts("heard") == pytest.approx((0.02, 0.001))
    assert Costs(tmp_path).of_parts("voice") is None


@pytest.mark.parametrize("parts", [[(1, 2.0), (2, 1.0)] * 8, [(1, 0.1), (2, 3.0)] * 8])
def test_nothing_takes_less_than_no_time(tmp_path: Path, parts: list[tuple[int, float]]) -> None:
    Costs(tmp_path).note("heard", 24, 1.0, 24, parts)
    by_part, by_clip = Costs(tmp_path).of_parts("heard") or (-1.0, -1.0)
    assert min(by_part, by_clip) == 0
    assert max(by_part, by_clip) > 0


def test_to_start_processes_is_no_work_and_is_remembered_by_stage(tmp_path: Path) -> None:
    assert Costs(tmp_path).start_s("fit") == 0.0
    Costs(tmp_path).note_start("fit", 4.0)
    Costs(tmp_path).note("fit", 1.0, 2.0, 4)
    assert Costs(tmp_path).start_s("fit") == 4.0
