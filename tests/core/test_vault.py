"""Sealed media tell nothing without their key, everything with it, and nothing in between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.core import vault
from pipeline.core.store import Store
from pipeline.core.vault import VaultError

SIZES = (0, 1, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20)
KEY = "a" * 64


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key in use."""
    path = tmp_path / "elsewhere" / "key"
    path.parent.mkdir()
    vault.make_key(path)
    monkeypatch.setenv("CRADLE_MEDIA_KEY", "")
    vault.use(str(path), tmp_path / "project")
    return path


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_opens_to_the_same_bytes(key: Path, tmp_path: Path, size: int) -> None:
    plain, sealed = tmp_path / "a.mp4", tmp_path / "b.mp4"
    plain.write_bytes(os.urandom(size))
    vault.seal(plain, sealed)
    assert vault.read(sealed) == plain.read_bytes()
    assert vault.digest(sealed) == vault.digest(plain)
    with vault.opened(sealed) as path:
        assert path.read_bytes() == plain.read_bytes()
        assert not path.is_relative_to(tmp_path)
    assert size < 16 or plain.read_bytes()[:16] not in sealed.read_bytes()


def test_the_same_content_is_sealed_to_the_same_bytes(key: Path, tmp_path: Path) -> None:
    plain = tmp_path / "a.mp4"
    plain.write_bytes(b"a child")
    for name in ("b", "c"):
        vault.seal(plain, tmp_path / name)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


@pytest.mark.parametrize("place", [20, 40, 1 << 20, -1])
def test_a_changed_byte_is_noticed(key: Path, tmp_path: Path, place: int) -> None:
    plain, sealed = tmp_path / "a.mp4", tmp_path / "b.mp4"
    plain.write_bytes(os.urandom(3 << 20))
    vault.seal(plain, sealed)
    content = bytearray(sealed.read_bytes())
    content[place] ^= 1
    sealed.write_bytes(content)
    with pytest.raises(VaultError, match="another key, or altered"):
        vault.read(sealed)


def test_pieces_cannot_be_cut_off_or_swapped(key: Path, tmp_path: Path) -> None:
    plain, sealed = tmp_path / "a.mp4", tmp_path / "b.mp4"
    plain.write_bytes(os.urandom(3 << 20))
    vault.seal(plain, sealed)
    content, piece = sealed.read_bytes(), (1 << 20) + 16
    head, body = content[:32], content[32:]
    for wrong in (body[:piece], body[: 2 * piece], body[piece : 2 * piece] + body[:piece]):
        sealed.write_bytes(head + wrong)
        with pytest.raises(VaultError):
            vault.read(sealed)


def test_without_its_key_or_with_another_it_stays_shut(key: Path, tmp_path: Path) -> None:
    plain, sealed, other = tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "other"
    plain.write_bytes(b"a child")
    vault.seal(plain, sealed)
    vault.make_key(other)
    vault.use(str(other), tmp_path / "project")
    with pytest.raises(VaultError, match="another key"):
        vault.read(sealed)
    vault.use("", tmp_path)
    with pytest.raises(VaultError, match=r"run\.media_key"):
        vault.read(sealed)
    assert vault.read(plain) == b"a child"


def test_an_unfit_key_is_told(tmp_path: Path) -> None:
    project, path = tmp_path / "project", tmp_path / "key"
    project.mkdir()
    with pytest.raises(VaultError, match="no such file"):
        vault.use(str(path), project)
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(VaultError, match="holds no key"):
        vault.use(str(path), project)
    open_to_all = tmp_path / "open"
    open_to_all.write_text(KEY)
    open_to_all.chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        vault.use(str(open_to_all), project)
    inside = project / "key"
    vault.make_key(inside)
    with pytest.raises(VaultError, match="put it elsewhere"):
        vault.use("key", project)
    with pytest.raises(VaultError, match="never written over"):
        vault.make_key(inside)
    assert inside.stat().st_mode & 0o077 == 0


def test_the_store_seals_pictures_and_sounds_and_nothing_plain_touches_the_disk(
    key: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "project")
    with store.publish("media", "ab" * 32) as out:
        (out / "video.mp4").write_bytes(b"a child")
        (out / "media.json").write_text("{}")
        assert not out.is_relative_to(tmp_path), "it is made in memory"
    found = store.entry("media", "ab" * 32).path
    assert vault.is_sealed(found / "video.mp4")
    assert (found / "media.json").read_text() == "{}"
    assert vault.read(found / "video.mp4") == b"a child"
    assert not out.exists()


def test_what_was_there_before_is_sealed_and_opened(key: Path, tmp_path: Path) -> None:
    names = ("a/video.mp4", "a/sound.flac", "a/media.json")
    for name in names:
        path = tmp_path / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    store = tmp_path / "store"
    assert vault.change(store, to_sealed=True) == 2
    assert vault.change(store, to_sealed=True) == 0
    assert (store / names[2]).read_text() == names[2]
    assert vault.read(store / names[0]) == names[0].encode()
    assert vault.change(store, to_sealed=False) == 2
    assert [(store / name).read_text() for name in names] == list(names)
