"""How many clips and frames came in, went on, and stayed behind for which reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.audit.read import FRAME_JUDGES, Account
from pipeline.audit.why import FPS
from pipeline.core import tables
from pipeline.core.reasons import Reason, State
from pipeline.dataset import shards


@dataclass(frozen=True)
class Share:
    """A part of a bar."""

    reason: Reason
    count: int
    start: float
    """Where it begins, 0..1."""
    width: float


@dataclass(frozen=True)
class Bar:
    """What became of everything that reached one point, kept first, then the most frequent."""

    name: str
    total: int
    kept: int
    shares: list[Share]

    @property
    def dropped(self) -> list[Share]:
        """The parts that were not kept."""
        return [share for share in self.shares if share.reason.state is not State.KEPT]


def bar(name: str, reasons: Iterable[str], scale: int | None = None) -> Bar:
    """Lay counted reasons side by side; `scale` is how many the full width stands for."""
    counts = Counter(Reason.named(reason) for reason in reasons)
    return _bar(name, counts, scale)


def clips_by_stage(account: Account) -> list[Bar]:
    """What every stage did with the clips that reached it, all on one scale."""
    most = max(len(rows) for _, rows in account.steps())
    return [
        bar(stage, (str(row["reason"]) for row in rows), most)
        for stage, rows in account.steps()
        if rows
    ]


def clips_in_the_end(account: Account) -> Bar:
    """Every clip once, with the word that ended its way."""
    return bar("clips", (str(fate.row["reason"]) for fate in account.fates.values()))


def frames_in_the_end(account: Account) -> Bar:
    """Every frame that was judged once: fit's word where it is no, else select's."""
    counts: Counter[Reason] = Counter()
    for stage in FRAME_JUDGES:
        path = account.data / stage / "frames.parquet"
        if not path.exists():
            continue
        said = tables.read(path, ["reason"])["reason"].value_counts()
        for name, count in said.items():
            reason = Reason.named(str(name))
            if stage == "select":
                counts[reason] += int(count)
            elif reason.state is not State.KEPT:
                # Whatever fit drops had been kept by select.
                counts[reason] += int(count)
                counts[Reason.KEPT] -= int(count)
    return _bar("frames", counts, None)


def kept_spans(account: Account) -> tuple[int, float]:
    """How many spans were packed, and their seconds."""
    folder = account.data / "pack"
    if not shards.paths(folder):
        return 0, 0.0
    frames = shards.index(folder)["frames"]
    return len(frames), float(frames.sum()) / FPS


def _bar(name: str, counts: Counter[Reason], scale: int | None) -> Bar:
    counts = Counter({reason: count for reason, count in counts.items() if count > 0})
    total = counts.total()
    ordered = sorted(
        counts, key=lambda reason: (reason.state is not State.KEPT, -counts[reason], str(reason))
    )
    shares, start = [], 0.0
    for reason in ordered:
        width = counts[reason] / max(1, scale or total)
        shares.append(Share(reason, counts[reason], start, width))
        start += width
    kept = sum(counts[reason] for reason in counts if reason.state is State.KEPT)
    return Bar(name, total, kept, shares)
