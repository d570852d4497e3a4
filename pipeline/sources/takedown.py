"""Taking a clip back: whose it is, the tombstone that keeps it away, and every trace of it.

    taken = named(root, "holiday_03")       an id, an address, or the digest of a file or its media
    bury(root, taken, "the parents asked")  rows in data/takedowns.csv; it is never fetched again
    remove(root, taken)                     what was made of it, in tables, store and DVC's cache

What no table names cannot be told whose it is, so all of it goes: measurements of other thresholds
and older code. It costs the time to make them again, and is the only way to be sure.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from pipeline.core import tables
from pipeline.core.errors import CradleError
from pipeline.core.named import named_keys
from pipeline.core.words import without_addresses
from pipeline.sources import address as addresses
from pipeline.sources import known, partial
from pipeline.sources.catalogue import SOURCES, TAKEDOWNS
from pipeline.sources.known import CLIPS, STORE
from pipeline.sources.matching import Match
from pipeline.sources.traces import MENTIONS, REST, Trace, traces

if TYPE_CHECKING:
    import pandas as pd

GENERATED = Path("data/evaluate/videos")
"""Faces that move to a sound of the test split; a file's name tells of the face alone."""
UNNAMED = ("meshes", "pictures")
"""Steps whose measurements no table names; they are quickly made again."""
COLUMNS = ("id", "address", "digest", "date", "reason", "taken_with")
DIGESTS = ("media_digest", "source_digest")


@dataclass(frozen=True)
class Taken:
    """What is taken back: every clip that shows the same."""

    ids: tuple[str, ...]
    addresses: tuple[str, ...]
    digests: tuple[str, ...]
    """SHA-256 of normalised media, and of the files that they were made of."""
    alike: tuple[Match, ...] = ()
    """The clips that are among them because they look and sound the same."""
    group: str = ""
    """The id that their tombstones share, of clips that show the same."""


def named(root: Path, word: str, *, copies: bool = True) -> Taken:
    """Find what an id, address or digest names, and the same content under other ids.

    Args:
        root: the project's folder.
        word: an id, an address, or the SHA-256 of a file or of its media.
        copies: whether what only looks and sounds the same is the same content.

    Raises:
        CradleError: nothing here, now or withdrawn before, goes by that name.
    """
    listed, made = _listed(root), _made(root)
    buried = _rows(root / TAKEDOWNS)
    ids = {row["id"] for row in [*listed, *buried] if word in (row["id"], row["address"])}
    ids |= {row["id"] for row in listed if _same_address(word, row["address"])}
    ids |= {row["id"] for row in buried if word in row["digest"].split()}
    ids |= set(made.loc[made.isin([word]).any(axis=1), "clip"])
    alike = [it for it in known.alike(root, ids) if it.name not in ids] if copies else []
    ids |= {it.name for it in alike}
    ids |= _buried_with(buried, ids) if copies else set()
    digests = _digests_of(made, ids)
    ids |= set(made.loc[made.isin(list(digests)).any(axis=1), "clip"])
    found = {row["address"] for row in listed if row["id"] in ids}
    ids |= {row["id"] for row in listed if any(_same_address(a, row["address"]) for a in found)}
    ids.discard("")
    if not ids:
        raise CradleError(
            f"{without_addresses(repr(word[:200]))}: no clip of {SOURCES}, {TAKEDOWNS} or {CLIPS} "
            "has this id, address or digest"
        )
    digests |= _digests_of(made, ids) | {
        d for row in buried if row["id"] in ids for d in row["digest"].split()
    }
    sorts = [tuple(sorted(it)) for it in (ids, found, digests)]
    groups = {row["taken_with"] for row in buried if row["id"] in ids} - {""}
    group = min(groups, default=sorts[0][0])
    return Taken(sorts[0], sorts[1], sorts[2], tuple(alike), group)


def expired(root: Path, today: date) -> Taken:
    """What was to be kept until a day that is past, of what is not withdrawn yet.

    Each row has a date of its own: what shows the same under a row that stays, stays.
    """
    buried = {row["id"] for row in _rows(root / TAKEDOWNS)}
    ids = {
        row["id"]
        for row in _listed(root)
        if row["id"] not in buried and (until := row.get("retention_until", "").strip())
        if date.fromisoformat(until) < today
    }
    if not ids:
        # Nothing is asked of a table that may be long.
        return Taken((), (), ())
    made = _made(root)
    others = _digests_of(made, set(made["clip"]) - ids)
    return Taken(tuple(sorted(ids)), (), tuple(sorted(_digests_of(made, ids) - others)))


