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
    Costs(tmp_path).note_size("select", 100, 3.0)
    assert Costs(tmp_path).lines() == {"select": None}
    Costs(tmp_path).note_size("select", 100, 2.0)
    Costs(tmp_path).note_size("select", 1100, 4.0)
    assert Costs(tmp_path).lines()["select"] == pytest.approx((1.8, 0.002))


def test_of_sizes_that_are_nearly_the_same_the_newest_tells(tmp_path: Path) -> None:
    for clips, seconds in ((100, 2.0), (1000, 9.0), (1001, 3.0), (1002, 5.0)):
        Costs(tmp_path).note_size("select", clips, seconds)
    # Not a line through 1,001 and 1,002 clips.
    assert Costs(tmp_path).lines()["select"] == pytest.approx((2 - 300 / 902, 3 / 902))


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
        Costs(tmp_path).note_size("select", clips, seconds)
    assert Costs(tmp_path).beside_s("select") == 3.0
    assert Costs(tmp_path).beside_s("fit") is None
