"""What has come of a source so far, kept so that a run that is broken off goes on from there.

    data/.store/.partial/3f9a.../1.media.part     some of it
    data/.store/.partial/3f9a.../1.media          all of it
    data/.store/.partial/3f9a.../had.json         what the fetcher said of it, once all is there

A folder goes as soon as its clip is measured, or cannot be; whatever is left of a source that is no
longer asked for goes at the end of the next run.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.errors import ClipFailed
from pipeline.core.reasons import Reason

FOLDER = ".partial"
HAD = "had.json"
_LOCK = ".lock"


@contextmanager
def kept(folder: Path | None, instead: Path) -> Iterator[Path]:
    """Give the folder to fetch into, with what an earlier attempt left there.

    It stays where the block is killed, or ends because a source could not be reached; else it goes.

    Args:
        folder: the source's own; None where nothing may be kept.
        instead: an empty folder, used where there is no other or another process works in it.
    """
    if folder is None:
        yield instead
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield instead
            return
        try:
            yield folder
        except ClipFailed as error:
            if error.reason is not Reason.UNREACHABLE:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def empty(folder: Path) -> bool:
    """Remove what an earlier attempt left; whether there was anything."""
    left = [path for path in folder.iterdir() if path.name != _LOCK]
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return bool(left)


def had(folder: Path) -> dict[str, Any] | None:
    """What the fetcher said of the files that lie here whole."""
    try:
        answer: dict[str, Any] = json.loads((folder / HAD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    names = [answer["picture"], answer["sound"]]
    return answer if all((folder / name).is_file() for name in names if name) else None


def note(folder: Path, answer: Mapping[str, Any]) -> None:
    """Remember that all of it is here."""
    temporary = folder / f".{HAD}"
    temporary.write_text(json.dumps(dict(answer)), encoding="utf-8")
    temporary.replace(folder / HAD)


def sweep(root: Path, wanted: Collection[str]) -> None:
    """Remove what is left in `root` of sources other than those `wanted`, by name of folder."""
    for folder in root.glob("*"):
        if folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)
