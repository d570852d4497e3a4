"""New rows for data/sources.csv: what is new, what is here already, and what was taken back.

A file is known again by its content, and by what it looks and sounds like; an address by itself
alone, for nothing is fetched here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import media
from pipeline.core.backends import file_digest
from pipeline.core.errors import ClipFailed, CradleError
from pipeline.sources import address as addresses
from pipeline.sources import known
from pipeline.sources.candidates import Candidate
from pipeline.sources.catalogue import SOURCES, Source, Takedown
from pipeline.sources.fingerprint import Fingerprint, fingerprint
from pipeline.sources.matching import Index


@dataclass(frozen=True)
class Verdict:
    """What becomes of a candidate."""

    candidate: Candidate
    id: str
    """Of the row that it would be."""
    known: str = ""
    """Why it is not added, in words; empty where it is."""


def row_id(candidate: Candidate, vocalization: str) -> str:
    """An id of our own, the same whenever the same is added."""
    told = [addresses.same(candidate.address), candidate.start_s, candidate.end_s]
    name = candidate.digest or hashlib.sha256(repr(told).encode()).hexdigest()
    return f"{vocalization[:50]}_{name[:12]}"


@dataclass
class Judge:
    """Holds candidates against the catalogue, the last run, and one another."""

    root: Path
    rows: Sequence[Source]
    takedowns: Sequence[Takedown]
    limits: media.Limits
    seen: dict[str, Candidate] = field(default_factory=dict)
    """Those that are new, by id."""

    def __post_init__(self) -> None:
        self._prints: dict[str, Fingerprint] = known.prints(self.root)
        self._digests = known.digests(self.root)
        for row in self.rows:
            path = self.root / row.address
            if not addresses.is_remote(row.address) and path.is_file():
                self._digests.setdefault(file_digest(path), row.id)

    def judge(self, candidate: Candidate, vocalization: str) -> Verdict:
        """Say whether a candidate is new; those that are count for the next."""
        name = row_id(candidate, vocalization)
        reason = next((why for why in self._reasons(candidate, name) if why), "")
        if not reason:
            self.seen[name] = candidate
            if candidate.digest:
                self._digests[candidate.digest] = name
        return Verdict(candidate, name, reason)

    def _reasons(self, candidate: Candidate, name: str) -> Iterator[str]:
        yield self._withdrawn(candidate)
        yield self._same_address(candidate)
        if candidate.file is not None:
            owner = self._digests.get(candidate.digest)
            yield f"the same file as {owner}" if owner else ""
            yield self._alike(candidate.file, name)

    def _withdrawn(self, candidate: Candidate) -> str:
        for taken in self.takedowns:
            same = taken.address and candidate.overlaps(taken.address, None, None)
            if same or (candidate.digest and candidate.digest in taken.digest):
                return f"taken back on {taken.date}"
        return ""

    def _same_address(self, candidate: Candidate) -> str:
        listed = [(row.id, row.address, row.start_s, row.end_s) for row in self.rows]
        listed += [(name, it.address, it.start_s, it.end_s) for name, it in self.seen.items()]
        overlapping = (name for name, at, *cut in listed if candidate.overlaps(at, cut[0], cut[1]))
        owner = next(overlapping, None)
        return f"the same address as {owner}" if owner else ""

    def _alike(self, file: Path, name: str) -> str:
        try:
            with tempfile.TemporaryDirectory(prefix="cradle-") as folder:
                media.normalise(file, Path(folder), self.limits)
                found = fingerprint(Path(folder))
        except ClipFailed as error:
            return str(error)
        matches = Index(self._prints).like(found)
        if matches:
            return f"looks and sounds like {matches[0].name}"
        self._prints[name] = found
        return ""


def append(root: Path, verdicts: Sequence[Verdict], about: Mapping[str, str]) -> int:
    """Add a row for each verdict that speaks for it to the end of the catalogue; returns how many.

    Args:
        root: the project's folder.
        verdicts: of candidates.
        about: what is the same of all, by the catalogue's columns.

    Raises:
        CradleError: the catalogue lacks a column that is needed.
    """
    path = root / SOURCES
    text = path.read_text(encoding="utf-8-sig")
    columns = next(csv.reader(line for line in text.splitlines() if not line.startswith("#")))
    rows = [_row(it, about) for it in verdicts if not it.known]
    lacking = {name for row in rows for name, value in row.items() if value} - set(columns)
    if lacking:
        raise CradleError(
            f"{SOURCES}: the header lacks the columns {', '.join(sorted(lacking))}; add them to it"
        )
    added = io.StringIO()
    writer = csv.DictWriter(added, columns, "", "ignore", lineterminator="\n")
    writer.writerows(rows)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text.rstrip("\n") + "\n" + added.getvalue(), encoding="utf-8")
    temporary.replace(path)
    return len(rows)


def _row(verdict: Verdict, about: Mapping[str, str]) -> dict[str, str]:
    it = verdict.candidate
    section = {"start_s": it.start_s, "end_s": it.end_s}
    cut = {name: "" if value is None else f"{value:g}" for name, value in section.items()}
    return {**about, **cut, "id": verdict.id, "address": it.address}
