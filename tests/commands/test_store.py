"""`cradle store gc` keeps what revisions name whose tables are in parts, and only that."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.commands import store as command
from pipeline.core import tables
from pipeline.core.plan import Planner
from pipeline.core.runner import Run
from pipeline.core.store import Store

OLD, NEW = ("anna_old", "ben"), ("anna_new", "ben")


def key(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def run(root: Path, *words: str) -> None:
    subprocess.run(words, cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose tag `before` names another measurement of one of its two clips."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "data/.store")
    for word in (*OLD, *NEW, "nobodys"):
        if store.find("face", key(word)) is None:
            with store.publish("face", key(word)) as out:
                (out / "landmarks.npz").write_bytes(b"points")
    monkeypatch.setattr(command, "plan", lambda root: (Planner(store, Run()), []))
    run(tmp_path, "git", "init", "-q")
    for name, value in (("user.name", "Cradle"), ("user.email", "cradle@localhost")):
        run(tmp_path, "git", "config", name, value)
    run(tmp_path, sys.executable, "-m", "dvc", "init", "-q")
    table = tmp_path / "data/landmarks/clips.parquet"
    table.parent.mkdir()
    (tmp_path / "data/.gitignore").write_text("/.store/\n")
    for tag, words in (("before", OLD), ("after", NEW)):
        rows = pd.DataFrame({"clip": ["anna", "ben"], "face_key": [key(word) for word in words]})
        if table.exists():
            for part in table.iterdir():
                part.unlink()
            table.rmdir()
        tables.write_parts(table, rows)
        assert len(list(table.iterdir())) == 2, "the clips are in different parts"
        run(tmp_path, sys.executable, "-m", "dvc", "add", "-q", str(table))
        run(tmp_path, "git", "add", "-A")
        run(tmp_path, "git", "commit", "-q", "-m", tag)
        run(tmp_path, "git", "tag", tag)
    return tmp_path


def left(root: Path) -> set[str]:
    return {path.name for path in (root / "data/.store/face").glob("??/*")}


def test_what_a_revision_names_in_parts_of_its_tables_is_kept(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "gc", "--rev", "before", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == {"face": 1}
    assert left(root) == {key(word) for word in (*OLD, *NEW)}


def test_without_revisions_only_what_is_here_is_kept(root: Path) -> None:
    assert main(["store", "gc", "--dry-run"]) == 0
    assert len(left(root)) == 4
    assert main(["store", "gc"]) == 0
    assert left(root) == {key(word) for word in NEW}


def test_a_revision_whose_parts_are_not_in_the_cache_stops_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (root / ".dvc/cache/files").rglob("*"):
        if path.is_file() and path.read_bytes()[:4] == b"PAR1":
            path.unlink()
    assert main(["store", "gc", "--rev", "before"]) == 1
    assert "dvc pull" in capsys.readouterr().err
    assert len(left(root)) == 4
