"""`cradle bench wild --media FOLDER`: footage that nobody here made, through all nine stages.

FOLDER holds `face/*.mp4`, `cry/*` and `laugh/*`. Each face gets the sound of an infant laid under
it, the clips are served by a local web server, and yt-dlp fetches them like any others. Most such
faces are adults': they are counted as what they are, and then once more with the question of age
left out, so that there is something to fit and to learn from.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import resample_poly

from pipeline import media
from pipeline.core import tables
from tests.bench._figures import Figure, report
from tests.e2e.project import Project, Ran

RATE_HZ = 44_100
SOUNDS_PER_FACE = 4
JUDGING = ("download", "isolate", "landmarks", "select", "fit", "pack")


def main(argv: Sequence[str]) -> int:
    """Run and print; 0 where every clip came through with a state and a reason."""
    parser = argparse.ArgumentParser(prog="cradle bench wild", description=__doc__)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="copy the reports here; they show the faces")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="cradle-wild-") as folder:
        clips = compose(arguments.media, Path(folder) / "served")
        with served(Path(folder) / "served") as address:
            project = Project.copy(Path(folder) / "project", nursery={"clips": 0})
            project.change(download={"allow_hosts": ["127.0.0.1"]})
            _catalogue(project, clips, address)
            figures = _run(project, "as it is", arguments.keep)
            project.change(select={"min_infant_likeness": 0.0, "min_surety": 0.0})
            figures += _run(project, "age left out", arguments.keep)
    return report("wild", figures, arguments.json)


def compose(source: Path, out: Path) -> list[tuple[str, str]]:
    """Lay infants' sounds under faces; returns (id, vocalization) of every clip made."""
    out.mkdir(parents=True)
    cries = cycle(sorted((source / "cry").glob("*")))
    laughs = cycle(sorted((source / "laugh").glob("*")))
    made = []
    for face in sorted((source / "face").glob("*.mp4")):
        for number in range(SOUNDS_PER_FACE):
            kind, sound = ("cry", next(cries)) if number % 2 == 0 else ("laugh", next(laughs))
            name = f"{face.stem}_{kind}_{number}"
            _lay(face, sound, out / f"{name}.mp4")
            made.append((name, kind))
    return made


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback."""
    handler = partial(_Quiet, directory=str(folder))
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: yt-dlp looks at the head of a file and hangs up."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _lay(face: Path, sound: Path, out: Path) -> None:
    heard, rate_hz = media.read_sound(sound)
    mono = heard.mean(axis=1) if heard.ndim == 2 else heard
    mono = resample_poly(mono, RATE_HZ, rate_hz)
    fps = media.probe(face).picture.fps
    frames = list(media.read_frames(face))
    wanted = round(len(frames) / fps * RATE_HZ)
    mono = np.resize(mono, wanted).astype(np.float32)
    part = out.with_suffix(".wav")
    media.write_sound(part, mono, RATE_HZ)
    height, width = (side - side % 2 for side in frames[0].shape[:2])
    with media.VideoWriter(out, width, height, fps, sound=part) as video:
        for frame in frames:
            video.write(frame[:height, :width])
    part.unlink()


def _catalogue(project: Project, clips: list[tuple[str, str]], address: str) -> None:
    path = project.root / "data/sources.csv"
    columns = path.read_text().splitlines()[0].split(",")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for name, kind in clips:
            writer.writerow(
                {
                    "id": name,
                    "address": f"{address}/{name}.mp4",
                    "vocalization": kind,
                    "source": name.rsplit("_", 2)[0],
                    "licence": "for measuring only",
                    "consent": "platform_cc",
                }
            )


def _run(project: Project, what: str, keep: Path | None) -> list[Figure]:
    ran = project.dvc("repro", "--keep-going")
    print(ran.output)
    if keep is not None and (project.root / "data/audit").exists():
        target = keep / what.replace(" ", "_")
        shutil.copytree(project.root / "data/audit", target, dirs_exist_ok=True)
    return [
        Figure(f"{what}: clips without a row", _lost(project), 0),
        *_clips(project, what),
        *_frames(project, what, ran),
    ]


def _lost(project: Project) -> int:
    came_in = set(pd.read_csv(project.root / "data/sources.csv")["id"])
    told: set[str] = set()
    for stage in JUDGING:
        path = project.root / f"data/{stage}/ledger.parquet"
        if path.exists():
            told |= set(tables.read(path)["clip"])
    return len(came_in - told)


def _clips(project: Project, what: str) -> list[Figure]:
    rows = tables.read(project.root / "data/select/ledger.parquet")
    counts = rows["reason"].value_counts()
    return [Figure(f"{what}: clips {reason}", int(count)) for reason, count in counts.items()]


def _frames(project: Project, what: str, ran: Ran) -> list[Figure]:
    rows = tables.read(project.root / "data/select/frames.parquet")
    counts = rows["reason"].value_counts()
    return [Figure(f"{what}: frames {reason}", int(count)) for reason, count in counts.items()]
