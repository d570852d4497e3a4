"""What lies before a reviewer: every clip's fate, what a look at it is worth, and what was said.

desk = Desk.open(root)
desk.rows()                       a table of all clips, column by column
desk.what_if({"max_yaw_deg": 30}, "kitchen_04")
desk.say(Verdict(clip="kitchen_04", verdict="drop", reason="not hers", reviewer="mk"))
"""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from pipeline.audit import read
from pipeline.audit.read import Account
from pipeline.audit.why import in_short
from pipeline.core.errors import CradleError
from pipeline.core.ledger import CLIPS
from pipeline.core.params import Params
from pipeline.dataset import measures, overrides
from pipeline.dataset.agreement import agreements
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.overrides import Override
from pipeline.dataset.overriding import append
from pipeline.dataset.params import Select
from pipeline.dataset.sliding import Sliding

OVERRIDES = Path("data") / "overrides.csv"
CLOSE = 0.1
"""Distance from a threshold, as a share of it, at which a look is worth half as much as at it."""
WORTH = {"close to a threshold": 1.0, "frames disagree": 0.6, "rare": 0.4, "stale": 2.0}
"""What a minute is worth at most for each ground of looking at a clip."""


class Verdict(Params):
    """What a reviewer says of a clip, or of some of its frames."""

    clip: str
    verdict: Literal["keep", "drop"]
    reviewer: str = Field(min_length=1, max_length=40)
    reason: str = Field(min_length=1, max_length=2000)
    start_frame: int | None = Field(None, ge=0)
    end_frame: int | None = Field(None, ge=1)


class Desk:
    """A run under review. Thresholds and measurements stay as they were when it was opened."""

    def __init__(self, root: Path, account: Account, tables: Tables, thresholds: Select) -> None:
        self.root, self.account, self.thresholds = root, account, thresholds
        self.tables = tables
        self.place = {str(clip): number for number, clip in enumerate(tables.clips["clip"])}
        self.sliding = Sliding(tables)
        self._kept = self.sliding.kept(thresholds)
        self.said: tuple[Override, ...] = ()

    @classmethod
    def open(cls, root: Path, thresholds: Select, minimum_s: dict[str, float]) -> Desk:
        """Read a run; `minimum_s` is the shortest event that counts, by vocalization.

        Raises:
            CradleError: nothing has been run here yet.
        """
        data = root / "data"
        account = read.read(data)
        try:
            tables = measures.read(data, minimum_s, ())
        except FileNotFoundError as error:
            raise CradleError(f"{error.filename}: not found; `make run` makes it") from None
        desk = cls(root, account, tables, thresholds)
        desk.listen()
        return desk

    def listen(self) -> None:
        """Read again what reviewers said, this one and others."""
        self.said = overrides.read(self.root / OVERRIDES)
        self.tables = replace(self.tables, overrides=measures.dated(self.said, self.tables))
        self.sliding = self.sliding.with_words(self.tables)
        self._kept = self.sliding.kept(self.thresholds)

    def say(self, verdict: Verdict) -> None:
        """Write a verdict into data/overrides.csv, with the digest of what is measured.

        Raises:
            CradleError: there is no such clip, or it was withdrawn.
        """
        if verdict.clip not in self.place:
            raise CradleError(f"{verdict.clip}: select decides nothing about it")
        line = Override(
            verdict.clip,
            verdict.verdict,
            verdict.reason,
            verdict.reviewer,
            datetime.date.today().isoformat(),
            verdict.start_frame,
            verdict.end_frame,
            measures.digest(self.tables, verdict.clip),
        )
        append(self.root / OVERRIDES, [line])
        self.listen()

    def what_if(self, changed: dict[str, float], clip: str = "") -> dict[str, Any]:
        """What other thresholds would keep of the dataset, and of one clip."""
        there = Select.model_validate({**self.thresholds.model_dump(), **changed})
        would = self.sliding.kept(there)
        was_s, would_s = self.sliding.seconds(self._kept), self.sliding.seconds(would)
        found: dict[str, Any] = {
            "clips": [int((was_s > 0).sum()), int((would_s > 0).sum())],
            "minutes": [float(was_s.sum() / 60), float(would_s.sum() / 60)],
            "entering": int(((was_s == 0) & (would_s > 0)).sum()),
            "leaving": int(((was_s > 0) & (would_s == 0)).sum()),
        }
        if clip in self.place:
            found["kept"] = self.sliding.of_clip(would, self.place[clip])
        return found

    def rows(self) -> dict[str, list[Any]]:
        """All clips, column by column, those first that a minute is worth most on."""
        table = pd.DataFrame(
            [self._row(clip) for clip in self.account.fates],
            columns=["clip", "vocalization", "source", "stage", "state", "reason", "words"],
        )
        table["kept_s"] = table["clip"].map(self._kept_s()).fillna(0.0).round(2)
        table["verdicts"] = table["clip"].map(self._verdicts()).fillna("")
        table["worth"], table["ground"] = self._worth(table)
        ordered = table.sort_values(["worth", "clip"], ascending=[False, True])
        return {str(name): ordered[name].tolist() for name in ordered}

    def agreement(self) -> list[dict[str, Any]]:
        """Every pair of reviewers who judged something in common."""
        return [vars(pair) for pair in agreements(self.said)]

    def _row(self, clip: str) -> list[str]:
        fate, about = self.account.fates[clip], self.account.about("download", clip)
        row = fate.row
        words = in_short(fate.stage, row)
        facts = [str(about.get(name, "")) for name in ("vocalization", "source")]
        return [clip, *facts, fate.stage, str(row["state"]), str(row["reason"]), words]

    def _kept_s(self) -> dict[str, float]:
        return dict(zip(self.place, self.sliding.seconds(self._kept).tolist(), strict=True))

    def _verdicts(self) -> dict[str, str]:
        found: dict[str, list[str]] = {}
        for word in self.said:
            found.setdefault(word.clip, []).append(f"{word.reviewer} {word.verdict}")
        return {clip: ", ".join(words) for clip, words in found.items()}

    def _worth(self, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        """What a minute is worth on each clip, and the strongest ground for it."""
        rows = pd.DataFrame(self.account.ledgers["select"], columns=CLIPS.names)
        ledger = rows.set_index("clip").astype({"measured": float, "threshold": float})
        gap = (ledger["measured"] - ledger["threshold"]).abs()
        far = (gap / ledger["threshold"].abs().clip(lower=1e-6)).reindex(table["clip"])
        share = pd.Series(self._kept_s()) / (pd.Series(self.tables.counts, list(self.place)) / FPS)
        mixed = (4 * share * (1 - share)).reindex(table["clip"])
        kinds = Counter(table["vocalization"])
        rare = table["vocalization"].map(lambda kind: 1 - kinds[kind] / max(kinds.values()))
        stale = table["clip"].isin({word.clip for word in self.tables.overrides if word.stale})
        grounds = pd.DataFrame(
            {
                "close to a threshold": (CLOSE / (CLOSE + far)).to_numpy(float),
                "frames disagree": mixed.to_numpy(float),
                "rare": rare.to_numpy(float),
                "stale": stale.to_numpy(float),
            }
        ).fillna(0.0) * pd.Series(WORTH)
        # Where select decided nothing, nobody's word changes anything.
        grounds = grounds.where(table["clip"].isin(self.place), 0.0)
        spoken = table["clip"].isin({word.clip for word in self.said}) & ~stale
        worth = grounds.sum(axis=1).where(~spoken, 0.0)
        return worth.round(3), grounds.idxmax(axis=1).where(worth > 0, "")
