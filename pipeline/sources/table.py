"""Tables written by hand: every error at once, each with file, line, column and what is allowed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.core.errors import CradleError

M = TypeVar("M", bound=BaseModel)


class CatalogueError(CradleError):
    """A table written by hand that does not fit; lists everything that is wrong in it."""


@dataclass
class Table:
    """A CSV file with a header; lines that begin with # are remarks.

    Args:
        path: where it is.
        shown: how messages call it.
        required: columns without which a row means nothing.
        allowed: what may stand in each column, in words, for messages.
        unsaid: columns whose values no message repeats.
    """

    path: Path
    shown: str
    required: tuple[str, ...]
    allowed: Mapping[str, str]
    unsaid: tuple[str, ...] = ("address", "contact")
    errors: list[str] = field(default_factory=list)

    def complain(self, line: int, what: str, column: str = "") -> None:
        """Note one error."""
        where = f"{self.shown}: line {line}" + (f", column {column}" if column else "")
        self.errors.append(f"{where}: {what}")

    def raise_if_wrong(self) -> None:
        """Raise everything noted so far as one error."""
        if self.errors:
            raise CatalogueError("\n".join(self.errors))

    def rows(self, model: type[M]) -> Iterator[tuple[int, M]]:
        """Every row that fits `model`, with the number of its line; the others are noted."""
        for line, cells in self._cells():
            try:
                yield line, model.model_validate(cells)
            except ValidationError as error:
                for item in error.errors():
                    self._explain(line, item["loc"], item["msg"], item["input"])

    def _explain(self, line: int, loc: tuple[int | str, ...], words: str, value: object) -> None:
        column = str(loc[0]) if loc else ""
        if not column:
            self.complain(line, words.removeprefix("Value error, "))
            return
        # Where a child's video is stands in the table, and is not copied into a log.
        shown = "what it holds" if column in self.unsaid else repr(value)[:80]
        self.complain(line, f"{shown} is not allowed; {self.allowed[column]}", column)

    def _cells(self) -> Iterator[tuple[int, dict[str, str]]]:
        records = self._records()
        line, header = next(records, (1, []))
        header = [name.strip() for name in header]
        if not self._header_fits(line, header):
            return
        for line, record in records:
            if len(record) != len(header):
                self.complain(line, f"has {len(record)} columns, the header has {len(header)}")
                continue
            cells = {name: cell.strip() for name, cell in zip(header, record, strict=True)}
            yield (
                line,
                {name: cell for name, cell in cells.items() if cell or name in self.required},
            )

    def _header_fits(self, line: int, header: list[str]) -> bool:
        known = ", ".join(self.allowed)
        wrong = [name for name in header if name not in self.allowed]
        for name in wrong:
            self.complain(line, f"no such column {name[:80]!r}; there are: {known}")
        missing = [name for name in self.required if name not in header]
        for name in missing:
            self.complain(line, f"the header lacks the column {name}; there are: {known}")
        doubled = sorted({name for name in header if header.count(name) > 1})
        for name in doubled:
            self.complain(line, f"the header names {name[:80]!r} twice")
        return not (wrong or missing or doubled)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        numbers: list[int] = []
        reader = csv.reader(self._lines(numbers.append), strict=True)
        while True:
            numbers.clear()
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.complain(numbers[-1] if numbers else 1, f"not CSV: {error}")
                return
            if any(cell.strip() for cell in record):
                yield numbers[0], record

    def _lines(self, count: Callable[[int], object]) -> Iterator[str]:
        for number, line in enumerate(io.StringIO(self._text(), newline=""), start=1):
            if not line.startswith("#"):
                count(number)
                yield line

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise CatalogueError(
                f"{self.shown}: not found; run from the project's folder"
            ) from None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise CatalogueError(f"{self.shown}: line {line}: not UTF-8: {error.reason}") from None
