"""Which group each clip belongs to: by age, tone of skin, light, loudness, vocalization and source.

clips = of_clips(account)     # clip, source, kept, age, tone, light, loudness, vocalization

Bands are told by their upper edge, which belongs to them. What was measured frame by frame counts
as the clip's median over the frames that have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.audit.bias import UNKNOWN
from pipeline.audit.read import Account
from pipeline.core import tables

SOUNDS = 0.5
"""How sure it must be that the infant sounds for a frame to count for its loudness."""


@dataclass(frozen=True)
class Bands:
    """A scale cut into groups."""

    edges: tuple[float, ...]
    names: tuple[str, ...]
    """One more than edges, from low to high."""

    def of(self, values: NDArray[np.floating]) -> pd.Categorical:
        """The band of each value; nan belongs to none."""
        names = [*self.names, UNKNOWN]
        place = np.where(np.isnan(values), len(self.names), np.digitize(values, self.edges, True))
        return pd.Categorical([names[number] for number in place], names, ordered=True)


AGE = Bands(
    (3, 6, 12, 24),
    ("to 3 months", "3 to 6 months", "6 to 12 months", "12 to 24 months", "beyond 24 months"),
)
TONE = Bands(
    # Degrees of the individual typology angle, after Del Bino and Bernerd 2013.
    (-30, 10, 28, 41, 55),
    ("dark", "brown", "tan", "intermediate", "light", "very light"),
)
LIGHT = Bands(
    (0.2, 0.35, 0.5, 0.65), ("to 0.2", "0.2 to 0.35", "0.35 to 0.5", "0.5 to 0.65", "beyond 0.65")
)
LOUDNESS = Bands(
    (-40, -30, -20), ("below -40 dB", "from -40 to -30 dB", "from -30 to -20 dB", "above -20 dB")
)
TRAITS = {
    "age": "Age, as the catalogue states it",
    "tone": "Tone of the skin in the picture (individual typology angle)",
    "light": "Light on the face, 0 to 1",
    "loudness": "Loudness of the infant's voice, of full scale",
    "vocalization": "Vocalization, as the catalogue states it",
    "source": "Source",
}
"""What clips are grouped by, and what the page calls it."""


def of_clips(account: Account) -> pd.DataFrame:
    """A row for each clip that has media: `clip`, `source`, `kept`, and each trait's group.

    A clip is kept if it went all the way; one that failed on the way was not, whatever the failure.
    """
    every = sorted(account.clips["download"].items())
    table = pd.DataFrame({"clip": [clip for clip, _ in every]})
    about = [row for _, row in every]
    table["kept"] = [account.fates[clip].kept for clip in table["clip"]]
    table["age"] = AGE.of(_numbers(row.get("age_months") for row in about))
    table["tone"] = TONE.of(_of_frames(account, table["clip"], "landmarks", "ita_deg"))
    table["light"] = LIGHT.of(_of_frames(account, table["clip"], "landmarks", "brightness"))
    table["loudness"] = LOUDNESS.of(_of_frames(account, table["clip"], "isolate", "stem_db"))
    for name in ("vocalization", "source"):
        table[name] = [_text(row.get(name)) for row in about]
    return table


def _of_frames(account: Account, clips: pd.Series, stage: str, measure: str) -> NDArray[np.float64]:
    """Median of a measure over each clip's frames; nan where no frame has it."""
    path = account.data / stage / "frames.parquet"
    if not path.exists():
        return np.full(len(clips), np.nan)
    heard = ["infant"] if stage == "isolate" else []
    rows = tables.read(path, ["clip", measure, *heard])
    if heard:
        rows = rows[rows["infant"] >= SOUNDS]
    middle = rows.groupby("clip")[measure].median()
    return middle.reindex(clips).to_numpy(np.float64)


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.array([np.nan if v is None or pd.isna(v) else v for v in values], np.float64)


def _text(value: Any) -> str:
    return UNKNOWN if value is None or pd.isna(value) or not str(value) else str(value)
