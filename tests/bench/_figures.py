"""What every benchmark ends with: a table of what was asked and what was reached."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One row: `reached op asked`, where a figure is asked for at all."""

    what: str
    reached: float
    asked: float | None = None
    op: str = "<="
    unit: str = ""
    note: str = ""
    ran: bool = True

    @classmethod
    def missing(cls, what: str, asked: float, op: str, unit: str, why: str) -> Figure:
        """A figure that cannot be measured here; `why` says what it would take."""
        return cls(what, float("nan"), asked, op, unit, f"not run: {why}", ran=False)

    @property
    def holds(self) -> bool:
        """Whether what was asked is reached, or could not be measured; a NaN never is reached."""
        if self.asked is None or not self.ran:
            return True
        return self.reached <= self.asked if self.op == "<=" else self.reached >= self.asked


def report(title: str, figures: Sequence[Figure], out: Path | None = None) -> int:
    """Print the table, write it as JSON where asked, and return 0 where every figure is reached."""
    width = max(len(figure.what) for figure in figures)
    print(f"\n{title}\n{'':{width}}  {'asked':>12}  {'reached':>10}")
    for figure in figures:
        asked = "" if figure.asked is None else f"{figure.op} {figure.asked:g}"
        reached = f"{figure.reached:.4g} {figure.unit}".strip() if figure.ran else ""
        row = f"{figure.what:{width}}  {asked:>12}  {reached:>10}  {_mark(figure):5}  {figure.note}"
        print(row.rstrip())
    if out is not None:
        rows = [asdict(figure) | ({} if figure.ran else {"reached": None}) for figure in figures]
        out.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(figure.holds for figure in figures) else 1


def _mark(figure: Figure) -> str:
    if figure.asked is None or not figure.ran:
        return ""
    return "ok" if figure.holds else "SHORT"
