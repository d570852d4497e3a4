"""Which kinds of vocalization the events of a table are: a table step, nothing is measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.voice.events import NUMBERS
from pipeline.voice.events_table import WHAT, WHEN
from pipeline.voice.tags import in_words, tags_in
from pipeline.voice.vocalizations import Typist
from pipeline.voice.vocalizations_claims import NO_FOLD, Typists

BY_EXAMPLES, BY_WORDS, BY_BOUNDS = "examples", "words", "bounds"
EVENTS = pa.schema(
    [
        ("clip", pa.string()),
        *WHEN,
        ("type", pa.string()),
        ("type_score", pa.float64()),
        ("told_by", pa.string()),
        ("heard_as", pa.string()),
        *WHAT,
    ]
)


def typed(events: pd.DataFrame, typist: Typist) -> pd.DataFrame:
    """Add what each infant's event is: type, type_score, told_by, and type_<kind> of each kind.

    And of everybody's, where the tagger listened, `heard_as`: what it sounds most like, in words.
    `events` has the columns of `MEASURED`, and any others.
    """
    infants = (events["who"] == "infant").to_numpy(bool)
    names = [kind.name for kind in typist.kinds]
    told = np.array([_told_by(typist, name) for name in names], object)
    scores = np.full((len(events), len(names)), np.nan)
    if infants.any():
        numbers = np.stack([np.asarray(row, np.float32) for row in events.loc[infants, "numbers"]])
        tags = tags_in(events.loc[infants, "tags"])
        scores[infants] = typist.scores(numbers.reshape(-1, NUMBERS), tags)
    best = np.nan_to_num(scores).argmax(1)
    return events.assign(
        type=np.where(infants, np.array(names, object)[best], ""),
        type_score=scores[np.arange(len(events)), best],
        told_by=np.where(infants, told[best], ""),
        heard_as=in_words(tags_in(events["tags"])),
        **{column_of(name): scores[:, number] for number, name in enumerate(names)},
    )


def _told_by(typist: Typist, name: str) -> str:
    if name in typist.by_bounds:
        return BY_BOUNDS
    return BY_WORDS if name in typist.by_words else BY_EXAMPLES


def column_of(kind: str) -> str:
    """Name of the column that says how much something is of a kind."""
    return f"type_{kind}"


def of_clips(events: pd.DataFrame, sources: Mapping[str, str], typists: Typists) -> pd.DataFrame:
    """What the events of many clips are, each told by what may tell of its source.

    Args:
        events: `clip` and the columns of `MEASURED`, by clip.
        sources: of every clip.
        typists: who tells.
    """
    by = events["clip"].map(lambda clip: typists.fold(sources[clip])).to_numpy(int)
    told = [typed(events[by == fold], typists.of_fold(fold)) for fold in np.unique(by)]
    if not told:
        return typed(events, typists.of_fold(NO_FOLD))
    return pd.concat(told).sort_index(kind="stable")


def shares(
    events: pd.DataFrame, clips: Sequence[str], names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """How much each clip's infant sounds like each kind, (C,) a column: mean over events' time."""
    infants = events[(events["who"] == "infant").to_numpy(bool)]
    weight = ((infants["end_s"] - infants["start_s"]) * infants["score"]).astype(float)

    def summed(values: pd.Series) -> NDArray[np.float64]:
        return values.groupby(infants["clip"]).sum().reindex(list(clips)).to_numpy(float)

    whole = summed(weight)
    whole = np.where(whole > 0, whole, np.nan)
    columns = [column_of(name) for name in names]
    return {column: summed(infants[column].astype(float) * weight) / whole for column in columns}
