"""Recordings on disk, as a user has them, and a catalogue that names them as often as is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core import tables
from tests.e2e.project import Project, Ran, cut

FOLDER = "films"
KINDS = ("cry", "laugh", "babble", "fuss")
MOST_RENDERED = 100
"""To render a film takes several times as long as to measure it."""


def films(root: Path, number: int, span_s: float) -> Project:
    """A project without a nursery, whose `films` are so many clips that one has made.

    Beyond `MOST_RENDERED` they are the same ones without some of their last frames.
    """
    rendered = min(number, MOST_RENDERED)
    project = Project.copy(root, nursery={"clips": rendered, "span_s": span_s})
    whole(project.dvc("repro", "download"))
    (root / FOLDER).mkdir()
    found = list(stored(project))
    for place in range(number):
        fewer, which = divmod(place, len(found))
        clip, video, sound = found[which]
        cut(video, sound, root / FOLDER / f"{clip}_{fewer:02}.mp4", fewer)
    project.change(nursery={"clips": 0})
    shutil.rmtree(root / "data/.store")
    return project


def another(project: Project) -> Path:
    """The first film without some of its last frames, as nothing has measured it yet."""
    fewer = 1 + len(list((project.root / FOLDER).glob("without_*")))
    _, video, sound = next(stored(project))
    out = project.root / FOLDER / f"without_{fewer}.mp4"
    cut(video, sound, out, fewer)
    return out


def name(project: Project, rows: int, besides: Sequence[Path] = ()) -> None:
    """List so many clips, each of a source of its own, over the films that there are."""
    found = [it for it in sorted((project.root / FOLDER).iterdir()) if "without" not in it.name]
    wanted = [found[number % len(found)] for number in range(rows)] + list(besides)
    lines = [
        f"clip_{number:06},{path},{_kind(path)},source_{number:06},CC0,synthetic\n"
        for number, path in enumerate(wanted)
    ]
    header = "id,address,vocalization,source,licence,consent\n"
    (project.root / "data/sources.csv").write_text(header + "".join(lines))


def whole(ran: Ran) -> Ran:
    """What a command did, where it came to its end."""
    if ran.code != 0:
        raise SystemExit(f"a run ended with {ran.code}:\n{ran.output[-2000:]}")
    return ran


def _kind(path: Path) -> str:
    return next((it for it in KINDS if it in path.name), KINDS[0])


def stored(project: Project) -> Iterator[tuple[str, Path, Path]]:
    """Every clip of the last run: its id, picture and sound."""
    columns = ["clip", "media_key"]
    rows = tables.read(project.root / "data/download/clips.parquet", columns).dropna()
    for row in rows.itertuples(index=False):
        folder = project.root / "data/.store/media" / row.media_key[:2] / row.media_key
        yield row.clip, folder / "video.mp4", folder / "sound_44k.flac"
