"""What a reviewer's minute is worth on each clip, and for which ground most.

    worth, ground = Worth(account, tables, told).now(kept_share, tables.overrides)

Every ground is a share from 0 to 1 times what it is worth at most; what counts is their sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.audit.read import Account
from pipeline.dataset.measures import Tables
from pipeline.dataset.overrides import Override

CLOSE = 0.1
"""Distance from a threshold, as a share of it, at which a look is worth half as much as at it."""
GOES_WITH = 0.3
"""How far a mouth must go with the voice, as a correlation, to leave no doubt."""
WORTH = {
    "stale verdict": 2.0,
    "reviewers disagree": 1.5,
    "close to a threshold": 1.0,
    "voice and catalogue disagree": 0.8,
    "mouth and voice disagree": 0.8,
    "fit and landmarks disagree": 0.8,
    "frames disagree": 0.6,
    "rare": 0.4,
}
"""What a minute is worth at most for each ground of looking at a clip."""
TOLD = 0.25
"""The least share of a ground that is told as the reason for a look: less is no reason."""
SECOND_OPINION = 0.5
"""What is left of it once one reviewer has spoken; when two have, nothing is."""

Floats = NDArray[np.float64]


class Worth:
    """The grounds that stay as they are while a run is under review."""

    def __init__(self, account: Account, tables: Tables, clips: Sequence[str]) -> None:
        place = {str(clip): number for number, clip in enumerate(tables.clips["clip"])}
        self.clips = list(clips)
        self.number = np.array([place.get(clip, -1) for clip in clips], int)
        """Where each clip stands in the measurements; -1 where select decided nothing on it."""
        fate = [account.fates[clip] for clip in clips]
        self.refit = np.array([f.stage == "fit" and not f.kept for f in fate], float)
        self.close = _closeness(account, self.clips)
        self.rare = _rareness(account, self.clips)
        self.other_type = self._laid(_another_type(account, tables))
        moves = np.asarray(tables.company["moves_with_sound"], float)
        self.still = self._laid(np.clip(1 - np.nan_to_num(moves, nan=1.0) / GOES_WITH, 0, 1))

    def now(self, kept_share: Floats, said: Iterable[Override]) -> tuple[Floats, list[str]]:
        """Worth (N,) of a minute on each clip, and its strongest ground where it is one.

        Args:
            kept_share: (C,) of each clip that select decided on.
            said: what reviewers said of them, with what is stale by now.
        """
        share = self._laid(kept_share)
        last: dict[str, dict[tuple, Override]] = {}
        for word in said:
            places = last.setdefault(word.clip, {})
            places[word.reviewer, word.start_frame, word.end_frame] = word
        words = [list(last.get(clip, {}).values()) for clip in self.clips]
        stale = np.array([any(word.stale for word in of) for of in words], float)
        disagree = np.array([split(of) for of in words], float)
        shares = {
            "stale verdict": stale,
            "reviewers disagree": disagree,
            "close to a threshold": self.close,
            "voice and catalogue disagree": self.other_type,
            # A mouth that keeps still says something only where the rest was good enough.
            "mouth and voice disagree": self.still * (share > 0),
            "fit and landmarks disagree": self.refit,
            "frames disagree": 4 * share * (1 - share),
            "rare": self.rare,
        }
        every = np.stack([shares[name] for name in WORTH])
        each = every * np.array(list(WORTH.values()))[:, None]
        # Where select decided nothing, nobody's word changes anything.
        each[:, self.number < 0] = 0.0
        heads = np.array([len({word.reviewer for word in of}) for of in words])
        asked = [heads == 0, (stale + disagree) > 0, heads == 1]
        left = np.select(asked, [1.0, 1.0, SECOND_OPINION])
        worth = np.round(each.sum(axis=0) * left, 3)
        strongest, names = each.argmax(axis=0), np.array(list(WORTH), object)
        told = (worth > 0) & (np.take_along_axis(every, strongest[None], 0)[0] >= TOLD)
        return worth, np.where(told, names[strongest], "").tolist()

    def _laid(self, values: Floats) -> Floats:
        """(N,) of the values (C,) by clip; 0 where select decided nothing."""
        padded = np.append(np.asarray(values, float), 0.0)
        return padded[self.number]


def split(words: Sequence[Override]) -> bool:
    """Whether two reviewers say different things of the same frames, by the last word of each."""
    last = {(word.start_frame, word.end_frame, word.reviewer): word.verdict for word in words}
    verdicts: dict[tuple, set[str]] = {}
    for (start, end, _), verdict in last.items():
        verdicts.setdefault((start, end), set()).add(verdict)
    return any(len(different) > 1 for different in verdicts.values())


def _closeness(account: Account, clips: Sequence[str]) -> Floats:
    rows = [account.said[clip].get("select", {}) for clip in clips]
    measured, limit = (
        np.array([row.get(name) for row in rows], float) for name in ("measured", "threshold")
    )
    far = np.abs(measured - limit) / np.maximum(np.abs(limit), 1e-6)
    return np.nan_to_num(CLOSE / (CLOSE + far))


def _rareness(account: Account, clips: Sequence[str]) -> Floats:
    kinds = [str(account.about("download", clip).get("vocalization", "")) for clip in clips]
    counts = Counter(kinds)
    most = max(counts.values(), default=1)
    return np.array([1 - counts[kind] / most for kind in kinds], float)


def _another_type(account: Account, tables: Tables) -> Floats:
    """(C,) how much more a voice sounds like another vocalization than like its own."""
    scores = pd.DataFrame.from_dict(dict(account.clips["isolate"]), orient="index")
    scores = scores.filter(regex="^type_").reindex(tables.clips["clip"]).astype(float)
    if scores.empty:
        return np.zeros(len(tables.clips))
    own = np.asarray(tables.voice["claimed_score"], float)
    claimed = [f"type_{kind}" for kind in tables.clips["vocalization"]]
    mine = np.asarray(claimed)[:, None] == scores.columns.to_numpy()[None]
    best = np.nan_to_num(scores.mask(mine).to_numpy(float)).max(axis=1, initial=0.0)
    return np.clip(np.nan_to_num(best - own), 0.0, 1.0)
