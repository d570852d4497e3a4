"""Which packages hold which sounds, by whom, under which terms: sources.yaml beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.core.params import Params, read

FOLDER = Path(__file__).resolve().parent


class Sounds(Params):
    """Files of a package that belong to one kind of sound."""

    files: str
    """Regular expression that is found in the path of each."""
    besides: str | None = None
    """Regular expression of those that are left out for all that."""
    into: str
    r"""Folder: `speech/SPEAKER`, `noise/GROUP` or `music`; `\1` is a group of `files`."""
    split: Literal["train", "val", "both"]
    """Learned from, only chosen by, or four things of five learned from."""
    most: int | None = Field(default=None, gt=0)
    """Of each folder take at most so many."""


class Package(Params):
    """A Debian package."""

    name: str
    version: str
    sha256: str
    """Of the .deb."""
    licence: str
    """Of the files that are taken, as the package's own copyright file has it."""
    by: str
    """Whom to name."""
    archive: str | None = None
    """Archives in it that hold the sounds, as a pattern; see archives.py."""
    sounds: tuple[Sounds, ...]
    """The first that takes a file has it."""


class Sources(Params):
    """What is gathered."""

    longest_s: float = Field(gt=0)
    """So much of a longer sound is taken, from a third of the way in."""
    packages: tuple[Package, ...]


def sources() -> Sources:
    """Read sources.yaml.

    Raises:
        ParamsError: a key is missing, unknown or out of range.
    """
    return read(FOLDER / "sources.yaml", Sources)
