"""A slider says what the whole decision says, and reviewers are compared beyond chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from pipeline.dataset.agreement import agreements
from pipeline.dataset.params import Select
from pipeline.dataset.sliding import Sliding
from pipeline.dataset.weigh import weigh
from tests.dataset import world
from tests.dataset.test_decide_properties import measured, thresholds


@settings(max_examples=30, deadline=None)
@given(measured(), thresholds, thresholds)
def test_a_slider_keeps_the_frames_that_the_decision_keeps(grid, one, other):
    sliding = Sliding(grid)
    for limits in (one, other, one):
        kept = sliding.kept(limits)
        mask = kept.number_of_frame(int(grid.first[-1])) >= 0
        assert np.array_equal(mask, weigh(grid, limits).stays)


def test_seconds_are_counted_by_clip():
    grid = world.tables(["a", "b"], spoil_frames=[("b", slice(None), {"yaw_deg": 80.0})])
    sliding = Sliding(grid)
    kept = sliding.kept(Select())
    assert sliding.seconds(kept).tolist() == [3.0, 0.0]
    assert (sliding.of_clip(kept, 0), sliding.of_clip(kept, 1)) == ([[0, 90]], [])


def said(**verdicts):
    return [
        world.override(f"clip_{number}", verdict).__class__(
            f"clip_{number}", verdict, "looked", reviewer, "2026-11-02"
        )
        for reviewer, row in verdicts.items()
        for number, verdict in enumerate(row.split())
    ]


def test_kappa_is_the_textbooks():
    # Of 10 clips both keep 4 and both drop 3: 0.7 agreed, 0.5 by chance.
    one = "keep " * 6 + "drop " * 4
    other = "keep " * 4 + "drop " * 2 + "keep " + "drop " * 3
    (pair,) = agreements(said(mk=one, zz=other))
    assert (pair.one, pair.other, pair.clips, pair.agreed) == ("mk", "zz", 10, 7)
    assert pair.kappa == pytest.approx((0.7 - 0.5) / 0.5)


def test_who_judged_nothing_in_common_is_not_compared():
    assert agreements(said(mk="keep drop")) == []
    (pair,) = agreements(said(mk="keep keep", zz="keep keep"))
    assert pair.kappa is None
