"""What made a difference between two decisions."""

import pytest

from pipeline.dataset.differ import Cause, State, flips
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
    assert row["detail"] == "mouth_visible 0.72, asked >= 0.75"


def test_a_reviewer_did_it():
    before = world.tables(NAMES)
    after = world.tables(NAMES, said=(world.override("c", "drop"),))
    rows = flips(State(before, LAX), State(after, LAX))
    assert rows["clip"].tolist() == ["c"]
    assert rows["cause"].tolist() == [Cause.OVERRIDES]


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
