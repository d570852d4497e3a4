"""What measuring has cost is a note: newer runs count more, and a torn note is no note."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.costs import Costs


def test_newer_runs_count_more(tmp_path: Path) -> None:
    Costs(tmp_path).note("face", 100.0, 200.0)
    assert Costs(tmp_path).expected_s("face", 10.0) == pytest.approx(20.0)
    Costs(tmp_path).note("face", 100.0, 50.0)
    assert Costs(tmp_path).expected_s("face", 10.0) == pytest.approx(10.0)
    assert Costs(tmp_path).expected_s("face", 0.0) == 0.0
    assert Costs(tmp_path).expected_s("voice", 1.0) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"face": 3}', '{"face": {"cost": 0}}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "costs.json").write_text(text)
    assert Costs(tmp_path).expected_s("face", 1.0) is None
    Costs(tmp_path).note("face", 1.0, 2.0)
    assert Costs(tmp_path).expected_s("face", 1.0) == 2.0


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    Costs(tmp_path).note("face", 1.0, 2.0)
    assert [path.name for path in tmp_path.iterdir()] == ["costs.json"]
