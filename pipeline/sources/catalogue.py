"""data/sources.csv and data/takedowns.csv: which clips there are, by what right, and which no more.

id,address,start_s,end_s,vocalization,age_months,source,licence,consent,retention_until,note
anna_cry_1,clips/anna 1.mp4,,,cry,7,anna,CC-BY-4.0,parental,2031-01-01,
lab_babble,https://example.org/v/123,61.5,68,babble,,,,platform_cc,,from the lab's page

id,address,digest,date,reason
anna_cry_1,,9f86d081...,2026-02-11,the parents asked
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.core import ids
from pipeline.core.errors import IdError
from pipeline.core.params import Params
from pipeline.sources import address as addresses
from pipeline.sources.table import CatalogueError, Table

SOURCES = Path("data/sources.csv")
TAKEDOWNS = Path("data/takedowns.csv")
OLDEST_MONTHS = 60
_BAND = re.compile(r"(\d+(?:\.\d+)?)\s*[-–]\s*(\d+(?:\.\d+)?)")
_GROUP = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Consent(StrEnum):
    """By what right a clip may be worked on."""

    PARENTAL = "parental"
    PLATFORM_CC = "platform_cc"
    PUBLIC_DOMAIN = "public_domain"
    SYNTHETIC = "synthetic"
    NONE = "none"


def _clip_id(text: str) -> str:
    try:
        return ids.clip_id(text)
    except IdError as error:
        raise ValueError(str(error)) from None


def _group(text: str) -> str:
    if not _GROUP.fullmatch(text):
        raise ValueError(f"matches {_GROUP.pattern}")
    return text


def _digests(text: object) -> object:
    if not isinstance(text, str):
        return text
    if not all(_DIGEST.fullmatch(word) for word in text.split()):
        raise ValueError("64 hexadecimal digits")
    return tuple(text.split())


def _middle_age(given: object) -> object:
    """Of a band of ages, the middle."""
    band = _BAND.fullmatch(given) if isinstance(given, str) else None
    if band is None:
        return given
    youngest, oldest = (float(age) for age in band.groups())
    if not youngest < oldest <= OLDEST_MONTHS:
        raise ValueError("the younger age comes first")
    return (youngest + oldest) / 2


Id = Annotated[str, AfterValidator(_clip_id)]
Digests = Annotated[tuple[str, ...], BeforeValidator(_digests)]
Address = Annotated[str, AfterValidator(addresses.check)]
Text = Annotated[str, Field(max_length=500)]


class Source(Params):
    """One row of data/sources.csv: one clip."""

    id: Id
    address: Address
    vocalization: str
    consent: Consent
    start_s: float | None = Field(None, ge=0, allow_inf_nan=False)
    end_s: float | None = Field(None, gt=0, allow_inf_nan=False)
    age_months: Annotated[float | None, BeforeValidator(_middle_age)] = Field(
        None, ge=0, le=OLDEST_MONTHS
    )
    """In the file a number or a band, 3-6; of a band, the middle."""
    source: Annotated[str, AfterValidator(_group)] = ""
    """What it shares with other clips, such as the infant: they stay together in a split."""
    licence: Text = ""
    licence_evidence: Text = ""
    """Where the licence is stated, such as an archived page."""
    consent_evidence: Text = ""
    """Where the consent is on file; never the consent itself, nor a name."""
    consent_scope: Text = ""
    """What was consented to."""
    jurisdiction: Text = ""
    retrieved_on: date | None = None
    retention_until: date | None = None
    """The last day on which it may be kept; after it, it counts as taken back."""
    contact: Text = ""
    """Whom to tell, and who may ask, when it is taken back."""
    added_by: Text = ""
    note: Text = ""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise ValueError(
                f"end_s {self.end_s:g} is not after start_s {self.start_s or 0:g}; "
                "both are seconds from the beginning of the source"
            )
        return self


class Takedown(Params):
    """One row of data/takedowns.csv: something that somebody took back."""

    id: Id | None = None
    address: Annotated[str, Field(max_length=2000)] | None = None
    digest: Digests = ()
    """SHA-256 of its media, or of the file they were made of: it stays away under any address."""
    date: date
    reason: Text = ""
    taken_with: Id | None = None
    """The clip whose takedown took this one as well, of those that show the same."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.id is None and self.address is None and not self.digest:
            raise ValueError("names neither an id nor an address nor a digest; one is needed")
        return self

    def covers(self, source: Source) -> bool:
        """Whether `source` is what was taken back."""
        if self.id is not None and self.id == source.id:
            return True
        return self.address is not None and addresses.same(self.address) == addresses.same(
            source.address
        )


