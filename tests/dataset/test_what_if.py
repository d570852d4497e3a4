"""What other thresholds would keep, against decisions made one by one."""

import json

import numpy as np
import pandas as pd
import pytest

from pipeline.commands import what_if as command
from pipeline.core.errors import ParamsError
from pipeline.dataset import labels, what_if
from pipeline.dataset.params import Select
from tests.dataset import world

LIMITS = Select(min_mouth_visible=0.75)
HALF_HIDDEN = {"mouth_visible": 0.6}


@pytest.fixture
def measured():
    return world.tables(
        ["a", "b", "c"],
        spoil_frames=[("b", slice(0, 90), HALF_HIDDEN), ("c", slice(0, 45), HALF_HIDDEN)],
    )


@pytest.fixture
def sources(measured):
    return pd.Series({clip: f"source of {clip}" for clip in measured.place})


def test_nothing_changed_is_nothing_flipped(measured, sources):
    change = what_if.compare(measured, sources, LIMITS, LIMITS)
    assert change.flips.empty
    assert change.before.clips == change.after.clips == 2


def test_a_looser_threshold_lets_in_what_it_kept_out(measured, sources):
    looser = what_if.thresholds(LIMITS, ["select.min_mouth_visible=0.6"])
    change = what_if.compare(measured, sources, LIMITS, looser)
    flips = change.flips.set_index("clip")
    assert list(flips.index) == ["b", "c"]
    assert flips.loc["b", ["before", "after"]].tolist() == ["mouth_hidden", "kept"]
    assert flips.loc["b", "entering_s"] == pytest.approx(3.0)
    assert flips.loc["c", "entering_s"] == pytest.approx(1.5)
    assert (flips["leaving_s"] == 0).all()
    assert change.after.kept_s - change.before.kept_s == pytest.approx(4.5)
    assert change.by("source")["entering_s"].sum() == pytest.approx(4.5)


def test_a_stricter_threshold_puts_out(measured, sources):
    stricter = what_if.thresholds(LIMITS, ["select.max_yaw_deg=4", "select.min_span_s=2"])
    change = what_if.compare(measured, sources, LIMITS, stricter)
    assert set(change.flips["after"]) == {"turned_away"}
    assert change.after.clips == change.after.spans == 0
    assert change.flips["leaving_s"].sum() == pytest.approx(change.before.kept_s)


@pytest.mark.parametrize(
    "word",
    ["select.max_yaw=3", "landmarks.max_faces=2", "max_yaw_deg=3", "select.max_yaw_deg", ""],
)
def test_what_cannot_be_changed_is_refused_with_what_can(word):
    with pytest.raises(ParamsError, match=r"one of: select\.min_face_score"):
        what_if.thresholds(LIMITS, [word])


def test_a_value_that_does_not_fit_is_refused():
    with pytest.raises(ParamsError, match=r"max_yaw_deg.*found 'far'"):
        what_if.thresholds(LIMITS, ["select.max_yaw_deg=far"])


def test_a_sweep_takes_both_ends():
    assert what_if.steps("select.max_yaw_deg=20:30:5") == ("max_yaw_deg", [20, 25, 30])
    assert what_if.steps("select.min_mouth_visible=0.1:0.3:0.1")[1] == [0.1, 0.2, 0.3]
    for wrong in (
        "select.max_yaw_deg=20:30",
        "select.max_yaw_deg=1:2:0",
        "select.max_yaw_deg=2:1:1",
    ):
        with pytest.raises(ParamsError):
            what_if.steps(wrong)


def test_precision_and_recall():
    known = np.array([labels.GOOD, labels.GOOD, labels.BAD, labels.UNKNOWN], np.int8)
    scored = labels.score(known, np.array([True, False, True, True]))
    assert scored == labels.Score(labelled=3, precision=0.5, recall=0.5)
    assert np.isnan(labels.score(known, np.zeros(4, bool)).precision)


def test_reviewers_label_what_they_spoke_of():
    said = (world.override("a", "keep", 0, 30), world.override("b", "drop"))
    tables = world.tables(["a", "b"], said=said)
    found = labels.of_reviewers(tables)
    assert (found[:30] == labels.GOOD).all()
    assert (found[30:90] == labels.UNKNOWN).all()
    assert (found[90:] == labels.BAD).all()


def test_what_is_printed_can_be_read_by_both(measured, sources):
    looser = what_if.thresholds(LIMITS, ["select.min_mouth_visible=0.6"])
    change = what_if.compare(measured, sources, LIMITS, looser)
    assert json.loads(json.dumps(command._plain(change)))["after"]["clips"] == 3
    words = command._words(change)
    assert "mouth_hidden -> kept" in words
    assert "entering 0.07" in words


def test_a_sweep_draws_its_curve_and_marks_where_it_stands(measured):
    known = {"reviewers": np.full(int(measured.first[-1]), labels.GOOD, np.int8)}
    rows = list(command._curve("select.min_mouth_visible=0.5:0.9:0.2", measured, LIMITS, known))
    assert [row["min_mouth_visible"] for row in rows] == [0.5, 0.7, 0.9]
    assert rows[0]["reviewers_recall"] > rows[2]["reviewers_recall"]
    head, *drawn = command._drawn(rows, LIMITS).split("\n")
    assert head.split()[:2] == ["min_mouth_visible", "minutes"]
    bars = [line.count("█") for line in drawn]
    assert bars[0] == command.WIDTH > bars[1] == bars[2] > 0
    assert [line.endswith("<- now 0.75") for line in drawn] == [False, True, False]


def test_a_share_of_nothing_is_null_and_not_a_word_that_json_lacks(measured):
    good = np.full(int(measured.first[-1]), labels.GOOD, np.int8)
    sweep = "select.min_mouth_visible=0.5:1:0.5"
    rows = list(command._curve(sweep, measured, LIMITS, {"nursery": good}))
    assert rows[-1]["nursery_recall"] == 0.0
    assert rows[-1]["nursery_precision"] is None
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert "NaN" in command._drawn(rows, LIMITS) or "None" in command._drawn(rows, LIMITS)
