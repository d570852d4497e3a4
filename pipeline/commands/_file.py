"""What the commands that work on one file share: its normal form, and the project's parameters."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import media
from pipeline.core.errors import ClipFailed, CradleError
from pipeline.params import FILE, Everything, load

if TYPE_CHECKING:
    from pipeline.voice.vocalizations import Typist


def existing(path: Path) -> Path:
    """Return `path` if it is a file.

    Raises:
        CradleError: it is not.
    """
    if not path.is_file():
        raise CradleError(f"{path}: there is no such file")
    return path


def root() -> Path:
    """The project in this folder, or Cradle itself outside any project."""
    from pipeline.core.code import PROJECT

    return Path.cwd() if Path(FILE).is_file() else PROJECT


def params() -> Everything:
    """The parameters of the project in this folder, or of Cradle itself outside any project."""
    return load(root())


def typist_of(known: Everything) -> Typist:
    """What tells the project's kinds of vocalization apart."""
    from pipeline.voice.vocalizations import learn

    return learn(known.vocalizations, root())


@contextmanager
def normalised(path: Path) -> Iterator[tuple[Path, media.MediaInfo]]:
    """Bring a video into the form that the stages work on, in a folder that is removed again.

    Raises:
        CradleError: it cannot be brought into that form; says which file, for which named reason,
            and what was measured against what is allowed.
    """
    with tempfile.TemporaryDirectory(prefix="cradle-") as folder:
        try:
            info = media.normalise(existing(path), Path(folder), media.Limits())
        except ClipFailed as error:
            raise CradleError(f"{path}: {error}{_against(error)}") from None
        yield Path(folder), info


def _against(error: ClipFailed) -> str:
    if error.measured is None or error.threshold is None:
        return ""
    return f" ({error.measured:.12g}; must be {error.op} {error.threshold:.12g})"
