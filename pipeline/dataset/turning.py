"""What would have turned a verdict: for each threshold alone, where the clip changes sides.

    for point in turning_points(tables.alone("kitchen_04"), thresholds): print(point)
    max_yaw_deg 40 -> 46.2: kept

Nothing is guessed from the ledger: the clip is decided again with the changed threshold, so a point
that is given does turn the clip, and a threshold that is not given cannot turn it alone.

    mend(alone, thresholds, 41, 78)    [Change("min_mouth_visible", 0.75, 0.61, "<=")]

says what would have kept frames that were dropped, by as many thresholds as it takes. Whatever is
printed can be put into params.yaml as it stands: values are rounded towards where they turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.core.reasons import State
from pipeline.dataset.gates import FRAME_GATES, VOICE_GATES, Gate
from pipeline.dataset.measures import FPS, Tables
from pipeline.dataset.params import Select
from pipeline.dataset.spans import TOLERANCE_S
from pipeline.dataset.weigh import NO_RULE, SPAN_RULE, SPAN_VOICE_RULE, Scales, Weighed

DIGITS = 3
"""To which values are rounded."""
MANY_DIGITS = 6
JUST_BEYOND = 1e-6
"""How far a limit goes past a value that it is to drop, as a share of the value."""


@dataclass(frozen=True)
class Change:
    """One threshold that something has to be laxer by."""

    threshold: str
    """Key in params.yaml, such as select.min_mouth_visible."""
    now: float
    to: float
    op: str
    """On which side of `to` the threshold has to lie: <= where it is a lower limit."""

    def __str__(self) -> str:
        return f"{self.threshold} {self.op} {self.to:g}"


@dataclass(frozen=True)
class TurningPoint:
    """The smallest change of one threshold with which a clip's verdict is another one."""

    threshold: str
    """Field of select's parameters."""
    now: float
    turns_at: float
    becomes: State

    @property
    def distance(self) -> float:
        """Size of the change as a share of the threshold."""
        return abs(self.turns_at - self.now) / max(abs(self.now), 1e-6)

    def __str__(self) -> str:
        return f"{self.threshold} {self.now:g} -> {self.turns_at:g}: {self.becomes}"


def turning_points(alone: Tables, thresholds: Select) -> list[TurningPoint]:
    """Find every threshold that could turn one clip by itself, the smallest change first.

    Args:
        alone: the measurements of that clip only.
        thresholds: what it was judged by.
    """
    scales = Scales(alone)
    before = _state(scales, thresholds)
    points = []
    for name, values in _candidates(alone, thresholds, before):
        turned = _first_that_turns(scales, thresholds, name, values, before)
        if turned is not None:
            points.append(turned)
    return sorted(points, key=lambda point: (point.distance, point.threshold))


def mend(alone: Tables, thresholds: Select, start: int, end: int) -> list[Change] | None:
    """What would have kept frames `start` to `end` of one clip, all of them.

    Each change is needed, and the smallest of its threshold; there are several where the frames
    break several rules, and none where they are kept as it is.

    Returns:
        None where no threshold could: a reviewer dropped a frame, or nothing was measured there.
    """
    changes: dict[str, Change] = {}
    scales = Scales(alone)
    while True:
        broken = _broken(_with(scales, thresholds, changes.values()), slice(start, end))
        if broken is None:
            return _needed(scales, thresholds, list(changes.values()), slice(start, end))
        rule, values = broken
        if rule == NO_RULE or np.isnan(values).any():
            return None
        change = _laxer(alone, thresholds, rule, values)
        changes[change.threshold] = change


def _needed(scales: Scales, thresholds: Select, changes: list[Change], part: slice) -> list[Change]:
    """Changes without those that can be spared, as the gap that is left is short enough."""
    for change in changes:
        others = [other for other in changes if other is not change]
        if _broken(_with(scales, thresholds, others), part) is None:
            return _needed(scales, thresholds, others, part)
    return changes


def _broken(weighed: Weighed, part: slice) -> tuple[int, NDArray[np.float64]] | None:
    """The first rule that frames still break, with their values; gates come before spans."""
    dropped = np.flatnonzero(~weighed.stays[part]) + part.start
    if not len(dropped):
        return None
    rules = weighed.rule[dropped]
    rule = int(rules.min())
    if rule == NO_RULE:
        return rule, np.full(1, np.nan)
    return rule, weighed.compared(rule, dropped[rules == rule])[0]


