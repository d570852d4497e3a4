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

    @property
    def holds(self) -> bool:
        """Whether what was asked is reached; a NaN never is."""
        if self.asked is None:
            return True
        return self.reached <= self.asked if self.op == "<=" else self.reached >= self.asked


def report(title: str, figures: Sequence[Figure], out: Path | None = None) -> int:
    """Print the table, write it as JSON where asked, and return 0 where every figure is reached."""
    width = max(len(figure.what) for figure in figures)
    print(f"\n{title}\n{'':{width}}  {'asked':>12}  {'reached':>10}")
    for figure in figures:
        asked = "" if figure.asked is None else f"{figure.op} {figure.asked:g}"
        mark = "" if figure.asked is None else ("ok" if figure.holds else "SHORT")
        reached = f"{figure.reached:.4g} {figure.unit}".strip()
        print(
            f"{figure.what:{width}}  {asked:>12}  {reached:>10}  {mark:5}  {figure.note}".rstrip()
        )
    if out is not None:
        out.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    return 0 if all(figure.holds for figure in figures) else 1
