"""Where a clip has left traces: every file of the project, and of DVC's cache and those of its
remotes that are folders here, that tells of it.

A table is looked into, column by column; any other file, and its name, is searched for the id, as a
word of its own or before the `__` of a span's number, and for the digest, which its content may
have itself. What says no more than that the clip was withdrawn is no trace. In the rest of the
project, which is its owner's, an id may be any word: there it is the digest that tells.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core import tables
from pipeline.core.reasons import State
from pipeline.sources.remotes import remotes

WHERE = ("data", "models", ".dvc/cache", ".dvc/tmp")
NOBODYS = (".git", ".venv", ".uv", ".dvc")
"""Not looked into beyond that: versions, and what others wrote."""
RECORDS = ("data/takedowns.csv", "data/takedowns", "data/sources.csv", "data/looked.csv")
"""They name what is withdrawn so that it stays away, and who has looked at whose face."""
REST, MENTIONS = "the rest of the project", "mentions in the rest of the project"
"""What is its owner's own: the recording itself goes from there, what names it is only told."""
STORE = "data/.store"
REPORT = "data/audit/report.html"
LEDGER = "data/download/ledger.parquet"
_PARQUET = b"PAR1"


@dataclass(frozen=True)
class Trace:
    """A file or folder that tells of a clip."""

    place: str
    path: Path


def traces(root: Path, ids: Iterable[str], digests: Iterable[str]) -> Iterator[Trace]:
    """Find what tells of the clips with these ids, or of media with these digests.

    Args:
        root: the project's folder.
        ids: of clips.
        digests: SHA-256 of normalised media.
    """
    wanted = _Wanted(ids, digests)
    excused = {root / name for name in RECORDS}
    if wanted.ids <= _withdrawn(root):
        # A report made since shows them in the row of what was withdrawn.
        excused.add(root / REPORT)
    for place, folder, path in files(root):
        if excused.isdisjoint([path, *path.parents]) and (
            found := wanted.told_by(folder, path, place)
        ):
            yield Trace(found, path)


def files(root: Path) -> Iterator[tuple[str, Path, Path]]:
    """Every file that is searched: where it is, below which folder, and its path."""
    places = {top: root / top for top in WHERE}
    places |= {f"the remote {it.name}": it.folder for it in remotes(root) if it.folder}
    for place, folder in places.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield place, folder, path
    for top in sorted(root.iterdir()):
        if top.name in (*NOBODYS, *WHERE):
            continue
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix != ".pyc":
                yield REST, root, path


def _withdrawn(root: Path) -> set[str]:
    path = root / LEDGER
    if not path.exists():
        return set()
    rows = tables.rows(tables.arrow(path, ["clip", "state"]))
    return {row["clip"] for row in rows if row["state"] == State.WITHDRAWN}


class _Wanted:
    """What is looked for."""

    def __init__(self, ids: Iterable[str], digests: Iterable[str]) -> None:
        self.ids, self._digests = set(ids), set(digests)
        self._words = _words(self.ids, self._digests)
        self._either = [word.encode() for word in sorted(self.ids | self._digests)]

    def told_by(self, folder: Path, path: Path, place: str) -> str:
        """The place that a file which tells of it counts to; nothing where it does not."""
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() in self._digests:
            return place
        if place == REST:
            named = any(digest.encode() in content for digest in self._digests)
            return MENTIONS if named else ""
        return place if self._words_are_in(path.relative_to(folder), content) else ""

    def _words_are_in(self, name: Path, content: bytes) -> bool:
        if self._words.search(os.fsencode(name)):
            return True
        if content[:4] == _PARQUET:
            return _table_tells(pq.read_table(pa.BufferReader(content)), self._words)
        # Whether a word is there at all is told a hundred times as fast as whether it stands alone.
        there = any(word in content for word in self._either)
        return there and self._words.search(content) is not None


def _words(ids: set[str], digests: set[str]) -> re.Pattern[bytes]:
    either = "|".join(re.escape(word) for word in sorted(ids | digests))
    return re.compile(rf"(?<![A-Za-z0-9_])(?:{either})(?![A-Za-z0-9]|_(?!_))".encode())


def _table_tells(table: pa.Table, words: re.Pattern[bytes]) -> bool:
    if {"clip", "state"} <= set(table.column_names):
        table = table.filter(pc.not_equal(table["state"], str(State.WITHDRAWN)))
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            different = pc.unique(column).to_pylist()
            if words.search("\n".join(value for value in different if value).encode()):
                return True
    return False