def bury(root: Path, taken: Taken, reason: str, today: date) -> int:
    """Add the tombstones that are not there yet; returns how many."""
    path = root / TAKEDOWNS
    rows = _rows(path)
    already = {row["id"] for row in rows}
    address_of = {row["id"]: row["address"] for row in _listed(root)}
    made = _made(root)
    new = [
        {
            "id": name,
            "address": address_of.get(name, "") if address_of.get(name) in taken.addresses else "",
            "digest": " ".join(sorted(_digests_of(made, {name}) & set(taken.digests))),
            "date": str(today),
            "reason": reason,
            "taken_with": taken.group if len(taken.ids) > 1 else "",
        }
        for name in taken.ids
        if name not in already
    ]
    if new:
        _write(path, COLUMNS, [*rows, *new])
    return len(new)


def remove(root: Path, taken: Taken, told: Callable[[Trace], None]) -> None:
    """Remove every trace, telling of each; whoever is interrupted may simply ask again."""
    found_there = traces(root, taken.ids, taken.digests)
    places = {trace.path: trace.place for trace in found_there if trace.place != MENTIONS}
    found = set(places)
    if learned(root, taken):
        found |= set((root / GENERATED).glob("*"))
    folders = {_entry(root, path) for path in found if path.is_relative_to(root / STORE)}
    # Half of a recording has no name that tells whose it is, and is soon fetched again.
    folders |= set((root / STORE / partial.FOLDER).glob("*"))
    # The store first: once the tables are gone, nothing says any more what belongs to others.
    for folder in sorted(folders | set(orphans(root, taken))):
        told(Trace("the store", folder))
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            # A traceback, or what is known of files.
            folder.unlink(missing_ok=True)
    for path in sorted(found):
        if not path.is_relative_to(root / STORE):
            told(Trace(_place(root, path, places), path))
            path.unlink(missing_ok=True)
            if path.parent.suffix == ".parquet":
                # A table without one of its parts would be read as if it were whole.
                shutil.rmtree(path.parent, ignore_errors=True)


def orphans(root: Path, taken: Taken) -> list[Path]:
    """Measurements that no clip which stays is named with, by the tables of the last run."""
    told = named_keys(sorted((root / "data").glob("*/clips.parquet")), besides=taken.ids)
    needed = {step: set[str]() for step in UNNAMED} | told
    return [
        folder
        for step, keys in sorted(needed.items())
        for folder in sorted((root / STORE / step).glob("??/*"))
        if folder.name not in keys
    ]


def outside(root: Path, taken: Taken) -> list[Path]:
    """Files that its rows name and that lie outside the project, where nothing is removed."""
    local = [root / it for it in taken.addresses if not addresses.is_remote(it)]
    return [it for it in local if it.is_file() and not it.resolve().is_relative_to(root.resolve())]


def _entry(root: Path, path: Path) -> Path:
    """The folder of the measurement that a file of the store belongs to."""
    return root / STORE / Path(*path.relative_to(root / STORE).parts[:3])


def learned(root: Path, taken: Taken) -> list[str]:
    """The splits in which the last dataset showed it to a model that trained or was chosen."""
    splits: set[str] = set()
    for path in (root / "data/pack").glob("*.parquet"):
        if {"clip", "split"} <= set(pq.read_schema(path).names):
            rows = tables.read(path, ["clip", "split"])
            splits |= set(rows.loc[rows["clip"].isin(taken.ids), "split"])
    return sorted(splits)


def _place(root: Path, path: Path, places: Mapping[Path, str]) -> str:
    if places.get(path) == REST or not path.is_relative_to(root):
        return places[path]
    return "DVC's cache" if path.is_relative_to(root / ".dvc") else "tables and files"


def _buried_with(buried: Sequence[Mapping[str, str]], ids: set[str]) -> set[str]:
    """What was taken back together with some clips; what told that they show the same is gone."""
    groups = {row["taken_with"] for row in buried if row["id"] in ids} - {""}
    return {row["id"] for row in buried if row["taken_with"] in groups}


def _listed(root: Path) -> list[dict[str, str]]:
    return _rows(root / SOURCES)


def _made(root: Path) -> pd.DataFrame:
    import pandas as pd

    rows = tables.read(root / CLIPS) if (root / CLIPS).exists() else pd.DataFrame()
    # A table of an older version knows of fewer digests.
    return rows.reindex(columns=["clip", *DIGESTS]).astype(object)


def _digests_of(made: pd.DataFrame, ids: Iterable[str]) -> set[str]:
    found = made.loc[made["clip"].isin(list(ids)), list(DIGESTS)]
    return {str(digest) for digest in found.to_numpy().ravel() if isinstance(digest, str)}


def _same_address(word: str, other: str) -> bool:
    return bool(word) and addresses.same(word) == addresses.same(other)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {**dict.fromkeys(COLUMNS, ""), **{k: v or "" for k, v in row.items() if k}}
            for row in csv.DictReader(file)
        ]


def _write(path: Path, columns: Iterable[str], rows: Iterable[dict[str, str]]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)
