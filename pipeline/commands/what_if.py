"""`cradle what-if`: what other thresholds would keep, without measuring or writing anything."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core.errors import CradleError
from pipeline.core.store import Store
from pipeline.core.tables import read
from pipeline.dataset import labels, measures, overrides, what_if
from pipeline.dataset.measures import Tables
from pipeline.dataset.params import Select
from pipeline.dataset.weigh import Scales
from pipeline.dataset.what_if import Change, Outcome
from pipeline.nursery import known
from pipeline.nursery.params import Nursery
from pipeline.params import Everything, load

EXAMPLE = (
    "cradle what-if select.min_mouth_visible=0.6\n"
    "  cradle what-if --sweep select.max_yaw_deg=20:60:5 --json"
)
SHOWN = 20
WIDTH = 40
"""Letters that the longest bar of a curve takes."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("change", nargs="*", help="select.NAME=VALUE")
    parser.add_argument("--sweep", metavar="NAME=FIRST:LAST:STEP", help="draw a threshold's curve")
    parser.add_argument("--json", action="store_true", help="print it for a program")


def run(arguments: argparse.Namespace) -> int:
    """Decide anew and print what would change."""
    if not arguments.change and arguments.sweep is None:
        raise CradleError("what-if: give a change such as select.max_yaw_deg=30, or --sweep")
    root = Path.cwd()
    everything = load(root)
    tables, sources = _measured(root, everything)
    chosen = what_if.thresholds(everything.select, arguments.change)
    if arguments.sweep is not None:
        rows = list(_curve(arguments.sweep, tables, chosen, _labelled(root, everything, tables)))
        print(json.dumps(rows, indent=2) if arguments.json else _drawn(rows, everything.select))
        return 0
    change = what_if.compare(tables, sources, everything.select, chosen)
    print(json.dumps(_plain(change), indent=2) if arguments.json else _words(change))
    return 0


def _measured(root: Path, everything: Everything) -> tuple[Tables, pd.Series]:
    minimum_s = {kind.name: kind.min_s for kind in everything.vocalizations}
    said = overrides.read(root / "data" / "overrides.csv")
    try:
        tables = measures.read(root / "data", minimum_s, said)
        clips = read(root / "data" / "download" / "clips.parquet", ["clip", "source"])
    except FileNotFoundError as error:
        raise CradleError(
            f"{error.filename}: not found; `dvc repro select` measures first"
        ) from None
    return tables, clips.set_index("clip")["source"]


def _labelled(root: Path, everything: Everything, tables: Tables) -> dict[str, np.ndarray]:
    """Frames that somebody or something knows to be good or bad, by who knows."""
    every = {
        "reviewers": labels.of_reviewers(tables),
        "nursery": _of_the_nursery(tables, Store(root / "data" / ".store"), everything.nursery),
    }
    return {name: found for name, found in every.items() if found.any()}


def _of_the_nursery(tables: Tables, store: Store, wanted: Nursery) -> np.ndarray:
    """Labels (N,) that the truth of synthetic clips gives, as far as it is still stored."""
    found = np.zeros(int(tables.first[-1]), np.int8)
    for clip, good in known.of_frames(wanted, store).items():
        if clip in tables.place:
            first, end = tables.first[tables.place[clip] :][:2]
            part = good[: end - first]
            found[first : first + len(part)] = np.where(part, labels.GOOD, labels.BAD)
    return found


def _curve(
    sweep: str, tables: Tables, chosen: Any, labelled: dict[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    # Overrides would make every threshold agree with the reviewers who gave them.
    scales = Scales(replace(tables, overrides=()))
    key, values = what_if.steps(sweep)
    for value in values:
        there = what_if.thresholds(chosen, [f"{what_if.SECTION}.{key}={value}"])
        result = what_if.outcome(scales, there)
        row = {key: value, **_amount(result)}
        for name, found in labelled.items():
            compared = labels.score(found, result.inside)
            numbers = asdict(compared).items()
            # JSON has no word for a share of nothing but null.
            row |= {f"{name}_{what}": n if n == n else None for what, n in numbers}
        yield row


def _amount(result: Outcome) -> dict[str, Any]:
    return {"clips": result.clips, "spans": result.spans, "minutes": round(result.kept_s / 60, 3)}


def _plain(change: Change) -> dict[str, Any]:
    return {
        "before": _amount(change.before),
        "after": _amount(change.after),
        **{
            f"by_{column}": change.by(column).to_dict("records")
            for column in ("before", "after", "vocalization", "source")
        },
        "clips": change.flips.to_dict("records"),
    }


def _words(change: Change) -> str:
    before, after, flips = change.before, change.after, change.flips
    lines = [
        f"clips    {before.clips:,} -> {after.clips:,}",
        f"spans    {before.spans:,} -> {after.spans:,}",
        f"minutes  {before.kept_s / 60:.2f} -> {after.kept_s / 60:.2f}"
        f"  (entering {flips['entering_s'].sum() / 60:.2f},"
        f" leaving {flips['leaving_s'].sum() / 60:.2f})",
    ]
    if flips.empty:
        return "\n".join([*lines, "nothing would enter or leave"])
    reasons = flips.assign(reason=flips["before"] + " -> " + flips["after"])
    for title, table in (
        ("by reason", Change(before, after, reasons).by("reason")),
        ("by vocalization", change.by("vocalization")),
        ("by source", change.by("source")),
    ):
        lines += ["", title, _table(table.head(SHOWN))]
    most = flips.assign(moved=flips["entering_s"] + flips["leaving_s"]).nlargest(SHOWN, "moved")
    lines += ["", "clips", _table(most.drop(columns="moved"))]
    return "\n".join(lines)


def _drawn(rows: list[dict[str, Any]], now: Select) -> str:
    """The curve: a bar a step for the minutes, and what the labels say of it beside."""
    key = next(iter(rows[0]))
    most = max(row["minutes"] for row in rows) or 1.0
    bars = ["█" * round(WIDTH * row["minutes"] / most) for row in rows]
    values = [f"{row[key]:g}" for row in rows]
    head, *lines = _table(pd.DataFrame(rows).drop(columns=key)).split("\n")
    nearest = min(range(len(rows)), key=lambda n: abs(rows[n][key] - float(getattr(now, key))))
    wide = max(len(key), *map(len, values))
    drawn = [f"{key:>{wide}}  {'minutes':{WIDTH}}  {head}"]
    for number, (value, bar, line) in enumerate(zip(values, bars, lines, strict=True)):
        mark = f"  <- now {getattr(now, key):g}" if number == nearest else ""
        drawn.append(f"{value:>{wide}}  {bar:{WIDTH}}  {line}{mark}")
    return "\n".join(drawn)


def _table(rows: pd.DataFrame) -> str:
    return rows.to_string(index=False, float_format=lambda value: f"{value:.3f}")