_SECONDS = "a number of seconds from the beginning of the source, or nothing"
_ID = f"matches {ids.ALLOWED}"
_TEXT = "at most 500 characters"
_DATE = "a date such as 2026-02-11"


def read_sources(root: Path, vocalizations: Iterable[str]) -> list[Source]:
    """Read the catalogue of the project in `root`.

    Args:
        root: the project's folder.
        vocalizations: the names that params.yaml knows.

    Raises:
        CatalogueError: everything that is wrong in it, with lines and columns.
    """
    known = sorted(vocalizations)
    allowed = {
        "id": _ID,
        "address": addresses.ALLOWED,
        "start_s": _SECONDS,
        "end_s": _SECONDS,
        "vocalization": f"one of {', '.join(known)} (vocalizations in params.yaml)",
        "age_months": f"a number from 0 to {OLDEST_MONTHS}, a band such as 3-6, or nothing",
        "source": f"matches {_GROUP.pattern}, or nothing",
        "licence": _TEXT,
        "licence_evidence": _TEXT,
        "consent": f"one of {', '.join(Consent)}",
        "consent_evidence": _TEXT,
        "consent_scope": _TEXT,
        "jurisdiction": _TEXT,
        "retrieved_on": f"{_DATE}, or nothing",
        "retention_until": f"{_DATE}, or nothing",
        "contact": _TEXT,
        "added_by": _TEXT,
        "note": _TEXT,
    }
    required = ("id", "address", "vocalization", "consent")
    table = Table(root / SOURCES, str(SOURCES), required, allowed)
    rows = list(table.rows(Source))
    for line, row in rows:
        if row.vocalization not in known:
            words = f"{row.vocalization[:80]!r} is not allowed; {allowed['vocalization']}"
            table.complain(line, words, "vocalization")
    _check_unique(table, rows)
    table.errors.sort(key=_line_of)
    table.raise_if_wrong()
    return grouped([row for _, row in rows])


def read_takedowns(root: Path) -> list[Takedown]:
    """Read what was taken back; no file means nothing was.

    Raises:
        CatalogueError: everything that is wrong in it, with lines and columns.
    """
    if not (root / TAKEDOWNS).exists():
        return []
    allowed = {
        "id": f"{_ID}, or nothing where an address or a digest is given",
        "address": "the address of a source, or nothing where an id or a digest is given",
        "digest": "SHA-256 of media or of a file, several divided by spaces, or nothing",
        "date": _DATE,
        "reason": _TEXT,
        "taken_with": f"{_ID}, or nothing",
    }
    table = Table(root / TAKEDOWNS, str(TAKEDOWNS), ("date",), allowed)
    rows = [row for _, row in table.rows(Takedown)]
    table.raise_if_wrong()
    return rows


def grouped(rows: Sequence[Source]) -> list[Source]:
    """Give every row a `source`: its own, that of its address, or its id.

    Two sections of one recording show the same infant in the same room; without a word from the
    catalogue they still have to stay together in a split.
    """
    groups: dict[str, str] = {}
    for row in rows:
        if row.source:
            groups.setdefault(addresses.same(row.address), row.source)
    for row in rows:
        groups.setdefault(addresses.same(row.address), row.id)
    return [
        row.model_copy(update={"source": row.source or groups[addresses.same(row.address)]})
        for row in rows
    ]


def joined(sources: Sequence[Source], made: Sequence[Source]) -> list[Source]:
    """The catalogue with the nursery's clips, sorted by id.

    Raises:
        CatalogueError: the two share an id.
    """
    doubled = sorted({row.id for row in sources} & {row.id for row in made})
    if doubled:
        raise CatalogueError(
            f"{SOURCES}: {', '.join(doubled)}: the nursery's clips are called so; choose other ids"
        )
    return sorted([*sources, *made], key=lambda row: row.id)


def _check_unique(table: Table, rows: Sequence[tuple[int, Source]]) -> None:
    counts = Counter(row.id for _, row in rows)
    first: dict[str, int] = {}
    for line, row in rows:
        if counts[row.id] > 1 and row.id in first:
            words = f"{row.id!r} stands in line {first[row.id]} already; every id is used once"
            table.complain(line, words, "id")
        first.setdefault(row.id, line)


def _line_of(error: str) -> int:
    found = re.search(r": line (\d+)", error)
    return int(found.group(1)) if found else 0
