"""The select stage: thresholds to kept spans.

data/select/spans.parquet    clip, span, start_frame, end_frame, vocalization, bridged
data/select/frames.parquet   the ledger of frames: which gate decided, value, threshold
data/select/faces.parquet    clip, moves_with_sound, rival_likeness, rival_moves
data/select/ledger.parquet   the ledger of clips

Every clip is decided for itself, so every part of the tables is made of the same part of those
before: one part is in memory at a time, and one clip more decides one part again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.core import ledger, parts, tables
from pipeline.core.runner import Step
from pipeline.core.stage import Stage, Summary
from pipeline.dataset import overrides, select_tables
from pipeline.dataset.params import Select

OVERRIDES = Path("data") / "overrides.csv"
STEP = "select_tables"
_HERE = 10_000
"""Clips that are decided sooner than other processes start."""


def run(stage: Stage[Select]) -> Summary:
    """Decide over everything that was measured, and write what was decided."""
    said = overrides.read(stage.root / OVERRIDES)
    made = _decided(stage, said)
    out = stage.fresh_out()
    made.copy(out / select_tables.SPANS_FILE, ledger.SPANS)
    made.copy(out / select_tables.FRAMES_FILE, ledger.FRAMES)
    made.copy(out / select_tables.FACES_FILE, select_tables.FACES)
    made.copy(out / select_tables.LEDGER_FILE, ledger.CLIPS)
    kept, dropped = ledger.tally(out / select_tables.LEDGER_FILE)
    words = [_spans_in_words(out), *_overrides_in_words(said, out, made, stage.params)]
    return Summary(seen=kept + dropped.total(), kept=kept, dropped=dropped, extra=", ".join(words))


def _decided(stage: Stage[Select], said: tuple[overrides.Override, ...]) -> parts.Made:
    data = stage.root / "data"
    params = {
        "minimum_s": {kind.name: kind.min_s for kind in stage.everything.vocalizations},
        "thresholds": stage.params.model_dump(),
    }
    step = Step(STEP, select_tables.measure, params)
    found = {
        file.stem: select_tables.of_part(data, file.stem, said)
        for file in tables.parts_of(data / "download" / "ledger.parquet")
    }
    return parts.remake(stage.runner, step, found, _HERE)


def _spans_in_words(out: Path) -> str:
    spans, frames = ledger.extent(out / select_tables.SPANS_FILE)
    of_all = tables.count_rows(out / select_tables.FRAMES_FILE)
    return f"{spans:,} spans, {frames:,} of {of_all:,} frames"


def _overrides_in_words(
    said: tuple[overrides.Override, ...], out: Path, made: parts.Made, thresholds: Select
) -> Iterator[str]:
    told = [
        json.loads((folder / select_tables.TOLD_FILE).read_text())
        for folder in made.folders.values()
    ]
    if stale := sum(it["stale"] for it in told):
        done = "applied" if thresholds.stale_overrides == "apply" else "not applied"
        yield f"{stale} stale overrides {done}"
    here = set(tables.arrow(out / select_tables.LEDGER_FILE, ["clip"])["clip"].to_pylist())
    if idle := [override for override in said if override.clip not in here]:
        yield f"{len(idle)} overrides of clips that are not here"