def _laxer(alone: Tables, thresholds: Select, rule: int, values: NDArray[np.float64]) -> Change:
    """The change with which a rule lets all of `values` pass."""
    if rule == SPAN_RULE:
        length_s = round_towards(float(values.min()), "<=")
        return Change("select.min_span_s", thresholds.min_span_s, length_s, "<=")
    if rule == SPAN_VOICE_RULE:
        name = f"vocalizations.{alone.clips['vocalization'][0]}.min_s"
        now = float(alone.clips["min_event_s"][0])
        return Change(name, now, round_towards(float(values.min()), "<="), "<=")
    gate = (*FRAME_GATES, *VOICE_GATES)[rule]
    side = "<=" if gate.op == ">=" else ">="
    worst = float(values.min() if gate.op == ">=" else values.max())
    now = float(getattr(thresholds, gate.threshold))
    return Change(f"select.{gate.threshold}", now, round_towards(worst, side), side)


def _with(scales: Scales, thresholds: Select, changes: Iterable[Change]) -> Weighed:
    """The decision with the changes made."""
    for change in changes:
        section, _, key = change.threshold.partition(".")
        if section == "select":
            # model_copy checks nothing: what params.yaml does not allow answers the question too.
            thresholds = thresholds.model_copy(update={key: change.to})
        else:
            clips = {**scales.tables.clips, "min_event_s": np.array([change.to])}
            scales = Scales(replace(scales.tables, clips=clips))
    return scales.weigh(thresholds)


def round_towards(value: float, side: str, digits: int = DIGITS) -> float:
    """Round to a few digits, down where what is asked is `<=` and up where it is `>=`."""
    nearest = float(f"{value:.{digits}g}")
    if nearest <= value if side == "<=" else nearest >= value:
        return nearest
    rounding = ROUND_FLOOR if side == "<=" else ROUND_CEILING
    return float(Context(prec=digits, rounding=rounding).create_decimal(value))


def _state(scales: Scales, thresholds: Select) -> State:
    return State.KEPT if len(scales.weigh(thresholds).kept) else State.REJECTED


def _candidates(
    alone: Tables, thresholds: Select, before: State
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Every threshold with the values that could matter, the least change first."""
    for gates, columns in ((FRAME_GATES, alone.frames), (VOICE_GATES, alone.voice)):
        for gate in gates:
            now = float(getattr(thresholds, gate.threshold))
            yield gate.threshold, _beyond(gate, columns[gate.measure], now, before)
    lengths = np.arange(1, int(alone.counts.sum()) + 2)
    seconds, gap = lengths / FPS, float(thresholds.max_gap_frames)
    if before is State.KEPT:
        # Just longer than a span can be, beyond what select forgives for rounding.
        longer = seconds + 2 * TOLERANCE_S
        yield "min_span_s", longer[longer > thresholds.min_span_s]
        yield "max_gap_frames", np.arange(gap)[::-1]
    else:
        yield "min_span_s", seconds[seconds < thresholds.min_span_s][::-1]
        yield "max_gap_frames", lengths[lengths > gap].astype(float)


def _beyond(
    gate: Gate, values: NDArray[np.float64], now: float, before: State
) -> NDArray[np.float64]:
    """Values that the limit would have to reach: laxer for what was dropped, else stricter."""
    known = np.unique(values[~np.isnan(values)])
    upward = (gate.op == ">=") == (before is State.KEPT)
    if before is State.KEPT:
        # A limit just beyond a value drops what has that value.
        beyond = JUST_BEYOND * np.maximum(np.abs(known), 1.0)
        known = np.unique(known + beyond if upward else known - beyond)
    return known[known > now] if upward else known[known < now][::-1]


def _first_that_turns(
    scales: Scales, thresholds: Select, name: str, values: NDArray[np.float64], before: State
) -> TurningPoint | None:
    """Bisect: a gate that is laxer never drops more, nor a stricter one less."""
    if not len(values) or _changed(scales, thresholds, name, values[-1]) is before:
        return None
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if _changed(scales, thresholds, name, values[middle]) is before:
            low = middle + 1
        else:
            high = middle
    now, turns_at = float(getattr(thresholds, name)), float(values[low])
    # Rounded away from where it is now, so that what is printed turns it as well.
    turns_at = round_towards(turns_at, "<=" if turns_at < now else ">=", MANY_DIGITS)
    if not _allowed(name, turns_at):
        return None
    return TurningPoint(name, now, turns_at, _changed(scales, thresholds, name, turns_at))


def _allowed(name: str, value: float) -> bool:
    """Whether params.yaml may say so: nobody can use a threshold that it refuses."""
    try:
        Select.model_validate({name: int(value) if name == "max_gap_frames" else value})
    except ValidationError:
        return False
    return True


def _changed(scales: Scales, thresholds: Select, name: str, value: float) -> State:
    # model_copy checks nothing: a value beyond what params.yaml allows answers the question too.
    number = int(value) if name == "max_gap_frames" else float(value)
    return _state(scales, thresholds.model_copy(update={name: number}))
