"""When a disk is full or may not be written to: said to a person, and held against no clip."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from pipeline.core.errors import StoreError

_FULL = {errno.ENOSPC: "there is no room left", errno.EDQUOT: "the quota is used up"}
_SHUT = {
    errno.EROFS: "the disk can only be read",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
}
_SAID = ("No space left on device", "Disk quota exceeded")
_PROBE_BYTES = 4 << 20


class DiskError(StoreError):
    """The disk is full, or may not be written to."""


def told(error: OSError, where: Path) -> DiskError | None:
    """What an error says of the disk; None where it is about something else.

    Args:
        error: anything the system said.
        where: the folder that is written into; what a clip's own file refuses is no affair of it.
    """
    number, name = error.errno or 0, error.filename
    inside = name is None or Path(str(name)).absolute().is_relative_to(where.absolute())
    what = _FULL.get(number) or (_SHUT.get(number) if inside else None)
    if what is None:
        return None
    return DiskError(
        f"{where}: {what} ({error.strerror}); nothing is damaged: mend that and run again"
    )


def make_sure_of_room(words: str, folder: Path) -> None:
    """Tell a full disk from words that only sound so: a stranger's file may say anything.

    Raises:
        OSError: the words are about a full disk, and there is no room in `folder` indeed.
    """
    if any(said in words for said in _SAID):
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, _PROBE_BYTES)
