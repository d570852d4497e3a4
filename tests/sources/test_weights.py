"""Weights come from where the lock says, as the lock says, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.core import weights
from pipeline.core.errors import ParamsError, WeightsError
from pipeline.sources.weights import fetch
from tests.sources.server import serving

CONTENT = b"numbers" * 1000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(weights, "PROJECT", tmp_path / "project")
    (tmp_path / "site/abc1").mkdir(parents=True)
    (tmp_path / "site/abc1/a.safetensors").write_bytes(CONTENT)
    return tmp_path


def row(address: str, content: bytes = CONTENT, **more: str) -> weights.Weights:
    about = {"path": "models/a.safetensors", "licence": "MIT", "origin": "its authors"}
    digest = hashlib.sha256(content).hexdigest()
    given = {"sha256": digest, "address": address, "revision": "abc1", **about, **more}
    return weights.Weights.model_validate(given)


def test_a_file_is_fetched_once_by_address_and_revision(folder: Path) -> None:
    with serving(folder / "site") as (site, asked):
        wanted = row(f"{site}/{{revision}}/a.safetensors")
        assert fetch("a", wanted)
        assert not fetch("a", wanted)
        assert asked == ["/abc1/a.safetensors"]
        assert wanted.file.read_bytes() == CONTENT
        wanted.file.write_bytes(CONTENT[:-1])
        assert fetch("a", wanted), "what was truncated since is fetched again"


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("{revision}/a.safetensors", b"others", "nothing was kept"),
        ("{revision}/none", CONTENT, "HTTP Error 404"),
        ("to_file?{revision}", CONTENT, "HTTP Error"),
    ],
)
def test_anything_else_leaves_nothing_behind(
    folder: Path, path: str, content: bytes, words: str
) -> None:
    with serving(folder / "site") as (site, _):
        wanted = row(f"{site}/{path}", content)
        with pytest.raises(WeightsError, match=words):
            fetch("a", wanted)
    assert list((folder / "project").rglob("*.*")) == []


def test_what_has_no_address_is_made_and_not_fetched(folder: Path) -> None:
    made = row("http://x/{revision}").model_copy(update={"address": None})
    with pytest.raises(WeightsError, match="it was made by its authors"):
        fetch("a", made)


@pytest.mark.parametrize("address", ["ftp://x/{revision}", "file:///etc/{revision}", "http://x/y"])
def test_the_lock_names_a_revision_and_a_way_that_is_safe(folder: Path, address: str) -> None:
    with pytest.raises((ParamsError, ValueError)):
        row(address)
