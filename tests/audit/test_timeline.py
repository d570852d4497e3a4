"""What is drawn lies where it was measured."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from pipeline.audit import funnel, timeline
from pipeline.audit.why import explain
from pipeline.core.reasons import Reason


def test_verdicts_cover_the_whole_clip_in_order(account):
    story = explain(account, "hidden")
    blocks = timeline.strip(story)
    assert blocks[0].x == 0
    for before, after in itertools.pairwise(blocks):
        assert before.x + before.width == pytest.approx(after.x)
    assert blocks[-1].x + blocks[-1].width == pytest.approx(timeline.WIDTH)
    assert [block.reason for block in blocks] == [
        "span_too_short",
        "mouth_hidden",
        "span_too_short",
    ]


def test_limits_are_those_of_the_ledger(account):
    limits = timeline.limits(account)
    assert limits["mouth_visible"] == 0.75
    assert limits["yaw_abs_deg"] == 40
    drawn = timeline.draw(account, explain(account, "turned"), limits)
    yaw = next(curve for curve in drawn.curves if curve.title == "yaw")
    assert yaw.limit == pytest.approx(100 - 100 * 40 / 90)
    assert yaw.limit_text == "40"


def test_a_measure_that_dropped_frames_is_drawn(account):
    titles = [c.title for c in timeline.draw(account, explain(account, "hidden"), {}).curves]
    assert titles == ["mouth visible", "yaw"]


def test_how_far_the_fit_lies_off_is_drawn_over_time(account):
    rows = {"frame": [1, 0, 2], "residual_mm": [1.5, 0.0, np.nan]}
    account.held["fit", "poses"] = {"good": pa.table(rows)}
    drawn = timeline.draw(account, explain(account, "good"), {"residual_mm": 3.0})
    residual = drawn.curves[-1]
    assert (residual.title, residual.limit, residual.limit_text) == ("residual mm", 50.0, "3")
    assert [point.split()[-1] for point in residual.path.split("L")] == ["100.0", "75.0"]


def test_lines_break_where_nothing_was_measured():
    heights = np.array([10.0, 20.0, np.nan, 30.0])
    path = timeline.line(np.arange(4.0), heights, 4)
    assert path == "M125.0 10.0L375.0 20.0M875.0 30.0"


def test_a_bar_adds_up_and_puts_what_was_kept_first():
    bar = funnel.bar("x", ["dark"] * 3 + ["kept"] * 2 + ["blurred"], scale=12)
    assert (bar.total, bar.kept) == (6, 2)
    assert [share.reason for share in bar.shares] == [Reason.KEPT, Reason.DARK, Reason.BLURRED]
    assert bar.shares[-1].start + bar.shares[-1].width == pytest.approx(6 / 12)


def test_every_clip_and_frame_is_counted_once(account):
    assert funnel.clips_in_the_end(account).total == 10
    frames = funnel.frames_in_the_end(account)
    assert frames.total == 6 * 90
    assert frames.kept == 90
    assert sum(share.count for share in frames.shares) == frames.total
