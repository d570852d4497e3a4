"""The account of a takedown: what was asked, found, removed and left, for whoever asked for it.

data/takedowns/2026-02-11_holiday_03.md, in words, signed and with a digest of itself; and
data/takedowns/stale_models.csv, the models that learned from something that was taken back:

model,sha256,date,splits
models/generator/model.safetensors,9c1f...,2026-02-11,train val
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.core.backends import file_digest
from pipeline.sources.takedown import Taken

FOLDER = Path("data/takedowns")
STALE = FOLDER / "stale_models.csv"
MODELS = ("models/generator/model.safetensors",)
"""What `train` makes."""
_COLUMNS = ("model", "sha256", "date", "splits")


@dataclass(frozen=True)
class Account:
    """What came of one takedown."""

    asked: str
    reason: str
    taken: Taken
    removed: Mapping[str, int]
    """Files and measurements, by place."""
    models: Sequence[str]
    """Those that learned from it, as `mark_stale` names them."""
    remotes: Sequence[str]
    """DVC's remotes that could not be reached."""
    stores: Sequence[str]
    """Stores elsewhere that could not be reached."""
    outside: Sequence[Path]
    """Files of the same sources outside the project."""
    searched: int
    """Files that were looked into afterwards."""
    left: Sequence[str]
    """Those of them that tell of it still."""


def mark_stale(root: Path, splits: Sequence[str], today: datetime) -> list[str]:
    """Note the models that learned from it, where there are splits that showed it to one."""
    there = [path for path in MODELS if splits and (root / path).is_file()]
    told = [(path, file_digest(root / path)) for path in there]
    if told:
        new = not (root / STALE).exists()
        (root / STALE).parent.mkdir(parents=True, exist_ok=True)
        with (root / STALE).open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows([_COLUMNS] * new)
            writer.writerows([(*it, today.date(), " ".join(splits)) for it in told])
    return [f"{path}, sha256 {digest} ({', '.join(splits)})" for path, digest in told]


def stale(root: Path, model: Path) -> str | None:
    """The day of the last takedown that a model learned from, if there was one."""
    if not (root / STALE).exists() or not model.is_file():
        return None
    digest = file_digest(model)
    with (root / STALE).open(newline="", encoding="utf-8") as file:
        days = [row["date"] for row in csv.DictReader(file) if row["sha256"] == digest]
    return max(days, default=None)


def write(root: Path, account: Account, by: str, now: datetime) -> Path:
    """Write the account, signed by whoever answers for it; returns where it is."""
    lines = [*_lines(account), "", f"Signed off by {by or '(nobody)'}, {now:%Y-%m-%d %H:%M} UTC"]
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    path = _free(root / FOLDER, f"{now.date()}_{account.taken.ids[0]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}SHA-256 of the lines above: {digest}\n", encoding="utf-8")
    return path


def _free(folder: Path, name: str) -> Path:
    path, number = folder / f"{name}.md", 1
    while path.exists():
        number += 1
        path = folder / f"{name}_{number}.md"
    return path


def _lines(account: Account) -> list[str]:
    taken = account.taken
    alike = {match.name for match in taken.alike}
    ids = [f"{name} (looks and sounds the same)" if name in alike else name for name in taken.ids]
    return [
        f"# {taken.ids[0]}: taken back",
        "",
        f"- asked for: {account.asked!r}",
        f"- reason: {account.reason or 'none was given'}",
        f"- clips: {', '.join(ids)}",
        *(f"- removed from {place}: {count:,}" for place, count in account.removed.items()),
        f"- searched afterwards: {account.searched:,} files, {len(account.left)} tell of it still",
        *(f"  - {path}" for path in account.left),
        *(f"- model that learned from it, stale: {model}" for model in account.models),
        *(f"- remote that was not reached, run `dvc gc --cloud`: {it}" for it in account.remotes),
        *(f"- store that was not reached, `cradle store push` it: {it}" for it in account.stores),
        *(f"- file outside the project, yours to remove: {it}" for it in account.outside),
        "- kept, so that it stays away: its rows in data/takedowns.csv and data/sources.csv",
        "- not searched: git's history, which holds those rows, and copies that were given away",
    ]
