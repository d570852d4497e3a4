"""Stores elsewhere that measurements were pushed to, so that a takedown reaches them.

data/remotes.csv, a row a place, written by `cradle store push`:

url,since
s3://nursery-study/store,2026-02-11
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipeline.core.remote import Remote, RemoteError

REMOTES = Path("data/remotes.csv")
_COLUMNS = ("url", "since")


@dataclass
class Withdrawn:
    """What became of something that was taken back, elsewhere."""

    removed: dict[str, int] = field(default_factory=dict)
    """Files, by URL."""
    left: list[str] = field(default_factory=list)
    """Files that are there still."""
    unreached: dict[str, str] = field(default_factory=dict)
    """Why, by URL."""


def urls(root: Path) -> list[str]:
    """Where measurements of the project in `root` were pushed to."""
    if not (root / REMOTES).exists():
        return []
    with (root / REMOTES).open(newline="", encoding="utf-8") as file:
        return [row["url"] for row in csv.DictReader(file)]


def note(root: Path, url: str, today: date) -> None:
    """Write down that measurements go to `url`, unless that is known."""
    if url in urls(root):
        return
    new = not (root / REMOTES).exists()
    with (root / REMOTES).open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([_COLUMNS] * new)
        writer.writerow([url, today])


def withdraw(root: Path, digests: Collection[str], *, look: bool = False) -> Withdrawn:
    """Remove clips or files by digest from everywhere, or `look` only what is there of them.

    A place that cannot be reached stops nothing; the next push there removes them.
    """
    found = Withdrawn()
    for url in urls(root) if digests else []:
        try:
            remote = Remote(url)
            # A disk that is not mounted is no empty store.
            remote.check()
            if not look and (count := remote.withdraw(digests)):
                found.removed[remote.url] = count
            found.left += [f"{remote.url}/{path}" for path in remote.of(digests)]
        except RemoteError as error:
            found.unreached[url] = str(error)
    return found
