"""A turning point turns the clip, and anything less does not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.core.errors import CradleError
from pipeline.core.reasons import State
from pipeline.dataset import measures
from pipeline.dataset.decide import decide
from pipeline.dataset.params import Select
from pipeline.dataset.together import together
from pipeline.dataset.turning import Change, mend, turning_points
from pipeline.dataset.weigh import weigh
from tests.dataset import world
from tests.dataset.test_decide_properties import measured, thresholds

LIMITS = Select(min_brightness=0, min_mouth_visible=0.75, min_span_s=1.0)


def verdict(grid, limits):
    return decide(grid, limits).clips[0].state


def test_a_hidden_mouth_would_be_kept_at_what_was_measured():
    grid = world.tables(spoil_frames=[("a", slice(20, 70), {"mouth_visible": 0.61})])
    point = turning_points(grid, LIMITS.model_copy(update={"min_span_s": 1.5}))[0]
    assert (point.threshold, point.turns_at) == ("min_mouth_visible", pytest.approx(0.61))
    assert point.becomes is State.KEPT
    assert str(point) == "min_mouth_visible 0.75 -> 0.61: kept"


def test_two_faults_cannot_be_mended_by_one_threshold():
    grid = world.tables(
        spoil_frames=[("a", slice(None), {"mouth_visible": 0.5, "yaw_deg": 60.0})],
    )
    assert turning_points(grid, LIMITS) == []


def test_what_two_faults_need_together_keeps_the_clip_at_its_best_stretch():
    grid = world.tables(
        spoil_frames=[
            ("a", slice(None), {"mouth_visible": 0.5, "yaw_deg": 60.0}),
            ("a", slice(40, 75), {"mouth_visible": 0.7, "yaw_deg": 45.0}),
        ],
    )
    changes = together(grid, LIMITS)
    assert set(map(str, changes)) == {
        "select.min_mouth_visible <= 0.7",
        "select.max_yaw_deg >= 45",
    }


def test_nothing_together_keeps_a_clip_without_a_face_or_one_that_was_dropped_by_hand():
    assert together(world.tables(spoil_frames=[("a", slice(None), {"found": False})]), LIMITS) == []
    assert together(world.tables(said=(world.override("a", "drop"),)), LIMITS) == []


def test_what_is_needed_together_keeps_every_clip_that_it_is_told_of():
    rng, told = np.random.default_rng(3), 0
    names = [f"clip_{number:03d}" for number in range(150)]
    every = spoilt(names, rng)
    for name in names:
        grid = every.alone(name)
        if verdict(grid, LIMITS) is State.REJECTED and (changes := together(grid, LIMITS)):
            assert kept_with(grid, changes).any(), (name, changes)
            told += 1
    assert told > 20


def test_a_turning_point_is_one_that_params_yaml_allows():
    for point in turning_points(world.tables(), LIMITS):
        assert Select.model_validate({point.threshold: point.turns_at})


def test_a_kept_clip_says_which_threshold_is_closest():
    grid = world.tables(spoil_voice={"a": {"snr_db": LIMITS.min_snr_db + 0.01}})
    point = turning_points(grid, LIMITS)[0]
    assert (point.threshold, point.becomes) == ("min_snr_db", State.REJECTED)
    assert point.turns_at == pytest.approx(LIMITS.min_snr_db + 0.01, rel=1e-5)


def test_a_clip_that_is_not_here_is_named():
    with pytest.raises(CradleError, match="nobody: not among the clips"):
        world.tables().alone("nobody")


@settings(max_examples=10, deadline=None)
@given(measured(), thresholds)
def test_every_turning_point_turns_and_less_does_not(grid, limits):
    alone = grid.alone(grid.clips["clip"][0])
    before = verdict(alone, limits)
    for point in turning_points(alone, limits):
        number = int if point.threshold == "max_gap_frames" else float
        there = limits.model_copy(update={point.threshold: number(point.turns_at)})
        assert verdict(alone, there) is point.becomes is not before
        if point.distance < 1e-3:
            continue
        if point.threshold == "max_gap_frames":
            nearer = point.turns_at + np.sign(point.now - point.turns_at)
        else:
            nearer = point.turns_at * 0.999 + point.now * 0.001
        short = limits.model_copy(update={point.threshold: number(nearer)})
        assert verdict(alone, short) is before


FAULTS = {
    "mouth_visible": (0.1, 0.95),
    "yaw_deg": (20, 80),
    "pitch_deg": (-60, -10),
    "face_px": (40, 120),
    "face_score": (0.2, 0.6),
}


def spoilt(names: list[str], rng: np.random.Generator) -> measures.Tables:
    """Clips in which several things go wrong for a while each, and perhaps the voice as well."""
    parts, voices = [], {}
    for name in names:
        for fault in rng.choice(list(FAULTS), rng.integers(1, 4), replace=False):
            start = int(rng.integers(0, 80))
            part = slice(start, start + int(rng.integers(2, 60)))
            parts.append((name, part, {fault: rng.uniform(*FAULTS[fault])}))
        if rng.random() < 0.3:
            voices[name] = {"snr_db": rng.uniform(2, 20), "adult_overlap": rng.uniform(0, 0.5)}
    return world.tables(names, spoil_frames=parts, spoil_voice=voices)


def dropped_runs(grid: measures.Tables) -> list[tuple[int, int]]:
    weighed = weigh(grid, LIMITS)
    kind = np.where(weighed.stays, -1, weighed.reason)
    edges = [0, *(np.flatnonzero(np.diff(kind)) + 1), len(kind)]
    return [(int(a), int(b)) for a, b in pairwise(edges) if kind[a] >= 0]


def kept_with(grid: measures.Tables, changes: list[Change]) -> np.ndarray:
    """Whether each frame is kept once thresholds are what somebody would write into params.yaml."""
    written = {c.threshold.split(".")[-1]: float(f"{c.to:g}") for c in changes}
    if (shortest := written.pop("min_s", None)) is not None:
        grid = replace(grid, clips={**grid.clips, "min_event_s": np.array([shortest])})
    return weigh(grid, LIMITS.model_copy(update=written)).stays


def test_a_thousand_counterfactuals_turn_what_they_say_they_would():
    rng, tried = np.random.default_rng(7), 0
    names = [f"clip_{number:03d}" for number in range(420)]
    every = spoilt(names, rng)
    for name in names:
        grid = every.alone(name)
        for start, end in dropped_runs(grid):
            changes = mend(grid, LIMITS, start, end)
            assert kept_with(grid, changes)[start:end].all(), (start, end, changes)
            tried += 1
            # None is there for nothing: without it something of the run stays out.
            for needless in changes if tried % 5 == 0 else []:
                others = [change for change in changes if change is not needless]
                assert not kept_with(grid, others)[start:end].all(), (start, end, needless)
    assert tried >= 1000


def test_no_threshold_mends_what_was_not_measured_or_what_a_reviewer_dropped():
    nowhere = world.tables(spoil_frames=[("a", slice(20, 60), {"found": False})])
    assert mend(nowhere, LIMITS, 20, 60) is None
    said = world.tables(said=(world.override("a", "drop", 20, 60),))
    assert mend(said, LIMITS, 20, 60) is None
    assert mend(world.tables(), LIMITS, 0, 90) == []


def test_a_limit_is_rounded_to_where_it_still_turns():
    grid = world.tables(spoil_frames=[("a", slice(10, 80), {"mouth_visible": 0.61})])
    (change,) = mend(grid, LIMITS, 10, 80)
    assert str(change) == "select.min_mouth_visible <= 0.61"
    grid = world.tables(spoil_frames=[("a", slice(10, 80), {"yaw_deg": 45.67})])
    assert str(mend(grid, LIMITS, 10, 80)[0]) == "select.max_yaw_deg >= 45.7"
