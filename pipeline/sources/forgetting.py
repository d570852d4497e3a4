"""The whole of a takedown, in order: tombstone, removal, one more search, the account of it.

`cradle takedown` does so when asked, and `download` by itself for rows past their retention date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.sources import account, away, takedown
from pipeline.sources.account import Account
from pipeline.sources.remotes import remotes
from pipeline.sources.takedown import Taken
from pipeline.sources.traces import Trace, files, traces

EXPIRED = "it was not to be kept any longer"
OVERRIDES = Path("data/overrides.csv")
Overruled = Callable[[Path, Collection[str]], object]
"""Takes lines about some clips out of a table of reviewers' verdicts."""


@dataclass(frozen=True)
class Forgotten:
    """What came of it."""

    removed: Counter[str]
    splits: tuple[str, ...]
    """In which the last dataset showed it to a model that trained or was chosen."""
    account: Path
    """Where it is written down, below the project's folder."""
    unreached: Mapping[str, str] = field(default_factory=dict)
    """Why a store elsewhere could not be reached, by URL."""


def forget(
    root: Path,
    taken: Taken,
    overruled: Overruled,
    asked: str,
    reason: str,
    by: str = "",
    told: Callable[[Trace], None] = lambda trace: None,
) -> Forgotten:
    """Take back what `taken` names.

    Args:
        root: the project's folder.
        taken: which clips.
        overruled: takes reviewers' lines about clips out of a table.
        asked: the word that named it, for the account.
        reason: in words.
        by: who signs the account.
        told: is told of every trace as it goes.
    """
    now, removed = datetime.now(UTC), Counter[str]()

    def count(trace: Trace) -> None:
        removed[trace.place] += 1
        told(trace)

    splits = takedown.learned(root, taken)
    takedown.bury(root, taken, reason, now.date())
    overruled(root / OVERRIDES, taken.ids)
    takedown.remove(root, taken, count)
    elsewhere = away.withdraw(root, taken.digests)
    removed.update({f"the store at {url}": files for url, files in elsewhere.removed.items()})
    written = Account(
        asked=asked,
        reason=reason,
        taken=taken,
        removed=removed,
        models=account.mark_stale(root, splits, now),
        remotes=[it.name for it in remotes(root) if it.folder is None],
        outside=takedown.outside(root, taken),
        stores=list(elsewhere.unreached),
        left=[
            *(shown(root, it) for it in traces(root, taken.ids, taken.digests)),
            *elsewhere.left,
        ],
        searched=sum(1 for _ in files(root)),
    )
    path = account.write(root, written, by, now)
    return Forgotten(removed, tuple(splits), path.relative_to(root), elsewhere.unreached)


def shown(root: Path, trace: Trace) -> str:
    """Where a trace is, as seen from the project's folder."""
    inside = trace.path.is_relative_to(root)
    return str(trace.path.relative_to(root) if inside else trace.path)
