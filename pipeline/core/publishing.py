"""Files that are there whole or not at all.

publish(Path("out.npz"), content)
"""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import CradleError


def publish(path: Path, content: bytes) -> None:
    """Write a file under another name beside it, and give it its own by one rename.

    Raises:
        CradleError: it cannot be written; nothing is left of it.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CradleError(f"{path}: cannot be written: {error.strerror}") from None


def check_folder(path: Path) -> None:
    """Raise `CradleError` where there is no folder to write this file to."""
    if not path.parent.is_dir():
        raise CradleError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise CradleError(f"{path}: is a folder; name a file to write")
