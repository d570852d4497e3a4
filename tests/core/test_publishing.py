"""A file is there whole or not at all."""

from pathlib import Path

import pytest

from pipeline.core.errors import CradleError
from pipeline.core.publishing import check_folder, publish


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    publish(path, b"after")
    assert path.read_bytes() == b"after"
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(CradleError, match="taken: cannot be written"):
        publish(taken, b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
    assert not list(taken.iterdir())


def test_a_place_to_write_to_is_looked_for_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(CradleError, match="there is no folder"):
        check_folder(tmp_path / "none" / "a.npz")
    with pytest.raises(CradleError, match="is a folder"):
        check_folder(tmp_path)
    check_folder(tmp_path / "a.npz")
