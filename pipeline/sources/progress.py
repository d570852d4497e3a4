"""How much has come of each source that is being fetched, beside the bar of the whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

_EVERY_S = 0.5
_MOST = 6


@contextmanager
def showing(root: Path, clips: Mapping[str, str]) -> Iterator[None]:
    """Show, while the block runs, what has come of each source; nothing where nobody looks.

    Args:
        root: the folder of what has come so far; see `partial`.
        clips: the clip of each folder in it.
    """
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    shower = threading.Thread(target=_show, args=(root, clips, done), daemon=True)
    shower.start()
    try:
        yield
    finally:
        done.set()
        shower.join()


def _show(root: Path, clips: Mapping[str, str], done: threading.Event) -> None:
    with tqdm(position=1, bar_format="{desc}", leave=False) as line:
        while not done.wait(_EVERY_S):
            line.set_description_str(coming(root, clips))


def coming(root: Path, clips: Mapping[str, str]) -> str:
    """How much has come of each, in words, the most first."""
    sizes = {clips[it.name]: _size(it) for it in root.glob("*") if it.name in clips}
    most = sorted(sizes.items(), key=lambda it: (-it[1], it[0]))
    told = [f"{clip} {size / 1e6:,.1f} MB" for clip, size in most[:_MOST]]
    return ", ".join(told + [f"and {len(most) - _MOST} more"] * (len(most) > _MOST))


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        # It may be gone by now.
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
