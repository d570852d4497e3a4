"""A turning point turns the clip, and anything less does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.core.errors import CradleError
from pipeline.core.reasons import State
from pipeline.dataset.decide import decide
from pipeline.dataset.params import Select
from pipeline.dataset.turning import turning_points
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


def test_a_kept_clip_says_which_threshold_is_closest():
    grid = world.tables(spoil_voice={"a": {"snr_db": LIMITS.min_snr_db + 0.01}})
    point = turning_points(grid, LIMITS)[0]
    assert (point.threshold, point.becomes) == ("min_snr_db", State.REJECTED)
    assert point.turns_at == pytest.approx(LIMITS.min_snr_db + 0.01)


def test_a_clip_that_is_not_here_is_named():
    with pytest.raises(CradleError, match="nobody: not among the clips"):
        world.tables().alone("nobody")


@settings(max_examples=25, deadline=None)
@given(measured(), thresholds)
def test_every_turning_point_turns_and_less_does_not(grid, limits):
    alone = grid.alone(grid.clips["clip"].iloc[0])
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
