"""What public packages hide in archives comes out under its own name, unchanged."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from models.recordings.archives import unpack

SOUND = b"RIFF\x04\x00\x00\x00WAVE"


def test_a_zip_gives_its_sounds_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "public.zip", "w") as archive:
        archive.writestr("audio/dog.ogg", SOUND)
        archive.writestr("art/dog.png", b"picture")
    assert unpacked(tmp_path / "public.zip") == {"audio/dog.ogg": SOUND}


def test_a_cat_gives_sounds_named_by_number_and_title(tmp_path: Path) -> None:
    titles = (b'"Sheep". Original "A field". License: Zero.\0', b'"Tropical: Bird (2)". By X.\0')
    entries = [bytes([len(title)]) + title + SOUND + b"\0" for title in titles]
    starts = (16, 16 + len(entries[0]))
    index = b"".join(struct.pack("<2I", start, len(SOUND)) for start in starts)
    (tmp_path / "sfx.cat").write_bytes(index + b"".join(entries))
    found = unpacked(tmp_path / "sfx.cat")
    assert found == {"00_sheep.wav": SOUND, "01_tropical_bird_2.wav": SOUND}


@pytest.mark.parametrize("packed", [False, True])
def test_qt_resources_give_sounds_in_their_folders(tmp_path: Path, packed: bool) -> None:
    content = struct.pack(">I", len(SOUND)) + zlib.compress(SOUND) if packed else SOUND
    names = b"".join(
        struct.pack(">HI", len(name), 0) + name.encode("utf-16-be") for name in ("farm", "dog.wav")
    )
    dog_at = 6 + 2 * len("farm")
    nodes = struct.pack(">IH2IQ", 0, 2, 1, 1, 0) + struct.pack(">IH2IQ", 0, 2, 1, 2, 0)
    nodes += struct.pack(">IH2IQ", dog_at, int(packed), 0, 0, 0)
    data_at, names_at = 20, 24 + len(content)
    head = b"qres" + struct.pack(">4I", 3, names_at + len(names), data_at, names_at)
    body = struct.pack(">I", len(content)) + content
    (tmp_path / "farm.rcc").write_bytes(head + body + names + nodes)
    assert unpacked(tmp_path / "farm.rcc") == {"farm/dog.wav": SOUND}


@pytest.mark.parametrize("name", ["../dog.ogg", "farm/../../dog.ogg", "/tmp/dog.ogg"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "public.zip", "w") as archive:
        archive.writestr(name, SOUND)
    with pytest.raises(ValueError, match="leads out of the folder"):
        unpacked(tmp_path / "public.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["public.zip"]


def test_another_archive_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.tar: \.zip, \.cat, \.rcc are allowed"):
        unpack(tmp_path / "a.tar", tmp_path)


def unpacked(archive: Path) -> dict[str, bytes]:
    into = archive.parent / "out"
    unpack(archive, into)
    files = (path for path in into.rglob("*") if path.is_file())
    return {path.relative_to(into).as_posix(): path.read_bytes() for path in files}
