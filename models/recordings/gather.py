"""Gather public recordings into one bank of sound: `python -m models.recordings.gather DEBS BANK`.

    python -m models.recordings.gather ~/debs ~/bank

DEBS holds the Debian packages that sources.yaml names, each checked by its digest; those that are
missing are left out, and said. Mono FLAC at 16 kHz comes of them:

BANK/train, BANK/val        the two never share a speaker or a take of one thing
    speech/SPEAKER/*.flac
    noise/GROUP/*.flac
    music/*.flac
BANK/manifest.csv           path, package, licence, by, source file, sha256 of the FLAC, seconds

Silence at both ends is cut off, what is too short or heard already is left out.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from models.recordings.archives import unpack
from models.recordings.sources import Package, Sounds, Sources, sources
from pipeline.core.backends import file_digest
from pipeline.media.command import ffmpeg_path

RATE = 16000
_FRAME = 320
_QUIET = 10 ** (-50 / 20)
_SHORTEST_S = 0.1

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """One line of the manifest."""

    path: str
    package: str
    licence: str
    by: str
    source: str
    sha256: str
    span_s: float


def gather(wanted: Sources, debs: Path, bank: Path) -> list[Row]:
    """Fill `bank` from the packages in `debs`; the manifest's rows."""
    rows: list[Row] = []
    heard: set[bytes] = set()
    for package in wanted.packages:
        root = unpacked(package, debs, bank.parent / "unpacked")
        if root is None:
            print(f"{package.name} {package.version} is not in {debs}: left out", file=sys.stderr)
            continue
        rows += _written(package, root, bank, heard, wanted.longest_s)
        print(package.name, len(rows), flush=True)
    bank.mkdir(parents=True, exist_ok=True)
    with (bank / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)
    return rows


def unpacked(package: Package, debs: Path, folder: Path) -> Path | None:
    """Where the files of a package lie, unpacked if they are not; None without its .deb.

    Raises:
        SystemExit: the .deb is not the one that sources.yaml names.
    """
    root = folder / package.name
    found = sorted(debs.glob(f"{package.name}_*.deb"))
    if not root.exists() and found:
        digest = file_digest(found[0])
        if digest != package.sha256:
            raise SystemExit(f"{found[0]}: sha256 {digest}, where {package.sha256} was expected")
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{package.name}.part"
        subprocess.run([_unpacker(), "-x", found[0], part], check=True)
        for archive in sorted(part.glob(package.archive)) if package.archive else ():
            unpack(archive, part)
        part.rename(root)
    return root if root.exists() else None


def _unpacker() -> str:
    """dpkg-deb, which is where Debian is.

    Raises:
        SystemExit: it is not.
    """
    path = shutil.which("dpkg-deb")
    if path is None:
        raise SystemExit("dpkg-deb is not installed: unpack each package by hand, see README.md")
    return path


def _written(
    package: Package, root: Path, bank: Path, heard: set[bytes], longest_s: float
) -> Iterator[Row]:
    count: Counter[str] = Counter()
    for source, sounds, folder in _chosen(package, root):
        if sounds.most and count[folder] >= sounds.most:
            continue
        wave = _cut(_read(root / source), longest_s)
        digest = hashlib.sha256(wave.tobytes()).digest()
        if len(wave) < _SHORTEST_S * RATE or digest in heard:
            continue
        heard.add(digest)
        count[folder] += 1
        name = re.sub(r"\W+", "_", source.rpartition(".")[0])[-80:]
        path = bank / folder / f"{package.name}-{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, wave, RATE, "PCM_16")
        sha256 = file_digest(path)
        where = path.relative_to(bank).as_posix()
        yield Row(
            where, package.name, package.licence, package.by, source, sha256, len(wave) / RATE
        )


def _chosen(package: Package, root: Path) -> Iterator[tuple[str, Sounds, str]]:
    """Files of a package, the rule that takes each, and its folder in the bank."""
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    for name in names:
        for sounds in package.sounds:
            match = re.search(sounds.files, name)
            if match and not (sounds.besides and re.search(sounds.besides, name)):
                yield name, sounds, f"{_split(sounds, name)}/{match.expand(sounds.into)}"
                break


def _split(sounds: Sounds, name: str) -> str:
    """`train` or `val`; all takes of one thing, whose names differ by digits, go together."""
    if sounds.split != "both":
        return sounds.split
    thing = re.sub(r"[\d_]+\.\w+$", "", name)
    return "val" if hashlib.sha256(thing.encode()).digest()[0] % 5 == 0 else "train"


def _read(path: Path) -> Array:
    """Mono at 16 kHz (n,)."""
    if path.suffix == ".g722":
        command = [ffmpeg_path(), "-v", "error", "-f", "g722", "-i", str(path), "-f", "f32le", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        return np.frombuffer(raw, np.float32)
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = wave.mean(1)
    return np.asarray(resample_poly(mono, RATE, rate), np.float32)


def _cut(wave: Array, longest_s: float) -> Array:
    """Without the silence at both ends, and at most so long, from a third of the way in."""
    frames = wave[: len(wave) // _FRAME * _FRAME].reshape(-1, _FRAME)
    level = np.sqrt((frames**2).mean(1)) if len(frames) else np.zeros(1)
    (loud,) = np.nonzero(level > max(1e-4, _QUIET * float(level.max())))
    if not len(loud):
        return wave[:0]
    wave = wave[max(0, loud[0] - 2) * _FRAME : (loud[-1] + 3) * _FRAME]
    longest = round(longest_s * RATE)
    start = max(0, len(wave) - longest) // 3
    wave = wave[start : start + longest]
    return wave * np.float32(0.9 / max(0.9, float(np.abs(wave).max())))


def main(argv: Sequence[str] | None = None) -> int:
    """Gather, and say how much there is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("debs", type=Path, help="folder with the .deb files")
    parser.add_argument("bank", type=Path, help="folder to fill")
    options = parser.parse_args(argv)
    rows = gather(sources(), options.debs, options.bank)
    spans: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        spans[row.path.rpartition("/")[0]] += row.span_s
    for folder, span_s in sorted(spans.items()):
        print(f"{folder}: {span_s / 60:.1f} min")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
