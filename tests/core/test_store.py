"""The store publishes whole measurements or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import ClipFailed, StoreError
from pipeline.core.reasons import Reason
from pipeline.core.store import Entry, Failure, Store

KEY = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def write(store: Store, text: str) -> None:
    with store.publish("step", KEY) as out:
        (out / "a.txt").write_text(text)


def test_a_measurement_appears_whole(store: Store) -> None:
    write(store, "one")
    found = store.find("step", KEY)
    assert isinstance(found, Entry)
    assert (found.path / "a.txt").read_text() == "one"


def test_an_error_publishes_nothing_and_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.publish("step", KEY) as out:
        (out / "half.txt").write_text("half")
        raise ZeroDivisionError
    assert store.find("step", KEY) is None
    assert list(store.root.glob(".tmp-*")) == []


def test_a_named_failure_is_remembered_without_its_half_written_files(store: Store) -> None:
    error = ClipFailed(Reason.TOO_LONG, "61 s", measured=61.0, threshold=60.0, op="<=")
    with pytest.raises(ClipFailed), store.publish("step", KEY) as out:
        (out / "half.txt").write_text("half")
        raise error
    assert store.find("step", KEY) == Failure(Reason.TOO_LONG, "61 s", 61.0, 60.0, "<=")
    assert not list(store.root.rglob("half.txt"))


def test_who_publishes_second_changes_nothing(store: Store) -> None:
    write(store, "first")
    write(store, "second")
    assert (store.entry("step", KEY).path / "a.txt").read_text() == "first"
    assert list(store.root.glob(".tmp-*")) == []


def test_what_a_killed_process_left_is_swept_and_what_lives_is_not(store: Store) -> None:
    write(store, "whole")
    dead = store.root / ".tmp-4194999-xyz"
    dead.mkdir()
    with store.publish("step", "cd" * 32) as alive:
        store.sweep()
        assert not dead.exists()
        assert alive.exists()
    assert store.entry("step", KEY).path.exists()


def test_a_missing_measurement_says_what_to_do(store: Store) -> None:
    with pytest.raises(StoreError, match="dvc repro --force"):
        store.entry("step", KEY)


@pytest.mark.parametrize("before", [None, 0o777])
def test_only_the_owner_may_look_inside(store: Store, before: int | None) -> None:
    if before is not None:
        store.root.mkdir(parents=True)
        store.root.chmod(before)
    write(store, "one")
    assert store.root.stat().st_mode & 0o077 == 0
