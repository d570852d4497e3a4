"""Where new rows for the catalogue come from: addresses, lists, searches, AudioSet, a folder.

AudioSet's tables of segments look so, and name videos of YouTube:

    # YTID, start_seconds, end_seconds, positive_labels
    --PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.backends import file_digest
from pipeline.core.errors import CradleError
from pipeline.sources import address as addresses
from pipeline.sources.fetch import Reach, listing

SUFFIXES = frozenset({"mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "3gp", "flv"})
_AUDIOSET = ("YTID", "start_seconds", "end_seconds", "positive_labels")


@dataclass(frozen=True)
class Candidate:
    """A recording that may become a row of the catalogue."""

    address: str
    start_s: float | None = None
    end_s: float | None = None
    file: Path | None = None
    """Where it is, of a file."""
    digest: str = ""
    """SHA-256 of a file."""

    def overlaps(self, address: str, start_s: float | None, end_s: float | None) -> bool:
        """Whether a section of a recording shows some of this one."""
        mine, other = (self.start_s, self.end_s), (start_s, end_s)
        begin_s = max(mine[0] or 0.0, other[0] or 0.0)
        end = min(it if it is not None else float("inf") for it in (mine[1], other[1]))
        return begin_s < end and addresses.same(address) == addresses.same(self.address)


def of_folder(folder: Path, root: Path) -> list[Candidate]:
    """Every file in a folder, and in those below, whose name ends as that of a video does."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [of_file(path, root) for path in files if path.suffix.lower()[1:] in SUFFIXES]


def of_file(path: Path, root: Path) -> Candidate:
    """A file, named by its place in the project where it lies in it."""
    full = path.resolve()
    inside = full.is_relative_to(root.resolve())
    shown = full.relative_to(root.resolve()) if inside else full
    try:
        address = addresses.check(str(shown))
    except ValueError as error:
        raise CradleError(f"{str(shown)[:200]!r}: cannot stand in a table; {error}") from None
    return Candidate(address, file=full, digest=file_digest(full))


def of_address(address: str, reach: Reach, most: int) -> list[Candidate]:
    """The recording at an address, or those that a playlist, channel or search there names.

    Raises:
        ClipFailed: the site does not say.
        CradleError: nothing may be fetched from such an address.
    """
    found = []
    for it in listing(address, reach, most):
        if it.length_s is not None and it.length_s > reach.max_s:
            continue
        # What a site names is a stranger's text like any other.
        if addresses.is_remote(it.address):
            found.append(Candidate(addresses.check(it.address)))
    return found


def of_search(term: str, reach: Reach, most: int) -> list[Candidate]:
    """What YouTube finds for a term."""
    return of_address(f"ytsearch{most}:{term}", reach, most)


def of_audioset(path: Path, labels: Collection[str], most: int) -> list[Candidate]:
    """The first segments of one of AudioSet's tables that carry one of some labels.

    Args:
        path: such as unbalanced_train_segments.csv.
        labels: ids of the ontology.
        most: how many to name.

    Raises:
        CradleError: the file is no such table, with the line.
    """
    found: list[Candidate] = []
    for line, row in _segments(path):
        if len(found) == most:
            break
        if not set(row[3].split(",")) & set(labels):
            continue
        try:
            start_s, end_s = float(row[1]), float(row[2])
            address = addresses.youtube(row[0])
        except ValueError:
            raise CradleError(
                f"{path}: line {line}: {row[:3]!r}: expected an id of YouTube and two times in s"
            ) from None
        found.append(Candidate(address, start_s, end_s))
    return found


def _segments(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, skipinitialspace=True)
            for row in reader:
                if not row or row[0].startswith("#"):
                    continue
                if len(row) != len(_AUDIOSET):
                    raise CradleError(
                        f"{path}: line {reader.line_num}: {len(row)} columns, a table of "
                        f"AudioSet's segments has {len(_AUDIOSET)}: {', '.join(_AUDIOSET)}"
                    )
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise CradleError(f"{path}: not a CSV file: {error}") from None
