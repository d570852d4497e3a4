"""What made a difference between two decisions."""

import pytest

from pipeline.dataset.differ import Cause, Difference, State, flips
from pipeline.dataset.params import Select
from tests.dataset import world

NAMES = ["a", "b", "c"]
HIDDEN = ("b", slice(0, 90), {"mouth_visible": 0.72})
LAX, STRICT = Select(min_mouth_visible=0.7), Select(min_mouth_visible=0.75)


def test_nothing_differs_from_itself():
    state = State(world.tables(NAMES, spoil_frames=[HIDDEN]), LAX)
    assert flips(state, state).empty


def test_a_threshold_did_it():
    tables = world.tables(NAMES, spoil_frames=[HIDDEN])
    row = flips(State(tables, STRICT), State(tables, LAX)).iloc[0]
    assert row["clip"] == "b"
    assert (row["before"], row["after"]) == ("mouth_hidden", "kept")
    assert (row["before_s"], row["after_s"]) == (0, pytest.approx(3))
    assert row["cause"] == Cause.THRESHOLDS
    assert row["by"] == "select.min_mouth_visible 0.75 -> 0.7"
    assert row["detail"] == "mouth_visible 0.72, asked >= 0.75"


def test_a_reviewer_did_it():
    before = world.tables(NAMES)
    after = world.tables(NAMES, said=(world.override("c", "drop"),))
    rows = flips(State(before, LAX), State(after, LAX))
    assert rows["clip"].tolist() == ["c"]
    assert rows["cause"].tolist() == [Cause.OVERRIDES]
    assert rows["by"].tolist() == ["override by mk on 2026-11-02: looked at it"]
    (run,) = Difference(State(after, LAX), State(before, LAX)).frames().to_dict("records")
    assert (run["clip"], run["start_frame"], run["end_frame"]) == ("c", 0, 90)
    assert (run["before"], run["after"], run["cause"]) == ("overruled", "kept", Cause.OVERRIDES)
    assert run["by"] == "no longer overruled by mk on 2026-11-02: looked at it"


def test_another_measurement_did_it():
    before, after = world.tables(NAMES), world.tables(NAMES, spoil_frames=[HIDDEN])
    rows = flips(State(before, STRICT), State(after, STRICT))
    assert rows[["clip", "cause"]].values.tolist() == [["b", Cause.MEASUREMENTS]]


def test_two_things_together():
    hidden = world.tables(NAMES, spoil_frames=[HIDDEN])
    before = State(world.tables(NAMES), Select(min_mouth_visible=0.75))
    after = State(hidden, Select(min_mouth_visible=0.73))
    assert flips(before, after)["cause"].tolist() == [Cause.MEASUREMENTS]
    dropped = world.tables(NAMES, spoil_frames=[HIDDEN], said=(world.override("b", "drop"),))
    assert flips(before, State(dropped, STRICT))["cause"].tolist() == [Cause.TOGETHER]


def test_clips_come_and_go():
    rows = flips(State(world.tables(["a", "b"]), LAX), State(world.tables(["b", "c"]), LAX))
    assert rows[["clip", "cause"]].values.tolist() == [["a", Cause.LEFT], ["c", Cause.ARRIVED]]


def frames(old, new):
    return Difference(old, new).frames().to_dict("records")


def test_frames_that_flipped_are_told_with_the_threshold_that_did_it():
    turned = ("a", slice(60, 90), {"yaw_deg": 35.0})
    tables = world.tables(
        NAMES, spoil_frames=[("b", slice(50, 90), {"mouth_visible": 0.72}), turned]
    )
    other = LAX.model_copy(update={"max_yaw_deg": 30.0, "min_mouth_visible": 0.75})
    mouth, yaw = "select.min_mouth_visible 0.7 -> 0.75", "select.max_yaw_deg 40.0 -> 30.0"
    assert [
        (r["clip"], r["start_frame"], r["end_frame"], r["after"], r["by"])
        for r in frames(State(tables, LAX), State(tables, other))
    ] == [
        ("a", 60, 90, "turned_away", yaw),
        ("b", 50, 90, "mouth_hidden", mouth),
    ]
    assert frames(State(tables, LAX), State(tables, LAX)) == []


def test_two_thresholds_that_are_needed_together_are_both_named():
    both = ("b", slice(0, 90), {"mouth_visible": 0.72, "yaw_deg": 35.0})
    tables = world.tables(NAMES, spoil_frames=[both])
    strict = Select(min_mouth_visible=0.75, max_yaw_deg=30.0)
    (row,) = flips(State(tables, strict), State(tables, LAX)).to_dict("records")
    # Either one put back drops the clip again, though for its own reason.
    assert row["before"] == "turned_away"
    assert row["by"] == "select.max_yaw_deg 30.0 -> 40.0"
    hidden = ("b", slice(0, 45), {"mouth_visible": 0.72})
    turned = ("b", slice(45, 90), {"yaw_deg": 35.0})
    tables = world.tables(NAMES, spoil_frames=[hidden, turned])
    strict = strict.model_copy(update={"min_span_s": 2.0})
    (row,) = flips(State(tables, strict), State(tables, LAX)).to_dict("records")
    assert row["by"].count(" with ") == 2


def test_frames_of_a_clip_that_became_longer_are_compared_as_far_as_both_go():
    short, long = world.tables(["a"], 60), world.tables(["a"], 90)
    assert frames(State(short, LAX), State(long, LAX)) == []
    hidden = world.tables(["a"], 90, spoil_frames=[("a", slice(40, 90), {"mouth_visible": 0.1})])
    (run,) = frames(State(short, LAX), State(hidden, LAX))
    assert (run["start_frame"], run["end_frame"], run["cause"]) == (40, 60, Cause.MEASUREMENTS)
