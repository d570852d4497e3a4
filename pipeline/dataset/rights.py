"""By what right each source is in the dataset.

data/pack/sources.parquet
    source, licence, consent, synthetic, vocalizations, clips, spans, seconds

A source whose clips came under different rights has a row for each, with the clips in question.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterable
from operator import itemgetter
from typing import Any

import pandas as pd
import pyarrow as pa

SOURCES = pa.schema(
    [
        ("source", pa.string()),
        ("licence", pa.string()),
        ("consent", pa.string()),
        ("synthetic", pa.bool_()),
        ("vocalizations", pa.list_(pa.string())),
        ("clips", pa.list_(pa.string())),
        ("spans", pa.int32()),
        ("seconds", pa.float64()),
    ]
)
_OF = ("source", "licence", "consent")
_BY = [f"CC-BY{more}-{n}" for n in ("2.0", "3.0", "4.0") for more in ("", "-SA", "-NC", "-NC-SA")]
_KNOWN = {name.upper(): name for name in ("CC0-1.0", "CC-BY-2.5", "MIT", "Apache-2.0", *_BY)}


def sources(index: pd.DataFrame, clips: pd.DataFrame, fps: float) -> pd.DataFrame:
    """The table of sources.

    Args:
        index: the labels of every packed span.
        clips: clip, licence, consent of the clips that they come from; the words of strangers,
            which stay as they were written.
        fps: frames a second.
    """
    spans = index.merge(clips[["clip", "licence", "consent"]], on="clip", validate="many_to_one")
    spans = spans.fillna({"licence": ""}).sort_values([*_OF, "clip"], kind="stable")
    # Plain rows: a table for each of ten thousand sources takes longer than all that is in them.
    by = itertools.groupby(spans.to_dict("records"), key=itemgetter(*_OF))
    rows = [_row(key, list(mine), fps) for key, mine in by]
    return pd.DataFrame(rows, columns=SOURCES.names)


def _row(key: tuple[str, ...], spans: list[dict[Hashable, Any]], fps: float) -> dict[str, Any]:
    return {
        **dict(zip(_OF, key, strict=True)),
        "synthetic": all(span["synthetic"] for span in spans),
        "vocalizations": sorted({span["vocalization"] for span in spans}),
        "clips": sorted({span["clip"] for span in spans}),
        "spans": len(spans),
        "seconds": round(sum(int(span["frames"]) for span in spans) / fps, 3),
    }


def spdx(licence: str) -> str | None:
    """The name that a licence has in the SPDX list, None where it is none of the common ones."""
    return _KNOWN.get(re.sub(r"[\s_]+", "-", licence.strip()).upper())


def all_spdx(licences: Iterable[str]) -> list[str] | None:
    """The names of all licences, sorted; None where there is none, or one that is not known."""
    names = {spdx(licence) for licence in licences}
    known = sorted(name for name in names if name is not None)
    return known if known and len(known) == len(names) else None
