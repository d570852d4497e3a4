"""A whole download under a key: the tables are the same, and the disk shows nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.core import vault
from tests.sources.project import Project


@pytest.fixture
def key(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "key"
    vault.make_key(path)
    yield path
    vault.use("", tmp_path)


def test_under_a_key_the_tables_are_the_same_and_the_media_are_sealed(
    key: Path, site: str, site_folder: Path, tmp_path: Path
) -> None:
    text = f"a,{site}/clip.mp4,,,cry,,,,platform_cc,\nb,{site_folder}/clip.mp4,,,cry,,,,parental,\n"
    plain, sealed = Project(tmp_path / "plain"), Project(tmp_path / "sealed")
    plain.catalogue(text)
    plain.run()
    vault.use(str(key), sealed.root)
    sealed.catalogue(text)
    sealed.run(executor="process", workers=2)
    assert sealed.tables() == plain.tables()
    stored = [path for path in (sealed.root / "data/.store").rglob("*") if path.is_file()]
    shown = [path for path in stored if path.suffix in vault.SEALED]
    assert len(shown) == 6
    assert all(vault.is_sealed(path) for path in shown)
    assert not any(b"ftyp" in p.read_bytes() or b"fLaC" in p.read_bytes() for p in stored)
    ours = sealed.clips().loc["a", "media_key"]
    folders = [p.root / "data/.store/media" / ours[:2] / ours for p in (plain, sealed)]
    pictures = [list(media.read_frames(folder / media.VIDEO)) for folder in folders]
    assert np.array_equal(*pictures)
    sounds = [media.read_sound(folder / media.SOUND_16K)[0] for folder in folders]
    assert np.array_equal(*sounds)


def test_under_a_key_no_half_of_a_recording_is_kept(key: Path, site: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    vault.use(str(key), project.root)
    project.catalogue(f"a,{site}/always_breaks.mp4,,,cry,,,,platform_cc,\n")
    project.run()
    assert project.ledger().loc["a", "reason"] == "unreachable"
    assert not list(project.root.rglob("*.part"))
