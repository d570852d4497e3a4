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


def test_a_part_is_dearer_among_several_processes_and_a_clip_is_not(tmp_path: Path) -> None:
    def note(processes: int, *parts: tuple[int, float]) -> None:
        clips, seconds = (sum(it) for it in zip(*parts, strict=True))
        Costs(tmp_path).note("heard", clips, seconds, int(clips), parts, processes)

    alone = [(n, 0.01 + 0.005 * n) for n in (1, 2, 3, 4)] * 5
    note(1, *alone)
    assert Costs(tmp_path).of_parts("heard") == pytest.approx((0.01, 0.005))
    note(2, *[(n, 0.03 + 0.005 * n) for n in (14, 15, 16, 17)] * 5)
    assert Costs(tmp_path).of_parts("heard") == pytest.approx((0.03, 0.005))
    note(1, *alone)
    assert Costs(tmp_path).of_parts("heard") == pytest.approx((0.03, 0.005)), "a small run later"


def test_parts_of_alike_sizes_say_little_of_what_a_clip_takes(tmp_path: Path) -> None:
    alone = [(n, 0.01 + 0.005 * n) for n in (1, 2, 3, 4)] * 5
    Costs(tmp_path).note("heard", 50, 0.45, 50, alone)
    # What came later happened to be slower, and parts are made the largest first.
    late = [(n, (0.01 + 0.005 * n) * (1.0 if n > 15 else 1.3)) for n in (14, 15, 16, 17)] * 5
    seconds = sum(it for _, it in late)
    Costs(tmp_path).note("heard", 310, seconds, 310, late, processes=2)
    by_part, by_clip = Costs(tmp_path).of_parts("heard") or (0.0, 0.0)
    assert by_part + 150 * by_clip == pytest.approx(0.76 * 1.15, rel=0.2)


def test_what_small_runs_take_at_first_is_not_taken_for_what_clips_take(tmp_path: Path) -> None:
    # 64 parts of a table come into being with the first few hundred clips.
    for clips, parts in ((6, 6), (100, 51), (1000, 64)):
        Costs(tmp_path).note_stage("isolate", clips, 0.3 + 0.04 * parts + 0.0001 * clips)
    at_all, by_clip = Costs(tmp_path).stages()["isolate"] or (0.0, 0.0)
    assert at_all + 10_000 * by_clip == pytest.approx(0.3 + 2.56 + 1.0, rel=0.05)


def test_a_stage_that_scatters_takes_no_negative_time(tmp_path: Path) -> None:
    for clips, seconds in ((1, 0.4), (10, 0.3), (100, 0.5), (1000, 0.2)):
        Costs(tmp_path).note_stage("select", clips, seconds)
    at_all, by_clip = Costs(tmp_path).stages()["select"] or (-1.0, -1.0)
    assert (at_all, by_clip) == (pytest.approx(0.3, rel=0.2), 0.0)


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
