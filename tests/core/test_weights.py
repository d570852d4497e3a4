"""Only the weights that the lock file names are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core import weights
from pipeline.core.code import PROJECT
from pipeline.core.errors import ParamsError, WeightsError

ENDINGS = {".safetensors", ".npz", ".pt", ".th", ".ckpt", ".h5", ".onnx"}


def test_every_file_of_weights_is_locked_and_is_what_the_lock_says() -> None:
    made = PROJECT / "models" / "generator"
    there = {
        path
        for path in (PROJECT / "models").rglob("*")
        if path.suffix in ENDINGS and not path.is_relative_to(made)
    }
    locked = {row.file for row in weights.listed().values()}
    # What a network's outputs are called is locked with it, and is no weights.
    assert there == locked - {PROJECT / "models" / "tagger" / "words.csv"}
    for name, row in weights.listed().items():
        assert weights.locked(name) == row.file


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(weights, "PROJECT", tmp_path)
    monkeypatch.setattr(weights, "LOCK", tmp_path / "weights.lock")
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    return tmp_path / "weights.lock"


def row(sha256: str) -> str:
    return f"a: {{path: a.safetensors, sha256: '{sha256}', licence: MIT, origin: here}}\n"


def test_altered_weights_are_refused_with_both_digests(lock: Path) -> None:
    lock.write_text(row("0" * 64))
    with pytest.raises(
        WeightsError, match=r"a\.safetensors: sha256 \w{12}..., expected 000000000000"
    ):
        weights.locked("a")


def test_weights_that_nobody_locked_are_refused(lock: Path) -> None:
    lock.write_text(row("0" * 64))
    with pytest.raises(WeightsError, match="no weights named 'b'; there are: a"):
        weights.locked("b")


def test_a_malformed_lock_is_told(lock: Path) -> None:
    lock.write_text(row("abc"))
    with pytest.raises(ParamsError, match=r"weights\.lock: a: sha256"):
        weights.locked("a")
