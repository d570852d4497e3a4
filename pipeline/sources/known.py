"""What the last run knows of the clips that are here: their content, and what they look like."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core import tables
from pipeline.core.store import Entry, Store
from pipeline.sources.fingerprint import Fingerprint
from pipeline.sources.matching import Index, Match

if TYPE_CHECKING:
    import pandas as pd

CLIPS = Path("data/download/clips.parquet")
STORE = Path("data/.store")


def prints(root: Path) -> dict[str, Fingerprint]:
    """The fingerprint of every clip that was kept, by id; a run that took none has none."""
    path, store = root / CLIPS, Store(root / STORE)
    if not path.exists() or "fingerprint_key" not in tables.columns_of(path):
        return {}
    rows = tables.read(path, ["clip", "fingerprint_key"]).dropna()
    found = _found(store, rows)
    return {clip: Fingerprint.read(entry.path) for clip, entry in found}


def _found(store: Store, rows: pd.DataFrame) -> Iterable[tuple[str, Entry]]:
    for clip, key in rows.itertuples(index=False):
        entry = store.find("fingerprint", key)
        if isinstance(entry, Entry):
            yield clip, entry


def alike(root: Path, ids: Collection[str]) -> list[Match]:
    """Clips that look and sound like one of `ids`, those themselves included."""
    everyone = prints(root)
    index = Index(everyone)
    found: dict[str, Match] = {}
    for clip in sorted(set(ids) & set(everyone)):
        for match in index.like(everyone[clip]):
            found.setdefault(match.name, match)
    return [found[name] for name in sorted(found)]


def digests(root: Path) -> dict[str, str]:
    """The clip of every digest, of media and of what they were made of, that the last run knows."""
    path = root / CLIPS
    if not path.exists():
        return {}
    rows = tables.read(path)
    named: dict[str, str] = {}
    for column in rows.columns.intersection(["media_digest", "source_digest"]):
        named |= dict(zip(rows[column], rows["clip"], strict=True))
    return named


def copies(root: Path) -> list[tuple[str, Match]]:
    """Pairs of clips that look and sound the same, each pair once."""
    everyone = prints(root)
    index = Index(everyone)
    return [
        (clip, match)
        for clip, asked in everyone.items()
        for match in index.like(asked)
        if clip < match.name
    ]
