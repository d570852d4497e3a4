"""Which measurements are of which clip, by what the stages ask for and what tables name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.commands._planning import plan
from pipeline.core import tables
from pipeline.core.named import CLIPS, named_by
from pipeline.core.remote import Held
from pipeline.sources.catalogue import read_takedowns

_DIGESTS = ("source_digest", "media_digest")


def held(root: Path) -> Iterator[Held]:
    """Measurements of one clip each, of clips that are kept and that nobody took back.

    Tables of many clips are nobody's alone; they are quickly made from these.
    """
    path = root / "data/download" / CLIPS
    if not path.exists() or not {*_DIGESTS} <= {*tables.columns_of(path)}:
        return
    rows = tables.rows(tables.arrow(path, ["clip", *_DIGESTS]))
    buried = {taken.id for taken in read_takedowns(root)}
    of = {row["clip"]: row for row in rows if row["clip"] not in buried}
    planner, _ = plan(root)
    asked = ((step, *it) for step, planned in planner.steps.items() for it in planned.keys.items())
    named = named_by(sorted((root / "data").glob(f"*/{CLIPS}")))
    for step, key, clip in {*asked, *named}:
        row = of.get(clip)
        if row and row["source_digest"] and row["media_digest"]:
            yield Held(row["source_digest"], row["media_digest"], step, key)


def withdrawn(root: Path) -> set[str]:
    """Digests of what was taken back."""
    return {digest for taken in read_takedowns(root) for digest in taken.digest}
