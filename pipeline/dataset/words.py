"""Words of strangers and tables, for pages in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd


def plain(value: Any) -> str:
    """A stranger's text in one cell of a table, without a way out of it."""
    text = "" if pd.isna(value) else str(value)
    return re.sub(r"[^\w .,:;/+()-]", " ", text)[:120].strip() or "unknown"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table, or the word that there is nothing to tell."""
    rows = list(rows)
    if not rows:
        return "None."
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def listed(counts: dict[str, int]) -> str:
    """`cry 3, laugh 1`, or `none`."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
