from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands._unlock import LOCKS, clear


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    (tmp_path / LOCKS).parent.mkdir(parents=True)
    return tmp_path / LOCKS


@pytest.mark.parametrize("torn", ["", '{"data/download": {"write": {"pid"', "\udcff"])
def test_a_torn_table_of_locks_is_removed(tmp_path: Path, locks: Path, torn: str) -> None:
    locks.write_bytes(torn.encode("utf-8", "surrogateescape"))
    assert clear(tmp_path)
    assert not locks.exists()


def test_a_whole_one_is_left_to_dvc(tmp_path: Path, locks: Path) -> None:
    locks.write_text('{"data/download": {"write": {"pid": 1, "cmd": "dvc repro"}}}')
    assert not clear(tmp_path)
    assert locks.exists()


def test_where_there_is_none_nothing_happens(tmp_path: Path) -> None:
    assert not clear(tmp_path)
