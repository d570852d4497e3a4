"""data/overrides.csv: what it may say, and what it says when it may not."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.dataset import overrides
from pipeline.dataset.overrides import DROP, KEEP, NONE, OverridesError

HEAD = "clip,start_frame,end_frame,verdict,reason,reviewer,date\n"


def test_a_project_without_the_file_has_no_overrides(tmp_path):
    assert overrides.read(tmp_path / "overrides.csv") == ()


def test_lines_become_overrides_in_order(tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text(
        "# by hand\n" + HEAD + 'kitchen,,,drop,"no consent, says the father",mk,2026-11-02\n'
        "sofa,40,95,keep,the hand is beside the mouth,mk,2026-11-03\n"
    )
    whole, part = overrides.read(path)
    assert (whole.whole, whole.verdict, whole.reason) == (
        True,
        "drop",
        "no consent, says the father",
    )
    assert (part.start_frame, part.end_frame, part.verdict) == (40, 95, "keep")


def test_every_line_that_cannot_be_understood_is_listed_with_its_number(tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text(
        HEAD + "../etc,,,drop,x,mk,2026-11-02\n"
        "a,5,,keep,x,mk,2026-11-02\n"
        "a,9,5,keep,x,mk,2026-11-02\n"
        "a,,,maybe,,mk,yesterday\n"
        "a,,\n"
        "a,,,keep,fine,mk,2026-11-02\n"
    )
    with pytest.raises(OverridesError) as caught:
        overrides.read(path)
    text = str(caught.value)
    for line, words in {
        2: "clip id '../etc' is not allowed",
        3: "give both",
        4: "the end is the first frame that is not meant",
        5: "verdict 'maybe' is not one of keep, drop",
        6: "should have 8 columns",
    }.items():
        assert any(f":{line}: " in row and words in row for row in text.splitlines()), text
    assert ":5: reason is missing" in text
    assert ":5: date 'yesterday'" in text
    assert ":7:" not in text


def test_other_columns_are_refused(tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text("clip,verdict\na,keep\n")
    with pytest.raises(OverridesError, match="the columns should be clip,start_frame"):
        overrides.read(path)


def test_words_are_painted_on_their_own_clip_and_cut_at_its_end(tmp_path):
    path = tmp_path / "overrides.csv"
    path.write_text(
        HEAD
        + "b,1,99,keep,x,mk,2026-11-02\nb,2,3,drop,x,mk,2026-11-02\na,50,60,keep,x,mk,2026-11-02\n"
    )
    painted = overrides.paint(overrides.read(path), {"a": 0, "b": 1}, np.array([0, 3, 7]))
    assert painted.tolist() == [NONE, NONE, NONE, NONE, KEEP, DROP, KEEP]
