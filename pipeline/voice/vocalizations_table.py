"""Which kinds of vocalization the events of a table are: a table step, nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.voice.events import NUMBERS
from pipeline.voice.events_table import WHAT, WHEN
from pipeline.voice.vocalizations import Typist

BY_EXAMPLES, BY_BOUNDS = "examples", "bounds"
EVENTS = pa.schema(
    [
        ("clip", pa.string()),
        *WHEN,
        ("type", pa.string()),
        ("type_score", pa.float64()),
        ("told_by", pa.string()),
        *WHAT,
    ]
)


def typed(events: pd.DataFrame, typist: Typist) -> pd.DataFrame:
    """Add what each infant's event is: type, type_score, told_by, and type_<kind> of each kind.

    `events` has the columns of `MEASURED`, and any others.
    """
    infants = (events["who"] == "infant").to_numpy(bool)
    names = [kind.name for kind in typist.kinds]
    told = np.array(
        [BY_BOUNDS if name in typist.by_bounds else BY_EXAMPLES for name in names], object
    )
    scores = np.full((len(events), len(names)), np.nan)
    if infants.any():
        numbers = np.stack([np.asarray(row, np.float32) for row in events.loc[infants, "numbers"]])
        scores[infants] = typist.scores(numbers.reshape(-1, NUMBERS))
    best = np.nan_to_num(scores).argmax(1)
    return events.assign(
        type=np.where(infants, np.array(names, object)[best], ""),
        type_score=scores[np.arange(len(events)), best],
        told_by=np.where(infants, told[best], ""),
        **{column_of(name): scores[:, number] for number, name in enumerate(names)},
    )


def column_of(kind: str) -> str:
    """Name of the column that says how much something is of a kind."""
    return f"type_{kind}"


def shares(events: pd.DataFrame, names: Sequence[str]) -> dict[str, float]:
    """How much a clip's infant sounds like each kind, by column: mean over its events' time."""
    infants = events[events["who"] == "infant"]
    weight = ((infants["end_s"] - infants["start_s"]) * infants["score"]).to_numpy(float)
    if not weight.sum() > 0:
        return {column_of(name): float("nan") for name in names}
    return {
        column_of(name): float(np.average(infants[column_of(name)].to_numpy(float), weights=weight))
        for name in names
    }
