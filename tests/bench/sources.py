"""`cradle bench sources`: whether copies are known again, and strangers never.

Clips of a finished run (`--project`), and films of real faces under real sounds (`--media`), are
changed as those are who upload them again. A folder that is not there is left out, and said to be.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from pipeline import media
from pipeline.core import tables
from pipeline.media.command import ffmpeg_path
from pipeline.sources import known
from pipeline.sources.fingerprint import Fingerprint, fingerprint
from pipeline.sources.matching import Index
from tests.bench._figures import Figure, report

AGAIN = ("-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-c:a", "aac")
CHANGES = {
    "encoded again": ("-crf", "33", "-b:a", "64k"),
    "smaller, 25 a second, mp3": (
        "-vf",
        "scale=trunc(iw/4)*2:-2",
        "-r",
        "25",
        "-c:a",
        "libmp3lame",
    ),
    "cropped by 10%, in the middle": ("-vf", "crop=iw*0.9:ih*0.9"),
    "cropped by 10%, at a corner": ("-vf", "crop=iw*0.9:ih*0.9:0:ih*0.1"),
    "cropped by 10% on every side": ("-vf", "crop=iw*0.8:ih*0.8"),
    "cut at both ends": ("-ss", "1.13", "-t", "2.5"),
    "a quarter of the volume": ("-af", "volume=0.25"),
    "three times the volume": ("-af", "volume=3"),
    "all at once": (
        *("-ss", "0.71", "-t", "3.3", "-vf", "crop=iw*0.9:ih*0.9:iw*0.1:0,scale=-2:240"),
        *("-crf", "30", "-af", "volume=0.5", "-b:a", "80k"),
    ),
}
LIMITS = media.Limits(max_side_px=640)
SPAN_S = 5.0


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0 where every figure is reached."""
    parser = argparse.ArgumentParser(prog="cradle bench sources", description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--project", type=Path, default=Path(), help="a finished run")
    parser.add_argument("--media", type=Path, help="a folder with face, cry, laugh and speech")
    parser.add_argument("--clips", type=int, default=40, help="the most of each kind")
    parser.add_argument("--strangers", type=Path, help="another finished run, of other clips")
    parser.add_argument("--skip", type=int, default=0, help="take other recordings of the media")
    parser.add_argument("--only", choices=["nursery", "real"], help="leave the other kind out")
    parser.add_argument("--changes", type=int, default=len(CHANGES), help="how many, from the last")
    arguments = parser.parse_args(argv)
    changes = list(CHANGES)[-arguments.changes :]
    with tempfile.TemporaryDirectory(prefix="cradle-") as name:
        folder = Path(name)
        kinds = {
            "nursery": lambda: _of_run(arguments.project, arguments.clips),
            "real": lambda: _of_media(arguments.media, folder, arguments.clips, arguments.skip),
        }
        strangers = known.prints(arguments.strangers or arguments.project)
        figures = [
            figure
            for kind, clips in kinds.items()
            if arguments.only in (None, kind)
            for figure in _measured(kind, dict(clips()), changes, folder, strangers)
        ]
    return report("copies of clips", figures, arguments.json)


def _of_run(root: Path, most: int) -> Iterator[tuple[str, tuple[Path, Path]]]:
    path = root / "data/download/clips.parquet"
    rows = tables.read(path, ["clip", "media_key"]) if path.exists() else None
    if rows is None:
        print(f"{path}: not there; the nursery's clips are left out")
        return
    for clip, key in list(rows.itertuples(index=False))[:most]:
        stored = root / "data/.store/media" / key[:2] / key
        yield clip, (stored / media.VIDEO, stored / media.SOUND_44K)


def _of_media(
    root: Path | None, folder: Path, most: int, skip: int
) -> Iterator[tuple[str, tuple[Path, Path]]]:
    """A part of a film of a face under each recording; many share a face, none a sound."""
    if root is None or not root.is_dir():
        print(f"{root}: not there; real recordings are left out")
        return
    faces = sorted(root.glob("face/*.mp4"))
    sounds = [it for kind in ("cry", "laugh", "speech", "noise") for it in root.glob(f"{kind}/*")]
    sounds = sorted(it for it in sounds if it.suffix in {".wav", ".flac", ".mp3", ".ogg"})
    step = max(1, len(sounds) // most)
    for number, sound in enumerate(sounds[skip % step :: step][:most]):
        video = folder / f"film_{number}.mp4"
        start_s = 1.0 * (number // len(faces) % 3) + 0.37 * skip
        _ffmpeg(
            *("-stream_loop", "-1", "-ss", f"{start_s}", "-i", faces[number % len(faces)]),
            *("-t", f"{SPAN_S}", "-an", "-vf", "scale=-2:360", *AGAIN[:6], video),
        )
        yield f"real_{number}", (video, sound)


def _measured(
    kind: str,
    clips: dict[str, tuple[Path, Path]],
    changes: list[str],
    folder: Path,
    strangers: dict[str, Fingerprint],
) -> Iterator[Figure]:
    if not clips:
        return
    jobs = [(folder, name, change, *of) for name, of in clips.items() for change in ["", *changes]]
    began = time.process_time()
    with ProcessPoolExecutor() as pool:
        prints = dict(pool.map(_print_of, jobs))
    originals = {name: prints[name, ""] for name in clips}
    index = Index({**strangers, **originals})
    others = len({*strangers, *originals}) - 1
    recalls, wrong, pairs = [], 0, 0
    for change in changes:
        told = {name: {it.name for it in index.like(prints[name, change])} for name in clips}
        found = [name in names for name, names in told.items()]
        wrong += sum(len(names - {name}) for name, names in told.items())
        pairs += len(clips) * others
        recalls += found
        yield Figure(f"{kind}: {change}, found", float(np.mean(found)), unit="")
    note = f"{len(clips)} clips, {len(recalls)} copies, {pairs:,} pairs of strangers"
    yield Figure(f"{kind}: copies found", float(np.mean(recalls)), 0.95, ">=", note=note)
    yield Figure(f"{kind}: strangers taken for copies", wrong / max(1, pairs), 0.001)
    size = [it.marks.nbytes + it.times.nbytes + it.pictures.nbytes for it in originals.values()]
    yield Figure(f"{kind}: a fingerprint's size", float(np.mean(size)) / 1000, unit="kB")
    yield Figure(f"{kind}: of it, the search", time.process_time() - began, unit="s")


def _print_of(job: tuple[Path, str, str, Path, Path]) -> tuple[tuple[str, str], Fingerprint]:
    """The fingerprint of a clip, changed first where a change is named."""
    folder, name, change, video, sound = job
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made, out = Path(place, "made.mp4"), Path(place, "out")
        out.mkdir()
        both = ("-i", video, "-i", sound, "-map", "0:v", "-map", "1:a", "-shortest")
        _ffmpeg(*both, *AGAIN, *(CHANGES[change] if change else ("-crf", "16")), made)
        media.normalise(made, out, LIMITS)
        return (name, change), fingerprint(out)


def _ffmpeg(*words: object) -> None:
    argv = [ffmpeg_path(), "-nostdin", "-v", "error", "-y", *map(str, words)]
    subprocess.run(argv, check=True, timeout=300)
