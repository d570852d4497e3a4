"""Where a clip has left traces: every file of the project, and of DVC's cache and those of its
remotes that are folders here, that tells of it.

A table is looked into, column by column; any other file, and its name, is searched for the id, as a
word of its own or before the `__` of a span's number, and for the digest. What says no more than
that the clip was withdrawn is no trace.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.reasons import State
from pipeline.sources.remotes import remotes

WHERE = ("data", "models", ".dvc/cache", ".dvc/tmp")
RECORDS = ("data/takedowns.csv", "data/sources.csv", "data/looked.csv")
"""They name what is withdrawn so that it stays away, and who has looked at whose face."""
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
    ids, digests = set(ids), set(digests)
    words = _words(ids, digests)
    excused = {root / name for name in RECORDS}
    if ids <= _withdrawn(root):
        # A report made since shows them in the row of what was withdrawn.
        excused.add(root / REPORT)
    places = {top: root / top for top in WHERE}
    places |= {f"the remote {it.name}": it.folder for it in remotes(root) if it.folder}
    for place, folder in places.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path not in excused and _tells(folder, path, words):
                yield Trace(place, path)


def _withdrawn(root: Path) -> set[str]:
    path = root / LEDGER
    if not path.exists():
        return set()
    rows = pq.read_table(path, columns=["clip", "state"]).to_pylist()
    return {row["clip"] for row in rows if row["state"] == State.WITHDRAWN}


def _words(ids: set[str], digests: set[str]) -> re.Pattern[bytes]:
    either = "|".join(re.escape(word) for word in sorted(ids | digests))
    return re.compile(rf"(?<![A-Za-z0-9_])(?:{either})(?![A-Za-z0-9]|_(?!_))".encode())


def _tells(folder: Path, path: Path, words: re.Pattern[bytes]) -> bool:
    if words.search(os.fsencode(path.relative_to(folder))):
        return True
    content = path.read_bytes()
    if content[:4] == _PARQUET:
        return _table_tells(pq.read_table(pa.BufferReader(content)), words)
    return words.search(content) is not None


def _table_tells(table: pa.Table, words: re.Pattern[bytes]) -> bool:
    if {"clip", "state"} <= set(table.column_names):
        table = table.filter(pc.not_equal(table["state"], str(State.WITHDRAWN)))
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            different = pc.unique(column).to_pylist()
            if words.search("\n".join(value for value in different if value).encode()):
                return True
    return False
