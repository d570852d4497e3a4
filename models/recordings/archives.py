"""Sounds that lie packed within a package: in a zip, OpenTTD's .cat or Qt's resource files."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

_SOUNDS = (".ogg", ".wav")
_FOLDER, _ZLIB, _ZSTD = 2, 1, 4


def unpack(archive: Path, into: Path) -> None:
    """Write the sounds that an archive holds below `into`, under their names in it.

    Raises:
        ValueError: it is none of .zip, .cat and .rcc, or a name in it leads out of `into`.
    """
    readers = {".zip": _of_zip, ".cat": _of_cat, ".rcc": _of_rcc}
    if archive.suffix not in readers:
        raise ValueError(f"{archive}: {', '.join(readers)} are allowed")
    for name, content in readers[archive.suffix](archive):
        if name.endswith(_SOUNDS):
            path = into / name
            if not path.resolve().is_relative_to(into.resolve()):
                raise ValueError(
                    f"{archive}: {name!r} leads out of the folder; nothing was written"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _of_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(_SOUNDS):
                yield name, archive.read(name)


def _of_cat(path: Path) -> Iterator[tuple[str, bytes]]:
    """An index of (offset, length), then before each RIFF file a title behind its length."""
    content = path.read_bytes()
    count = (_u32(content, 0, "<") & 0x7FFFFFFF) // 8
    for number in range(count):
        at = _u32(content, 8 * number, "<") & 0x7FFFFFFF
        length = _u32(content, 8 * number + 4, "<")
        start = at + 1 + content[at]
        title = content[at + 1 : start].split(b"\0")[0].decode("latin-1")
        words = re.findall(r"\w+", title.split('"')[1].lower())
        yield f"{number:02}_{'_'.join(words)}.wav", content[start : start + length]


def _of_rcc(path: Path) -> Iterator[tuple[str, bytes]]:
    """Qt's tree of names, whose leaves point to contents: as they are, by zlib or by zstd."""
    content = path.read_bytes()
    version, tree, data, names = struct.unpack_from(">4I", content, 4)
    size = 14 if version < 2 else 22

    def leaves(number: int, above: str) -> Iterator[tuple[str, bytes]]:
        at = tree + size * number
        name_at, flags = struct.unpack_from(">IH", content, at)
        where = above + (_name(content, names + name_at) if number else "")
        if flags & _FOLDER:
            count, first = struct.unpack_from(">2I", content, at + 6)
            for child in range(first, first + count):
                yield from leaves(child, f"{where}/" if number else "")
        elif where.endswith(_SOUNDS):
            begin = data + _u32(content, at + 10, ">") + 4
            end = begin + _u32(content, begin - 4, ">")
            yield where, _plain(content[begin:end], flags)

    yield from leaves(0, "")


def _plain(packed: bytes, flags: int) -> bytes:
    if flags & _ZLIB:
        return zlib.decompress(packed[4:])
    if flags & _ZSTD:
        zstd = shutil.which("zstd")
        if zstd is None:
            raise SystemExit("zstd is not installed: it unpacks Qt's resources")
        return subprocess.run([zstd, "-dc"], input=packed, capture_output=True, check=True).stdout
    return packed


def _name(content: bytes, at: int) -> str:
    length = struct.unpack_from(">H", content, at)[0]
    return content[at + 6 : at + 6 + 2 * length].decode("utf-16-be")


def _u32(content: bytes, at: int, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", content, at)[0])
