"""What lies before a reviewer: every clip's fate, what a look at it is worth, and what was said.

desk = Desk.open(root)
desk.rows()                       a table of all clips, column by column
desk.what_if({"max_yaw_deg": 30}, "kitchen_04")
desk.say(Verdict(clip="kitchen_04", verdict="drop", reason="not hers", reviewer="mk"))
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from pipeline.audit import read
from pipeline.audit.read import JUDGES, Account
from pipeline.audit.review.worth import Worth, split
from pipeline.audit.why import in_short
from pipeline.core.errors import CradleError
from pipeline.core.params import Params
from pipeline.core.reasons import State
from pipeline.dataset import measures, overrides
from pipeline.dataset.agreement import agreements
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.overrides import Override
from pipeline.dataset.overriding import append, plain, take_back
from pipeline.dataset.params import Select
from pipeline.dataset.sliding import Sliding

OVERRIDES = Path("data") / "overrides.csv"


class Verdict(Params):
    """What a reviewer says of a clip, or of some of its frames."""

    clip: str
    verdict: Literal["keep", "drop"]
    reviewer: str = Field(min_length=1, max_length=40)
    reason: str = Field(min_length=1, max_length=2000)
    start_frame: int | None = Field(None, ge=0)
    end_frame: int | None = Field(None, ge=1)


class Taken(Verdict):
    """A line of data/overrides.csv that is to go, and who takes it back."""

    date: str
    by: str = Field(min_length=1, max_length=40)


class Desk:
    """A run under review. Thresholds and measurements stay as they were when it was opened."""

    def __init__(self, root: Path, account: Account, tables: Tables, thresholds: Select) -> None:
        self.root, self.account, self.thresholds = root, account, thresholds
        self.tables = tables
        self.place = {str(clip): number for number, clip in enumerate(tables.clips["clip"])}
        self.sliding = Sliding(tables)
        self._kept = self.sliding.kept(thresholds)
        self._heard: object = "nothing yet"
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
        # The first table is asked for at once, and most of it stays as it is.
        desk.rows()
        return desk

    def listen(self) -> None:
        """Read again what reviewers said, this one and others, if anything was said since."""
        path = self.root / OVERRIDES
        status = path.stat() if path.exists() else None
        version = None if status is None else (status.st_ino, status.st_mtime_ns, status.st_size)
        if version == self._heard:
            return
        self.said = overrides.read(self.root / OVERRIDES)
        self.tables = replace(self.tables, overrides=measures.dated(self.said, self.tables))
        self.sliding = self.sliding.with_words(self.tables)
        self._kept = self.sliding.kept(self.thresholds)
        self._heard = version

    def say(self, verdict: Verdict) -> None:
        """Write a verdict into data/overrides.csv, with the digest of what is measured.

        Raises:
            CradleError: there is no such clip, it was withdrawn, or it has no such frames.
        """
        if verdict.clip not in self.place:
            raise CradleError(f"{verdict.clip}: select decides nothing about it")
        frames = int(self.tables.counts[self.place[verdict.clip]])
        if (verdict.end_frame or 0) > frames:
            raise CradleError(f"{verdict.clip}: has {frames} frames, none at {verdict.end_frame}")
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

    def take_back(self, taken: Taken) -> None:
        """Take a line out of data/overrides.csv: one's own, or one that is stale.

        Raises:
            CradleError: nobody says so any more, or somebody else does.
        """
        self.listen()
        asked = taken.model_dump(exclude={"by"})
        found = [word for word in self.tables.overrides if asked.items() <= vars(word).items()]
        if not found:
            raise CradleError("that line is not in data/overrides.csv any more")
        if found[-1].reviewer != plain(taken.by) and not found[-1].stale:
            raise CradleError(f"{found[-1].reviewer} said so, and alone can take it back")
        take_back(self.root / OVERRIDES, found[-1])
        self.listen()

    def what_if(
        self, changed: Mapping[str, float], clip: str = "", *, which: bool = False
    ) -> dict[str, Any]:
        """What other thresholds would keep of the dataset, and of one clip.

        `which` asks for the ids of the clips that would enter and leave as well.
        """
        there = Select.model_validate({**self.thresholds.model_dump(), **changed})
        would = self.sliding.kept(there)
        was_s, would_s = self.sliding.seconds(self._kept), self.sliding.seconds(would)
        entering, leaving = (was_s == 0) & (would_s > 0), (was_s > 0) & (would_s == 0)
        found: dict[str, Any] = {
            "clips": [int((was_s > 0).sum()), int((would_s > 0).sum())],
            "minutes": [float(was_s.sum() / 60), float(would_s.sum() / 60)],
            "entering": int(entering.sum()),
            "leaving": int(leaving.sum()),
        }
        if which:
            names = np.asarray(self.tables.clips["clip"], object)
            found["enters"], found["leaves"] = names[entering].tolist(), names[leaving].tolist()
        if clip in self.place:
            found["kept"] = self.sliding.of_clip(would, self.place[clip])
        return found

    def rows(self) -> dict[str, list[Any]]:
        """All clips, column by column, those first that a minute is worth most on."""
        told = self._told
        kept_s = self.sliding.seconds(self._kept)
        span_s = self.tables.counts / FPS
        share = np.divide(kept_s, span_s, out=np.zeros_like(kept_s), where=span_s > 0)
        worth, ground = self._worth.now(share, self.tables.overrides)
        number = self._worth.number
        words = self._words()
        of = [words.get(clip, []) for clip in told["clip"]]
        columns = {
            **told,
            "kept_s": np.append(np.round(kept_s, 2), 0.0)[number].tolist(),
            "share": np.append(np.round(share, 3), 0.0)[number].tolist(),
            "verdicts": [", ".join(f"{w.reviewer} {w.verdict}" for w in mine) for mine in of],
            "reviewers": [sorted({word.reviewer for word in mine}) for mine in of],
            "stale": [any(word.stale for word in mine) for mine in of],
            "split": list(map(split, of)),
            "worth": worth.tolist(),
            "ground": ground,
        }
        # Clips are sorted by name; a stable sort leaves equals so.
        order = np.argsort(-worth, kind="stable").tolist()
        return {name: [values[at] for at in order] for name, values in columns.items()}

    def said_of(self, clip: str) -> list[dict[str, Any]]:
        """What reviewers said of one clip, in the order in which they did."""
        names = ("verdict", "reason", "reviewer", "date", "start_frame", "end_frame", "stale")
        return [
            {name: getattr(word, name) for name in names}
            for word in self.tables.overrides
            if word.clip == clip
        ]

    def kept_of(self, clip: str) -> list[list[int]]:
        """Start and end of every span of one clip that is kept as it stands."""
        return self.sliding.of_clip(self._kept, self.place[clip]) if clip in self.place else []

    def agreement(self) -> list[dict[str, Any]]:
        """Every pair of reviewers who judged something in common."""
        return [vars(pair) for pair in agreements(self.said)]

    def funnel(self) -> list[list[Any]]:
        """Name of each stage, how many clips came to it, and how many it kept."""
        found = []
        for stage in JUDGES:
            said = [rows[stage] for rows in self.account.said.values() if stage in rows]
            found.append([stage, len(said), sum(row["state"] == State.KEPT for row in said)])
        return found

    @cached_property
    def _told(self) -> dict[str, list[Any]]:
        """What stays as it is of every clip, column by column, clips by name."""
        names = ("clip", "vocalization", "source", "stage", "state", "reason", "words")
        rows = [self._row(clip) for clip in self.account.fates]
        return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))

    @cached_property
    def _worth(self) -> Worth:
        return Worth(self.account, self.tables, self._told["clip"])

    def _row(self, clip: str) -> list[str]:
        fate, about = self.account.fates[clip], self.account.about("download", clip)
        row = fate.row
        words = in_short(fate.stage, row)
        facts = [str(about.get(name, "")) for name in ("vocalization", "source")]
        return [clip, *facts, fate.stage, str(row["state"]), str(row["reason"]), words]

    def _words(self) -> dict[str, list[Override]]:
        found: dict[str, list[Override]] = {}
        for word in self.tables.overrides:
            found.setdefault(word.clip, []).append(word)
        return found
